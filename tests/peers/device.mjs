// Signs in a device at a running hub: `openid-client` plays the program (RFC 8628), and Chromium the person.
//
//   node device.mjs HUB_URL ADMIN_TOKEN FOLDER
//
// The person has a phone without JavaScript. Once they open the link with the code, sign in with their token on the way,
// and come back; once they sign in with a one-time link, and enter the code. FOLDER gets pictures of the pages. Prints a summary; exit code 0 only when all went well.

import assert from 'node:assert/strict';
import * as oauth from 'openid-client';
import { openPage, withBrowser } from './browser.mjs';

const [hub, admin, folder] = process.argv.slice(2);
const PERSON = 'dana@example.com';

async function call(path, token, body) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const answer = await fetch(`${hub}${path}`, { method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

function client() {
  const server = {
    issuer: hub,
    device_authorization_endpoint: `${hub}/v1/device/authorize`,
    token_endpoint: `${hub}/v1/device/token`,
  };
  const config = new oauth.Configuration(server, 'openid-client', undefined, oauth.None());
  oauth.allowInsecureRequests(config);
  return config;
}

/** Opens the link with the code, and signs in on the way, with a token. */
async function followLink(page, started) {
  const { body: token } = await call('/v1/tokens', admin, { name: 'peers-device', scope: 'approver', person: PERSON });
  await page.goto(started.verification_uri_complete);
  assert.match(page.url(), /\/sign-in\?return=/);
  await page.getByRole('textbox', { name: 'Token' }).fill(token.secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
  assert.equal(page.url(), started.verification_uri_complete, 'back at the code');
}

/** Signs in with a one-time link, and enters the code. */
async function enterCode(page, started) {
  const { body: link } = await call('/v1/sign-in-links', admin, { person: PERSON });
  await page.goto(link.url);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.goto(started.verification_uri);
  await page.screenshot({ path: `${folder}/device-code.png`, fullPage: true });
  await page.getByRole('textbox', { name: 'Code' }).fill(started.user_code.toLowerCase());
  await page.getByRole('button', { name: 'Continue' }).click();
}

/** Presses a button of the page of a device. Returns what the last page says. */
async function decide(browser, theme, started, arrive, button) {
  const { page } = await openPage(browser, { width: 360, javaScript: false, theme });
  await arrive(page, started);
  const text = await page.locator('main').innerText();
  assert.ok(text.includes(started.user_code) && text.includes('Only confirm if you started this yourself'), text);
  assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360, 'nothing is cut at 360 px');
  await page.screenshot({ path: `${folder}/device-${theme}.png`, fullPage: true });
  await page.getByRole('button', { name: button }).click();
  await page.screenshot({ path: `${folder}/device-decided-${theme}.png`, fullPage: true });
  return page.locator('main').innerText();
}

const config = client();
await withBrowser(async (browser) => {
  const started = await oauth.initiateDeviceAuthorization(config, { device_name: 'build-7' });
  const polling = oauth.pollDeviceAuthorizationGrant(config, started);
  assert.match(await decide(browser, 'light', started, followLink, 'Confirm'), /The device acts as dana@example\.com/);
  const tokens = await polling;
  const me = await call('/v1/me', tokens.access_token);
  assert.equal(me.status, 200);
  assert.deepEqual([me.body.person, me.body.kind], [PERSON, 'session']);
  await assert.rejects(oauth.pollDeviceAuthorizationGrant(config, started), { error: 'invalid_grant' });

  const unwanted = await oauth.initiateDeviceAuthorization(config, { device_name: 'build-8' });
  const refused = assert.rejects(oauth.pollDeviceAuthorizationGrant(config, unwanted), { error: 'access_denied' });
  assert.match(await decide(browser, 'dark', unwanted, enterCode, 'Deny'), /was not signed in/);
  await refused;
});
console.log('openid-client got a session that Chromium confirmed, and none that it denied');
