/**
 * Reviews one source file of this folder a run, in turn, and appends suggestions to
 * `memory/improvements.md`. It changes no code.
 *
 * The file's text goes to the model: keep secrets out of worker files.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { readHead, writeWhole } from './shared/files.js';
import { askForJson, oneLine } from './shared/model.js';
import { begin, giveUp } from './shared/task.js';

const IMPROVEMENTS = 'memory/improvements.md';
const TURN = 'memory/improvements.turn.json';
const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const SOURCE_BYTES = 64 * 1024;

/** Characters of suggestions that are kept; the oldest go first. */
const KEPT = 200_000;

const TITLE = '# Suggestions';

const SCHEMA = {
  type: 'object',
  properties: {
    suggestions: {
      type: 'array',
      maxItems: 10,
      items: {
        type: 'object',
        properties: {
          line: { type: 'integer', minimum: 0 },
          kind: { type: 'string', enum: ['clarity', 'bug', 'security', 'speed'] },
          suggestion: { type: 'string' },
        },
        required: ['line', 'kind', 'suggestion'],
        additionalProperties: false,
      },
    },
  },
  required: ['suggestions'],
  additionalProperties: false,
};

const INSTRUCTIONS =
  'The material is a source file with line numbers. Review it as a careful colleague would: at most five suggestions worth ' +
  'making, each with its line (0 for the whole file), its kind, and one or two sentences. None if it is good as it is.';

export default async function codeImprovement(input, context) {
  const task = begin(context);
  const file = await nextFile();
  if (!file) {
    task.say('There is no source file to review');
    return { ok: true, suggestions: 0 };
  }
  const source = await readHead(path.join(FOLDER, file), SOURCE_BYTES) ?? '';
  const numbered = source.split('\n').map((line, index) => `${index + 1}: ${line}`);
  const answer = await askForJson(task, {
    instructions: `${INSTRUCTIONS} The file is ${JSON.stringify(file)}.`,
    material: beginning(numbered),
    name: 'review',
    schema: SCHEMA,
  });
  // A file that a model answers badly about has had its turn; one that nobody was asked about has not.
  if (answer.ok || answer.answered) await writeWhole(TURN, `${JSON.stringify({ last: file })}\n`);
  if (!answer.ok) return giveUp(task, answer.reason, { file });

  const { suggestions } = answer.value;
  await append(entry(file, suggestions, answer.model));
  task.say(`Reviewed ${file}: ${suggestions.length} suggestions in ${IMPROVEMENTS}`);
  return { ok: true, file, suggestions: suggestions.length, report: IMPROVEMENTS, model: answer.model };
}

/** The file after the last one by name, or the first. */
async function nextFile() {
  const entries = await readdir(FOLDER, { withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && /^[^._].*\.[cm]?js$/.test(entry.name))
    .map((entry) => entry.name)
    .sort();
  const last = await lastFile();
  return files.find((file) => file > last) ?? files[0];
}

async function lastFile() {
  try {
    const { last } = JSON.parse(await readHead(TURN, 4096) ?? '{}');
    return typeof last === 'string' ? last : '';
  } catch {
    // Nobody's work is lost with it: the round begins again.
    return '';
  }
}

/** As many lines from the top as fit: the model's limit would keep the end. */
function beginning(lines) {
  let room = 20_000;
  const cut = lines.findIndex((line) => (room -= line.length + 1) < 0);
  return cut < 0 ? lines.join('\n') : [...lines.slice(0, cut), '… (cut)'].join('\n');
}

function entry(file, suggestions, model) {
  const line = (one) => `- ${one.line > 0 ? `line ${one.line}, ` : ''}${one.kind}: ${oneLine(one.suggestion, 600)}`;
  const lines = suggestions.length > 0 ? suggestions.map(line) : ['- nothing to suggest'];
  return [`## ${file}, ${new Date().toISOString()}, ${model}`, '', ...lines, ''].join('\n');
}

async function append(text) {
  const before = await readHead(IMPROVEMENTS, KEPT * 4) ?? '';
  let entries = before.split(/^(?=## )/m).filter((part) => part.startsWith('## '));
  entries.push(text);
  while (entries.length > 1 && entries.reduce((sum, part) => sum + part.length, 0) > KEPT) entries = entries.slice(1);
  await writeWhole(IMPROVEMENTS, `${TITLE}\n\n${entries.map((part) => part.trimEnd()).join('\n\n')}\n`);
}
