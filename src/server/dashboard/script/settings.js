// Reads settings and their sources from the response of `/config`.

const SECTIONS = ['restart', 'start', 'stop', 'reload'];

/** Flattens a value into `[path, value]` leaves; lists are leaves. */
function leaves(value, path = '') {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [[path, value]];
  const entries = Object.entries(value);
  if (entries.length === 0) return path ? [[path, value]] : [];
  return entries.flatMap(([name, inner]) => leaves(inner, path ? `${path}.${asKey(name)}` : asKey(name)));
}

/** A key as TOML writes it. */
function asKey(name) {
  return /^[\w-]+$/.test(name) ? name : JSON.stringify(name);
}

/** Where a key's value comes from: its own entry, else that of the table around it. */
function sourceOf(sources, path) {
  const parts = path.split('.');
  for (let n = parts.length; n > 0; n -= 1) {
    const source = sources?.[parts.slice(0, n).join('.')];
    if (source) return source;
  }
  return null;
}

/** What holds for one worker: `[{key, value, source}]`, its own settings over those of the sections. */
function settingsOf(report, id) {
  const { config = {}, sources = {} } = report;
  const own = new Map(leaves(config.workers?.[id] ?? {}));
  const found = [];
  const ownSource = (key) => sourceOf(sources, `workers.${asKey(id)}.${key}`) ?? sources[`workers.${id}.${key}`];
  for (const [key, value] of own) {
    if (value === null || SECTIONS.includes(key.split('.')[0])) continue;
    found.push({ key, value, source: ownSource(key) ?? 'default' });
  }
  for (const section of SECTIONS) {
    const keys = new Map(leaves(config[section] ?? {}));
    for (const [key, value] of own) if (key.startsWith(`${section}.`)) keys.set(key.slice(section.length + 1), value);
    for (const [key, value] of keys) {
      if (key === '' || (section === 'start' && key === 'concurrency')) continue;
      const path = `${section}.${key}`;
      const source = own.has(path) ? ownSource(path) : null;
      found.push({ key: path, value, source: source ? `${source} [workers.${id}]` : sourceOf(sources, path) ?? 'default' });
    }
  }
  for (const [key, value] of leaves(config.env?.set ?? {})) {
    if (key === '' || own.has(`env.${key}`)) continue;
    found.push({ key: `env.${key}`, value, source: `${sourceOf(sources, `env.set.${key}`) ?? 'default'} [env.set]` });
  }
  return found;
}

/** A value as `arcanos.toml` writes it. */
function asToml(value) {
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return `[${value.map(asToml).join(', ')}]`;
  if (typeof value === 'object') return `{ ${Object.entries(value).map(([k, v]) => `${k} = ${asToml(v)}`).join(', ')} }`;
  return JSON.stringify(value);
}

/** Settings as a table. */
function settingsTable(settings) {
  return el('table', { class: 'plain settings' },
    el('thead', {}, el('tr', {}, ['Key', 'Value', 'From'].map((name) => el('th', { scope: 'col' }, name)))),
    el('tbody', {}, settings.map(({ key, value, source }) => el('tr', { class: source.startsWith('default') ? '' : 'set' },
      el('th', { scope: 'row' }, key),
      el('td', {}, el('code', {}, visible(asToml(value)))),
      el('td', {}, el('span', { class: source.startsWith('default') ? 'faint' : 'from' }, source))))));
}
