// Signs in with `countersign login` where there is a keyring: GNOME Keyring, on a message bus of its own.
//
//   node keyring.mjs PROGRAM
//
// Chromium confirms the codes. `secret-tool` (libsecret) looks at what the program has left in the keyring. No file may have
// the secret, a locked keyring must neither hang nor lose it, and what an earlier login left in a file is found.
// Prints a summary; exit code 0 only when all went well.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { openPage, withBrowser } from './browser.mjs';
import { api, freePort, keep, killAll, signInLink, startHub } from './hub.mjs';

const program = resolve(process.argv[2]);
const PERSON = 'dana@example.com';
const PASSWORD = 'marker of a keyring';
const folder = mkdtempSync(join(tmpdir(), 'countersign-keyring-'));
const config = join(folder, 'config');
const file = join(config, 'countersign', 'credentials.json');
mkdirSync(join(folder, 'run'), { mode: 0o700 });
const env = { ...process.env, HOME: folder, XDG_CONFIG_HOME: config, XDG_DATA_HOME: join(folder, 'data'), XDG_RUNTIME_DIR: join(folder, 'run') };
for (const name of ['COUNTERSIGN_TOKEN', 'COUNTERSIGN_URL', 'COUNTERSIGN_CREDENTIALS', 'DISPLAY', 'WAYLAND_DISPLAY']) delete env[name];

const tool = (command, ...args) => spawnSync(command, args, { env, encoding: 'utf8' });
const entries = () => JSON.parse(readFileSync(file, 'utf8')).hubs;
/** Files below the folder that contain the text. */
const filesWith = (secret) => spawnSync('grep', ['-rlaF', secret, folder], { encoding: 'utf8' }).stdout;

/** Runs the program; returns what it printed, and how long it took. */
function run(code, ...args) {
  const start = Date.now();
  const { status, stdout, stderr } = tool(program, ...args);
  assert.equal(status, code, `${args}: ${stdout}${stderr}`);
  return { stdout, stderr, seconds: (Date.now() - start) / 1000 };
}

/** Starts a message bus that starts no programs by itself: not the keyring of whoever runs this. */
async function startBus() {
  const settings = join(folder, 'bus.conf');
  writeFileSync(settings, `<busconfig><type>session</type><listen>unix:dir=${folder}/run</listen><policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`);
  const bus = spawn('dbus-daemon', [`--config-file=${settings}`, '--nofork', '--print-address'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  keep(bus);
  const { value } = await createInterface({ input: bus.stdout })[Symbol.asyncIterator]().next();
  env.DBUS_SESSION_BUS_ADDRESS = value;
}

/** Starts GNOME Keyring with its password, as a desktop does at sign-in. Returns a function that ends it. */
async function startKeyring() {
  const daemon = spawn('gnome-keyring-daemon', ['--foreground', '--unlock', '--components=secrets'], { env, stdio: ['pipe', 'ignore', 'ignore'] });
  keep(daemon);
  daemon.stdin.end(PASSWORD);
  for (let left = 100; !isOwned(); left -= 1) {
    assert.ok(left > 0, 'GNOME Keyring does not start');
    await new Promise((done) => { setTimeout(done, 50); });
  }
  return async () => {
    daemon.kill('SIGTERM');
    await once(daemon, 'exit');
  };
}

const bus = (destination, path, method, ...args) => tool('dbus-send', '--session', '--print-reply', `--dest=${destination}`, path, method, ...args);
const isOwned = () => bus('org.freedesktop.DBus', '/', 'org.freedesktop.DBus.NameHasOwner', 'string:org.freedesktop.secrets').stdout.includes('true');

function lock() {
  const locked = bus('org.freedesktop.secrets', '/org/freedesktop/secrets', 'org.freedesktop.Secret.Service.Lock', 'array:objpath:/org/freedesktop/secrets/collection/login');
  assert.equal(locked.status, 0, locked.stderr);
}

/** Signs in, and confirms the code in a browser. Returns where the secret is kept. */
async function login(hub, browser, settings = {}) {
  const child = spawn(program, ['login', hub.url, '--json'], { env: { ...env, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] });
  keep(child);
  const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  const said = async () => JSON.parse((await lines.next()).value);
  const code = await said();
  const { page } = await openPage(browser, { width: 800 });
  await page.goto(hub.url + signInLink(hub, PERSON));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.goto(code.verification_uri_complete);
  await page.getByRole('button', { name: 'Confirm' }).click();
  const printed = text(child.stdout);
  const kept = await said();
  assert.equal(JSON.parse(await printed).person, PERSON);
  await page.context().close();
  return kept;
}

async function check(hub, browser) {
  const name = `${hub.url} (${file})`;
  const lookup = () => tool('secret-tool', 'lookup', 'service', 'countersign', 'username', name).stdout;
  const me = async (secret) => (await fetch(`${hub.url}/v1/me`, { headers: { authorization: `Bearer ${secret}` } })).status;

  // A login before there was a keyring.
  assert.equal((await login(hub, browser, { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere' })).in, 'file');
  const old = entries()[hub.url].secret;
  let endKeyring = await startKeyring();
  assert.match(run(0, 'whoami').stdout, /dana@example\.com/, 'the secret in the file of an earlier login is found');

  // In the keyring, and in no file.
  assert.deepEqual(await login(hub, browser), { event: 'kept', in: 'keyring' });
  const secret = lookup();
  assert.match(secret, /^css_/);
  assert.deepEqual(entries()[hub.url], { person: PERSON });
  assert.equal(filesWith(secret), '', 'no file has the secret');
  assert.equal(await me(old), 401, 'the earlier session has ended');
  assert.match(run(0, 'whoami').stdout, /dana@example\.com/);
  run(0, 'request', 'list');

  // A locked keyring that cannot ask anybody for its password.
  lock();
  const locked = run(1, 'whoami');
  assert.match(locked.stderr, /keyring/);
  assert.ok(locked.seconds < 35, `${locked.seconds} s`);
  assert.match(run(1, 'logout').stderr, /you are not signed out/);
  await endKeyring();
  assert.match(run(1, 'whoami').stderr, /countersign login/);
  endKeyring = await startKeyring();
  assert.equal(lookup(), secret, 'it is still there');
  assert.match(run(0, 'whoami').stdout, /dana@example\.com/);

  assert.equal(run(0, 'logout').stdout, `signed out of ${hub.url}\n`);
  assert.equal(lookup(), '');
  assert.deepEqual(entries(), {});
  assert.equal(await me(secret), 401);

  // By choice in the file, and where the keyring refuses.
  assert.equal((await login(hub, browser, { COUNTERSIGN_CREDENTIALS: 'file' })).in, 'file');
  assert.equal(lookup(), '');
  lock();
  const refused = await login(hub, browser);
  assert.equal(refused.in, 'file');
  assert.match(refused.because, /keyring/);
  assert.match(run(0, 'whoami').stdout, /dana@example\.com/);
  run(0, 'logout');
  await endKeyring();
  return `locked: ${locked.seconds.toFixed(1)} s`;
}

try {
  await startBus();
  const hub = await startHub(program, await freePort());
  await api(hub, 'PUT', `/v1/people/${PERSON}`, { name: 'Dana' });
  const seen = await withBrowser((browser) => check(hub, browser));
  console.log(`GNOME Keyring keeps the secret, and no file has it; ${seen}`);
} finally {
  killAll();
}
