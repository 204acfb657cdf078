/**
 * Bounded reads, and writes that are whole or not at all.
 *
 * Paths are relative to the working directory, which is the folder of `arcanos.toml`.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/** Bytes of the session log that are looked at. */
const LOG_TAIL = 64 * 1024;

/** Where arcanos writes what happens: another place in production, as its profile says. */
export function sessionLog() {
  if (process.env.SESSION_LOG) return process.env.SESSION_LOG;
  return process.env.NODE_ENV === 'production' ? '/var/arc/log/session.log' : 'memory/session.log';
}

/** The beginning of a text file, at most `limit` bytes; `null` if there is none. */
export async function readHead(file, limit) {
  return readPart(file, limit, () => 0);
}

/**
 * The last whole lines of the session log, oldest first, at most `count`, without the lines of the
 * worker `except`: a summary of its own summaries would grow for ever.
 */
export async function recentLines(count, except) {
  let partial = false;
  const text = await readPart(sessionLog(), LOG_TAIL, (size) => {
    partial = size > LOG_TAIL;
    return Math.max(0, size - LOG_TAIL);
  });
  const lines = (text ?? '').split('\n').slice(partial ? 1 : 0);
  const own = [`] [${except}] `, `"worker":"${except}"`];
  return lines.filter((line) => line && !own.some((mark) => line.includes(mark))).slice(-count);
}

async function readPart(file, limit, startOf) {
  let handle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(limit, size));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, startOf(size));
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Writes a file so that a reader meets the old text or the new one, never a part. */
export async function writeWhole(file, text) {
  const folder = path.dirname(file);
  await mkdir(folder, { recursive: true });
  const temporary = path.join(folder, `.${path.basename(file)}.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
