// Makes a task of a Node file: once the file is loaded and its own event loop is idle, calls what
// it exports by default. Loaded before the file, so whatever it leaves in the process must not be
// noticed by a file that is a script: no listener that changes anything, no variable, no option.
//
// Comments are stripped before it is passed to Node, so each has a line of its own.

import fs from 'node:fs';
import process from 'node:process';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, inspect } from 'node:util';

// The channel takes frames of 1 MiB. A result over this size is cut, so that it is shown at all.
const MAX_RESULT = 1_000_000;
const CUT_RESULT = 64 * 1024;
const MAX_LOG = 64 * 1024;

// How long a task may go on after its signal is aborted, if nobody said how long it has.
const GRACE = 1000;

// Node's own exit code for an await that can never end.
const UNSETTLED = 13;

// Gone by the time that a thread or child of the file could see it.
const mode = process.env.ARCANOS_TASK;
if (mode) prepare();

function prepare() {
  const input = process.env.ARCANOS_INPUT;
  delete process.env.ARCANOS_TASK;
  delete process.env.ARCANOS_INPUT;
  const at = process.execArgv.indexOf(import.meta.url);
  if (at > 0) process.execArgv.splice(at - 1, 2);
  const file = process.argv[1];
  process.once('beforeExit', () => begin(file, input));
}

async function begin(file, input) {
  const task = await find(file);
  if (task) {
    await run(task, input);
  } else if (mode === 'task') {
    const reason = `${basename(file)} has no default export that is a function`;
    console.error(reason);
    await tell({ type: 'exit_reason', reason });
    await leave(1);
  }
}

// The default export of the file that has been run: the loaded instance, not another one.
async function find(file) {
  const main = process.mainModule;
  if (main) return exported(main.exports);
  try {
    const loaded = await import(pathToFileURL(fs.realpathSync(file)).href);
    return exported(loaded.default) ?? exported(loaded['module.exports']);
  } catch {
    // It failed by itself, and has said so.
    return undefined;
  }
}

// Compilers write an ES module's default export as `exports.default`.
function exported(value) {
  return [value, value?.default].find(isTask);
}

// A class cannot be called: a file that exports one is a script.
function isTask(value) {
  return typeof value === 'function' && !/^class\b/.test(Function.prototype.toString.call(value));
}

async function run(task, input) {
  const stop = stopping();
  const context = {
    logger: logger(),
    id: process.env.ARCANOS_WORKER_ID,
    model: process.env.AI_MODEL,
    get signal() {
      return stop.listen();
    },
  };
  process.once('beforeExit', stuck);
  // One more turn of the loop, without which there is no other `beforeExit`.
  setImmediate(() => {});
  // Says that from now on this is a task at work: it takes no other input, and hears a shutdown.
  if (process.connected) tell({ cmd: 'NODE_ARCANOS_TASK' });
  let value;
  try {
    value = await task(input === undefined ? undefined : JSON.parse(input), context);
  } catch (error) {
    process.off('beforeExit', stuck);
    if (stop.caused(error)) return stop.die();
    console.error(error instanceof Error ? trace(error) : error);
    return leave(1);
  }
  process.off('beforeExit', stuck);
  return deliver(value);
}

// The error without the frames of this file, whose name is its whole text.
function trace(error) {
  return inspect(error).replaceAll(import.meta.url, 'arcanos:task').replace(/\n +at [^\n]*\barcanos:task:\d+:\d+\)?/g, '');
}

function stuck() {
  console.error('the task can never end: it waits for something, but nothing is left to happen');
  process.exit(UNSETTLED);
}

async function deliver(value) {
  let text;
  try {
    text = JSON.stringify(value) ?? 'null';
  } catch (error) {
    console.error(`the result of the task cannot be sent as JSON: ${error.message}`);
    return leave(1);
  }
  const size = Buffer.byteLength(text);
  let message = { type: 'result', value: value ?? null };
  if (text === 'null') message.value = null;
  if (size > MAX_RESULT) {
    message.value = `${text.slice(0, CUT_RESULT)}… [cut: the result has ${size} bytes of JSON]`;
  }
  if (process.connected) await tell(message);
  else console.log(`result: ${text}`);
  // Undefined, unless the task has decided otherwise.
  return leave(process.exitCode);
}

// Listens for the end only for a task that asks: every other dies by the signal as it always would.
function stopping() {
  const controller = new AbortController();
  let listening = false;
  let cause;
  let grace = GRACE;
  const die = () => {
    const name = cause ?? 'SIGTERM';
    for (const other of ['SIGTERM', 'SIGINT']) process.off(other, onSignal);
    // A handler of the task's own has the last word.
    if (process.listenerCount(name) === 0) process.kill(process.pid, name);
  };
  const onSignal = (name) => {
    if (cause) return;
    cause = name;
    controller.abort();
    setTimeout(die, grace);
  };
  const onMessage = (message) => {
    if (message !== 'shutdown' && message?.type !== 'shutdown') return;
    // The rest is for the signal to work.
    if (message.timeoutMs > 0) grace = message.timeoutMs * 0.75;
    controller.abort();
  };
  return {
    listen() {
      if (!listening) {
        listening = true;
        for (const name of ['SIGTERM', 'SIGINT']) process.on(name, onSignal);
        if (process.channel) {
          process.on('message', onMessage);
          // This listener alone must not keep the process alive.
          process.channel.unrefCounted?.();
        }
      }
      return controller.signal;
    },
    caused(error) {
      const { aborted, reason } = controller.signal;
      return aborted && (error === reason || error?.name === 'AbortError' || error?.name === 'APIUserAbortError');
    },
    die,
  };
}

function logger() {
  const at = (level, fallback) => (...parts) => {
    const message = format(...parts);
    if (process.connected) tell({ type: 'log', level, message: message.slice(0, MAX_LOG) });
    else fallback(message);
  };
  const info = at('info', console.log);
  const warn = at('warn', console.warn);
  const error = at('error', console.error);
  return Object.assign((...parts) => info(...parts), { info, warn, error });
}

// Resolves once the message is on its way, or cannot be.
function tell(message) {
  return new Promise((resolve) => {
    if (!process.connected) return resolve();
    try {
      process.send(message, () => resolve());
    } catch {
      resolve();
    }
  });
}

// Everything written before is with whoever reads it before we are gone.
async function leave(code) {
  process.exitCode = code;
  const written = (stream) => new Promise((resolve) => {
    if (stream.destroyed || stream.writableEnded) return resolve();
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit(code);
}
