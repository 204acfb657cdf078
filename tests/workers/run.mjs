// Calls a worker's default export as arcanos would: `node run.mjs FILE`. The last line is its result.
import { pathToFileURL } from 'node:url';

const { default: worker } = await import(pathToFileURL(process.argv[2]).href);
const logger = Object.assign((text) => console.log(text), {
  info: (text) => console.log(text),
  warn: (text) => console.log(`WARN ${text}`),
  error: (text) => console.log(`ERROR ${text}`),
});
const leaving = new AbortController();
process.on('SIGTERM', () => leaving.abort());
const result = await worker(undefined, { logger, id: worker.name, model: 'gpt-test', signal: leaving.signal });
console.log(JSON.stringify(result));
process.exit(0);
