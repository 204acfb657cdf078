// The state that the page shows, and its listeners.

const STATES = ['failed', 'backoff', 'starting', 'stopping', 'running', 'scheduled', 'completed', 'stopped'];
/** A CPU share is taken over at least this time. */
const CPU_SPAN_MS = 2000;
/** Listeners run at most this often, in ms: nobody reads faster. */
const DELIVER_MS = 80;

const store = {
  health: null,
  workers: new Map(),
  loaded: false,
  config: null,
  discovery: null,
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

/** Takes one worker; its CPU share is computed from the worker's former entry. */
function takeWorker(worker) {
  const before = store.workers.get(worker.id);
  worker.runs = runsOf(worker);
  measureCpu(worker, before);
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

/** Its runs, oldest first, the present one included. */
function runsOf(worker) {
  const runs = (worker.recentRuns ?? []).map((run) => {
    const start = Date.parse(run.startedAt);
    return { start, end: start + run.uptimeSeconds * 1000, code: run.code, signal: run.signal, reason: run.reason, outcome: run.outcome };
  });
  if (worker.startedAt) runs.push({ start: Date.parse(worker.startedAt), end: null });
  return runs;
}

/** Takes an event about a worker: its state shows at once, the rest comes with the next answer. */
function takeWorkerEvent(event) {
  const worker = store.workers.get(event.worker);
  if (!worker) return;
  if (event.state && worker.state !== event.state) {
    worker.state = event.state;
    publish('workers');
  }
}

/** How many workers are in each state. */
function countStates() {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
  for (const worker of store.workers.values()) counts[worker.state] = (counts[worker.state] ?? 0) + 1;
  return counts;
}

/** Whether a worker is between the failures of a loop: waiting, starting again, or up for a short while. */
function keepsFailing(worker) {
  return worker.attempts > 0 && ['backoff', 'starting', 'running'].includes(worker.state);
}

/** Whether its settings keep a worker from running: only an edit of them starts it. */
function isDisabled(worker) {
  return worker.enabled === false && worker.state === 'stopped';
}

/** A worker's state as it is shown. */
function stateWord(worker) {
  return isDisabled(worker) ? 'disabled' : worker.state;
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
