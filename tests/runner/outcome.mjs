// What came of a suite: who passed, who failed and who was left out.

import { lackOfUnit } from './tools.mjs';

/** The lines by which cargo's and node's runners close. */
const CLOSING = /^(?:test result: .*|[#ℹ] (?:tests|pass|fail|cancelled|skipped|todo) \d+)$/u;

/** One suite or check; a row of the table. */
export class Outcome {
  passed = 0;
  /** `{ name, verdict }`. */
  failed = [];
  /** `{ name, reason }`. */
  leftOut = [];
  /** What the runner itself said at the end. */
  closing = [];
  seconds = 0;

  constructor(name) {
    this.name = name;
  }

  /** One of a suite that did not run at all. */
  static leftOut(name, reason) {
    const outcome = new Outcome(name);
    outcome.leaveOut('all of it', reason);
    return outcome;
  }

  fail(name, verdict = 'failed') {
    this.failed.push({ name, verdict });
  }

  leaveOut(name, reason) {
    this.leftOut.push({ name, reason });
  }

  /** Counts a test that passed although it did nothing, for the reason that it listed. */
  withdraw(name, reason) {
    this.passed -= 1;
    this.leaveOut(name, reason);
  }

  /** Takes a line of the runner's output; whether it is to be shown now, and not at the end. */
  take(line) {
    if (CLOSING.test(line)) {
      this.closing.push(line);
      return false;
    }
    const [, name, word, reason] = /^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)(?:, (.*))?$/.exec(line) ?? [];
    const lack = word === 'ok' ? lackOfUnit(name) : undefined;
    if (lack) this.leaveOut(name, lack);
    else if (word === 'ok') this.passed += 1;
    else if (word === 'FAILED') this.fail(name);
    else if (word === 'ignored') this.leaveOut(name, reason ?? 'it is ignored');
    return true;
  }
}

/** The table that a run ends with, and the one line that sums it up. */
export function summary(outcomes) {
  const width = Math.max(...outcomes.map(({ name }) => name.length));
  const rows = outcomes.map(({ name, passed, failed, leftOut, seconds }) =>
    `  ${name.padEnd(width)}  ${String(passed).padStart(6)}  ${String(failed.length).padStart(6)}  ${String(leftOut.length).padStart(8)}  ${String(Math.round(seconds)).padStart(5)} s`);
  const of = (key) => outcomes.flatMap((outcome) => outcome[key].map((entry) => ({ suite: outcome.name, ...entry })));
  const failed = of('failed');
  const leftOut = of('leftOut');
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  return [
    '',
    `  ${''.padEnd(width)}  passed  failed  left out     time`,
    ...rows,
    ...(failed.length > 0 ? ['', 'Failed:'] : []),
    ...failed.map(({ suite, name, verdict }) => `  ${suite}: ${name}: ${verdict}`),
    ...(leftOut.length > 0 ? ['', 'Left out:'] : []),
    ...leftOut.map(({ suite, name, reason }) => `  ${suite}: ${name}: ${reason}`),
    '',
    ...outcomes.flatMap(({ closing }) => closing),
    '',
    `${passed} passed, ${failed.length} failed, ${leftOut.length} skipped`,
  ].join('\n');
}
