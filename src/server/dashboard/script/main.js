// Start-up, the choice of the page, the clock and the keyboard.

const TICK_MS = 1000;
/** The page shows at the latest after this time, whatever arcanos answers. */
const OPENING_MS = 1000;
const ticking = [];

/** Calls `work` every second while the page is visible. */
function every(work) {
  ticking.push(work);
}

const workersPage = new WorkersPage();
let page = null;
let scrolled = 0;

function pageOf(hash) {
  const [, name, rest] = /^#\/([a-z]*)\/?(.*)$/.exec(hash) ?? [null, '', ''];
  if (name === 'worker' && rest) {
    try { return { name: 'workers', page: new WorkerPage(decodeURIComponent(rest)) }; } catch { /* Not an id. */ }
  }
  if (name === 'discovery') return { name, page: new DiscoveryPage() };
  if (name === 'reloads') return { name, page: new ReloadsPage() };
  return { name: 'workers', page: workersPage };
}

function route() {
  const first = page === null;
  if (page === workersPage) scrolled = window.scrollY;
  page?.closed();
  const next = pageOf(location.hash);
  page = next.page;
  document.getElementById('main').replaceChildren(page.root);
  for (const link of document.querySelectorAll('nav a')) setAttr(link, 'aria-current', link.dataset.page === next.name ? 'page' : null);
  page.show();
  page.opened();
  window.scrollTo(0, page === workersPage ? scrolled : 0);
  if (!first) page.root.querySelector('h1')?.focus({ preventScroll: true });
}

document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('main').focus();
});

addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select, dialog')) return;
  const search = document.querySelector('main input[type="search"]');
  if (!search) return;
  event.preventDefault();
  search.focus();
});

// The top of the page is shown first, so that nothing below it moves later.
document.body.classList.add('opening');
const reveal = () => document.body.classList.remove('opening');
setTimeout(reveal, OPENING_MS);

showTop();
on(['health'], reveal);
on(['workers', 'health', 'config', 'discovery'], () => page?.show());
addEventListener('hashchange', route);
route();
goLive();
onPresence(() => page?.rest?.(), () => page?.wake?.());
setInterval(() => {
  if (document.hidden) return;
  for (const work of ticking) work();
  page?.tick();
}, TICK_MS);
