// The top of every page: the state of arcanos, its config, its folder and its model.

/** Shows the top, and updates it from the store. */
function showTop() {
  on(['health', 'workers', 'token', 'connection'], showFacts);
  on(['health', 'connection', 'config'], showBanners);
  every(() => { showFacts(); showRetry(); });
}

function showFacts() {
  const { health, connection } = store;
  const place = document.getElementById('facts');
  if (!health) return;
  const lost = connection.state === 'lost';
  const good = health.status === 'OK' && !lost;
  const upstream = health.ai?.upstream;
  const key = JSON.stringify([health.status, lost, health.version, health.ai, health.config?.generation, health.system?.environment, token.value !== null]);
  setContent(place, key, () => [
    el('span', { class: `health ${lost ? 'gone' : good ? 'good' : 'bad'}`, id: 'health' }, sign(lost ? 'stopped' : good ? 'completed' : 'backoff'), lost ? 'not connected' : good ? 'OK' : health.status),
    upstream === 'echo'
      ? el('span', { class: 'standin', title: 'Workers get answers from the built-in stand-in, not from a model' }, 'stand-in model')
      : el('span', { class: 'fact', title: 'The model of workers without one of their own' }, modelInWords(health.ai)),
    el('span', { class: 'fact' }, `${health.system?.environment ?? ''} · generation ${health.config?.generation ?? '–'}`),
    el('span', { class: 'fact', id: 'arcanos-facts' }),
    token.value !== null && el('button', { class: 'quiet', onclick: forgetToken }, 'Forget token'),
  ]);
  const line = document.getElementById('arcanos-facts');
  const up = (health.system?.uptimeSeconds ?? 0) + (serverNow() - Date.parse(health.timestamp)) / 1000;
  if (line) setText(line, `v${health.version} · up ${duration(up)} · ${bytes(health.system?.memoryBytes)}`);
  const { failed, backoff } = countStates();
  const trouble = [failed && `${failed} failed`, backoff && `${backoff} in backoff`, health.status !== 'OK' && 'degraded'].filter(Boolean);
  const title = [...(lost ? ['not connected'] : trouble), 'arcanos'].join(' · ');
  if (document.title !== title) document.title = title;
}

function modelInWords(ai) {
  if (!ai) return '';
  const where = ai.upstream === 'openai' ? 'OpenAI' : ai.upstream;
  const reached = ai.reachable === true ? 'reachable' : ai.reachable === false ? 'refused' : 'not checked';
  return `${ai.defaultModel ?? 'no model'} at ${where} (${reached})`;
}

function forgetToken() {
  token.value = null;
  location.reload();
}

function showBanners() {
  const { health, connection } = store;
  const banners = [];
  if (connection.state === 'lost') {
    banners.push({ key: `lost ${connection.reason}`, make: () => banner('bad', 'Connection lost', [
      connection.reason && el('p', {}, connection.reason),
      el('p', {}, 'This page shows the state before that. ', el('span', { id: 'retry' }), ' ', el('button', { onclick: retryNow }, 'Try now')),
    ]) });
  }
  for (const trouble of troubles(health)) banners.push(trouble);
  setContent(document.getElementById('banners'), JSON.stringify(banners.map((b) => b.key)), () => banners.map((b) => b.make()));
  showRetry();
}

/** All that makes arcanos degraded, and the stand-in; each text only once. */
function troubles(health) {
  if (!health) return [];
  const found = [];
  const told = [];
  const add = (kind, title, text, note) => {
    told.push(text);
    found.push({ key: [kind, title, text, note], make: () => banner(kind, title, [text && el('pre', {}, visible(text)), note && el('p', { class: 'note' }, note)]) });
  };
  if (health.config?.error) add('bad', 'The config on disk is not in force', health.config.error, `The last good one, of ${moment(health.config.loadedAt)}, stays in force. Correct ${health.config.file} and it is applied at once.`);
  if (health.discovery?.error) add('bad', 'The folder of workers cannot be read', health.discovery.error, health.discovery.directory);
  if (health.ai?.reachable === false) add('bad', `The model cannot be used: ${health.ai.defaultModel ?? ''} at ${health.ai.upstream}`, health.ai.error ?? 'the upstream refused it');
  const others = (health.problems ?? []).filter((problem) => !told.some((text) => text && (text.includes(problem) || problem.includes(text))));
  if (others.length > 0) {
    found.push({ key: others, make: () => banner('warn', others.length === 1 ? 'A problem' : `${others.length} problems`, [el('ul', {}, others.map((text) => el('li', {}, visible(text))))]) });
  }
  if (health.ai?.upstream === 'echo') add('note', 'Stand-in model', null, 'Answers come from the built-in stand-in (arcanos-echo), not from a model. Set OPENAI_API_KEY or model.upstream for real ones.');
  return found;
}

function banner(kind, title, content) {
  return el('section', { class: `banner ${kind}`, role: kind === 'bad' ? 'alert' : null, 'aria-label': title }, el('strong', {}, title), ...content);
}

function showRetry() {
  const place = document.getElementById('retry');
  if (!place) return;
  const seconds = Math.ceil((store.connection.retryAt - Date.now()) / 1000);
  setText(place, seconds > 0 ? `Trying again in ${seconds}s.` : 'Trying again…');
}
