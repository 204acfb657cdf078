/**
 * Condenses what happened lately, as the session log records it, into `memory/summary.md`.
 */
import { recentLines, sessionLog, writeWhole } from './shared/files.js';
import { askForText } from './shared/model.js';
import { begin, giveUp } from './shared/task.js';

const SUMMARY = 'memory/summary.md';
const LINES = 200;

const INSTRUCTIONS =
  'The material is the end of a supervisor\'s session log. Summarise it in Markdown for the person who runs it: ' +
  'what ran, what failed and why, what needs a person. At most ten short bullet points, the most important first.';

export default async function memorySync(input, context) {
  const task = begin(context);
  const lines = await recentLines(LINES, 'memorySync');
  if (lines.length === 0) {
    task.say(`Nothing to summarise in ${sessionLog()} yet`);
    return { ok: true, lines: 0 };
  }

  const answer = await askForText(task, { instructions: INSTRUCTIONS, material: lines.join('\n') });
  if (!answer.ok) return giveUp(task, answer.reason);

  const now = new Date().toISOString();
  await writeWhole(SUMMARY, [
    '# Recent activity',
    '',
    `Written ${now} by ${answer.model} from the last ${lines.length} lines of ${sessionLog()}.`,
    '',
    answer.text,
    '',
  ].join('\n'));
  task.say(`Summarised ${lines.length} lines in ${SUMMARY}`);
  return { ok: true, lines: lines.length, summary: SUMMARY, model: answer.model };
}
