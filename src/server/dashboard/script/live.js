// Keeps the store like arcanos: events say what to look at again, answers say how it is.

/** Answers about workers are asked for at most this often. */
const REFRESH_MS = 250;
/** Up to so many workers are asked for one by one, more all at once. */
const ONE_BY_ONE = 3;
/** Memory and CPU move without events: how often they are asked for, by the number of workers. */
const POLL_MS = 5000;
const POLL_MANY_MS = 15000;
const MANY_WORKERS = 200;
/** A page that nobody sees lets its stream go after this time: a browser has only six. */
const HIDDEN_MS = 20000;

/** Makes a function that runs at most once in `interval`, never beside itself, and never misses the last call. */
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
    try { await work(); } catch { /* The stream's end tells of a lost connection. */ }
    // An answer that takes long is asked for less often, so that readers never slow arcanos.
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

/** Asks for the verdicts now and after every reload from here on. */
function wantDiscovery() {
  discoveryWanted = true;
  refreshDiscovery();
}

/** Asks for all workers anew. */
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
    // Only what needs a person is spoken: a screen reader shall not read every restart.
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
      // Whatever happened between the streams is in the answers, even if arcanos itself is a new one.
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

/** Calls `leave` when nobody has looked at the page for a while, `comeBack` when somebody does again. */
function onPresence(leave, comeBack) {
  let leaving = 0;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(leaving);
    if (document.hidden) leaving = setTimeout(leave, HIDDEN_MS);
    else comeBack();
  });
}

/** Begins to keep the store like arcanos. */
function goLive() {
  onPresence(closeEvents, openEvents);
  addEventListener('online', retryNow);
  // How arcanos stands can be seen even before the token is given.
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
