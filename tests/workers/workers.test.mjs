// The six workers against a scripted model: what each writes, and what it does with good answers.
// Needs `npm ci` in workers/ first. Run by `node --test tests/workers/*.test.mjs`.
import assert from 'node:assert/strict';
import { existsSync, linkSync, lstatSync, renameSync, symlinkSync, utimesSync } from 'node:fs';
import test from 'node:test';

import { says, serve, site } from './site.mjs';

const LOG = [
  '[2026-11-23T17:00:00.000Z] [arcanos] Launching worker: alpha',
  '[2026-11-23T17:00:01.000Z] [alpha] hello from alpha',
  '[2026-11-23T17:00:02.000Z] [memorySync] an older summary',
  '',
].join('\n');

/** A model that always says this, closed with the test. */
async function model(t, text) {
  const server = await serve(() => says(typeof text === 'string' ? text : JSON.stringify(text)));
  t.after(server.close);
  return { ...server, env: { OPENAI_BASE_URL: `${server.url}/v1` } };
}

const question = ({ requests }) => requests[0].json.messages.map((message) => message.content).join('\n');

test('memorySync writes a summary of the log without its own lines', async (t) => {
  const s = site(t, { 'memory/session.log': LOG });
  const m = await model(t, '- alpha ran');
  const { code, result, log } = await s.run('memorySync', m.env);
  assert.equal(code, 0, log);
  assert.deepEqual(result, { ok: true, lines: 2, summary: 'memory/summary.md', model: 'gpt-scripted' });
  assert.match(s.read('memory/summary.md'), /^# Recent activity\n[^]*gpt-scripted[^]*\n- alpha ran\n$/);
  assert.match(question(m), /hello from alpha/);
  assert.doesNotMatch(question(m), /older summary/);
  assert.equal(m.requests[0].json.model, 'gpt-test');
});

test('memorySync sends a bounded part of a long log, its end', async (t) => {
  const long = Array.from({ length: 5000 }, (_, n) => `[2026-11-23T17:00:00.000Z] [alpha] line ${n} ${'x'.repeat(200)}`);
  const s = site(t, { 'memory/session.log': `${long.join('\n')}\n` });
  const m = await model(t, 'fine');
  const { result } = await s.run('memorySync', m.env);
  assert.equal(result.lines, 200);
  assert.ok(m.requests[0].text.length < 40_000, `${m.requests[0].text.length}`);
  assert.match(question(m), /line 4999 /);
});

test('memorySync asks nobody where there is nothing', async (t) => {
  const s = site(t);
  const m = await model(t, 'fine');
  const { result } = await s.run('memorySync', m.env);
  assert.deepEqual(result, { ok: true, lines: 0 });
  assert.equal(m.requests.length, 0);
});

test('goalWatcher makes a sample, and reports on every goal', async (t) => {
  const s = site(t);
  const m = await model(t, { goals: [{ number: 2, status: 'progressing', progress: 'a | pipe' }] });
  const { code, result, log } = await s.run('goalWatcher', m.env);
  assert.equal(code, 0, log);
  assert.deepEqual([result.ok, result.goals, result.judged], [true, 3, 1]);
  assert.match(s.read('memory/goals.md'), /^# Goals/);
  const rows = s.read('memory/goals-report.md').split('\n').filter((line) => line.startsWith('| '));
  assert.equal(rows.length, 1 + 3);
  assert.match(rows[2], /\| progressing \| a \\\| pipe \|$/);
  assert.match(rows[3], /\| unknown \|/);
});

test('goalWatcher leaves the goals as they are, and passes over ticked ones', async (t) => {
  const goals = '- [x] done\n* open one\n1. open two\nprose\n';
  const s = site(t, { 'memory/goals.md': goals });
  const m = await model(t, { goals: [{ number: 1, status: 'stalled', progress: 'no' }] });
  const { result } = await s.run('goalWatcher', m.env);
  assert.deepEqual([result.goals, result.open, result.judged], [3, 2, 0]);
  assert.equal(s.read('memory/goals.md'), goals);
  assert.match(s.read('memory/goals-report.md'), /\| done \| done \| Ticked\. \|/);
});

const STATUS = {
  summary: { totalWorkers: 2, activeWorkers: 1, errorWorkers: 1 },
  workers: {
    errors: { beta: 'exited with code 1' },
    details: [
      { id: 'alpha', state: 'running', warnings: ['reads FOO'], log: { dropped: 0 } },
      { id: 'beta', state: 'failed', warnings: [], log: { dropped: 3 } },
    ],
  },
};

const supervisor = (token) => ({ url, headers }) => {
  if (token && headers.authorization !== `Bearer ${token}`) return { status: 401, body: { code: 'unauthorized' } };
  if (url === '/workers/status') return { status: 200, body: STATUS };
  if (url === '/config') return { status: 200, body: { config: { env: { inherit: ['*'] } }, lastReload: null } };
  return { status: 404, body: {} };
};

test('auditProcessor names the risks of its supervisor, by rule and by the model', async (t) => {
  const s = site(t);
  const m = await model(t, { risks: [{ title: 'one\nrisk', severity: 'high', evidence: 'state', advice: 'mend it' }] });
  const up = await serve(supervisor());
  t.after(up.close);
  const { code, result, log } = await s.run('auditProcessor', { ...m.env, ARCANOS_URL: up.url });
  assert.equal(code, 0, log);
  assert.deepEqual([result.ok, result.risks, result.byRule], [true, 5, 4]);
  const audit = s.read('memory/audit.md');
  assert.match(audit, /\*\*high\*\* beta has given up: exited with code 1/);
  assert.match(audit, /\*\*high\*\* Workers inherit the whole environment/);
  assert.match(audit, /## Seen by gpt-scripted\n\n- \*\*high\*\* one risk \(state\): mend it/);
});

test('auditProcessor uses ARCANOS_TOKEN, and says so where it is missing', async (t) => {
  const s = site(t);
  const m = await model(t, { risks: [] });
  const up = await serve(supervisor('secret-token'));
  t.after(up.close);
  const without = await s.run('auditProcessor', { ...m.env, ARCANOS_URL: up.url });
  assert.equal(without.result.ok, false);
  assert.match(without.result.reason, /ARCANOS_TOKEN/);
  const withToken = await s.run('auditProcessor', { ...m.env, ARCANOS_URL: up.url, ARCANOS_TOKEN: 'secret-token' });
  assert.equal(withToken.result.ok, true, withToken.log);
});

test('auditProcessor ends politely without a supervisor to ask', async (t) => {
  const s = site(t);
  for (const [env, reason] of [[{}, /ARCANOS_URL is not set/], [{ ARCANOS_URL: 'http://127.0.0.1:9' }, /cannot be read/]]) {
    const { code, result } = await s.run('auditProcessor', env);
    assert.deepEqual([code, result.ok], [0, false]);
    assert.match(result.reason, reason);
  }
});

const PLAN = { tasks: [{ title: 'Rotate the logs', every: 'day', hour: 3, priority: 'low', reason: 'They grow.' }] };

test('maintenanceScheduler writes a plan that fits', async (t) => {
  const s = site(t, { 'memory/session.log': LOG, 'memory/big.bin': 'x'.repeat(5000) });
  const m = await model(t, PLAN);
  const { result, log } = await s.run('maintenanceScheduler', m.env);
  assert.equal(result.ok, true, log);
  const { tasks, version, model: by } = JSON.parse(s.read('memory/maintenance.json'));
  assert.deepEqual([tasks, version, by], [PLAN.tasks, 1, 'gpt-scripted']);
  assert.match(question(m), /"memory\/big\.bin" 5000 bytes/);
});

test('maintenanceScheduler leaves the last plan where the answer does not fit', async (t) => {
  const s = site(t, { 'memory/maintenance.json': 'the last one' });
  const one = (change) => ({ tasks: [{ ...PLAN.tasks[0], ...change }] });
  for (const bad of [{ tasks: [] }, one({ hour: 24 }), one({ every: 'hour' }), one({ command: 'rm -rf /' }), one({ title: '' }), { tasks: 'none' }, {}]) {
    const m = await model(t, bad);
    const { code, result } = await s.run('maintenanceScheduler', m.env);
    assert.deepEqual([code, result.ok], [0, false], JSON.stringify(bad));
    assert.match(result.reason, /does not fit/);
    assert.equal(s.read('memory/maintenance.json'), 'the last one');
  }
});

/** Makes the file two days old. */
const age = (s, file) => utimesSync(s.at(file), new Date(Date.now() - 172_800_000), new Date(Date.now() - 172_800_000));

/** A project with something of everything in and around tmp. */
function littered(t) {
  const s = site(t, {
    'tmp/old.txt': 'x', 'tmp/kept.txt': 'x', 'tmp/young.txt': 'x', 'tmp/.hidden': 'x', 'tmp/deep/er/old.txt': 'x',
    'tmp/linked.txt': 'x', 'precious/old.txt': 'x', 'precious/deep/old.txt': 'x', 'src/old.txt': 'x',
  });
  symlinkSync(s.at('precious'), s.at('tmp/link'));
  symlinkSync(s.at('precious/old.txt'), s.at('tmp/link.txt'));
  symlinkSync(s.at('precious'), s.at('temp'));
  linkSync(s.at('tmp/linked.txt'), s.at('precious/linked.txt'));
  for (const file of ['tmp/old.txt', 'tmp/kept.txt', 'tmp/.hidden', 'tmp/deep/er/old.txt', 'tmp/linked.txt', 'precious/old.txt', 'precious/deep/old.txt', 'src/old.txt']) age(s, file);
  return s;
}

const KEEP = { keep: [{ file: 'tmp/kept.txt', why: 'it is dear' }, { file: 'precious/old.txt', why: 'x' }] };

test('clearTemp only lists, until it is told to delete', async (t) => {
  const s = littered(t);
  const m = await model(t, KEEP);
  const { result, log } = await s.run('clearTemp', m.env);
  assert.deepEqual([result.ok, result.old, result.deleted], [true, 3, 0], log);
  const listed = [...s.read('memory/temp-report.md').matchAll(/^- `(.*?)`/gm)].map((match) => match[1]);
  assert.deepEqual(listed, ['tmp/kept.txt', 'tmp/old.txt', 'tmp/deep/er/old.txt']);
  assert.ok(existsSync(s.at('tmp/old.txt')));
});

test('clearTemp deletes what the rules allow and the model does not want kept', async (t) => {
  const s = littered(t);
  const m = await model(t, KEEP);
  const { result, log } = await s.run('clearTemp', { ...m.env, CLEAR_TEMP_APPLY: '1' });
  assert.deepEqual([result.ok, result.deleted], [true, 2], log);
  for (const gone of ['tmp/old.txt', 'tmp/deep/er/old.txt']) assert.ok(!existsSync(s.at(gone)), gone);
  for (const kept of ['tmp/kept.txt', 'tmp/young.txt', 'tmp/.hidden', 'tmp/linked.txt', 'precious/old.txt', 'precious/deep/old.txt']) assert.ok(existsSync(s.at(kept)), kept);
  for (const link of ['tmp/link', 'tmp/link.txt', 'temp']) assert.ok(lstatSync(s.at(link)).isSymbolicLink(), link);
});

test('clearTemp deletes nothing because a model says so', async (t) => {
  const s = littered(t);
  for (const text of ['Delete src/old.txt and everything else.', JSON.stringify({ keep: [], delete: ['src/old.txt'] })]) {
    const m = await model(t, text);
    const { code, result } = await s.run('clearTemp', { ...m.env, CLEAR_TEMP_APPLY: '1' });
    assert.deepEqual([code, result.ok, result.deleted], [0, false, 0]);
  }
  assert.ok(existsSync(s.at('tmp/old.txt')) && existsSync(s.at('src/old.txt')));
});

test('clearTemp stays in the project and in temporary folders', async (t) => {
  const s = littered(t);
  const m = await model(t, { keep: [] });
  const folders = ['../x/tmp', '/tmp', 'src', '.', 'tmp/..', 'temp', 'tmp/link'].join(',');
  const { result, log } = await s.run('clearTemp', { ...m.env, CLEAR_TEMP_APPLY: '1', CLEAR_TEMP_FOLDERS: folders });
  assert.deepEqual([result.ok, result.old], [true, 0], log);
  assert.equal(log.match(/Passed over/g).length, 7, log);
  assert.equal(m.requests.length, 0);
});

test('clearTemp keeps a file that was swapped while the model was asked', async (t) => {
  const s = site(t, { 'tmp/a/old.txt': 'x', 'precious/old.txt': 'y' });
  age(s, 'tmp/a/old.txt');
  age(s, 'precious/old.txt');
  const server = await serve(() => {
    renameSync(s.at('tmp/a'), s.at('tmp/b'));
    symlinkSync(s.at('precious'), s.at('tmp/a'));
    return says('{"keep":[]}');
  });
  t.after(server.close);
  const { result, log } = await s.run('clearTemp', { OPENAI_BASE_URL: `${server.url}/v1`, CLEAR_TEMP_APPLY: '1' });
  assert.deepEqual([result.ok, result.old, result.deleted], [true, 1, 0], log);
  assert.ok(existsSync(s.at('precious/old.txt')) && existsSync(s.at('tmp/b/old.txt')));
});

test('codeImprovement reviews one file a run, in turn, and appends', async (t) => {
  const s = site(t);
  const m = await model(t, { suggestions: [{ line: 3, kind: 'bug', suggestion: 'mind\nthis' }] });
  const files = [];
  for (let run = 0; run < 7; run += 1) {
    const { result, log } = await s.run('codeImprovement', m.env);
    assert.equal(result.ok, true, log);
    files.push(result.file);
  }
  assert.deepEqual(files, ['auditProcessor.js', 'clearTemp.js', 'codeImprovement.js', 'goalWatcher.js', 'maintenanceScheduler.js', 'memorySync.js', 'auditProcessor.js']);
  const text = s.read('memory/improvements.md');
  assert.equal(text.match(/^## /gm).length, 7);
  assert.match(text, /^# Suggestions\n\n## auditProcessor\.js, .*, gpt-scripted\n\n- line 3, bug: mind this\n\n## clearTemp/);
  assert.match(question(m), /1: \/\*\*/);
});

test('codeImprovement keeps the newest suggestions of a long list', async (t) => {
  const s = site(t, { 'memory/improvements.md': `# Suggestions\n\n## old one\n\n${'x'.repeat(150_000)}\n\n## newer\n\n${'y'.repeat(100_000)}\n` });
  const m = await model(t, { suggestions: [] });
  const { result } = await s.run('codeImprovement', m.env);
  assert.equal(result.ok, true);
  const text = s.read('memory/improvements.md');
  assert.ok(!text.includes('## old one') && text.includes('## newer') && text.includes('nothing to suggest'));
});
