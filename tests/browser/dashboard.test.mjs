// The dashboard of a real arcanos, in a real browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { STAYS, Site, launchBrowser, openPage, until } from './site.mjs';

let browser;
before(async () => { browser = await launchBrowser(); });
after(async () => { await browser?.close(); });

/** Runs `work` with a site and a page on it; afterwards the browser must not have minded anything. */
async function visit(settings, work) {
  const site = await Site.open(settings.site);
  try {
    const page = await openPage(browser, site, settings.page);
    await work({ site, page });
    assert.deepEqual(page.complaints, [], 'what the browser minded');
    await page.context().close();
  } finally {
    await site.close();
  }
}

const row = (page, id) => page.locator(`tr[data-id="${id}"]`);
const inState = (page, id, state) => page.locator(`tr[data-id="${id}"][data-state="${state}"]`).waitFor();
const textOf = (locator) => async () => (await locator.innerText()).replaceAll(/\s+/g, ' ');

test('every worker is shown with its state', { timeout: 60_000 }, async () => {
  await visit({ site: { workers: { alpha: STAYS, beta: STAYS, once: 'exit 0\n' } } }, async ({ page }) => {
    await inState(page, 'alpha', 'running');
    await inState(page, 'beta', 'running');
    await inState(page, 'once', 'completed');
    assert.match(await textOf(row(page, 'alpha'))(), /alpha alpha\.sh running/);
    await page.getByRole('table', { name: 'Workers' }).waitFor();
    await page.getByText('stand-in model', { exact: true }).waitFor();
  });
});

test('a worker that comes or goes is shown without a reload of the page', { timeout: 60_000 }, async () => {
  await visit({ site: { workers: { alpha: STAYS } } }, async ({ site, page }) => {
    await inState(page, 'alpha', 'running');
    await site.write('late', STAYS);
    await inState(page, 'late', 'running');
  });
});

test('the answer carries a policy that lets only this page act', { timeout: 60_000 }, async () => {
  await visit({ site: {} }, async ({ site, page }) => {
    const answer = await fetch(site.url, { headers: { Accept: 'text/html' } });
    const policy = answer.headers.get('content-security-policy');
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    // The browser has run the script, so its hash in the policy is the right one.
    await page.getByRole('heading', { name: 'Workers' }).waitFor();
  });
});

test('a crash loop is seen in backoff, then failed, with its reason', { timeout: 60_000 }, async () => {
  const config = '[restart]\ndelay = "2s"\nbackoff = "fixed"\nmax_attempts = 2\n';
  const crash = 'until [ -e go ]; do sleep 0.05; done\necho no key >&2\nexit 7\n';
  await visit({ site: { workers: { crash }, config } }, async ({ site, page }) => {
    await inState(page, 'crash', 'running');
    await site.put('go', '');
    await inState(page, 'crash', 'backoff');
    await inState(page, 'crash', 'failed');
    await until(async () => (await textOf(row(page, 'crash'))()).includes('code 7'), 'the exit code in the row');
    // Nothing explains this end, so its last words stand there.
    await until(async () => (await textOf(row(page, 'crash'))()).includes('no key'), 'its last words in the row');
    await row(page, 'crash').getByRole('link').click();
    await page.getByText('Gave up').waitFor();
    const threeRuns = () => until(async () => (await page.locator('.runs-table tbody tr').count()) === 3, 'three runs in the table');
    await threeRuns();
    // arcanos remembers them, not the page.
    await page.reload();
    await threeRuns();
    await page.getByText('Last 3 runs, 3 failed.').waitFor();
  });
});

test('stop asks back, and start and restart do what they say', { timeout: 60_000 }, async () => {
  await visit({ site: { workers: { alpha: STAYS } } }, async ({ site, page }) => {
    await inState(page, 'alpha', 'running');
    const first = (await site.ask('workers/alpha')).pid;

    await row(page, 'alpha').getByRole('button', { name: 'Restart alpha' }).click();
    const second = await until(async () => {
      const { pid, state } = await site.ask('workers/alpha');
      return state === 'running' && pid !== first && pid;
    }, 'a new run');

    await inState(page, 'alpha', 'running');
    await row(page, 'alpha').getByRole('button', { name: 'Stop alpha' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    assert.equal((await site.ask('workers/alpha')).pid, second, 'a stop that was not meant');
    await row(page, 'alpha').getByRole('button', { name: 'Stop alpha' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
    await inState(page, 'alpha', 'stopped');

    await row(page, 'alpha').getByRole('button', { name: 'Start alpha' }).click();
    await inState(page, 'alpha', 'running');
  });
});

test('the live log shows new lines, and text that looks like markup stays text', { timeout: 60_000 }, async () => {
  const hostile = [
    '<img src=x onerror="document.title=1">',
    '</script><script>document.title=2</script>',
    '<b>bold</b> &lt;i&gt;',
    'Worker alpha exited with code 0, signal null',
  ];
  const says = hostile.map((line) => `printf '%s\\n' '${line}'`).join('\n');
  const worker = `${says}\nprintf 'red \\033[31m and \\342\\200\\256turned\\n'\nuntil [ -e go ]; do sleep 0.05; done\necho it came later >&2\nexec sleep 86400\n`;
  await visit({ site: { workers: { alpha: worker } }, page: { path: '#/worker/alpha' } }, async ({ site, page }) => {
    const lines = page.locator('.log .line');
    for (const line of hostile) await lines.filter({ hasText: line }).waitFor();
    assert.equal(await page.locator('.log :is(img, script, b, i)').count(), 0, 'elements made of log text');
    await page.locator('.log .line.life').filter({ hasText: 'Launching worker: alpha' }).waitFor();
    assert.equal(await page.locator('.log .line.life').filter({ hasText: 'exited' }).count(), 0, 'a lifecycle mark that a worker forged');
    const shown = await page.locator('.log').innerText();
    assert.doesNotMatch(shown, /[\u001b\u202e]/, 'controls in the page');
    await site.put('go', '');
    await page.locator('.log .line.err').filter({ hasText: 'it came later' }).waitFor();
    assert.match(await page.title(), /arcanos/);

    await page.getByLabel('Show only lines with this text').fill('came later');
    await until(async () => (await page.locator('.log .line:visible').count()) === 1, 'one line left by the filter');
    await page.getByLabel('Show only lines with this text').fill('');
    await page.getByLabel('Show stream').selectOption('stderr');
    await until(async () => (await textOf(page.locator('.log'))()).includes('it came later') && !(await textOf(page.locator('.log'))()).includes('bold'), 'the lines of stderr alone');
  });
});

test('the newest line stays in sight when the screen is turned', { timeout: 60_000 }, async () => {
  const worker = 'for n in $(seq 200); do echo "line $n with enough words in it to be broken where a screen is narrow, as that of a phone is"; done\nexec sleep 86400\n';
  await visit({ site: { workers: { alpha: worker } }, page: { path: '#/worker/alpha' } }, async ({ page }) => {
    const last = page.locator('.log .line').last();
    const isInSight = () => page.locator('.log').evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 24);
    await page.locator('.log .line').filter({ hasText: 'line 200 ' }).waitFor();
    await until(isInSight, 'the end of the log');
    await page.setViewportSize({ width: 390, height: 844 });
    await until(isInSight, 'the end of the log on a narrow screen');
    await page.setViewportSize({ width: 1366, height: 500 });
    await until(isInSight, 'the end of the log on a low screen');
    assert.match(await last.innerText(), /line 200|running with model/);
  });
});

test('a pause holds the log still, and nothing is lost by it', { timeout: 60_000 }, async () => {
  const worker = 'echo begin\nuntil [ -e go ]; do sleep 0.05; done\necho while paused\nexec sleep 86400\n';
  await visit({ site: { workers: { alpha: worker } }, page: { path: '#/worker/alpha' } }, async ({ site, page }) => {
    const lines = page.locator('.log .line');
    await lines.filter({ hasText: 'begin' }).waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await site.put('go', '');
    await page.getByText(/paused, \d+ new line/).waitFor();
    assert.equal(await lines.filter({ hasText: 'while paused' }).count(), 0);
    await page.getByRole('button', { name: 'Follow' }).click();
    await lines.filter({ hasText: 'while paused' }).waitFor();
  });
});

test('the log of a worker that comes later is followed once it is there', { timeout: 60_000 }, async () => {
  await visit({ site: {}, page: { path: '#/worker/late' } }, async ({ site, page }) => {
    await page.getByText('no log: there is no such worker').waitFor();
    await site.write('late', 'echo here at last\nexec sleep 86400\n');
    await page.locator('.log .line').filter({ hasText: 'here at last' }).waitFor();
  });
});

test('a broken config is shown with its error until it is mended', { timeout: 60_000 }, async () => {
  await visit({ site: { workers: { alpha: STAYS } } }, async ({ site, page }) => {
    await inState(page, 'alpha', 'running');
    await site.configure('[restart]\ndelay = 5\n');
    await page.getByRole('alert').filter({ hasText: 'restart.delay' }).waitFor();
    assert.equal(await page.locator('#health').innerText(), 'degraded');
    await inState(page, 'alpha', 'running');
    await site.configure('');
    await page.getByText('The config on disk is not in force').waitFor({ state: 'detached' });
    await until(async () => (await page.locator('#health').innerText()) === 'OK', 'health to be OK again');
  });
});

test('the last reloads are there with their plans, though the page came later', { timeout: 60_000 }, async () => {
  await visit({ site: { workers: { alpha: STAYS }, config: '[workers.alpha]\nargs = ["one"]\n' } }, async ({ site, page }) => {
    await inState(page, 'alpha', 'running');
    await page.goto('about:blank');
    for (const [config, result] of [['[workers.alpha]\nargs = ["two"]\n', 'applied'], ['[restart]\ndelay = 5\n', 'rejected'], ['', 'applied']]) {
      const before = (await site.ask('config')).reloads.length;
      await site.configure(config);
      await until(async () => (await site.ask('config')).reloads.length > before, `the reload to be ${result}`);
    }
    await page.goto(`${site.url}#/reloads`);
    const reloads = page.locator('.reload');
    await until(async () => (await reloads.count()) === 4, 'four reloads');
    // A page that opens shows nothing until its top stands.
    await reloads.first().waitFor();
    assert.match(await textOf(reloads.nth(0))(), /applied generation 3 1 restarted, 0 unchanged restarted alpha/);
    assert.match(await textOf(reloads.nth(1))(), /rejected generation 2 arcanos\.toml:\d+:\d+: restart\.delay/);
    assert.match(await textOf(reloads.nth(3))(), /applied generation 1 1 started/);
  });
});

test('all can be done by the keyboard, and the focus comes back from a question', { timeout: 60_000 }, async () => {
  await visit({ site: { workers: { alpha: STAYS } } }, async ({ site, page }) => {
    await inState(page, 'alpha', 'running');
    const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.id);
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'skip');
    await page.keyboard.press('Enter');
    assert.equal(await focused(), 'main');
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
    for (let presses = 0; presses < 30 && (await focused()) !== 'Stop alpha'; presses += 1) await page.keyboard.press('Tab');
    assert.equal(await focused(), 'Stop alpha');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Stop alpha?' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await focused(), 'Stop alpha');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Stop', exact: true }).focus();
    await page.keyboard.press('Enter');
    await inState(page, 'alpha', 'stopped');
    assert.equal((await site.ask('workers/alpha')).pid, null);
  });
});

test('how arcanos stands is shown before the token is given', { timeout: 60_000 }, async () => {
  await visit({ site: { workers: { alpha: STAYS }, token: 'open-sesame-0123456789' } }, async ({ page }) => {
    await page.getByRole('dialog').waitFor();
    await until(async () => (await page.locator('#health').innerText()) === 'OK', 'health behind the question');
    assert.equal(await page.locator('tr[data-id]').count(), 0);
  });
});

test('the token is asked for, a wrong one again, and the right one opens', { timeout: 60_000 }, async () => {
  const token = 'open-sesame-0123456789';
  await visit({ site: { workers: { alpha: STAYS }, token } }, async ({ page }) => {
    const field = page.getByLabel('Token', { exact: true });
    await field.fill('wrong');
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.getByText('That token is not the one').waitFor();
    await field.fill(token);
    await page.getByRole('button', { name: 'Unlock' }).click();
    await inState(page, 'alpha', 'running');
    assert.equal(await page.evaluate(() => localStorage.length), 0, 'the token outside of this tab');
    await page.reload();
    await inState(page, 'alpha', 'running');
    assert.equal(await page.locator('dialog').count(), 0);
  });
});

test('a restart of arcanos is survived', { timeout: 90_000 }, async () => {
  await visit({ site: { workers: { alpha: STAYS } } }, async ({ site, page }) => {
    await inState(page, 'alpha', 'running');
    await site.stop();
    await page.getByText('Connection lost').waitFor();
    await site.write('beta', STAYS);
    await site.start();
    await page.getByText('Connection lost').waitFor({ state: 'detached' });
    await inState(page, 'alpha', 'running');
    await inState(page, 'beta', 'running');
  });
});

test('discovery says why, and config says where from', { timeout: 60_000 }, async () => {
  const config = '[workers.alpha]\nrestart = { max_attempts = 9 }\n';
  await visit({ site: { workers: { alpha: STAYS }, config } }, async ({ site, page }) => {
    await site.put('workers/notes.txt', 'not a worker\n');
    await page.getByRole('link', { name: 'Discovery' }).click();
    await page.getByRole('row', { name: /alpha\.sh.*worker/ }).waitFor();
    await page.getByRole('link', { name: 'Workers', exact: true }).click();
    await row(page, 'alpha').getByRole('link').click();
    const setting = page.locator('.settings tr').filter({ hasText: 'restart.max_attempts' });
    await until(async () => /9 file/.test(await textOf(setting)()), 'the worker\'s own setting');
    await page.getByRole('link', { name: 'Config' }).click();
    await page.getByText('workers.alpha.restart.max_attempts').waitFor();
  });
});

test('many workers on a phone are found by search, and nothing is wider than the screen', { timeout: 90_000 }, async () => {
  const workers = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`w${String(i).padStart(2, '0')}`, STAYS]));
  const page = { viewport: { width: 390, height: 844 }, isMobile: true, colorScheme: 'dark' };
  await visit({ site: { workers }, page }, async ({ page: phone }) => {
    await phone.getByRole('button', { name: /^40 all$/ }).waitFor();
    await phone.getByRole('searchbox').fill('w37');
    await until(async () => (await phone.locator('tr[data-id]:visible').count()) === 1, 'one worker left by the search');
    await inState(phone, 'w37', 'running');
    assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, 'a page that scrolls sideways');
  });
});
