/**
 * Reads the goals in `memory/goals.md` and reports in `memory/goals-report.md` how each one stands,
 * judged by recent activity.
 */
import { readHead, recentLines, writeWhole } from './shared/files.js';
import { askForJson, oneLine } from './shared/model.js';
import { begin, giveUp } from './shared/task.js';

const GOALS = 'memory/goals.md';
const REPORT = 'memory/goals-report.md';
const GOALS_BYTES = 32 * 1024;
const MOST_GOALS = 30;
const LINES = 120;

const SAMPLE = `# Goals

One goal a line. Tick what is done; goalWatcher reports on the rest in goals-report.md.

- [ ] Every worker completes its runs without errors
- [ ] The session log is summarised once a day
- [ ] No worker needs more than one restart a day
`;

const SCHEMA = {
  type: 'object',
  properties: {
    goals: {
      type: 'array',
      maxItems: MOST_GOALS,
      items: {
        type: 'object',
        properties: {
          number: { type: 'integer' },
          status: { type: 'string', enum: ['unknown', 'stalled', 'progressing', 'reached'] },
          progress: { type: 'string' },
        },
        required: ['number', 'status', 'progress'],
        additionalProperties: false,
      },
    },
  },
  required: ['goals'],
  additionalProperties: false,
};

const INSTRUCTIONS =
  'The material is a numbered list of goals, then the end of a supervisor\'s session log. For each goal that is not ' +
  'ticked say by its number how it stands, and in one sentence what in the log shows it. Say "unknown" where the log shows nothing.';

export default async function goalWatcher(input, context) {
  const task = begin(context);
  const goals = parse(await readOrCreate(task));
  const open = goals.filter((goal) => !goal.ticked);
  if (open.length === 0) {
    task.say(`No open goal in ${GOALS}`);
    return { ok: true, goals: goals.length, open: 0 };
  }

  const list = goals.map((goal) => `${goal.number}. [${goal.ticked ? 'x' : ' '}] ${goal.text}`);
  const lines = await recentLines(LINES, 'goalWatcher');
  const answer = await askForJson(task, {
    instructions: INSTRUCTIONS,
    material: [...list, '', 'Session log:', ...lines].join('\n'),
    name: 'goals',
    schema: SCHEMA,
  });
  if (!answer.ok) return giveUp(task, answer.reason);

  const judged = new Map(answer.value.goals.map((goal) => [goal.number, goal]));
  await writeWhole(REPORT, report(goals, judged, answer.model));
  const spoken = open.filter((goal) => judged.has(goal.number));
  task.say(`Reported on ${spoken.length} of ${open.length} open goals in ${REPORT}`);
  return { ok: true, goals: goals.length, open: open.length, judged: spoken.length, report: REPORT, model: answer.model };
}

async function readOrCreate(task) {
  const text = await readHead(GOALS, GOALS_BYTES);
  if (text !== null) return text;
  await writeWhole(GOALS, SAMPLE);
  task.say(`Wrote a sample ${GOALS}; put your own goals there`);
  return SAMPLE;
}

/** The items of all lists in the file, numbered from 1. */
function parse(text) {
  const item = /^\s*(?:[-*+]|\d+[.)])\s+(?:\[([ xX])\]\s+)?(\S.*)$/;
  return text
    .split('\n')
    .map((line) => item.exec(line))
    .filter(Boolean)
    .slice(0, MOST_GOALS)
    .map(([, box, words], index) => ({
      number: index + 1,
      ticked: box !== undefined && box !== ' ',
      text: oneLine(words, 300),
    }));
}

function report(goals, judged, model) {
  const row = (goal) => {
    const { status, progress } = goal.ticked
      ? { status: 'done', progress: 'Ticked.' }
      : judged.get(goal.number) ?? { status: 'unknown', progress: 'The model said nothing about it.' };
    return `| ${cell(goal.text)} | ${status} | ${cell(progress)} |`;
  };
  return [
    '# Goals',
    '',
    `Written ${new Date().toISOString()} by ${model} from ${GOALS}.`,
    '',
    '| goal | status | progress |',
    '|---|---|---|',
    ...goals.map(row),
    '',
  ].join('\n');
}

const cell = (text) => oneLine(text, 400).replaceAll('|', '\\|');
