/**
 * Proposes upkeep for this project and writes it as `memory/maintenance.json`.
 *
 * The file only proposes: nothing reads it to act. An answer that does not fit leaves the last file
 * as it was.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

import { recentLines, writeWhole } from './shared/files.js';
import { askForJson } from './shared/model.js';
import { problems } from './shared/schema.js';
import { begin, giveUp } from './shared/task.js';

const PLAN = 'memory/maintenance.json';
const FOLDERS = ['memory', 'memory/logs', 'workers', 'tmp', 'temp'];
const MOST_ENTRIES = 200;
const LINES = 60;

const TASKS = {
  type: 'array',
  minItems: 1,
  maxItems: 20,
  items: {
    type: 'object',
    properties: {
      title: { type: 'string', minLength: 3, maxLength: 200 },
      every: { type: 'string', enum: ['week', 'day', 'month'] },
      hour: { type: 'integer', minimum: 0, maximum: 23 },
      priority: { type: 'string', enum: ['low', 'medium', 'high'] },
      reason: { type: 'string', minLength: 3, maxLength: 1000 },
    },
    required: ['title', 'every', 'hour', 'priority', 'reason'],
    additionalProperties: false,
  },
};

const ANSWER = { type: 'object', properties: { tasks: TASKS }, required: ['tasks'], additionalProperties: false };

/** What the written file must fit. */
const FILE = {
  type: 'object',
  properties: {
    version: { type: 'integer', minimum: 1, maximum: 1 },
    generatedAt: { type: 'string', minLength: 20, maxLength: 40 },
    model: { type: 'string', minLength: 1, maxLength: 100 },
    tasks: TASKS,
  },
  required: ['version', 'generatedAt', 'model', 'tasks'],
  additionalProperties: false,
};

const INSTRUCTIONS =
  'The material lists the size and age of a project\'s files, then the end of its supervisor\'s session log. Propose upkeep: ' +
  'at most eight tasks, each with a title, how often (every day, week or month), the local hour at which it disturbs least, ' +
  'its priority, and the reason as the material shows it.';

export default async function maintenanceScheduler(input, context) {
  const task = begin(context);
  const entries = (await Promise.all(FOLDERS.map(survey))).flat();
  const lines = await recentLines(LINES, 'maintenanceScheduler');
  const answer = await askForJson(task, {
    instructions: INSTRUCTIONS,
    material: [...entries.slice(0, MOST_ENTRIES), '', 'Session log:', ...lines].join('\n'),
    name: 'maintenance',
    schema: ANSWER,
  });
  if (!answer.ok) return giveUp(task, answer.reason);

  const plan = { version: 1, generatedAt: new Date().toISOString(), model: answer.model, tasks: answer.value.tasks };
  const [problem] = problems(FILE, plan, 'maintenance');
  if (problem) return giveUp(task, `the plan does not fit its schema: ${problem}`);

  await writeWhole(PLAN, `${JSON.stringify(plan, null, 2)}\n`);
  task.say(`Proposed ${plan.tasks.length} tasks in ${PLAN}`);
  return { ok: true, tasks: plan.tasks.length, plan: PLAN, model: answer.model };
}

/** A line for each regular file of a folder; none if there is no such folder. */
async function survey(folder) {
  let found;
  try {
    found = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  }
  const files = found.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).slice(0, MOST_ENTRIES);
  const lines = await Promise.all(files.map((entry) => describe(path.join(folder, entry.name))));
  return lines.filter(Boolean);
}

async function describe(file) {
  try {
    const { size, mtimeMs } = await stat(file);
    const days = Math.max(0, (Date.now() - mtimeMs) / 86_400_000);
    return `${JSON.stringify(file)} ${size} bytes, changed ${days.toFixed(1)} days ago`;
  } catch {
    // It was removed since it was listed.
    return null;
  }
}
