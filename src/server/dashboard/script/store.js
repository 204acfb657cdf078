// What the page knows, and who wants to hear of it.

const STATES = ['failed', 'backoff', 'starting', 'stopping', 'running', 'scheduled', 'completed', 'stopped'];
/** Runs remembered of each worker. */
const RUNS_KEPT = 40;
/** Reload events remembered. */
const RELOADS_KEPT = 30;
/** Two sources tell of one run within this time of each other. */
const SAME_MOMENT_MS = 400;
/** A CPU share is taken over at least this time. */
const CPU_SPAN_MS = 2000;
/** Listeners run at most this often: nobody reads faster. */
const DELIVER_MS = 80;

const store = {
  health: null,
  workers: new Map(),
  loaded: false,
  config: null,
  discovery: null,
  /** Reloads seen, newest first: `{at, result, plan, errors, message}`. */
  reloads: [],
  connection: { state: 'connecting', retryAt: 0, reason: '' },
  /** What arcanos's clock is ahead of ours, in ms. */
  skew: 0,
};

const listeners = new Map();
const published = new Set();
let frame = 0;
let deliveredAt = -Infinity;

/** Calls `listener` in a frame soon after one of the topics changed. */
function on(topics, listener) {
  for (const topic of topics) {
    if (!listeners.has(topic)) listeners.set(topic, new Set());
    listeners.get(topic).add(listener);
  }
}

/** Says that a topic changed. */
function publish(topic) {
  published.add(topic);
  if (frame !== 0) return;
  const wait = deliveredAt + DELIVER_MS - performance.now();
  if (wait <= 0) frame = requestAnimationFrame(deliver);
  else frame = setTimeout(() => { frame = requestAnimationFrame(deliver); }, wait);
}

function deliver() {
  frame = 0;
  const due = new Set();
  for (const topic of published) for (const listener of listeners.get(topic) ?? []) due.add(listener);
  published.clear();
  const began = performance.now();
  for (const listener of due) listener();
  deliveredAt = performance.now();
  performance.measure('arcanos:frame', { start: began, end: deliveredAt });
}

/** Now, by arcanos's clock, in ms. */
function serverNow() {
  return Date.now() + store.skew;
}

/** Takes the list of all workers. */
function takeWorkers(list) {
  const known = new Set(list.map((worker) => worker.id));
  for (const id of store.workers.keys()) if (!known.has(id)) store.workers.delete(id);
  for (const worker of list) takeWorker(worker);
  store.loaded = true;
  publish('workers');
}

/** Takes one worker, with what its predecessor knew: its runs and its use of the processor. */
function takeWorker(worker) {
  const before = store.workers.get(worker.id);
  worker.seenAt = Date.now();
  worker.runs = before?.runs ?? [];
  measureCpu(worker, before);
  rememberRuns(worker);
  worker.haystack = [worker.id, worker.state, worker.file, worker.model, worker.rule, worker.lastExit?.reason, ...(worker.warnings ?? [])].join('\n').toLowerCase();
  store.workers.set(worker.id, worker);
}

function measureCpu(worker, before) {
  const now = Date.now();
  worker.cpu = null;
  worker.cpuFrom = null;
  if (worker.cpuSeconds === null || worker.cpuSeconds === undefined) return;
  const from = before?.cpuFrom;
  if (before?.runId === worker.runId && from) {
    if (now - from.at < CPU_SPAN_MS) {
      worker.cpu = before.cpu;
      worker.cpuFrom = from;
      return;
    }
    worker.cpu = Math.max(0, worker.cpuSeconds - from.seconds) / ((now - from.at) / 1000);
  } else if (worker.uptimeSeconds * 1000 >= CPU_SPAN_MS) worker.cpu = worker.cpuSeconds / worker.uptimeSeconds;
  worker.cpuFrom = { at: now, seconds: worker.cpuSeconds };
}

function rememberRuns(worker) {
  const exit = worker.lastExit;
  if (exit?.at) {
    const end = Date.parse(exit.at);
    const stopped = worker.state === 'stopped' || worker.state === 'stopping';
    noteRun(worker.runs, {
      start: end - (exit.uptimeSeconds ?? 0) * 1000, end, code: exit.code, signal: exit.signal, reason: exit.reason,
      outcome: exit.code === 0 ? 'ok' : stopped ? 'stopped' : 'fail',
    });
  }
  if (worker.startedAt) noteRun(worker.runs, { runId: worker.runId, start: Date.parse(worker.startedAt), end: null });
}

/** Adds what is known of a run to a list of runs, oldest first; one run stands there once. */
function noteRun(runs, fact) {
  const near = (a, b) => a && b && Math.abs(a - b) < SAME_MOMENT_MS;
  // A worker has one run at a time, so an open one that began before this end is the one that ended.
  const ended = (r) => fact.end && (near(r.end, fact.end) || (!r.end && r.start <= fact.end));
  let run = runs.find((r) => (fact.runId && r.runId === fact.runId) || ended(r) || (!fact.end && near(r.start, fact.start)));
  if (!run) {
    run = { runId: null, start: fact.start, end: null, outcome: null, code: null, signal: null, reason: null };
    runs.push(run);
    runs.sort((a, b) => (a.end ?? a.start) - (b.end ?? b.start));
    if (runs.length > RUNS_KEPT) runs.shift();
  }
  for (const [name, value] of Object.entries(fact)) {
    // What is known of a run's end is not unlearned from an older answer, nor its first verdict.
    if (value !== null && value !== undefined && !(name === 'outcome' && run.outcome)) run[name] = value;
  }
}

/** Takes an event about a worker: its state shows at once, the rest comes with the next answer. */
function takeWorkerEvent(event) {
  const worker = store.workers.get(event.worker);
  if (!worker) return;
  const active = (state) => state === 'starting' || state === 'running' || state === 'stopping';
  const at = Date.parse(event.at);
  const known = worker.runs.find((run) => run.runId && run.runId === event.runId);
  if (event.runId && active(event.state) && !known) noteRun(worker.runs, { runId: event.runId, start: at });
  if (known && !known.end && active(event.previous) && event.state && !active(event.state)) {
    known.end = at;
    known.outcome = { completed: 'ok', scheduled: 'ok', stopped: 'stopped' }[event.state] ?? 'fail';
  }
  if (event.state && worker.state !== event.state) {
    worker.state = event.state;
    worker.seenAt = Date.now();
    publish('workers');
  }
}

/** Remembers a reload; a report and an event of the same moment are one. */
function takeReload(reload) {
  const at = Date.parse(reload.at);
  const known = store.reloads.find((other) => Math.abs(Date.parse(other.at) - at) < SAME_MOMENT_MS);
  if (known) Object.assign(known, reload);
  else {
    store.reloads.unshift(reload);
    store.reloads.sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
    store.reloads.length = Math.min(store.reloads.length, RELOADS_KEPT);
  }
  publish('reloads');
}

/** How many workers are in each state. */
function countStates() {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
  for (const worker of store.workers.values()) counts[worker.state] = (counts[worker.state] ?? 0) + 1;
  return counts;
}

/** How long a worker's run has lasted, in seconds, now. */
function uptime(worker) {
  if (!worker.startedAt || worker.pid === null) return null;
  return (serverNow() - Date.parse(worker.startedAt)) / 1000;
}

/** How long until it starts again, in seconds. */
function untilNext(worker) {
  const waits = worker.state === 'backoff' || worker.state === 'scheduled';
  return waits && worker.nextStartAt ? (Date.parse(worker.nextStartAt) - serverNow()) / 1000 : null;
}
