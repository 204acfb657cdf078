// Keeps the store up to date: events say what to fetch, responses hold the state.

/** Workers are fetched at most this often. */
const REFRESH_MS = 250;
/** Up to so many changed workers are fetched one by one; if there are more, all are fetched at once. */
const ONE_BY_ONE = 3;
/** Memory and CPU change without events: how often they are fetched, by the number of workers. */
const POLL_MS = 5000;
const POLL_MANY_MS = 15000;
const MANY_WORKERS = 200;
/** A hidden page closes its stream after this time: a browser has only six connections to a host. */
const HIDDEN_MS = 20000;

/** Makes a function that runs at most once in `interval`, never twice at the same time, and always once more after the last call. */
function paced(interval, work) {
  let running = false;
  let again = false;
  return async function call() {
    if (running) {
      again = true;
      return;
    }
    running = true;
    again = false;
    const began = performance.now();
    try { await work(); } catch { /* A lost connection is shown when the stream ends. */ }
    // A response that takes long is fetched less often, so that pages never slow arcanos.
    const spent = performance.now() - began;
    await new Promise((resolve) => { setTimeout(resolve, Math.max(interval, 4 * spent) - spent); });
    running = false;
    if (again) call();
  };
}

const touched = new Set();
let touchedAll = true;

const refreshWorkers = paced(REFRESH_MS, async () => {
  const ids = [...touched];
  const all = touchedAll || ids.length > ONE_BY_ONE;
  touched.clear();
  touchedAll = false;
  if (all) return takeWorkers((await json('GET', 'workers')).workers);
  await Promise.all(ids.map(async (id) => {
    try {
      takeWorker(await json('GET', workerPath('', id)));
    } catch (error) {
      if (error.status === 404) store.workers.delete(id);
    }
  }));
  return publish('workers');
});

const refreshHealth = paced(500, async () => {
  const health = await json('GET', 'health');
  store.health = health;
  store.skew = Date.parse(health.timestamp) - Date.now();
  publish('health');
});

const refreshConfig = paced(500, async () => {
  store.config = await json('GET', 'config');
  publish('config');
});

let discoveryWanted = false;
const refreshDiscovery = paced(500, async () => {
  store.discovery = await json('GET', 'discovery');
  publish('discovery');
});

/** Fetches the verdicts now and after every later reload. */
function wantDiscovery() {
  discoveryWanted = true;
  refreshDiscovery();
}

/** Fetches all workers again. */
function refreshAllWorkers() {
  touchedAll = true;
  refreshWorkers();
}

function refreshEverything() {
  refreshHealth();
  refreshAllWorkers();
  refreshConfig();
  if (discoveryWanted) refreshDiscovery();
}

function takeEvent(type, data) {
  if (type === 'resync') {
    refreshEverything();
    return;
  }
  let event;
  try { event = JSON.parse(data); } catch { return; }
  if (event.type === 'worker' && event.worker) {
    takeWorkerEvent(event);
    touched.add(event.worker);
    refreshWorkers();
    // Only what needs a person is announced: a screen reader must not read every restart.
    if (event.state === 'failed') say(`${event.worker} failed`);
  } else if (event.type === 'reload') {
    refreshEverything();
  }
  refreshHealth();
}

let events = null;

function openEvents() {
  if (events) return;
  events = follow('events', {
    onOpen() {
      if (store.connection.state === 'lost') say('Connected again');
      store.connection = { state: 'open', retryAt: 0, reason: '' };
      publish('connection');
      // Events between two streams are missing, and arcanos may have restarted: fetch everything.
      refreshEverything();
    },
    onEvents(list) { for (const { type, data } of list) takeEvent(type, data); },
    onLost(error, retryAt) {
      if (store.connection.state === 'open') say('Connection to arcanos lost');
      store.connection = { state: 'lost', retryAt, reason: error?.status ? error.message : '' };
      publish('connection');
    },
  });
}

function closeEvents() {
  events?.close();
  events = null;
}

/** Tries again now instead of later. */
function retryNow() {
  events?.retry();
}

/** Calls `leave` when the page has been hidden for a while, `comeBack` when it is visible again. */
function onPresence(leave, comeBack) {
  let leaving = 0;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(leaving);
    if (document.hidden) leaving = setTimeout(leave, HIDDEN_MS);
    else comeBack();
  });
}

/** Starts to keep the store up to date. */
function goLive() {
  onPresence(closeEvents, openEvents);
  addEventListener('online', retryNow);
  // The health needs no token.
  refreshHealth();
  openEvents();
  const poll = () => {
    if (!document.hidden && store.connection.state === 'open') {
      refreshHealth();
      refreshAllWorkers();
    }
    setTimeout(poll, store.workers.size > MANY_WORKERS ? POLL_MANY_MS : POLL_MS);
  };
  setTimeout(poll, POLL_MS);
}
