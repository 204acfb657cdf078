/**
 * Lists and removes old files in folders of the project, and never leaves them.
 *
 * The rules: a file may go if it is a regular file with one name (no hard link elsewhere), not
 * hidden, older than the given time, in a folder named tmp, temp or cache below the working directory
 * that is reached without any symbolic link. Each folder is opened once without following links and everything in
 * it is named through that descriptor, so a folder that is swapped for a link meanwhile leads
 * nowhere. The calls are synchronous: nothing of ours runs between a check and its deed.
 */
import {
  closeSync, constants, existsSync, fstatSync, lstatSync, openSync, readdirSync, unlinkSync,
} from 'node:fs';
import path from 'node:path';

/** Names of folders that may be cleared: a slip of the pen must not name the sources. */
const TEMPORARY = /(?:^|[._-])(?:tmp|temp|cache)$/i;

/** How deep folders in folders are looked at. */
const MOST_LEVELS = 6;

/** Whether open descriptors have names, as on Linux; elsewhere plain paths must do. */
const NAMED_DESCRIPTORS = existsSync('/proc/self/fd');

/**
 * @typedef {{ file: string, folder: string[], name: string, size: number, mtimeMs: number, dev: number, ino: number }} OldFile
 */

/**
 * The files that may go, at most `most`, and why a folder was passed over.
 * @returns {{ files: OldFile[], passedOver: string[] }}
 */
export function list(folders, before, most) {
  const files = [];
  const passedOver = [];
  for (const folder of folders) {
    const steps = path.normalize(folder).split(path.sep).filter(Boolean);
    if (path.isAbsolute(folder) || steps.includes('..') || !TEMPORARY.test(steps.at(-1))) {
      passedOver.push(`Passed over ${folder}: it is not a folder of the project named tmp, temp or cache`);
      continue;
    }
    try {
      within(steps, (at) => walk(at, steps, { before, most, files }));
    } catch (error) {
      if (error.code !== 'ENOENT') passedOver.push(`Passed over ${folder}: ${reason(error)}`);
    }
  }
  return { files, passedOver };
}

/**
 * Removes a listed file if it is still the one that was listed.
 * @param {OldFile} old
 * @returns {string | null} why it was kept
 */
export function remove(old) {
  try {
    return within(old.folder, (at) => {
      const now = lstatSync(at(old.name));
      const same = now.isFile() && now.nlink === 1 && now.dev === old.dev && now.ino === old.ino && now.mtimeMs === old.mtimeMs;
      if (!same) return 'it has changed since it was listed';
      unlinkSync(at(old.name));
      return null;
    });
  } catch (error) {
    return reason(error);
  }
}

function walk(at, steps, search) {
  const folders = [];
  const entries = readdirSync(at('.'), { withFileTypes: true });
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of entries) {
    if (search.files.length >= search.most) return;
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) folders.push(entry.name);
    if (entry.isFile()) consider(at, steps, entry.name, search);
  }
  if (steps.length >= MOST_LEVELS) return;
  for (const name of folders) {
    try {
      descend(at(name), (inner) => walk(inner, [...steps, name], search));
    } catch {
      // It was removed, swapped for a link, or is not ours to read: not a temporary folder of ours.
    }
  }
}

function consider(at, steps, name, { before, files }) {
  let found;
  try {
    found = lstatSync(at(name));
  } catch {
    return;
  }
  if (!found.isFile() || found.nlink !== 1 || found.mtimeMs >= before) return;
  const { size, mtimeMs, dev, ino } = found;
  files.push({ file: [...steps, name].join('/'), folder: steps, name, size, mtimeMs, dev, ino });
}

/** Calls `visit` with a function that names what lies in the folder at `steps`. */
function within(steps, visit, at = (name) => path.join(process.cwd(), name)) {
  const [first, ...rest] = steps;
  return descend(at(first), (inner) => (rest.length > 0 ? within(rest, visit, inner) : visit(inner)));
}

function descend(folder, visit) {
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(descriptor).isDirectory()) throw new Error('it is not a folder');
    const real = NAMED_DESCRIPTORS ? `/proc/self/fd/${descriptor}` : folder;
    return visit((name) => `${real}/${name}`);
  } finally {
    closeSync(descriptor);
  }
}

function reason(error) {
  const known = { ELOOP: 'it is a symbolic link', ENOTDIR: 'it is a link or not a folder', EACCES: 'it may not be read or changed', EPERM: 'it may not be changed', ENOENT: 'it is gone' };
  return known[error.code] ?? error.code ?? error.message;
}
