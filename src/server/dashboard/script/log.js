// A worker's log as it is written. What stands in the document is bounded, whatever the worker writes.

/** Lines kept, and lines in the document. */
const LINES_KEPT = 2000;
/** Lines asked for when the log opens. */
const LINES_FIRST = 500;
/** How near to its end a log must be scrolled to be kept there, in px. */
const AT_END = 24;

const SESSION_LINE = /^\[(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))\] \[([^\]]*)\] ?([^]*)$/;
const LIFECYCLE = /^(?:Launching worker: |Found OpenAI SDK worker: |Warning: Worker |Worker \S+ exited with code |Restarting worker|Worker \S+ failed too many times|Stopping worker: |✅ \S+ running with model: )/u;
const FAILED_EXIT = /exited with code (?!0,)|failed too many times/;

/** Takes a line of the log apart, as text in the session log's form or as JSON. */
function readLine(raw) {
  if (raw.startsWith('{')) {
    try {
      const line = JSON.parse(raw);
      const text = line.message ?? line.text ?? line.line;
      if (typeof text === 'string') {
        const inner = SESSION_LINE.exec(text);
        return { at: line.ts ?? line.at ?? inner?.[1] ?? null, kind: line.kind ?? guessKind(inner?.[2], inner?.[3] ?? text), stream: line.stream ?? null, text: inner?.[3] ?? text };
      }
    } catch { /* A worker's own JSON that stands here bare is text like any other. */ }
  }
  const parts = SESSION_LINE.exec(raw);
  if (!parts) return { at: null, kind: 'output', stream: null, text: raw };
  return { at: parts[1], kind: guessKind(parts[2], parts[3]), stream: null, text: parts[3] };
}

function guessKind(who, text) {
  return who === 'arcanos' || LIFECYCLE.test(text) ? 'lifecycle' : 'output';
}

class LogPanel {
  stream = '';
  query = '';
  paused = false;
  lines = [];
  arrived = [];
  held = [];
  fresh = false;
  frame = 0;

  constructor(id) {
    this.id = id;
    this.list = el('div', { class: 'log', role: 'log', 'aria-live': 'off', 'aria-label': `Log of ${id}`, tabindex: 0 });
    this.pauseButton = el('button', { id: 'log-pause', 'aria-pressed': 'false', onclick: () => this.setPaused(!this.paused) }, 'Pause');
    this.select = el('select', { id: 'log-stream', 'aria-label': 'Show stream', onchange: () => { this.stream = this.select.value; this.open(); } },
      [['', 'everything'], ['stdout', 'stdout'], ['stderr', 'stderr'], ['activity', 'activity'], ['lifecycle', 'lifecycle']].map(([value, name]) => el('option', { value }, name)));
    this.filter = el('input', { type: 'search', id: 'log-filter', placeholder: 'Filter lines', 'aria-label': 'Show only lines with this text', autocomplete: 'off', spellcheck: 'false' });
    this.filter.addEventListener('input', () => { this.query = this.filter.value.toLowerCase(); this.redraw(); });
    this.wrap = el('input', { type: 'checkbox', id: 'log-wrap', checked: true, onchange: () => this.list.classList.toggle('nowrap', !this.wrap.checked) });
    this.state = el('span', { class: 'note', role: 'status' });
    this.down = el('button', { class: 'down', hidden: true, onclick: () => this.toEnd() }, 'Newest ↓');
    this.list.addEventListener('scroll', () => { this.down.hidden = this.atEnd(); }, { passive: true });
    this.root = el('section', { class: 'panel logs', 'aria-labelledby': 'log-title' },
      el('div', { class: 'panel-head' }, el('h2', { id: 'log-title' }, 'Log'), this.state,
        el('div', { class: 'row' }, this.pauseButton, this.select, this.filter, el('label', { class: 'check', for: 'log-wrap' }, this.wrap, 'wrap'))),
      el('div', { class: 'log-frame' }, this.list, this.down));
  }

  /** Begins to follow, from the tail. */
  open() {
    this.close();
    this.lines = [];
    this.list.replaceChildren();
    this.held = [];
    this.arrived = [];
    this.setPaused(false);
    setText(this.state, 'opening…');
    const stream = this.stream ? `&stream=${this.stream}` : '';
    this.source = follow(`${workerPath('logs', this.id)}?follow=1&lines=${LINES_FIRST}${stream}`, {
      // Each stream begins with the tail, so a new one replaces what stands here.
      resume: false,
      onOpen: () => this.beginAnew(),
      onEvents: (list) => this.take(list),
      onLost: (error) => {
        setText(this.state, error?.status === 404 ? 'no log: the worker is gone' : 'not connected, trying again…');
        if (error?.status === 404) this.close();
      },
    });
  }

  close() {
    this.source?.close();
    this.source = null;
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  beginAnew() {
    this.fresh = true;
    this.arrived = [];
    this.held = [];
    setText(this.state, this.paused ? 'paused' : 'live');
  }

  take(events) {
    for (const { type, data } of events) {
      if (type === 'line' || type === 'message') this.arrived.push(readLine(data));
      else if (type === 'resync' || type === 'lagged' || type === 'gap') this.arrived.push({ at: null, kind: 'lifecycle', stream: null, text: 'Some lines were passed over: they came faster than this page took them.' });
    }
    if (this.arrived.length > 2 * LINES_KEPT) this.arrived.splice(0, this.arrived.length - LINES_KEPT);
    this.schedule();
  }

  schedule() {
    if (this.frame === 0) this.frame = requestAnimationFrame(() => { this.frame = 0; this.flush(); });
  }

  flush() {
    const arrived = this.arrived;
    this.arrived = [];
    if (arrived.length === 0) return;
    if (this.paused) {
      this.held.push(...arrived);
      if (this.held.length > LINES_KEPT) this.held.splice(0, this.held.length - LINES_KEPT);
      setText(this.state, `paused, ${count(this.held.length, 'new line')}`);
      return;
    }
    const stay = this.atEnd();
    if (this.fresh) {
      this.fresh = false;
      this.lines = [];
      this.list.replaceChildren();
    }
    this.append(arrived.slice(-LINES_KEPT));
    if (stay) this.toEnd();
  }

  append(lines) {
    const nodes = [];
    for (const line of lines) {
      line.node = lineNode(line);
      line.node.hidden = !this.fits(line);
      this.lines.push(line);
      nodes.push(line.node);
    }
    this.list.append(...nodes);
    const surplus = this.lines.length - LINES_KEPT;
    if (surplus > 0) for (const line of this.lines.splice(0, surplus)) line.node.remove();
  }

  fits(line) {
    return this.query === '' || line.text.toLowerCase().includes(this.query);
  }

  redraw() {
    for (const line of this.lines) line.node.hidden = !this.fits(line);
    if (this.query) setText(this.state, `${count(this.lines.filter((line) => !line.node.hidden).length, 'line')} of ${this.lines.length}`);
    else setText(this.state, this.paused ? 'paused' : 'live');
    this.toEnd();
  }

  setPaused(paused) {
    this.paused = paused;
    setAttr(this.pauseButton, 'aria-pressed', String(paused));
    setText(this.pauseButton, paused ? 'Follow' : 'Pause');
    setText(this.state, paused ? 'paused' : 'live');
    if (paused) return;
    this.arrived = [...this.held, ...this.arrived];
    this.held = [];
    this.toEnd();
    this.schedule();
  }

  atEnd() {
    return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < AT_END;
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
    this.down.hidden = true;
  }
}

function lineNode(line) {
  const kind = line.kind === 'lifecycle' ? 'life' : line.kind === 'activity' ? 'activity' : line.stream === 'stderr' ? 'err' : 'out';
  const begins = kind === 'life' && line.text.startsWith('Launching worker: ') ? ' begins' : '';
  const ends = kind === 'life' && FAILED_EXIT.test(line.text) ? ' failed' : '';
  return el('div', { class: `line ${kind}${begins}${ends}` },
    el('time', { title: line.at }, line.at ? CLOCK.format(new Date(line.at)) : ''),
    el('span', { class: 'text' }, visible(line.text)));
}
