// A reporter of `node --test` for programs: a line of JSON for each test that has ended.

/** Each line: `{ name, outcome: 'passed' | 'failed' | 'skipped', reason }`. */
export default async function* reporter(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    // A suite ends too, after its tests.
    if (data.details?.type === 'suite') continue;
    const skip = data.skip ?? data.todo;
    const outcome = skip === undefined ? (type === 'test:pass' ? 'passed' : 'failed') : 'skipped';
    yield `${JSON.stringify({ name: data.name, outcome, reason: typeof skip === 'string' ? skip : '' })}\n`;
  }
}
