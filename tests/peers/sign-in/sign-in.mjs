// Signs in to a hub through real OpenID providers, by clicking through their pages in Chromium.
//
//   node sign-in.mjs PROGRAM FOLDER
//
// PROGRAM is the hub's; FOLDER gets pictures. For each provider it starts both, signs in as dana@example.com, votes, and
// tries to vote once more after she was removed from the group. Exit code: 0, or 1 when something is not as it must be.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { openPage, withBrowser } from '../browser.mjs';
import { api, freePort, keep, killAll, start, startHub as startProgram, stop } from '../hub.mjs';

const [program, shots] = process.argv.slice(2);
const here = import.meta.dirname;
const python = join(here, '../.venv/bin');
const SECRET = 'a marker of a secret+/=';
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
/** An nginx that speaks HTTPS for the hub at that port, with a certificate of its own; returns its URL. */
async function startNginx(hubPort) {
  const [folder, port] = [mkdtempSync(join(tmpdir(), 'nginx-')), await freePort()];
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder};`).join(' ');
  writeFileSync(join(folder, 'nginx.conf'), `daemon off; master_process off; error_log stderr; pid ${folder}/pid;
    events {}
    http { access_log off; ${places}
      server { listen 127.0.0.1:${port} ssl; server_name localhost; ssl_certificate ${cert}; ssl_certificate_key ${key};
        location = /ready { return 200; }
        location / { proxy_pass http://127.0.0.1:${hubPort}; proxy_set_header Host $host:$server_port;
          proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https; } } }`);
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const child = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], { env, stdio: 'ignore' });
  keep(child);
  return { child, url: `https://localhost:${port}` };
}

const startHub = (port, settings, proxy) => startProgram(program, port, settings, proxy?.url);

/** Votes as a page of the hub would, with the browser's cookies. */
async function vote(context, { url, direct }, id) {
  const cookies = await context.cookies(url);
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
  const headers = { cookie, 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' };
  return new Promise((resolve, reject) => {
    const call = request(`${direct}/v1/requests/${id}/approve`, { method: 'POST', headers }, (answer) => {
      let text = '';
      answer.on('data', (part) => { text += part; }).on('end', () => resolve({ http: answer.statusCode, ...JSON.parse(text) }));
    });
    call.on('error', reject).end('{}');
  });
}

/** The page is the hub's, is whole, and meets WCAG. */
async function checkPage(page, name, javaScript) {
  await page.screenshot({ path: join(shots, `sign-in-${name}.png`), fullPage: true });
  if (!javaScript) return;
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wide, 0, `${name} is wider than the screen`);
  const { violations } = await new AxeBuilder({ page }).withTags(WCAG).analyze();
  assert.deepEqual(violations.map(({ id }) => id), [], name);
}

/** Signs in, votes, is removed, and may not vote any more. */
async function signInAndVote(browser, name, hub, provider, { width = 1280, javaScript = true, https = false } = {}) {
  await api(hub, 'PUT', '/v1/groups/dba', { members: ['dana@example.com'] });
  await api(hub, 'PUT', '/v1/resources/orders', { slots: [{ group: 'dba' }], min_assurance: 'sso' });
  const ask = () => api(hub, 'POST', '/v1/requests', {
    resource: 'orders', command: 'touch marker', requester: { email: 'nora@example.com' },
  });
  const { context, page } = await openPage(browser, { width, javaScript, anyCertificate: https });
  await page.goto(`${hub.url}/account`);
  assert.match(page.url(), /\/sign-in\?return=%2Faccount$/);
  await checkPage(page, name, javaScript);
  await page.click('text=Sign in with');
  await provider.signIn(page);
  await page.waitForURL(`${hub.url}/account`);
  assert.equal(await page.textContent('h1'), 'dana@example.com', name);
  const first = await vote(context, hub, (await ask()).id);
  assert.equal(first.http, 200, JSON.stringify(first));
  assert.equal(first.votes[0].assurance, 'sso');
  await api(hub, 'PUT', '/v1/groups/dba', { members: ['erik@example.com'] });
  const second = await vote(context, hub, (await ask()).id);
  assert.ok(second.http === 403 || second.http === 404, `${name}: ${JSON.stringify(second)}`);
  return { context, page };
}

async function withOidcProvider(browser, alg, auth, options, more = async () => {}) {
  const [port, hubPort] = [await freePort(), await freePort()];
  const issuer = `http://127.0.0.1:${port}`;
  const proxy = options.https ? await startNginx(hubPort) : null;
  const argument = JSON.stringify({ port, hub: proxy?.url ?? `http://127.0.0.1:${hubPort}`, alg, auth });
  const running = await start('node', [join(here, 'oidc-provider.mjs'), argument], {}, `${issuer}/.well-known/openid-configuration`);
  const hub = await startHub(hubPort, {
    COUNTERSIGN_OIDC_ISSUER: issuer,
    COUNTERSIGN_OIDC_CLIENT_ID: 'countersign',
    COUNTERSIGN_OIDC_SCOPES: 'openid email groups',
    COUNTERSIGN_OIDC_NAME: 'Example ID',
    ...(auth === 'none' ? {} : { COUNTERSIGN_OIDC_CLIENT_SECRET: SECRET, COUNTERSIGN_OIDC_CLIENT_AUTH: auth }),
    ...(proxy ? { COUNTERSIGN_PUBLIC_URL: proxy.url, COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1' } : {}),
  }, proxy);
  const provider = {
    async signIn(page) {
      await page.fill('input[name=login]', 'dana');
      await page.fill('input[name=password]', 'any');
      await page.click('button[type=submit]');
      await page.click('button[type=submit]'); // consent
    },
  };
  const signedIn = await signInAndVote(browser, `oidc-provider-${alg}${proxy ? '-https' : ''}`, hub, provider, options);
  await more({ ...signedIn, hub, provider, running });
  await signedIn.context.close();
  await Promise.all([hub, running, ...(proxy ? [proxy] : [])].map(stop));
  return `oidc-provider ${alg} ${auth}${proxy ? ' behind nginx' : ''}`;
}

/** Back button, cancel, sign-out on both sides, and a provider that is gone. */
async function odds({ context, page, hub, provider, running }) {
  await page.goBack();
  await page.goto(`${hub.url}/sign-in`);
  assert.match(await page.textContent('main'), /signed in as dana@example\.com/);
  // Signing in again: the provider asks again.
  await page.click('text=Sign in with');
  await page.waitForSelector('input[name=login]');
  await page.click('text=/cancel/i');
  await page.waitForURL(/\/sign-in\/callback/);
  assert.match(await page.textContent('main'), /was cancelled/);
  await checkPage(page, 'cancelled', true);
  // Out of the hub, then out of the provider, which says so to the hub.
  const other = await openPage(context.browser(), { width: 390 });
  await page.goto(`${hub.url}/account`);
  await page.click('button:has-text("Sign out")');
  await checkPage(page, 'signed-out', true);
  await page.click('text=Sign out there too');
  await page.click('button:has-text("Yes")');
  await page.waitForURL(`${hub.url}/sign-in`);
  // A provider's logout ends a session of the hub.
  await other.page.goto(`${hub.url}/sign-in`);
  await other.page.click('text=Sign in with');
  await provider.signIn(other.page);
  await other.page.waitForURL(`${hub.url}/`);
  await other.page.goto(`${hub.url}/sign-out/provider`);
  await other.page.click('button:has-text("Yes")');
  await other.page.waitForURL(`${hub.url}/sign-in`);
  await other.page.goto(`${hub.url}/account`);
  assert.match(other.page.url(), /\/sign-in\?return/, hub.log() + running.log());
  // Without its provider, the hub says so.
  await other.page.click('text=Sign in with');
  await other.page.fill('input[name=login]', 'dana');
  await other.page.fill('input[name=password]', 'any');
  await other.page.click('button[type=submit]');
  const consent = other.page.locator('button[type=submit]');
  await consent.waitFor();
  const [answer] = await Promise.all([other.page.waitForRequest(/\/sign-in\/callback/), consent.click()]);
  await other.page.waitForURL(`${hub.url}/account`);
  // The answer was used.
  await other.page.goto(answer.url());
  assert.match(await other.page.textContent('main'), /already finished/);
  await checkPage(other.page, 'used', true);
  await other.context.close();
  for (const secret of [SECRET, /code=/, /id_token/]) assert.doesNotMatch(hub.log(), new RegExp(secret.source ?? secret.replace(/[+/]/g, '\\$&')));
}

async function withMock(browser) {
  const [port, hubPort] = [await freePort(), await freePort()];
  const issuer = `http://127.0.0.1:${port}`;
  const claims = JSON.stringify({ sub: 'dana', email: 'dana@example.com', groups: ['dba'] });
  const running = await start(join(python, 'oidc-provider-mock'), ['--port', port, '--user-claims', claims], {}, `${issuer}/.well-known/openid-configuration`);
  const hub = await startHub(hubPort, {
    COUNTERSIGN_OIDC_ISSUER: issuer,
    COUNTERSIGN_OIDC_CLIENT_ID: 'countersign',
    COUNTERSIGN_OIDC_CLIENT_SECRET: 'hush',
    COUNTERSIGN_OIDC_EMAIL_VERIFIED: 'if_present',
  });
  const provider = { signIn: (page) => page.click('button[value=dana]') };
  const { context } = await signInAndVote(browser, 'oidc-provider-mock', hub, provider, {});
  await context.close();
  await Promise.all([stop(hub), stop(running)]);
  return 'oidc-provider-mock';
}

async function withNano(browser) {
  const [port, hubPort] = [await freePort(), await freePort()];
  const issuer = `http://127.0.0.1:${port}`;
  const folder = mkdtempSync(join(tmpdir(), 'nanoidp-'));
  const client = { client_id: 'countersign', client_secret: 'hush', description: 'the hub' };
  writeFileSync(join(folder, 'settings.yaml'), JSON.stringify({
    config_version: 1, server: { host: '127.0.0.1', port }, oauth: { issuer, audience: 'countersign', clients: [client] },
  }));
  const dana = { password: 'any', email: 'dana@example.com', groups: ['dba'] };
  writeFileSync(join(folder, 'users.yaml'), JSON.stringify({ config_version: 1, users: { dana } }));
  const args = ['--config', folder, '--host', '127.0.0.1', '--port', String(port)];
  const running = await start(join(python, 'nanoidp'), args, { cwd: folder }, `${issuer}/.well-known/openid-configuration`);
  const hub = await startHub(hubPort, {
    COUNTERSIGN_OIDC_ISSUER: issuer,
    COUNTERSIGN_OIDC_CLIENT_ID: 'countersign',
    COUNTERSIGN_OIDC_CLIENT_SECRET: 'hush',
    COUNTERSIGN_OIDC_EMAIL_VERIFIED: 'if_present',
  });
  const provider = {
    async signIn(page) {
      await page.fill('input[name=username]', 'dana');
      await page.fill('input[name=password]', 'any');
      await page.click('button[type=submit]');
    },
  };
  const { context } = await signInAndVote(browser, 'nanoidp', hub, provider, {});
  await context.close();
  await Promise.all([stop(hub), stop(running)]);
  return 'nanoidp';
}

mkdirSync(shots, { recursive: true });
try {
  const done = await withBrowser(async (browser) => [
    await withOidcProvider(browser, 'RS256', 'client_secret_post', { width: 360, javaScript: false }),
    await withOidcProvider(browser, 'ES256', 'client_secret_basic', { width: 360 }, odds),
    await withOidcProvider(browser, 'Ed25519', 'none', {}),
    await withOidcProvider(browser, 'RS256', 'client_secret_basic', { https: true }),
    await withMock(browser),
    await withNano(browser),
  ]);
  console.log(`signed in and voted through ${done.join(', ')}`);
} finally {
  killAll();
}
