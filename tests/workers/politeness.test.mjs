// Every worker that asks a model, against every way in which the answer can be bad.
import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import test from 'node:test';

import { fails, says, serve, site } from './site.mjs';

const WORKERS = ['memorySync', 'goalWatcher', 'maintenanceScheduler', 'clearTemp', 'codeImprovement'];

/** A project in which every worker has a reason to ask. */
function busy(t) {
  const s = site(t, { 'memory/session.log': '[2026-11-23T17:00:00.000Z] [alpha] hello\n', 'tmp/old.txt': 'x' });
  utimesSync(s.at('tmp/old.txt'), new Date(0), new Date(0));
  return s;
}

const KEY = 'sk-test-0123456789abcdef';
const refused = says(null);
refused.body.choices[0].message.refusal = 'I would rather not.';
const filtered = says('half an ans');
filtered.body.choices[0].finish_reason = 'content_filter';
const noRetry = { 'x-should-retry': 'false' };

const BAD = {
  'an empty answer': [says(''), /answered with nothing/],
  'a refusal': [refused, /refused: I would rather not/],
  'a filtered answer': [filtered, /content filter/],
  'no choices': [{ status: 200, body: { object: 'chat.completion' } }, /not a chat completion/],
  'a page': [{ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' }, /not a chat completion/],
  'broken JSON': [{ status: 200, body: '{"choices":' }, /not readable/],
  'a refused key': [fails(401, 'invalid_api_key', `Incorrect API key provided: ${KEY}`), /refused OPENAI_API_KEY \(401\)/],
  'an unknown model': [fails(404, 'model_not_found'), /does not know the model gpt-test/],
  'a rate limit': [fails(429, 'rate_limit_exceeded', 'slow', noRetry), /asked too often/],
  'no credit': [fails(429, 'insufficient_quota', 'pay', noRetry), /no credit left/],
  'a broken server': [fails(500, null, 'boom', noRetry), /failed \(500\)/],
  'a bad request': [fails(400, 'context_length_exceeded', 'too long'), /did not take the question \(400\)/],
};

for (const [name, [reply, reason]] of Object.entries(BAD)) {
  test(`every worker gives up politely at ${name}`, async (t) => {
    const server = await serve(() => reply);
    t.after(server.close);
    await Promise.all(WORKERS.map(async (worker) => {
      const { code, result, log } = await busy(t).run(worker, { OPENAI_BASE_URL: `${server.url}/v1` });
      assert.deepEqual([code, result?.ok], [0, false], `${worker}: ${log}`);
      assert.match(result.reason, reason, worker);
      assert.match(log, /WARN Gave up: /, worker);
      assert.ok(!log.includes(KEY), `${worker} shows the key`);
    }));
  });
}

test('workers that want JSON give up politely at prose', async (t) => {
  const server = await serve(() => says('All is well, I think.'));
  t.after(server.close);
  for (const worker of WORKERS.filter((name) => name !== 'memorySync')) {
    const { code, result } = await busy(t).run(worker, { OPENAI_BASE_URL: `${server.url}/v1` });
    assert.deepEqual([code, result.ok], [0, false], worker);
    assert.match(result.reason, /something other than JSON: All is well/, worker);
  }
});

test('nobody there, and no key, are told', async (t) => {
  for (const [env, reason] of [[{ OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' }, /cannot be reached/], [{ OPENAI_API_KEY: '' }, /OPENAI_API_KEY is not set/]]) {
    const { code, result } = await busy(t).run('memorySync', env);
    assert.deepEqual([code, result.ok], [0, false]);
    assert.match(result.reason, reason);
  }
});

test('an answer that never ends is left', async (t) => {
  const server = await serve(() => ({ ...says('x'), unfinished: true }));
  t.after(server.close);
  const { code, result } = await busy(t).run('memorySync', { OPENAI_BASE_URL: `${server.url}/v1`, MODEL_DEADLINE_MS: '500' });
  assert.deepEqual([code, result.ok], [0, false]);
  assert.match(result.reason, /did not end its answer within 0\.5 s/);
});

test('a worker leaves when it is asked to, in the middle of a question', async (t) => {
  let child;
  const server = await serve(() => {
    child.kill('SIGTERM');
    return 'hang';
  });
  t.after(server.close);
  const { code, result } = await busy(t).run('memorySync', { OPENAI_BASE_URL: `${server.url}/v1`, begun: (process) => { child = process; } });
  assert.deepEqual([code, result.ok], [0, false]);
  assert.match(result.reason, /asked to leave/);
});

test('JSON in a fence is read, and a server without structured output is asked plainly', async (t) => {
  const server = await serve(({ json }) => (json.response_format ? fails(400, null, 'unknown field response_format') : says('Here:\n```json\n{"suggestions":[]}\n```\nBye.')));
  t.after(server.close);
  const { result } = await busy(t).run('codeImprovement', { OPENAI_BASE_URL: `${server.url}/v1` });
  assert.equal(result.ok, true);
  assert.equal(server.requests.length, 2);
});

test('a worker whose own work fails throws', async (t) => {
  const s = site(t, { 'memory/session.log/in-the-way': '' });
  const { code, log } = await s.run('memorySync', { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' });
  assert.equal(code, 1, log);
  assert.match(log, /EISDIR/);
});
