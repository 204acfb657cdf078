// A worker's log, live. The number of lines in the document is bounded, whatever the worker writes.

/** Lines kept, and lines in the document. */
const LINES_KEPT = 2000;
/** Lines asked for when the log opens. */
const LINES_FIRST = 500;
/** A log that is scrolled within so many px of its end is kept at its end. */
const AT_END = 24;

const MONTH_DAY = new Intl.DateTimeFormat(undefined, { month: '2-digit', day: '2-digit' });

const LIFECYCLE = /^(?:Launching worker: |Found (?:OpenAI SDK )?worker: |Warning: Worker |Worker \S+ exited with code |Restarting worker|Worker \S+ failed(?: too many times|: )|Worker \S+ has changed, |Worker \S+ did not end within |Stopping worker: |✅ \S+ running(?: with model: |$))/u;
const ASKED_TO_END = /^(?:Stopping worker: |Restarting worker: |Worker \S+ has changed, )/u;
const FAILED_EXIT = /exited with code (?!0,)|failed too many times|^Worker \S+ failed: /;

/** A line as the log shows it. Only one from before arcanos began, read back from a text, may lack its kind. */
function readLine(raw) {
  const { ts, kind, stream, message } = JSON.parse(raw);
  return { at: ts, kind: kind ?? (LIFECYCLE.test(message) ? 'lifecycle' : 'output'), stream, text: message };
}

/** The line that an event of the stream brings; null if it brings none. */
function lineOf({ type, data }) {
  if (type === 'line') return readLine(data);
  if (type === 'lagged' || type === 'resync') return { at: null, kind: 'lifecycle', stream: null, text: 'Some lines are missing: they came faster than they could be shown.' };
  return null;
}

class LogPanel {
  stream = '';
  query = '';
  paused = false;
  lines = [];
  arrived = [];
  held = [];
  fresh = false;
  asked = false;
  /** Whether the newest line stays in sight: until a person scrolls away from it. */
  follows = true;
  connection = 'opening…';
  scrolled = 0;
  frame = 0;
  timer = 0;
  nextFlush = 0;

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
    this.list.addEventListener('scroll', () => {
      // Lines that arrive, and a layout that changes, move the end away without anybody scrolling up.
      const went = this.list.scrollTop - this.scrolled;
      this.scrolled = this.list.scrollTop;
      if (this.atEnd()) this.follows = true;
      else if (went < 0) this.follows = false;
      this.down.hidden = this.follows;
    }, { passive: true });
    // A phone that is turned, or a window made smaller, still shows the newest line.
    new ResizeObserver(() => { if (this.follows) this.toEnd(); }).observe(this.list);
    this.root = el('section', { class: 'panel logs', 'aria-labelledby': 'log-title' },
      el('div', { class: 'panel-head' }, el('h2', { id: 'log-title' }, 'Log'), this.state,
        el('div', { class: 'row' }, this.pauseButton, this.select, this.filter, el('label', { class: 'check', for: 'log-wrap' }, this.wrap, 'wrap'))),
      el('div', { class: 'log-frame' }, this.list, this.down));
  }

  /** Starts to follow the log, from its last lines. */
  open() {
    this.close();
    this.lines = [];
    this.list.replaceChildren();
    this.held = [];
    this.arrived = [];
    this.connection = 'opening…';
    this.setPaused(false);
    const stream = this.stream ? `&stream=${this.stream}` : '';
    this.source = follow(`${workerPath('logs', this.id)}?follow=1&format=json&lines=${LINES_FIRST}${stream}`, {
      // Each stream begins with the last lines, so a new one replaces what is shown.
      resume: false,
      onOpen: () => this.beginAnew(),
      onEvents: (list) => this.take(list),
      // Asked again even if there is no such worker: this page may be open before arcanos has looked
      // at the folder, or before a file is put back.
      onLost: (error) => {
        this.connection = error?.status === 404 ? 'no log: there is no such worker' : 'not connected';
        this.showState();
      },
    });
  }

  close() {
    this.source?.close();
    this.source = null;
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.frame = 0;
    this.timer = 0;
  }

  beginAnew() {
    this.fresh = true;
    this.arrived = [];
    this.held = [];
    this.connection = 'live';
    this.showState();
  }

  take(events) {
    for (const event of events) this.arrived.push(event);
    // Of a flood, only lines that can be shown are kept, and they are parsed only when shown.
    if (this.arrived.length > LINES_KEPT) this.arrived.splice(0, this.arrived.length - LINES_KEPT);
    this.schedule();
  }

  schedule() {
    if (this.frame !== 0 || this.timer !== 0) return;
    const wait = this.nextFlush - performance.now();
    if (wait > 0) {
      this.timer = setTimeout(() => { this.timer = 0; this.schedule(); }, wait);
      return;
    }
    this.frame = requestAnimationFrame((began) => {
      this.frame = 0;
      this.flush();
      // Even in a flood, most of the time is left to the rest of the page.
      this.nextFlush = performance.now() + 3 * Math.max(0, performance.now() - began);
    });
  }

  flush() {
    const arrived = this.arrived;
    this.arrived = [];
    if (arrived.length === 0) return;
    if (this.paused) {
      this.held.push(...arrived);
      if (this.held.length > LINES_KEPT) this.held.splice(0, this.held.length - LINES_KEPT);
      this.showState();
      return;
    }
    if (this.fresh) {
      this.fresh = false;
      this.lines = [];
      this.list.replaceChildren();
    }
    this.append(arrived.map(lineOf).filter(Boolean));
    if (this.query) this.showState();
    if (this.follows) this.toEnd();
  }

  append(lines) {
    const nodes = [];
    for (const line of lines) {
      // What ends because somebody asked for it has not failed.
      if (line.kind === 'lifecycle') {
        if (ASKED_TO_END.test(line.text)) this.asked = true;
        else if (line.text.startsWith('Launching worker: ')) this.asked = false;
      }
      line.node = lineNode(line, this.asked);
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
    this.showState();
    this.toEnd();
  }

  showState() {
    const parts = [this.connection];
    if (this.paused) parts[0] = this.held.length > 0 ? `paused, ${count(this.held.length, 'new line')}` : 'paused';
    if (this.query) parts.push(`${count(this.lines.filter((line) => !line.node.hidden).length, 'line')} of ${this.lines.length}`);
    setText(this.state, parts.join(', '));
  }

  setPaused(paused) {
    this.paused = paused;
    setAttr(this.pauseButton, 'aria-pressed', String(paused));
    setText(this.pauseButton, paused ? 'Follow' : 'Pause');
    if (!paused) {
      this.arrived = [...this.held, ...this.arrived];
      this.held = [];
    }
    this.showState();
    if (paused) return;
    this.toEnd();
    this.schedule();
  }

  atEnd() {
    return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < AT_END;
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
    this.scrolled = this.list.scrollTop;
    this.follows = true;
    this.down.hidden = true;
  }
}

let lastSecond = '';
let lastTime = '';

/** A line's day and time of day. Lines come in bursts, and formatting is the slowest part of showing one. */
function dayAndTime(at) {
  const second = at?.slice(0, 19) ?? '';
  if (second !== lastSecond) {
    lastSecond = second;
    lastTime = at ? `${MONTH_DAY.format(new Date(at))} ${CLOCK.format(new Date(at))}` : '';
  }
  return lastTime;
}

function lineNode(line, asked) {
  const kind = line.kind === 'lifecycle' ? 'life' : line.kind === 'activity' ? 'activity' : line.stream === 'stderr' ? 'err' : 'out';
  const begins = kind === 'life' && line.text.startsWith('Launching worker: ') ? ' begins' : '';
  const ends = kind === 'life' && !asked && FAILED_EXIT.test(line.text) ? ' failed' : '';
  return el('div', { class: `line ${kind}${begins}${ends}` },
    el('time', { title: line.at }, dayAndTime(line.at)),
    el('span', { class: 'text' }, visible(line.text)));
}
