// Requests with the token, and streams of events that reconnect by themselves.

const TOKEN_KEY = 'arcanos.token';
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15000;
/** After a stream that lasted this long, the wait before the next one is short again. */
const GOOD_STREAM_MS = 5000;
/** A request without a response for so long has failed. */
const REQUEST_TIMEOUT_MS = 30000;
/** A stream sends something at least every 15 s; one that is silent for so long is dead. */
const SILENCE_MS = 45000;

/** An error response, with its message. */
class Refusal extends Error {
  constructor(status, body) {
    super(body?.message || body?.error || `arcanos answered with status ${status}`);
    this.status = status;
    this.code = body?.code ?? null;
    this.errors = body?.errors ?? [];
  }
}

const token = {
  get value() {
    try { return sessionStorage.getItem(TOKEN_KEY); } catch { return this.memory ?? null; }
  },
  set value(text) {
    this.memory = text;
    try {
      if (text === null) sessionStorage.removeItem(TOKEN_KEY);
      else sessionStorage.setItem(TOKEN_KEY, text);
    } catch { /* Without storage the token stays in memory until the page is left. */ }
  },
};

/** Sends a request; asks for the token until arcanos accepts it. */
async function request(method, path, { body, accept = 'application/json', headers = {}, signal } = {}) {
  for (;;) {
    const shown = token.value;
    const all = { Accept: accept, ...headers };
    if (shown) all.Authorization = `Bearer ${shown}`;
    if (body !== undefined) all['Content-Type'] = 'application/json';
    // The address is relative, so that the page also works below a path of a reverse proxy.
    const response = await fetch(path, { method, headers: all, body, signal, cache: 'no-store', credentials: 'same-origin', redirect: 'error' });
    if (response.status === 401) {
      if (token.value === shown) await askToken(shown !== null);
      continue;
    }
    if (response.ok) return response;
    throw new Refusal(response.status, await response.json().catch(() => null));
  }
}

/** Sends a request and reads the JSON of its answer. */
async function json(method, path, body) {
  const response = await request(method, path, { body, signal: body === undefined && method === 'GET' ? AbortSignal.timeout(REQUEST_TIMEOUT_MS) : undefined });
  return response.json();
}

/** The path of a worker's route. */
function workerPath(verb, id) {
  return verb ? `workers/${verb}/${encodeURIComponent(id)}` : `workers/${encodeURIComponent(id)}`;
}

/** Splits a body into Server-Sent Events; `heard` is called whenever bytes arrive. */
async function* eventsOf(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let event = { type: 'message', id: null, data: [] };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    const ready = [];
    for (const line of lines) {
      if (line === '') {
        if (event.data.length > 0 || event.type !== 'message') ready.push({ type: event.type, id: event.id, data: event.data.join('\n') });
        event = { type: 'message', id: null, data: [] };
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const text = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'data') event.data.push(text);
      else if (field === 'event') event.type = text;
      else if (field === 'id') event.id = text;
    }
    if (ready.length > 0) yield ready;
  }
}

/**
 * Follows a stream of events until it is closed, opening it again with growing waits. It is a
 * `fetch`, since an `EventSource` cannot send the token.
 */
function follow(path, { onOpen, onEvents, onLost, resume = true }) {
  let closed = false;
  let lastId = null;
  let delay = RETRY_MIN_MS;
  let controller = null;
  let wake = () => {};

  async function once() {
    controller = new AbortController();
    const headers = resume && lastId !== null ? { 'Last-Event-ID': lastId } : {};
    const response = await request('GET', path, { accept: 'text/event-stream', headers, signal: controller.signal });
    const opened = performance.now();
    let silence = 0;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => controller.abort(), SILENCE_MS);
    };
    heard();
    onOpen();
    try {
      for await (const events of eventsOf(response.body, heard)) {
        if (closed) return;
        for (const event of events) if (event.id !== null) lastId = event.id;
        onEvents(events);
      }
    } finally {
      clearTimeout(silence);
      if (performance.now() - opened > GOOD_STREAM_MS) delay = RETRY_MIN_MS;
    }
  }

  async function run() {
    while (!closed) {
      let failure = null;
      try { await once(); } catch (error) { failure = error; }
      if (closed) return;
      // The jitter keeps many open pages from reconnecting in the same instant.
      const wait = delay * (0.8 + 0.4 * Math.random());
      onLost(failure, Date.now() + wait);
      await new Promise((resolve) => { wake = resolve; setTimeout(resolve, wait); });
      delay = Math.min(delay * 2, RETRY_MAX_MS);
    }
  }

  run();
  return {
    close() { closed = true; controller?.abort(); wake(); },
    retry() { delay = RETRY_MIN_MS; wake(); },
  };
}
