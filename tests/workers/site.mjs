// A temporary project with a scripted model, in which a worker runs as a process of its own.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const workers = path.resolve(here, '../../workers');
const PATIENCE_MS = 30_000;

/** A chat completion with this text. */
export const says = (content) => ({
  status: 200,
  body: { id: 'x', object: 'chat.completion', created: 1, model: 'gpt-scripted', choices: [{ index: 0, message: { role: 'assistant', content, refusal: null }, finish_reason: 'stop' }] },
});

/** An error of the model's server. */
export const fails = (status, code, message = 'no', headers = {}) => ({ status, headers, body: { error: { message, code, type: 'x', param: null } } });

/** Serves `answer(request)` = `{ status, headers, body }` or `'hang'`; keeps the requests. */
export async function serve(answer) {
  const requests = [];
  const server = http.createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const seen = { method: request.method, url: request.url, headers: request.headers, text, json: text ? JSON.parse(text) : null };
    requests.push(seen);
    const reply = answer(seen);
    if (reply === 'hang') return;
    const body = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body);
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    if (reply.unfinished) response.write(body.slice(0, 10));
    else response.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, requests, close: () => { server.closeAllConnections(); server.close(); } };
}

/** A folder that is removed when the test `t` ends, with `write`, `read`, `json` and `run`. */
export function site(t, files = {}) {
  const root = mkdtempSync(path.join(tmpdir(), 'arcanos-worker-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const at = (file) => path.join(root, file);
  const write = (file, text) => {
    mkdirSync(path.dirname(at(file)), { recursive: true });
    writeFileSync(at(file), text);
  };
  for (const [file, text] of Object.entries(files)) write(file, text);
  const read = (file) => readFileSync(at(file), 'utf8');
  return { root, at, write, read, run: (worker, env) => run(t, root, worker, env) };
}

/** Runs a worker to its end: `{ code, result, log }`; `begun` is called with the process. */
async function run(t, cwd, worker, { begun, ...env } = {}) {
  const child = spawn(process.execPath, [path.join(here, 'run.mjs'), path.join(workers, `${worker}.js`)], {
    cwd,
    env: { PATH: process.env.PATH, OPENAI_API_KEY: 'sk-test-0123456789abcdef', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => { out += chunk; });
  child.stderr.on('data', (chunk) => { err += chunk; });
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  begun?.(child);
  const [code] = await new Promise((resolve) => { child.on('close', (...end) => resolve(end)); });
  clearTimeout(timer);
  const lines = out.trimEnd().split('\n');
  const log = `${out}${err}`;
  if (code !== 0) return { code, log };
  return { code, result: JSON.parse(lines.at(-1)), log };
}
