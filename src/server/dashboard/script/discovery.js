// The discovery page: the verdict on every file, with its reason.

/** In the order in which a person wants to see them. */
const VERDICTS = ['rejected', 'worker', 'helper', 'ignored'];
const VERDICT_SIGNS = { worker: 'running', rejected: 'failed', helper: 'scheduled', ignored: 'stopped' };

function verdictMark(verdict) {
  return el('span', { class: `badge v-${verdict}` }, sign(VERDICT_SIGNS[verdict]), verdict);
}

function whereOf(file) {
  const name = visible(file.file).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
  return file.line ? `${name}:${file.line}` : name;
}

function verdictReason(file) {
  return file.reason ?? (file.rule ? `accepted by rule ${file.rule}` : '');
}

class DiscoveryPage {
  verdict = '';
  query = '';

  constructor() {
    this.directory = el('p', { class: 'note' });
    this.chips = el('div', { class: 'chips', role: 'group', 'aria-label': 'Filter by verdict' });
    this.search = el('input', { type: 'search', placeholder: 'Search files', 'aria-label': 'Search files by name, rule or reason', autocomplete: 'off', spellcheck: 'false' });
    this.search.addEventListener('input', () => { this.query = this.search.value.trim().toLowerCase(); this.show(); });
    this.table = el('div', { class: 'scroll' });
    this.root = el('section', { class: 'page', 'aria-labelledby': 'discovery-title' },
      el('div', { class: 'title' }, el('h1', { id: 'discovery-title', tabindex: -1 }, 'Discovery')),
      this.directory, el('div', { class: 'tools' }, this.chips, el('div', { class: 'row grow' }, this.search)), this.table);
  }

  opened() { wantDiscovery(); }

  closed() {}

  tick() {}

  show() {
    const { discovery, health } = store;
    if (!discovery) return;
    const watcher = health?.discovery?.watcher;
    setText(this.directory, `${discovery.directory}${watcher ? `, followed: ${watcher}` : ''}`);
    const all = discovery.files;
    setContent(this.chips, JSON.stringify([this.verdict, all.map((file) => file.verdict)]), () => ['', ...VERDICTS].map((verdict) => {
      const n = verdict ? all.filter((file) => file.verdict === verdict).length : all.length;
      const choose = () => { this.verdict = verdict; this.show(); this.chips.querySelector('[aria-pressed="true"]')?.focus(); };
      return el('button', { class: `chip v-${verdict || 'all'}`, 'aria-pressed': String(this.verdict === verdict), onclick: choose }, el('b', {}, String(n)), ` ${verdict || 'all'}`);
    }));
    const files = all.filter((file) => (!this.verdict || file.verdict === this.verdict)
      && (!this.query || [file.file, file.id, file.rule, file.reason].join('\n').toLowerCase().includes(this.query)))
      .sort((a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) || naturally(a.file, b.file));
    setContent(this.table, JSON.stringify(files), () => (files.length === 0
      ? el('p', { class: 'empty' }, all.length === 0 ? 'The folder is empty.' : 'No file matches this filter.')
      : el('table', { class: 'plain verdicts' },
        el('thead', {}, el('tr', {}, ['File', 'Verdict', 'Rule', 'Why'].map((name) => el('th', { scope: 'col' }, name)))),
        el('tbody', {}, files.map((file) => this.row(file))))));
  }

  row(file) {
    const name = file.verdict === 'worker' && file.id ? el('a', { href: `#/worker/${encodeURIComponent(file.id)}` }, whereOf(file)) : whereOf(file);
    return el('tr', {}, el('th', { scope: 'row' }, name), el('td', {}, verdictMark(file.verdict)), el('td', {}, file.rule ?? '–'), el('td', {}, visible(verdictReason(file))));
  }
}
