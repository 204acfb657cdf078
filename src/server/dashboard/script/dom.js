// Makes and updates elements. Every text becomes a text node, so no text of a worker is parsed as markup.

/** Makes an element. `props` are attributes; `on…` ones are listeners, `class` the class. */
function el(tag, props, ...children) {
  return furnish(document.createElement(tag), props, children);
}

/** Makes an SVG element. */
function svg(tag, props, ...children) {
  return furnish(document.createElementNS('http://www.w3.org/2000/svg', tag), props, children);
}

function furnish(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const SHOWN = Symbol('shown');

/** Sets a node's text if it differs from what it shows. */
function setText(node, text) {
  if (node[SHOWN] === text) return;
  node[SHOWN] = text;
  node.textContent = text;
}

/** Sets or removes an attribute if it differs. */
function setAttr(node, name, value) {
  if (value === null || value === undefined) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Replaces a node's content by what `make` returns, if `key` differs from the last one. */
function setContent(node, key, make) {
  if (node[SHOWN] === key) return;
  node[SHOWN] = key;
  node.replaceChildren(...[make()].flat(2).filter(Boolean));
}

/** Puts `node` before `next` without losing its focus, where the browser can. */
function place(parent, node, next) {
  if (parent.moveBefore && node.isConnected && node.parentNode === parent) parent.moveBefore(node, next);
  else parent.insertBefore(node, next);
}

/** The path of each state's sign, in a square of 12, so that states differ in more than colour. */
const SIGNS = {
  starting: 'M6 1a5 5 0 1 0 5 5H9.3A3.3 3.3 0 1 1 6 2.7z',
  running: 'M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1z',
  stopping: 'M6 1a5 5 0 0 0 0 10zM7.5 3.5h1.5v5H7.5z',
  backoff: 'M6 1.5 11.5 11h-11zM5.3 4.8v3h1.4v-3zm0 3.7v1.3h1.4V8.5z',
  completed: 'M4.7 10 .9 6.2l1.3-1.3 2.5 2.5 5.1-5.3 1.3 1.3z',
  scheduled: 'M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1zm0 1.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM5.4 3.5v2.8l2 1.3.7-1-1.5-1V3.5z',
  failed: 'M2.3 1 6 4.7 9.7 1 11 2.3 7.3 6 11 9.7 9.7 11 6 7.3 2.3 11 1 9.7 4.7 6 1 2.3z',
  stopped: 'M2 2h8v8H2z',
};

/** A state's sign, hidden from screen readers. */
function sign(state) {
  return svg('svg', { class: 'sign', viewBox: '0 0 12 12', width: 12, height: 12, 'aria-hidden': 'true' },
    svg('path', { d: SIGNS[state] ?? SIGNS.stopped, 'fill-rule': 'evenodd' }));
}

/** A state as sign, colour and word. */
function badge(state, word = state) {
  return el('span', { class: `badge s-${state}` }, sign(state), el('span', {}, word));
}
