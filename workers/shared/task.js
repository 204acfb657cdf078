/**
 * What every worker begins and ends with: its context made whole, and giving up politely.
 */

/**
 * @typedef {object} Task
 * @property {(text: string) => void} say   one line of progress
 * @property {(text: string) => void} warn  one line that somebody should read
 * @property {string} model                 the model to ask
 * @property {AbortSignal} [signal]         aborted when the worker has to leave
 */

const DEFAULT_MODEL = 'gpt-4o-mini';

/**
 * The context that arcanos hands to a task; whatever is missing is filled in, so that a worker can
 * also be called by hand: `node -e "import('./memorySync.js').then((w) => w.default())"`.
 * @returns {Task}
 */
export function begin({ logger, model, signal } = {}) {
  const say = logger?.info ?? logger ?? console.log;
  const warn = logger?.warn ?? logger ?? console.warn;
  return {
    say: (text) => say.call(logger, text),
    warn: (text) => warn.call(logger, text),
    model: model || process.env.AI_MODEL || DEFAULT_MODEL,
    signal,
  };
}

/** The result of a run that could do nothing, through no fault of its own. The run exits 0. */
export function giveUp(task, reason, details = {}) {
  task.warn(`Gave up: ${reason}`);
  return { ok: false, reason, ...details };
}
