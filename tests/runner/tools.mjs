// The programs that single tests need, and where they come from.

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Each with Debian's package. */
const TOOLS = [
  { program: 'python3', package: 'python3' },
  { program: 'git', package: 'git' },
  { program: 'prometheus', package: 'prometheus' },
  { program: 'promtool', package: 'prometheus' },
  { program: 'fish', package: 'fish' },
  { program: 'zsh', package: 'zsh' },
  { program: 'strace', package: 'strace' },
  { program: 'faketime', package: 'faketime' },
  { program: 'systemd-analyze', package: 'systemd' },
  { program: 'unshare', package: 'util-linux' },
  { program: 'nsenter', package: 'util-linux' },
  { program: 'setpriv', package: 'util-linux' },
  { program: 'mount', package: 'mount' },
];

/** Tests of the library that do nothing, and pass, where they lack what stands beside them. */
const UNITS = {
  a_full_disk_costs_what_does_not_fit_and_then_it_goes_on: 'root',
  fish_completes_commands_flags_values_and_ids: 'fish',
  zsh_asks_for_the_ids_of_the_named_config: 'zsh',
};

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];

/** Where a program lies, by its path or its name on `PATH`; undefined if nowhere. */
function find(program) {
  const folders = (process.env.PATH ?? '').split(':');
  return (program.includes('/') ? [program] : folders.map((folder) => join(folder, program))).find(isProgram);
}

/** Whether a program is there. */
export function has(program) {
  return find(program) !== undefined;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Why a test of the library did nothing; undefined if it did something. */
export function lackOfUnit(test) {
  const need = UNITS[test.split('::').at(-1)];
  if (need === 'root') return process.getuid() === 0 ? undefined : 'it needs root';
  return need === undefined || has(need) ? undefined : `this machine lacks \`${need}\``;
}

/** The path of the browser for the dashboard's tests; undefined if there is none. */
export function chromium() {
  return [process.env.CHROMIUM, ...BROWSERS].filter(Boolean).map(find).find(Boolean);
}

function missing() {
  const browser = chromium() ? [] : [{ program: 'chromium', package: 'chromium' }];
  return [...TOOLS.filter(({ program }) => !has(program)), ...browser];
}

/** Installs what is missing if `isInstalling`, and returns what is missing still. */
export function provide(isInstalling) {
  const wanted = [...new Set(missing().map((tool) => tool.package))];
  if (!isInstalling || wanted.length === 0) return missing();
  console.log(`Installing ${wanted.join(', ')} …`);
  apt('update');
  // One by one, if not at once: that one cannot be had must not cost the others.
  if (!apt('install', ...wanted)) wanted.forEach((name) => apt('install', name));
  return missing();
}

function apt(verb, ...packages) {
  const words = ['apt-get', verb, '-qy', ...(verb === 'install' ? ['--no-install-recommends'] : []), ...packages];
  const [program, ...rest] = process.getuid() === 0 ? words : ['sudo', '-n', ...words];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(program, rest, { stdio: ['ignore', 'inherit', 'inherit'], env }).status === 0;
}
