// The page of all workers: a table on wide screens, cards on narrow ones.
//
// A row is filled when it first comes near the screen, and afterwards updated only while it is there:
// with hundreds of workers, a frame costs no more than the visible rows.

/** Rows this far from the screen are filled already. */
const NEAR = '400px';
/** Rows at the top are filled before they are seen, so that none changes its height while a person looks. */
const FIRST_ROWS = 30;
/** Rows are not reordered while a pointer that moved within this time is over them. */
const STILL_MS = 2000;

const COLUMNS = [
  { name: 'Worker', key: 'id', class: 'c-id' },
  { name: 'State', key: 'state', class: 'c-state' },
  { name: 'Model', key: 'model', class: 'c-model' },
  { name: 'Uptime', key: 'uptime', class: 'c-num' },
  { name: 'Attempts', key: 'attempts', class: 'c-attempts' },
  { name: 'Last exit', key: 'exit', class: 'c-exit' },
  { name: 'Memory', key: 'memory', class: 'c-num' },
  { name: 'CPU', key: 'cpu', class: 'c-num' },
  { name: 'Runs', key: null, class: 'c-runs' },
  { name: 'Actions', key: null, class: 'c-actions' },
];

const ORDERS = {
  // By its id, which decides between equals in every order.
  id: () => 0,
  state: (w) => STATES.indexOf(keepsFailing(w) ? 'backoff' : w.state),
  model: (w) => w.model ?? '',
  uptime: (w) => -(uptime(w) === null ? -1 : serverNow() - Date.parse(w.startedAt)),
  attempts: (w) => -(w.attempts ?? 0),
  exit: (w) => -(w.lastExit?.at ? Date.parse(w.lastExit.at) : 0),
  memory: (w) => -(w.memoryBytes ?? -1),
  cpu: (w) => -(w.cpu ?? -1),
};

/** Rows are put in order at most this often. */
const ARRANGE_MS = 500;

class WorkersPage {
  rows = new Map();
  filled = new WeakMap();
  states = new Set();
  query = '';
  order = { key: 'state', reverse: false };
  pointerAt = -Infinity;
  unordered = false;
  arrangedAt = -Infinity;

  constructor() {
    this.counts = el('div', { class: 'chips', role: 'group', 'aria-label': 'Filter by state' });
    this.search = el('input', { type: 'search', id: 'search', placeholder: 'Search workers', 'aria-label': 'Search workers by name, file, model or reason', autocomplete: 'off', spellcheck: 'false' });
    this.search.addEventListener('input', () => { this.query = this.search.value.trim().toLowerCase(); this.show(); });
    this.sorter = el('select', { id: 'sorter', 'aria-label': 'Sort workers by' }, COLUMNS.filter((c) => c.key).map((c) => el('option', { value: c.key }, `by ${c.name.toLowerCase()}`)));
    this.sorter.value = this.order.key;
    this.sorter.addEventListener('change', () => this.sortBy(this.sorter.value, false));
    this.heads = COLUMNS.map((column) => this.head(column));
    this.body = el('tbody', { role: 'rowgroup' });
    this.body.addEventListener('click', (event) => this.clicked(event));
    this.body.addEventListener('pointermove', () => { this.pointerAt = performance.now(); });
    this.body.addEventListener('pointerleave', () => { this.pointerAt = -Infinity; });
    this.empty = el('p', { class: 'empty' });
    this.table = el('table', { class: 'workers', role: 'table', 'aria-label': 'Workers' },
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, this.heads)), this.body);
    this.root = el('section', { class: 'page', 'aria-labelledby': 'workers-title' },
      el('div', { class: 'title' }, el('h1', { id: 'workers-title', tabindex: -1 }, 'Workers'),
        el('div', { class: 'row' },
          el('button', { id: 'reload', onclick: reload, title: 'Look at config and folder now' }, 'Reload'),
          el('button', { id: 'restart-all', onclick: restartAll }, 'Restart all…'))),
      el('div', { class: 'tools' }, this.counts, el('div', { class: 'row grow' }, this.search, this.sorter)),
      this.table, this.empty);
    this.watcher = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: NEAR });
  }

  head(column) {
    const cell = el('th', { scope: 'col', role: 'columnheader', class: column.class });
    if (column.key) cell.append(el('button', { class: 'sort', onclick: () => this.sortBy(column.key, this.order.key === column.key && !this.order.reverse) }, column.name));
    else cell.append(column.name);
    return cell;
  }

  sortBy(key, reverse) {
    this.order = { key, reverse };
    this.sorter.value = key;
    this.pointerAt = -Infinity;
    this.arrangedAt = -Infinity;
    this.show();
  }

  clicked(event) {
    const button = event.target.closest('button[data-verb]');
    if (button) command(button.dataset.verb, button.closest('tr').dataset.id);
  }

  opened() {}

  closed() {}

  /** Shows the workers as the store has them. */
  show() {
    this.showCounts();
    const list = this.chosen();
    for (const [id, row] of this.rows) {
      if (store.workers.has(id)) continue;
      this.watcher.unobserve(row);
      row.remove();
      this.rows.delete(id);
    }
    const shown = new Set(list.map((worker) => worker.id));
    for (const worker of store.workers.values()) {
      const row = this.rows.get(worker.id) ?? this.addRow(worker);
      if (row.hidden === shown.has(worker.id)) row.hidden = !row.hidden;
      if (row.near && !row.hidden) this.fill(row, worker);
    }
    this.unordered = this.mustKeepOrder();
    if (!this.unordered) this.arrange(list);
    for (const { id } of list.slice(0, FIRST_ROWS)) {
      if (!this.filled.has(this.rows.get(id))) this.fill(this.rows.get(id), store.workers.get(id));
    }
    this.heads.forEach((head, i) => setAttr(head, 'aria-sort', COLUMNS[i].key === this.order.key ? (this.order.reverse ? 'descending' : 'ascending') : null));
    this.showEmpty(list);
  }

  chosen() {
    const of = ORDERS[this.order.key];
    const turn = this.order.reverse ? -1 : 1;
    const list = [];
    for (const worker of store.workers.values()) {
      if (this.states.size > 0 && !this.states.has(worker.state)) continue;
      if (this.query && !worker.haystack.includes(this.query)) continue;
      list.push({ id: worker.id, by: of(worker) });
    }
    return list.sort((a, b) => (a.by < b.by ? -turn : a.by > b.by ? turn : naturally(a.id, b.id) * (this.order.key === 'id' ? turn : 1)));
  }

  addRow(worker) {
    const row = el('tr', { role: 'row', 'data-id': worker.id, 'data-state': worker.state });
    row.near = false;
    this.rows.set(worker.id, row);
    this.body.append(row);
    this.watcher.observe(row);
    return row;
  }

  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      target.near = isIntersecting;
      const worker = store.workers.get(target.dataset.id);
      if (isIntersecting && worker) this.fill(target, worker);
    }
  }

  mustKeepOrder() {
    const now = performance.now();
    // A row must not move away while a person is about to press its button.
    return now - this.pointerAt < STILL_MS || now - this.arrangedAt < ARRANGE_MS;
  }

  /** Reorders the rows, and moves as few of them as possible. */
  arrange(list) {
    if (list.length === 0) return;
    this.arrangedAt = performance.now();
    const index = new Map();
    for (const row of this.body.children) index.set(row, index.size);
    const rows = list.map(({ id }) => this.rows.get(id));
    const staying = longestRise(rows.map((row) => index.get(row)));
    let next = null;
    for (let i = rows.length - 1; i >= 0; i -= 1) {
      if (!staying.has(i)) place(this.body, rows[i], next);
      next = rows[i];
    }
  }

  fill(row, worker) {
    let cells = this.filled.get(row);
    if (!cells) {
      cells = rowCells(worker);
      this.filled.set(row, cells);
      row.replaceChildren(...cells.all);
    }
    fillRow(row, cells, worker);
  }

  /** Updates the times in the rows on the screen. */
  tick() {
    if (this.unordered) this.show();
    for (const [id, row] of this.rows) {
      const cells = row.near && !row.hidden && this.filled.get(row);
      const worker = cells && store.workers.get(id);
      if (worker) tickRow(cells, worker);
    }
  }

  showCounts() {
    const counts = countStates();
    setContent(this.counts, JSON.stringify([counts, [...this.states]]), () => [
      this.chip(null, store.workers.size),
      ...STATES.filter((state) => counts[state] > 0 || this.states.has(state)).map((state) => this.chip(state, counts[state])),
    ]);
  }

  chip(state, n) {
    const pressed = state === null ? this.states.size === 0 : this.states.has(state);
    const choose = () => {
      if (state === null) this.states.clear();
      else if (!this.states.delete(state)) this.states.add(state);
      this.show();
      this.counts.querySelector(`[data-state="${state ?? 'all'}"]`)?.focus();
    };
    return el('button', { class: `chip s-${state ?? 'all'}`, 'data-state': state ?? 'all', 'aria-pressed': String(pressed), onclick: choose },
      state && sign(state), el('b', {}, String(n)), ` ${state ?? 'all'}`);
  }

  showEmpty(list) {
    this.table.hidden = list.length === 0;
    this.empty.hidden = list.length > 0;
    if (list.length > 0) return;
    const where = store.health?.discovery?.directory;
    setText(this.empty, !store.loaded ? 'Asking arcanos…'
      : store.workers.size > 0 ? 'No worker matches this filter.'
        : `No workers yet. Put one into ${where ?? 'the folder'}; it starts as soon as it is saved. The discovery page shows why a file is not a worker.`);
  }
}

/** The indices of a longest increasing subsequence of `numbers`. */
function longestRise(numbers) {
  const tails = [];
  const before = [];
  numbers.forEach((number, i) => {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[tails[middle]] < number) low = middle + 1;
      else high = middle;
    }
    before[i] = low > 0 ? tails[low - 1] : -1;
    tails[low] = i;
  });
  const places = new Set();
  for (let i = tails.at(-1) ?? -1; i >= 0; i = before[i]) places.add(i);
  return places;
}

function rowCells(worker) {
  const cell = (i, ...content) => el('td', { role: 'cell', class: COLUMNS[i].class, 'data-label': COLUMNS[i].name }, ...content);
  const cells = {
    link: el('a', { href: `#/worker/${encodeURIComponent(worker.id)}` }, worker.id), file: el('span', { class: 'sub' }), marks: el('span', { class: 'marks' }),
    state: el('span'), model: el('span'), up: el('span'), attempts: el('span'), next: el('span', { class: 'sub' }),
    how: el('b'), when: el('span', { class: 'sub' }), reason: el('span', { class: 'sub reason' }), memory: el('span'), cpu: el('span'), runs: el('span'), actions: el('span', { class: 'actions' }),
  };
  const name = el('th', { role: 'rowheader', scope: 'row', class: 'c-id', 'data-label': 'Worker' }, el('span', { class: 'name' }, cells.link), el('span', { class: 'under' }, cells.file, cells.marks));
  cells.all = [name, cell(1, cells.state), cell(2, cells.model), cell(3, cells.up), cell(4, cells.attempts, cells.next),
    cell(5, el('span', { class: 'ended' }, cells.how, ' ', cells.when), cells.reason), cell(6, cells.memory), cell(7, cells.cpu), cell(8, cells.runs), cell(9, cells.actions)];
  return cells;
}

function fillRow(row, cells, worker) {
  setAttr(row, 'data-state', worker.state);
  setText(cells.file, worker.file === worker.id ? '' : worker.file ?? '');
  const warnings = worker.warnings ?? [];
  setContent(cells.marks, JSON.stringify([worker.changed, warnings]), () => [
    worker.changed && el('span', { class: 'mark changed', title: 'Its file or settings differ from those of its run' }, 'changed'),
    warnings.length > 0 && el('span', { class: 'mark warning', title: warnings.join('\n') }, count(warnings.length, 'warning')),
  ]);
  setContent(cells.state, stateWord(worker), () => badge(worker.state, stateWord(worker)));
  setText(cells.model, worker.model ?? '–');
  setAttr(cells.model, 'title', worker.model);
  setText(cells.attempts, attemptsInWords(worker));
  const exit = worker.lastExit;
  setText(cells.how, exit ? ending(exit) : '–');
  setAttr(cells.how, 'class', exit && exit.code !== 0 && (worker.state === 'failed' || worker.state === 'backoff') ? 'bad-text' : null);
  setAttr(cells.how.closest('td'), 'data-none', exit ? null : '');
  setText(cells.reason, visible(causeOf(exit)));
  setAttr(cells.reason, 'title', exit?.reason ? visible(exit.reason) : null);
  setText(cells.memory, bytes(worker.memoryBytes));
  setText(cells.cpu, percent(worker.cpu));
  setAttr(cells.cpu, 'title', worker.cpuSeconds === null || worker.cpuSeconds === undefined ? null : `${worker.cpuSeconds.toFixed(1)} s of processor time in this run`);
  drawRuns(cells.runs, worker.runs, SMALL_PLOT);
  setContent(cells.actions, verbsOf(worker).join(), () => verbsOf(worker).map((verb) => verbButton(verb, worker.id)));
  tickRow(cells, worker);
}

function tickRow(cells, worker) {
  const up = uptime(worker);
  setText(cells.up, duration(up));
  setText(cells.next, nextInWords(worker));
  setText(cells.when, worker.lastExit?.at ? ago(worker.lastExit.at) : '');
}

/** Attempts spent of those allowed. */
function attemptsInWords(worker) {
  const max = worker.maxAttempts;
  if (max === null || max === undefined || max === 'unlimited') return `${worker.attempts ?? 0}`;
  return `${worker.attempts ?? 0} of ${max}`;
}

/** When a worker starts again. */
function nextInWords(worker) {
  const seconds = untilNext(worker);
  if (seconds === null) return '';
  return seconds <= 0.5 ? 'next: now' : `next in ${duration(Math.ceil(seconds))}`;
}

/** The commands that a worker's state allows. */
function verbsOf(worker) {
  if (isDisabled(worker)) return [];
  switch (worker.state) {
    case 'running': return ['restart', 'stop'];
    case 'starting': return ['restart', 'stop'];
    case 'backoff': return ['start', 'stop'];
    case 'scheduled': return ['start', 'stop'];
    case 'stopping': return ['start'];
    default: return ['start'];
  }
}

const VERB_NAMES = { start: 'Start', stop: 'Stop…', restart: 'Restart' };

function verbButton(verb, id) {
  return el('button', { 'data-verb': verb, 'aria-label': `${VERB_NAMES[verb].replace('…', '')} ${id}` }, VERB_NAMES[verb]);
}
