/**
 * Audits the supervisor that runs it, through its status routes, and names risks in
 * `memory/audit.md`: those that plain rules see, and those that the model sees.
 */
import { writeWhole } from './shared/files.js';
import { askForJson, oneLine } from './shared/model.js';
import { begin, giveUp } from './shared/task.js';

const AUDIT = 'memory/audit.md';
const ROUTE_TIMEOUT_MS = 10_000;
const ROUTE_BYTES = 4 * 1024 * 1024;
const MOST_WORKERS = 200;

const SCHEMA = {
  type: 'object',
  properties: {
    risks: {
      type: 'array',
      maxItems: 20,
      items: {
        type: 'object',
        properties: {
          title: { type: 'string' },
          severity: { type: 'string', enum: ['low', 'medium', 'high'] },
          evidence: { type: 'string' },
          advice: { type: 'string' },
        },
        required: ['title', 'severity', 'evidence', 'advice'],
        additionalProperties: false,
      },
    },
  },
  required: ['risks'],
  additionalProperties: false,
};

const INSTRUCTIONS =
  'The material is the status and the effective config of arcanos, a supervisor of worker processes, as JSON. ' +
  'Name at most ten risks to reliability or security that it shows, the worst first: what, the evidence by its field, what to do.';

export default async function auditProcessor(input, context) {
  const task = begin(context);
  const base = process.env.ARCANOS_URL?.replace(/\/+$/, '');
  if (!base) {
    return giveUp(task, 'ARCANOS_URL is not set: this arcanos serves no status (start-workers), so there is nothing to audit');
  }
  let status;
  let config;
  try {
    [status, config] = await Promise.all([read(base, '/workers/status', task), read(base, '/config', task)]);
  } catch (error) {
    return giveUp(task, oneLine(error.message, 300));
  }

  const plain = plainRisks(status, config);
  const answer = await askForJson(task, {
    instructions: INSTRUCTIONS,
    material: JSON.stringify({ status: essence(status), config: config.config ?? config }),
    name: 'audit',
    schema: SCHEMA,
  });
  await writeWhole(AUDIT, report(base, plain, answer));
  if (!answer.ok) return giveUp(task, answer.reason, { risks: plain.length, report: AUDIT });

  const count = plain.length + answer.value.risks.length;
  task.say(`Named ${count} risks in ${AUDIT}, ${plain.length} of them by rule`);
  return { ok: true, risks: count, byRule: plain.length, report: AUDIT, model: answer.model };
}

/** One route as JSON; throws with a sentence for a person. */
async function read(base, route, { signal }) {
  const headers = process.env.ARCANOS_TOKEN ? { authorization: `Bearer ${process.env.ARCANOS_TOKEN}` } : {};
  const late = AbortSignal.timeout(ROUTE_TIMEOUT_MS);
  const both = signal ? AbortSignal.any([signal, late]) : late;
  let response;
  let text = '';
  try {
    response = await fetch(base + route, { headers, signal: both, redirect: 'error' });
    text = await bounded(response);
  } catch (error) {
    throw new Error(`${base}${route} cannot be read: ${error.cause?.code ?? error.message}`, { cause: error });
  }
  if (response.status === 401) {
    throw new Error('the status server wants a token: set ARCANOS_TOKEN for this worker, as in [workers.auditProcessor] env');
  }
  if (!response.ok) throw new Error(`${base}${route} answered ${response.status}`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${base}${route} answered with something other than JSON`, { cause: error });
  }
}

async function bounded(response) {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > ROUTE_BYTES) throw new Error(`the answer is larger than ${ROUTE_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/** The part of the status that a judgement can rest on. */
function essence(status) {
  const workers = status.workers?.details ?? [];
  return {
    summary: status.summary,
    errors: status.workers?.errors,
    system: status.system,
    workers: workers.slice(0, MOST_WORKERS).map((worker) => ({
      id: worker.id,
      state: worker.state,
      attempts: worker.attempts,
      maxAttempts: worker.maxAttempts,
      starts: worker.starts,
      skippedRuns: worker.skippedRuns,
      lastExit: worker.lastExit,
      changed: worker.changed,
      warnings: worker.warnings,
      memoryBytes: worker.memoryBytes,
      log: worker.log,
    })),
  };
}

/** What needs no model to be seen. */
function plainRisks(status, { config = {}, lastReload } = {}) {
  const risks = [];
  const add = (severity, title, advice) => risks.push({ severity, title, advice });
  for (const worker of status.workers?.details ?? []) {
    const { id, state, warnings = [], log } = worker;
    const error = status.workers.errors?.[id];
    if (state === 'failed') add('high', `${id} has given up${error ? `: ${error}` : ''}`, `See arcanos logs ${id}, mend it, and start it again.`);
    if (state === 'backoff') add('medium', `${id} waits for its next attempt${error ? `: ${error}` : ''}`, `See arcanos logs ${id}.`);
    if (log?.dropped > 0) add('medium', `${log.dropped} lines of ${id} were lost`, 'It writes faster than the disk takes it.');
    if (worker.skippedRuns > 0) add('low', `${id} was still running at ${worker.skippedRuns} of its ticks`, 'Give its schedule more room.');
    if (worker.changed) add('low', `${id} runs an older version of its file`, `Restart ${id}.`);
    for (const warning of warnings ?? []) add('low', `${id}: ${warning}`, 'See arcanos why.');
  }
  if (config.env?.inherit?.includes?.('*')) {
    add('high', 'Workers inherit the whole environment of arcanos', 'Name in env.inherit what they need.');
  }
  if (lastReload?.result === 'rejected') {
    add('high', 'The last edit of the config was rejected', 'See arcanos check.');
  }
  return risks.slice(0, 100);
}

function report(base, plain, answer) {
  const line = ({ severity, title, evidence, advice }) =>
    `- **${severity}** ${oneLine(title, 300)}${evidence ? ` (${oneLine(evidence, 300)})` : ''}: ${oneLine(advice, 300)}`;
  const list = (risks) => (risks.length > 0 ? risks.map(line) : ['- none']);
  const judged = answer.ok ? list(answer.value.risks) : [`- nothing heard: ${answer.reason}`];
  return [
    '# Audit',
    '',
    `Written ${new Date().toISOString()} from ${base}.`,
    '',
    '## Seen by rule',
    '',
    ...list(plain),
    '',
    `## Seen by ${answer.ok ? answer.model : 'the model'}`,
    '',
    ...judged,
    '',
  ].join('\n');
}
