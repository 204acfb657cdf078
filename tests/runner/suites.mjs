// How the suites and the checks are run, and how one test of a suite is run again alone.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Outcome } from './outcome.mjs';

/** The file in which the Rust suites list the tests that they left out: `TEST\tREASON` a line. */
const LIST = 'ARCANOS_TESTS_LEFT_OUT';
const CARGO_TEST = ['cargo', 'test', '--locked'];
/** What node is told of failures and skips by; its own reporter is for people. */
const REPORTER = resolve('tests/runner/reporter.mjs');

/** Calls `show` with each line of a program's output; its exit code, null if it was killed. */
async function lines([program, ...words], env, show) {
  const child = spawn(program, words, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => {
    child.once('error', (error) => { console.error(`${program}: ${error.message}`); done(null); });
    child.once('close', done);
  });
  for await (const line of createInterface({ input: child.stdout })) show(line);
  return ended;
}

/** Runs `work` on a new outcome, with a folder that is gone afterwards. */
async function timed(name, work) {
  const outcome = new Outcome(name);
  const folder = mkdtempSync(join(tmpdir(), 'arcanos-run-'));
  const start = performance.now();
  console.log(`\n=== ${name}`);
  try {
    await work(outcome, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  outcome.seconds = (performance.now() - start) / 1000;
  return outcome;
}

/** A check: a row that is one command, right or wrong. */
export function check(name, ...commands) {
  return timed(name, async (outcome) => {
    for (const command of commands) {
      const [env, words] = Array.isArray(command) ? [{}, command] : [command.env, command.words];
      const code = await lines(words, env, (line) => console.log(line));
      if (code !== 0) return outcome.fail(words.join(' '), `exit ${code}`);
    }
    outcome.passed = 1;
  });
}

/** Suites of cargo. */
export class CargoSuite {
  constructor(name, target, words = []) {
    this.name = name;
    this.target = target;
    this.words = words;
  }

  run() {
    return timed(this.name, async (outcome, folder) => {
      const list = join(folder, 'left-out');
      const command = [...CARGO_TEST, '--no-fail-fast', ...this.target, '--', ...this.words];
      const code = await lines(command, this.env(list), (line) => { if (outcome.take(line)) console.log(line); });
      for (const [test, reason] of leftOut(list)) outcome.withdraw(test, reason);
      if (code !== 0 && outcome.failed.length === 0) outcome.fail('the suite itself', `exit ${code}`);
    });
  }

  /** Whether a test passes alone. */
  async again(test) {
    const alone = new Outcome(test);
    const command = [...CARGO_TEST, ...this.target, '--', '--exact', test];
    const code = await lines(command, this.env('/dev/null'), (line) => { alone.take(line); console.log(`again | ${line}`); });
    return code === 0 && alone.passed === 1;
  }

  env(list) {
    return { INSTA_UPDATE: 'no', [LIST]: list };
  }
}

function leftOut(list) {
  let text = '';
  try { text = readFileSync(list, 'utf8'); } catch { /* Nothing was. */ }
  return text.split('\n').filter(Boolean).map((line) => line.split('\t'));
}

/** Suites of node: all `*.test.mjs` of a folder. */
export class NodeSuite {
  constructor(name, folder, env = {}) {
    this.name = name;
    this.files = readdirSync(folder).filter((file) => file.endsWith('.test.mjs')).map((file) => join(folder, file));
    this.env = env;
  }

  run() {
    return timed(this.name, async (outcome, folder) => {
      const code = await this.node(folder, [], (line) => { if (outcome.take(line)) console.log(line); });
      for (const { name, outcome: how, reason } of this.tests(folder)) {
        if (how === 'passed') outcome.passed += 1;
        else if (how === 'failed') outcome.fail(name);
        else outcome.leaveOut(name, reason || 'it is skipped');
      }
      if (code !== 0 && outcome.failed.length === 0) outcome.fail('the suite itself', `exit ${code}`);
    });
  }

  /** Whether a test passes alone. */
  async again(test) {
    const folder = mkdtempSync(join(tmpdir(), 'arcanos-run-'));
    const pattern = `^${test.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')}$`;
    const code = await this.node(folder, [`--test-name-pattern=${pattern}`], (line) => console.log(`again | ${line}`));
    const ran = this.tests(folder).some(({ name, outcome }) => name === test && outcome === 'passed');
    rmSync(folder, { recursive: true, force: true });
    return code === 0 && ran;
  }

  node(folder, words, show) {
    const reporters = ['--test-reporter=spec', '--test-reporter-destination=stdout', `--test-reporter=${REPORTER}`, `--test-reporter-destination=${join(folder, 'tests')}`];
    return lines([process.execPath, '--test', ...reporters, ...words, ...this.files], this.env, show);
  }

  tests(folder) {
    return readFileSync(join(folder, 'tests'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }
}
