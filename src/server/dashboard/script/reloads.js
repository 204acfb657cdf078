// The page of the last reloads with their plans, and of the config in force with each value's source.

class ReloadsPage {
  query = '';
  setOnly = true;

  constructor() {
    this.file = el('p', { class: 'note' });
    this.list = el('div', { class: 'reloads' });
    this.search = el('input', { type: 'search', placeholder: 'Search keys', 'aria-label': 'Search keys and values', autocomplete: 'off', spellcheck: 'false' });
    this.search.addEventListener('input', () => { this.query = this.search.value.trim().toLowerCase(); this.show(); });
    this.box = el('input', { type: 'checkbox', id: 'set-only', checked: true, onchange: () => { this.setOnly = this.box.checked; this.show(); } });
    this.table = el('div', { class: 'scroll' });
    this.root = el('section', { class: 'page', 'aria-labelledby': 'reloads-title' },
      el('div', { class: 'title' }, el('h1', { id: 'reloads-title', tabindex: -1 }, 'Config and reloads'), el('button', { onclick: reload }, 'Reload')),
      this.file,
      el('section', { class: 'panel', 'aria-label': 'Last reloads' }, el('div', { class: 'panel-head' }, el('h2', {}, 'Last reloads')), this.list),
      el('section', { class: 'panel', 'aria-label': 'Config in force' },
        el('div', { class: 'panel-head' }, el('h2', {}, 'Config in force'), el('div', { class: 'row' }, this.search, el('label', { class: 'check', for: 'set-only' }, this.box, 'without defaults'))),
        this.table));
  }

  opened() { refreshConfig(); }

  closed() {}

  tick() {}

  show() {
    const { config } = store;
    if (!config) return;
    const reloads = config.reloads ?? [];
    setContent(this.list, JSON.stringify(reloads), () => (reloads.length === 0 ? el('p', { class: 'faint' }, 'None since arcanos started.') : reloads.map(reloadEntry)));
    setText(this.file, `${config.file}, profile ${config.profile}, generation ${config.generation}`);
    const settings = leaves(config.config ?? {}).map(([key, value]) => ({ key, value, source: sourceOf(config.sources, key) ?? 'default' }))
      .filter(({ key, value, source }) => (!this.setOnly || this.query || source !== 'default') && (!this.query || `${key}\n${asToml(value)}\n${source}`.toLowerCase().includes(this.query)));
    setContent(this.table, JSON.stringify(settings), () => (settings.length === 0
      ? el('p', { class: 'faint' }, this.query ? 'No key matches.' : 'All keys have their defaults.') : settingsTable(settings)));
  }
}

function reloadEntry(reload) {
  const rejected = reload.result === 'rejected';
  const plan = reload.plan;
  return el('article', { class: rejected ? 'reload bad' : 'reload' },
    el('div', { class: 'row' },
      el('time', { datetime: reload.at }, moment(reload.at)),
      reload.result && el('span', { class: `badge ${rejected ? 's-failed' : 's-running'}` }, sign(rejected ? 'failed' : 'completed'), reload.result),
      reload.generation !== undefined && el('span', { class: 'faint' }, `generation ${reload.generation}`)),
    plan && !(rejected && isIdle(plan)) && el('p', { class: 'note' }, planInWords(plan)),
    plan && planList(plan),
    (reload.errors ?? []).length > 0 && el('pre', {}, visible(reload.errors.join('\n'))));
}

/** Plans with more workers than this are folded. */
const PLAN_SHOWN = 12;

function planList(plan) {
  const items = PLAN_KINDS.flatMap((kind) => plan[kind].map((id) => el('li', {},
    el('span', { class: `did ${kind}` }, kind), ' ', el('a', { href: `#/worker/${encodeURIComponent(id)}` }, id),
    plan.reasons?.[id] && el('span', { class: 'faint' }, ` ${visible(plan.reasons[id])}`))));
  const list = el('ul', { class: 'plan' }, items);
  return items.length > PLAN_SHOWN ? el('details', {}, el('summary', {}, `Which ${items.length} workers, and why`), list) : list;
}
