// The page of one worker.

/** The entries under "Now", in this order. */
const FACTS = ['Uptime', 'Attempts', 'Last exit', 'Reason', 'Model', 'Process', 'Run', 'Started', 'Starts', 'Memory', 'Peak', 'CPU', 'Written', 'Activity', 'File', 'Rule'];

class WorkerPage {
  constructor(id) {
    this.id = id;
    this.log = new LogPanel(id);
    this.state = el('span', { class: 'state' });
    this.marks = el('span', { class: 'marks' });
    this.buttons = el('div', { class: 'row', onclick: (event) => this.clicked(event) });
    this.why = el('div');
    this.warnings = el('div');
    this.facts = el('dl', { class: 'facts-list' });
    this.values = new Map();
    for (const name of FACTS) this.fact(name, '–');
    this.plot = el('div', { class: 'plot' });
    this.plotted = el('p', { class: 'note' });
    this.runs = el('div', { class: 'scroll past', tabindex: 0, role: 'group', 'aria-label': 'Table of the last runs' });
    this.verdict = el('div');
    this.settings = el('div', { class: 'scroll' });
    const panel = (title, ...content) => el('section', { class: `panel p-${title.split(' ')[0].toLowerCase()}`, 'aria-label': title }, el('div', { class: 'panel-head' }, el('h2', {}, title)), ...content);
    this.root = el('section', { class: 'page worker', 'aria-labelledby': 'worker-title' },
      el('a', { class: 'back', href: '#/' }, '← All workers'),
      el('div', { class: 'title' }, el('div', { class: 'row' }, el('h1', { id: 'worker-title', tabindex: -1 }, id), this.state, this.marks), this.buttons),
      this.why, this.warnings,
      el('div', { class: 'columns' },
        el('div', { class: 'side' },
          panel('Now', this.facts),
          panel('Verdict', this.verdict),
          panel('Last runs', this.plot, this.plotted, this.runs)),
        el('div', { class: 'wide' }, this.log.root, panel('Effective settings', this.settings))));
  }

  /** Called when the page has been added to the document. */
  opened() {
    this.log.open();
    wantDiscovery();
    refreshConfig();
  }

  closed() {
    this.log.close();
  }

  /** Closes the stream while the page is hidden. */
  rest() {
    if (!this.log.paused) this.log.close();
  }

  wake() {
    if (!this.log.source) this.log.open();
  }

  clicked(event) {
    const verb = event.target.closest('button[data-verb]')?.dataset.verb;
    if (verb === 'run') runWithInput(this.id);
    else if (verb) command(verb, this.id);
  }

  show() {
    const worker = store.workers.get(this.id);
    if (!worker) {
      setContent(this.state, 'gone', () => (store.loaded ? el('span', { class: 'faint' }, 'is not a worker (any more)') : null));
      setContent(this.buttons, '', () => []);
      this.showVerdict();
      return;
    }
    setContent(this.state, stateWord(worker), () => badge(worker.state, stateWord(worker)));
    setContent(this.marks, String(worker.changed), () => (worker.changed ? el('span', { class: 'mark changed' }, 'changed since its run began') : null));
    setContent(this.buttons, isDisabled(worker) ? 'disabled' : verbsOf(worker).join(), () => (isDisabled(worker)
      ? el('span', { class: 'note' }, `enabled = false: set it to true under [workers.${this.id}] to start it`)
      : [...verbsOf(worker).map((verb) => verbButton(verb, this.id)), el('button', { 'data-verb': 'run' }, 'Run with input…')]));
    const warnings = worker.warnings ?? [];
    setContent(this.warnings, JSON.stringify(warnings), () => (warnings.length === 0 ? null
      : banner('warn', count(warnings.length, 'warning'), [el('ul', {}, warnings.map((text) => el('li', {}, visible(text))))])));
    this.showWhy(worker);
    this.showFacts(worker);
    drawRuns(this.plot, worker.runs, LARGE_PLOT);
    setText(this.plotted, worker.runs.length > 0 ? `${runsInWords(worker.runs)}. The higher a bar, the longer the run.` : 'None since arcanos started.');
    setContent(this.runs, JSON.stringify(worker.runs), () => runsTable(worker.runs));
    this.showVerdict();
    this.showSettings();
  }

  /** Why it is not up, if it should be. In a crash loop that stays there while it is up for a moment. */
  showWhy(worker) {
    const exit = worker.lastExit;
    const gaveUp = worker.state === 'failed';
    const title = gaveUp ? 'Gave up' : worker.state === 'backoff' ? 'Failed, will be tried again' : 'Failed, is tried again';
    setContent(this.why, JSON.stringify([title, keepsFailing(worker), exit]), () => (exit && (gaveUp || keepsFailing(worker))
      ? banner(gaveUp ? 'bad' : 'warn', title, [
        el('p', {}, `${ending(exit)} after ${runLength(exit.uptimeSeconds)}${causeOf(exit) ? `: ${visible(causeOf(exit))}` : ''}`),
        exit.lastLines?.length > 0 ? el('details', {}, el('summary', {}, 'Its last lines on stderr'), el('pre', {}, exit.lastLines.map(visible).join('\n'))) : null])
      : null));
  }

  showFacts(worker) {
    const exit = worker.lastExit;
    this.fact('Last exit', exit ? `${ending(exit)}, ${moment(exit.at)}, after ${runLength(exit.uptimeSeconds)}` : '–');
    this.fact('Reason', visible(causeOf(exit) || '–'));
    this.fact('Model', worker.model ?? '–');
    this.fact('Process', worker.pid === null ? '–' : `pid ${worker.pid}`);
    this.fact('Run', worker.runId ?? '–');
    this.fact('Started', moment(worker.startedAt ?? worker.lastRunAt));
    this.fact('Starts', `${worker.starts ?? 0}${worker.skippedRuns ? `, ${worker.skippedRuns} skipped` : ''}`);
    this.fact('Memory', bytes(worker.memoryBytes));
    this.fact('Peak', exit?.peakMemoryBytes ? `${bytes(exit.peakMemoryBytes)} in the run that ended last` : '–');
    this.fact('CPU', worker.cpuSeconds === null ? '–' : `${percent(worker.cpu)}, ${worker.cpuSeconds?.toFixed(1)} s in this run`);
    this.fact('Written', `${bytes(worker.log?.bytes)}, ${count(worker.log?.lines ?? 0, 'line')}${worker.log?.dropped ? `, ${bytes(worker.log.dropped)} lost` : ''}`);
    this.fact('Activity', worker.lastActivity ? `${moment(worker.lastActivity.at)}: ${visible(worker.lastActivity.message)}` : '–');
    this.fact('File', worker.file ?? '–');
    this.fact('Rule', `${worker.rule ?? '–'}, ${worker.mode ?? '–'}`);
    this.tick();
  }

  fact(name, text) {
    let value = this.values.get(name);
    if (!value) {
      value = el('dd');
      this.values.set(name, value);
      this.facts.append(el('div', {}, el('dt', {}, name), value));
    }
    setText(value, text);
  }

  tick() {
    const worker = store.workers.get(this.id);
    if (!worker) return;
    this.fact('Uptime', duration(uptime(worker)));
    const next = nextInWords(worker);
    this.fact('Attempts', `${attemptsInWords(worker)} spent${next ? `, ${next} (${moment(worker.nextStartAt)})` : ''}`);
  }

  showVerdict() {
    const worker = store.workers.get(this.id);
    const verdicts = (store.discovery?.files ?? []).filter((file) => file.id === this.id || (worker && file.file === worker.file));
    setContent(this.verdict, JSON.stringify(verdicts), () => (verdicts.length === 0 ? el('p', { class: 'faint' }, store.discovery ? 'No file of this name was found.' : '…')
      : verdicts.map((file) => el('p', {}, verdictMark(file.verdict), ' ', el('code', {}, whereOf(file)), ' ', visible(verdictReason(file))))));
  }

  showSettings() {
    if (!store.config) return;
    const settings = settingsOf(store.config, this.id);
    setContent(this.settings, JSON.stringify(settings), () => settingsTable(settings));
  }
}
