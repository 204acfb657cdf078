// Commands: their dialogs, their requests, and messages about their results.

const TOAST_MS = 6000;
const TOAST_ERROR_MS = 15000;

/** Announces a text to screen readers. */
function say(text) {
  const place = document.getElementById('said');
  place.textContent = '';
  requestAnimationFrame(() => { place.textContent = text; });
}

/** Shows a short message that disappears by itself. */
function toast(text, kind = 'good') {
  const close = el('button', { class: 'quiet', 'aria-label': 'Dismiss', onclick: () => box.remove() }, '×');
  const box = el('div', { class: `toast ${kind}` }, el('span', {}, text), close);
  document.getElementById('toasts').append(box);
  say(text);
  setTimeout(() => box.remove(), kind === 'bad' ? TOAST_ERROR_MS : TOAST_MS);
}

/** Opens a modal dialog; `build` fills its form; resolves to what `value` returns, or null. */
function ask({ title, build, confirm, kind = '', value = () => true, cancel = 'Cancel', reopen = false }) {
  return new Promise((resolve) => {
    const form = el('form', { method: 'dialog' });
    const dialog = el('dialog', { 'aria-labelledby': 'dialog-title' }, form);
    form.append(el('h2', { id: 'dialog-title' }, title), ...build(form));
    const yes = el('button', { type: 'submit', class: `strong ${kind}` }, confirm);
    const no = cancel === null ? null : el('button', { type: 'button', onclick: () => dialog.close() }, cancel);
    form.append(el('div', { class: 'row end' }, ...[no, yes].filter(Boolean)));
    let answer = null;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const given = value();
      if (given === undefined) return;
      answer = { value: given };
      dialog.close();
    });
    if (reopen) dialog.addEventListener('cancel', (event) => event.preventDefault());
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer ? answer.value : null);
    });
    document.body.append(dialog);
    dialog.showModal();
    (form.querySelector('input, textarea') ?? no ?? yes).focus();
  });
}

let asking = null;

/** Asks for the token; all requests that need it wait for the same dialog. */
function askToken(wrong) {
  asking ??= (async () => {
    const input = el('input', { id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'token-note' });
    const given = await ask({
      title: 'This arcanos needs a token',
      confirm: 'Unlock',
      cancel: null,
      reopen: true,
      build: () => [
        el('p', { id: 'token-note', class: wrong ? 'bad-text' : 'note', role: wrong ? 'alert' : null },
          wrong ? 'That token is not the one. Try again.' : 'It is the value of server.token. It is kept for this tab only, until you close it.'),
        el('label', { for: 'token' }, 'Token'), input,
      ],
      value: () => input.value.trim() || undefined,
    });
    if (given !== null) token.value = given;
    asking = null;
    publish('token');
  })();
  return asking;
}

const VERBS = {
  start: { done: 'is starting', ask: null },
  restart: { done: 'is restarting', ask: null },
  stop: { done: 'is stopping', ask: 'Its run ends, and it stays stopped until you start it or arcanos itself restarts.' },
};

/** Starts, stops or restarts a worker. */
async function command(verb, id) {
  const { done, ask: warning } = VERBS[verb];
  if (warning && !(await ask({ title: `Stop ${id}?`, confirm: 'Stop', kind: 'danger', build: () => [el('p', {}, warning)] }))) return;
  await attempt(async () => {
    await json('POST', workerPath(verb, id));
    toast(`${id} ${done}`);
  }, `${verb} ${id}`);
}

/** Runs a worker once with an input that a person writes. */
async function runWithInput(id) {
  const area = el('textarea', { id: 'run-input', rows: 8, spellcheck: 'false', 'aria-describedby': 'run-state' }, '{}');
  const state = el('p', { id: 'run-state', class: 'note', role: 'status' }, 'Valid JSON.');
  const check = () => {
    try {
      JSON.parse(area.value);
      setText(state, 'Valid JSON.');
      state.className = 'note';
      return true;
    } catch (error) {
      setText(state, `Not JSON yet: ${error.message}`);
      state.className = 'bad-text';
      return false;
    }
  };
  area.addEventListener('input', check);
  const input = await ask({
    title: `Run ${id} with an input`,
    confirm: 'Run',
    build: () => [
      el('p', { class: 'note' }, 'A running script gets it as a message on its channel; a worker at rest runs once with it.'),
      el('label', { for: 'run-input' }, 'Input (JSON)'), area, state,
    ],
    value: () => (check() ? area.value : undefined),
  });
  if (input === null) return;
  await attempt(async () => {
    const answer = await json('POST', workerPath('run', id), input);
    toast(answer.message ?? `${id} runs with the input`);
  }, `run ${id}`);
}

/** Restarts every worker, after a confirmation. */
async function restartAll() {
  const n = store.workers.size;
  const sure = await ask({
    title: `Restart ${n === 1 ? 'the worker' : `all ${n} workers`}?`, confirm: 'Restart all', kind: 'danger',
    build: () => [el('p', {}, 'Every run is stopped and started again. Workers that a person stopped stay stopped.')],
  });
  if (!sure) return;
  await attempt(async () => {
    await json('POST', 'workers/restart-all');
    toast('All workers are restarting');
  }, 'restart all workers');
}

/** Makes arcanos read config and folder now. */
async function reload() {
  await attempt(async () => {
    const { plan, generation } = await json('POST', 'reload');
    toast(`Generation ${generation}: ${planInWords(plan)}`);
    refreshEverything();
  }, 'reload');
}

async function attempt(work, what) {
  try {
    await work();
  } catch (error) {
    const detail = [error.message, ...(error.errors ?? [])].join('\n');
    toast(`Could not ${what}: ${detail}`, 'bad');
  }
}

/** The lists of a plan. */
const PLAN_KINDS = ['started', 'stopped', 'restarted', 'updated'];

/** Whether a plan does nothing. */
function isIdle(plan) {
  return PLAN_KINDS.every((kind) => plan[kind].length === 0);
}

/** A plan as `2 started, 1 restarted, 5 unchanged`. */
function planInWords(plan) {
  const unchanged = `${plan.unchanged} unchanged`;
  if (isIdle(plan)) return `nothing to do, ${unchanged}`;
  return [...PLAN_KINDS.filter((kind) => plan[kind].length > 0).map((kind) => `${plan[kind].length} ${kind}`), unchanged].join(', ');
}
