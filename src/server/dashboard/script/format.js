// Formats numbers, sizes and times for people.

/** Seconds as `3s`, `2m 5s`, `1h 4m`, `3d 2h`. */
function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return '–';
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${s % 60}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${Math.floor((s % 3600) / 60)}m`;
  return `${Math.floor(s / 86400)}d ${Math.floor((s % 86400) / 3600)}h`;
}

/** The length of a run: below ten seconds with a tenth. */
function runLength(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  return seconds < 10 ? `${seconds.toFixed(1)}s` : duration(seconds);
}

/** Bytes as `82 MiB`. */
function bytes(n) {
  if (n === null || n === undefined) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = n;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** A share as `3.1 %`. */
function percent(share) {
  if (share === null || share === undefined) return '–';
  const value = share * 100;
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} %`;
}

/** A number and its noun. */
function count(n, one, many) {
  return `${n} ${n === 1 ? one : many ?? `${one}s`}`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const DAY = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });

/** A moment as the time of day, with the date if it is not today. */
function moment(when) {
  if (!when) return '–';
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return String(when);
  const today = new Date().toDateString() === date.toDateString();
  return today ? CLOCK.format(date) : `${DAY.format(date)}, ${CLOCK.format(date)}`;
}

/** How a run ended: `code 1`, `SIGKILL`. */
function ending(exit) {
  if (!exit) return '';
  if (exit.signal) return exit.signal;
  if (exit.code !== null && exit.code !== undefined) return `code ${exit.code}`;
  return 'never began';
}

/** Why a run ended, beside its code or signal: its reason, or its last line on stderr if the reason only repeats them. */
function causeOf(exit) {
  const reason = exit?.reason ?? '';
  const cause = reason.replace(/ ?\(?(?:exited with code \d+|killed by \w+)\)?$/, '');
  return cause || (reason && exit.lastLines?.at(-1)) || '';
}

const NATURAL = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** Compares two names as people count: `w9` comes before `w10`. */
function naturally(a, b) {
  return NATURAL.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** How long ago something was, in one unit. */
function ago(when) {
  const seconds = Math.max(0, Math.floor((serverNow() - Date.parse(when)) / 1000));
  const [, unit, of] = [[60, 's', 1], [3600, 'm', 60], [86400, 'h', 3600], [Infinity, 'd', 86400]].find(([below]) => seconds < below);
  return `${Math.floor(seconds / of)}${unit} ago`;
}

/** Sequences that set a colour or a weight on a terminal, raw or as the server escapes them. */
const COLOURS = /(?:\u001b|\\x1b)\[[0-9;:]*m/g;
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;
const INVISIBLE_ALL = new RegExp(INVISIBLE.source, 'g');

/** Takes terminal colours out, and escapes invisible characters: controls, and marks that change the direction of the text. */
function visible(raw) {
  const text = raw.replace(COLOURS, '');
  if (!INVISIBLE.test(text)) return text;
  return text.replace(INVISIBLE_ALL, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}
