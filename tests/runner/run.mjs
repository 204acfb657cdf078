// Runs everything to the end, whatever fails, and ends with one table. See tests/run.

import { existsSync, statSync, utimesSync } from 'node:fs';
import { resolve } from 'node:path';
import { Outcome, summary } from './outcome.mjs';
import { CargoSuite, NodeSuite, check } from './suites.mjs';
import { chromium, has, provide } from './tools.mjs';

const IS_CI = process.env.CI === 'true';
/** How many tests of a suite are run again alone: where more fail, the suite is broken. */
const AGAIN = 10;
/** Tests of the suite `faults` side by side: most of them wait rather than work. */
const FAULT_THREADS = process.env.FAULT_THREADS ?? '4';
const TARGETS = ['--lib', '--bins', '--test', 'it', '--test', 'faults'];

const outcomes = [];
const add = (outcome) => { outcomes.push(outcome); return outcome.failed.length === 0; };

/** What a commit must hold beside the tests. */
async function checks() {
  add(await check('format', ['cargo', 'fmt', '--check']));
  add(await check('clippy', ['cargo', 'clippy', '--locked', '--all-targets', '--features', 'internals', '--', '-D', 'warnings']));
  const words = ['cargo', 'doc', '--locked', '--no-deps', '--document-private-items'];
  add(await check('docs', { env: { RUSTDOCFLAGS: '-D warnings' }, words }));
  if (!has('cargo-deny')) {
    add(Outcome.leftOut('cargo-deny', 'it is not installed (`cargo install cargo-deny`): licences, sources and advisories are not checked'));
    return;
  }
  const deny = (...rest) => ['cargo', 'deny', '--locked', '--config', '.cargo/deny.toml', ...rest];
  // It reads the packages of other platforms too, which no build has fetched.
  add(await check('cargo-deny', ['cargo', 'fetch', '--locked'], deny('fetch', 'db'), deny('check')));
}

/** Notes what is missing: with CI=true that is a failure, else it costs tests that say so. */
function tools() {
  const missing = provide(IS_CI);
  if (!IS_CI || missing.length === 0) return;
  const outcome = new Outcome('tools');
  for (const { program, package: name } of missing) outcome.fail(program, `it is missing, and the package ${name} could not be installed`);
  add(outcome);
}

/** Installs the packages of a folder, unless what is there is newer than the lock file. */
async function packages(folder) {
  const installed = `${folder}/node_modules/.package-lock.json`;
  const lock = `${folder}/package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs > statSync(lock).mtimeMs) return true;
  const words = ['npm', 'ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const isThere = add(await check(`packages of ${folder}`, words));
  if (isThere) utimesSync(installed, new Date(), new Date());
  return isThere;
}

/** Runs a suite; in CI, what fails is run again alone, to tell a flaky test from a broken one. */
async function run(suite) {
  const outcome = await suite.run();
  if (IS_CI && outcome.failed.length <= AGAIN) {
    for (const failure of outcome.failed) {
      if (await suite.again(failure.name)) failure.verdict = 'flaky: it passed when it was run again alone';
      else failure.verdict = 'failed, and again when it was run alone';
    }
  }
  add(outcome);
}

async function cargoSuites() {
  const suites = [
    new CargoSuite('units', ['--lib', '--bins']),
    new CargoSuite('it', ['--test', 'it']),
    new CargoSuite('faults', ['--test', 'faults'], [`--test-threads=${FAULT_THREADS}`]),
  ];
  const isBuilt = add(await check('build', ['cargo', 'test', '--locked', '--no-run', ...TARGETS]));
  for (const suite of suites) {
    if (isBuilt) await run(suite);
    else add(Outcome.leftOut(suite.name, 'the build failed'));
  }
  return isBuilt;
}

async function nodeSuites(isBuilt) {
  const arcanos = resolve(process.env.CARGO_TARGET_DIR ?? 'target', 'debug/arcanos');
  const browser = chromium();
  if (await packages('workers')) await run(new NodeSuite('workers', 'tests/workers'));
  else add(Outcome.leftOut('workers', 'their packages could not be installed'));
  if (!browser) add(Outcome.leftOut('browser', 'this machine lacks a Chromium (CHROMIUM names it)'));
  else if (!isBuilt) add(Outcome.leftOut('browser', 'the build failed'));
  else if (!await packages('tests/browser')) add(Outcome.leftOut('browser', 'its packages could not be installed'));
  else await run(new NodeSuite('browser', 'tests/browser', { ARCANOS_BIN: arcanos, CHROMIUM: browser }));
}

tools();
if (process.argv.includes('--checks')) await checks();
await nodeSuites(await cargoSuites());
console.log(summary(outcomes));
process.exitCode = outcomes.some(({ failed }) => failed.length > 0) ? 1 : 0;
