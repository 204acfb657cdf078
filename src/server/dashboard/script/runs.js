// A worker's last runs as bars: their height is how long they lasted, their colour and shape how they ended.

/** A plot in a row of the table, and the one on a worker's page. */
const SMALL_PLOT = { n: 12, bar: 6, gap: 2, height: 24 };
const LARGE_PLOT = { n: 17, bar: 16, gap: 5, height: 60 };
/** A bar is full at the longest run shown, or at this length if all are shorter. */
const FULL_SECONDS = 600;
/** The least of a bar that can be seen, and what a failure's mark takes above it, in px. */
const LEAST_BAR = 4;
const MARK = 6;

/** How a run ended. */
function outcomeOf(run) {
  return run.end ? run.outcome : 'live';
}

/** Draws the last runs into `node`, if they are not the ones it shows. */
function drawRuns(node, runs, size) {
  const shown = runs.slice(-size.n);
  const key = shown.map((run) => `${run.start}${outcomeOf(run)}${run.end ? '' : Math.floor(Math.log2(1 + runSeconds(run)))}`).join();
  setContent(node, key, () => (shown.length === 0 ? el('span', { class: 'faint' }, '–') : plot(shown, size)));
}

function runSeconds(run) {
  return Math.max(0, ((run.end ?? serverNow()) - run.start) / 1000);
}

/** The last runs in words. */
function runsInWords(runs) {
  const bad = runs.filter((run) => outcomeOf(run) === 'failed').length;
  return `Last ${count(runs.length, 'run')}${bad > 0 ? `, ${bad} failed` : ''}`;
}

function plot(runs, { n, bar, gap, height }) {
  const width = n * (bar + gap);
  const full = Math.log10(1 + Math.max(FULL_SECONDS, ...runs.map(runSeconds)));
  const bars = runs.map((run, i) => {
    const outcome = outcomeOf(run);
    const share = Math.log10(1 + runSeconds(run)) / full;
    const tall = Math.max(LEAST_BAR, Math.round(share * (height - MARK - 1)));
    const x = width - (runs.length - i) * (bar + gap);
    const middle = x + bar / 2;
    const top = height - tall - 2;
    return svg('g', { class: `run ${outcome}` },
      svg('title', {}, runInWords(run)),
      svg('rect', { x, y: height - tall, width: bar, height: tall, rx: 1 }),
      outcome === 'failed' && svg('path', { d: `M${middle - 3} ${top - 4}h6l-3 4z` }));
  });
  return svg('svg', { class: 'runs', role: 'img', 'aria-label': runsInWords(runs), width, height, viewBox: `0 0 ${width} ${height}` },
    svg('line', { x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5 }), bars);
}

/** A run in words, as `17:02:11, ran 3.2s, code 1: missing package`. */
function runInWords(run) {
  const length = runLength(runSeconds(run));
  if (!run.end) return `${moment(run.start)}, up for ${length}`;
  return `${moment(run.start)}, ran ${length}, ${ending(run)}${run.reason ? `: ${visible(run.reason)}` : ''}`;
}

/** The last runs as a table, newest first. */
function runsTable(runs) {
  return el('table', { class: 'plain runs-table' },
    el('thead', {}, el('tr', {}, ['Started', 'Lasted', 'Ended', 'Reason'].map((name) => el('th', { scope: 'col' }, name)))),
    el('tbody', {}, [...runs].reverse().map((run) => el('tr', {},
      el('td', {}, moment(run.start)),
      el('td', {}, run.end ? runLength(runSeconds(run)) : 'still up'),
      el('td', { class: outcomeOf(run) === 'failed' ? 'bad-text' : '' }, run.end ? ending(run) : '–'),
      el('td', {}, visible(causeOf(run)))))));
}
