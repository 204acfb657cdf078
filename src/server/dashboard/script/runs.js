// A worker's last runs as bars: their length is how long they lasted, their colour and shape how they ended.

const BAR = 6;
const GAP = 2;
/** A bar is full at the longest run shown, or at this length if all are shorter. */
const FULL_SECONDS = 600;

/** How a run ended, for the eye and in words. */
function outcomeOf(run) {
  if (!run.end) return 'live';
  return run.outcome ?? 'ok';
}

/** Draws the last `n` runs into `node`, if they are not the ones it shows. */
function drawRuns(node, runs, { n = 12, height = 22, stopped = false } = {}) {
  const shown = runs.slice(-n);
  const key = shown.map((run) => `${outcomeOf(run)}${run.end ? Math.round(runSeconds(run)) : Math.floor(Math.log2(1 + runSeconds(run)))}`).join() + stopped;
  setContent(node, key, () => (shown.length === 0 ? el('span', { class: 'faint' }, '–') : plot(shown, n, height)));
}

function runSeconds(run) {
  return Math.max(0, ((run.end ?? serverNow()) - run.start) / 1000);
}

function plot(runs, n, height) {
  const bad = runs.filter((run) => outcomeOf(run) === 'fail').length;
  const words = `Last ${count(runs.length, 'run')}${bad > 0 ? `, ${bad} failed` : ''}`;
  const width = n * (BAR + GAP);
  const full = Math.log10(1 + Math.max(FULL_SECONDS, ...runs.map(runSeconds)));
  const bars = runs.map((run, i) => {
    const outcome = outcomeOf(run);
    const share = Math.log10(1 + runSeconds(run)) / full;
    const tall = Math.max(3, Math.round(share * (height - 5)));
    const x = width - (runs.length - i) * (BAR + GAP);
    return svg('g', { class: `run ${outcome}` },
      svg('title', {}, runInWords(run)),
      svg('rect', { x, y: height - tall, width: BAR, height: tall, rx: 1 }),
      outcome === 'fail' && svg('path', { d: `M${x} ${height - tall - 4}l${BAR} 0l-${BAR / 2} 3z` }));
  });
  return svg('svg', { class: 'runs', role: 'img', 'aria-label': words, width, height, viewBox: `0 0 ${width} ${height}` },
    svg('line', { x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5 }), bars);
}

/** A run in words, as `17:02:11, ran 3.2s, code 1: missing package`. */
function runInWords(run) {
  const length = runLength(runSeconds(run));
  if (!run.end) return `${moment(run.start)}, up for ${length}`;
  return `${moment(run.start)}, ran ${length}, ${ending(run) || run.outcome}${run.reason ? `: ${run.reason}` : ''}`;
}

/** The last runs as a table, newest first. */
function runsTable(runs) {
  return el('table', { class: 'plain runs-table' },
    el('thead', {}, el('tr', {}, ['Started', 'Lasted', 'Ended', 'Reason'].map((name) => el('th', { scope: 'col' }, name)))),
    el('tbody', {}, [...runs].reverse().slice(0, 20).map((run) => el('tr', {},
      el('td', {}, moment(run.start)),
      el('td', {}, run.end ? runLength(runSeconds(run)) : 'still up'),
      el('td', { class: run.outcome === 'fail' ? 'bad-text' : '' }, run.end ? ending(run) || run.outcome : '–'),
      el('td', {}, visible(run.reason ?? ''))))));
}
