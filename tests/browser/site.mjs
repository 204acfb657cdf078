// A folder with workers, an arcanos that runs in it, and a browser that looks at it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = resolve(fileURLToPath(import.meta.url), '../../..');
/** Longest wait for anything, in ms; generous, since a test that passes never waits for it. */
export const DEADLINE = 20_000;

const CHROMIUM_ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** A worker that stays, and says so. */
export const STAYS = 'echo here\nexec sleep 86400\n';

/** The binary under test. */
function binary() {
  const given = process.env.ARCANOS_BIN;
  const found = (given ? [given] : ['target/release/arcanos', 'target/debug/arcanos']).map((path) => resolve(ROOT, path)).find(existsSync);
  assert.ok(found, 'no arcanos: build it, or name it in ARCANOS_BIN');
  return found;
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  const { port } = server.address();
  await new Promise((done) => { server.close(done); });
  return port;
}

/** Waits until `look` gives something true, and gives that. */
export async function until(look, what) {
  const end = Date.now() + DEADLINE;
  let last;
  for (;;) {
    try {
      last = await look();
      if (last) return last;
    } catch (error) { last = error; }
    assert.ok(Date.now() < end, `waited in vain for ${what}; the last look gave: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
    await new Promise((done) => { setTimeout(done, 25); });
  }
}

/** Opens the browser that all tests share. */
export function launchBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: CHROMIUM_ARGS });
}

/** A temporary folder with sh workers and an arcanos in it. */
export class Site {
  /** Makes the folder and starts arcanos. `workers` maps ids to the text of their sh files. */
  static async open({ workers = {}, config = '', token = '' } = {}) {
    const site = new Site();
    site.root = await mkdtemp(join(tmpdir(), 'arcanos-browser-'));
    site.port = await freePort();
    site.url = `http://127.0.0.1:${site.port}/`;
    site.token = token;
    site.more = config;
    await mkdir(join(site.root, 'workers'));
    for (const [id, text] of Object.entries(workers)) await site.write(id, text);
    await site.configure(config);
    await site.start();
    return site;
  }

  /** Writes a worker's file by rename, so that it is never seen half written. */
  async write(id, text) {
    await this.put(`workers/${id}.sh`, text);
  }

  /** Writes the config; `more` stands after what every site has. */
  async configure(more) {
    await this.put('arcanos.toml', `
[discovery]
prepare = []
[[discovery.rules]]
name = "sh"
files = ["*.sh"]
command = ["/bin/sh", "{file}"]
ipc = false
mode = "script"
[model]
upstream = "echo"
[start]
alive_after = "100ms"
[stop]
timeout = "2s"
[server]
listen = "127.0.0.1:${this.port}"
${this.token ? `token = "${this.token}"` : ''}
${more}
`);
  }

  /** Writes a file of the site. */
  async put(path, text) {
    const draft = join(this.root, `.${path.replaceAll('/', '-')}.draft`);
    await writeFile(draft, text);
    await rename(draft, join(this.root, path));
  }

  /** Starts arcanos and waits until it answers. */
  async start() {
    const environment = { PATH: process.env.PATH, HOME: this.root };
    this.said = '';
    this.process = spawn(binary(), [], { cwd: this.root, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const pipe of [this.process.stdout, this.process.stderr]) pipe.on('data', (text) => { this.said += text; });
    const process_ = this.process;
    this.ended = new Promise((done) => { process_.once('exit', done); });
    await until(async () => {
      assert.equal(process_.exitCode, null, `arcanos ended: ${this.said}`);
      return (await fetch(new URL('health', this.url))).ok;
    }, 'arcanos to answer');
  }

  /** Ends arcanos, in the orderly way. */
  async stop() {
    const killer = setTimeout(() => this.process.kill('SIGKILL'), DEADLINE);
    this.process.kill('SIGTERM');
    await this.ended;
    clearTimeout(killer);
  }

  /** Asks arcanos directly, beside the browser. */
  async ask(path) {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    return (await fetch(new URL(path, this.url), { headers })).json();
  }

  /** Ends everything and removes the folder. */
  async close() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.stop();
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Opens the dashboard in a window of its own; `page.complaints` is what the browser minded. */
export async function openPage(browser, site, { path = '', viewport = { width: 1366, height: 768 }, ...options } = {}) {
  const context = await browser.newContext({ viewport, ...options });
  context.setDefaultTimeout(DEADLINE);
  const page = await context.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(error.stack));
  page.on('console', (message) => {
    // That a connection broke or a token was refused is what some tests are about.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) page.complaints.push(message.text());
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(site.url) && !url.startsWith('data:')) page.complaints.push(`asked another host: ${url}`);
  });
  await page.goto(site.url + path);
  return page;
}
