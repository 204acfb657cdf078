/**
 * Lists the files in the project's temporary folders that are older than an age in
 * `memory/temp-report.md`, and deletes them if CLEAR_TEMP_APPLY=1.
 *
 * What may be deleted is decided by rules alone (see shared/folders.js); the model can only name
 * files that should be kept. Without a good answer nothing is deleted.
 *
 * CLEAR_TEMP_FOLDERS   folders named tmp, temp or cache, separated by commas (tmp,temp,memory/tmp)
 * CLEAR_TEMP_AGE_HOURS least age of a file (24)
 * CLEAR_TEMP_APPLY     1 to delete
 */
import { writeWhole } from './shared/files.js';
import { list, remove } from './shared/folders.js';
import { askForJson, oneLine } from './shared/model.js';
import { begin, giveUp } from './shared/task.js';

const REPORT = 'memory/temp-report.md';
const DEFAULT_FOLDERS = 'tmp,temp,memory/tmp';
const DEFAULT_AGE_HOURS = 24;
const MOST_FILES = 200;

const SCHEMA = {
  type: 'object',
  properties: {
    keep: {
      type: 'array',
      maxItems: MOST_FILES,
      items: {
        type: 'object',
        properties: { file: { type: 'string' }, why: { type: 'string' } },
        required: ['file', 'why'],
        additionalProperties: false,
      },
    },
  },
  required: ['keep'],
  additionalProperties: false,
};

const INSTRUCTIONS =
  'The material lists old files in temporary folders, by name, size and age. Name those that should be kept because ' +
  'their names look like something a person would miss, exactly as they are written, and why. Mostly there are none.';

export default async function clearTemp(input, context) {
  const task = begin(context);
  const folders = (process.env.CLEAR_TEMP_FOLDERS || DEFAULT_FOLDERS).split(',').map((name) => name.trim()).filter(Boolean);
  const hours = Number(process.env.CLEAR_TEMP_AGE_HOURS || DEFAULT_AGE_HOURS);
  if (!Number.isFinite(hours) || hours < 0) return giveUp(task, 'CLEAR_TEMP_AGE_HOURS is not a number of hours');

  const { files, passedOver } = list(folders, Date.now() - hours * 3_600_000, MOST_FILES);
  for (const reason of passedOver) task.warn(reason);
  if (files.length === 0) {
    await writeWhole(REPORT, report(hours, [], 'Nothing is older.'));
    task.say(`No file older than ${hours} h in ${folders.join(', ')}`);
    return { ok: true, old: 0, deleted: 0 };
  }

  const answer = await askForJson(task, {
    instructions: INSTRUCTIONS,
    material: files.map(({ file, size, mtimeMs }) => `${JSON.stringify(file)} ${size} bytes, changed ${new Date(mtimeMs).toISOString()}`).join('\n'),
    name: 'keep',
    schema: SCHEMA,
  });
  if (!answer.ok) {
    const rows = files.map((file) => ({ ...file, fate: 'kept: the model was not heard' }));
    await writeWhole(REPORT, report(hours, rows, `Nothing was deleted: ${answer.reason}.`));
    return giveUp(task, answer.reason, { old: files.length, deleted: 0, report: REPORT });
  }

  const apply = process.env.CLEAR_TEMP_APPLY === '1' && !task.signal?.aborted;
  const rows = decide(files, answer.value.keep, apply);
  const deleted = rows.filter((row) => row.fate === 'deleted').length;
  const said = apply ? `Deleted ${deleted} of ${files.length} old files` : `Listed ${files.length} old files; CLEAR_TEMP_APPLY=1 deletes them`;
  await writeWhole(REPORT, report(hours, rows, `${said}. Asked: ${answer.model}.`));
  task.say(`${said} (${REPORT})`);
  return { ok: true, old: files.length, deleted, report: REPORT, model: answer.model };
}

/** What becomes of each file. Only files of the list are touched, whatever the model names. */
function decide(files, keep, apply) {
  const kept = new Map(keep.map(({ file, why }) => [file, why]));
  return files.map((file) => {
    if (kept.has(file.file)) return { ...file, fate: `kept: ${kept.get(file.file)}` };
    if (!apply) return { ...file, fate: 'may be deleted' };
    const problem = remove(file);
    return { ...file, fate: problem ? `kept: ${problem}` : 'deleted' };
  });
}

function report(hours, rows, said) {
  const line = ({ file, size, mtimeMs, fate }) =>
    `- \`${oneLine(file, 300).replaceAll('`', '\'')}\` (${size} bytes, ${new Date(mtimeMs).toISOString()}): ${oneLine(fate, 200)}`;
  return [
    '# Temporary files',
    '',
    `Written ${new Date().toISOString()}: files older than ${hours} h. ${said}`,
    '',
    ...rows.map(line),
    '',
  ].join('\n');
}
