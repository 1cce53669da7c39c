// What the journeys share: people who sign in, what their pages show, and what a page weighs.

import assert from 'node:assert/strict';
import AxeBuilder from '@axe-core/playwright';
import { openPage } from '../browser.mjs';
import { api, signInLink } from '../hub.mjs';

const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Opens a browser in which that person has signed in by a one-time link. */
export async function signedIn(browser, hub, person, { admin = false, ...view } = {}) {
  const opened = await openPage(browser, { width: 1280, ...view });
  await opened.page.goto(hub.url + signInLink(hub, person, ...(admin ? ['--admin'] : [])));
  await opened.page.click('main button');
  await opened.page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
  return opened;
}

/** The request as the API shows it. */
export const shown = (hub, id) => api(hub, 'GET', `/v1/requests/${id}`);

/** Waits until the request has that status. */
export async function waitForStatus(hub, id, status) {
  for (let left = 100; left > 0; left -= 1) {
    const request = await shown(hub, id);
    if (request.status === status) return request;
    await new Promise((done) => { setTimeout(done, 100); });
  }
  return assert.fail(`${id} is ${(await shown(hub, id)).status}, not ${status}`);
}

/** The state that is shown breaks no rule of WCAG 2.2 AA. Needs JavaScript. */
export async function accessible(page, name) {
  const { violations } = await new AxeBuilder({ page }).withTags(WCAG).analyze();
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)}`), [], name);
}

/** Bytes that arrive for a page with all it needs, compressed as they are sent. */
export async function weight(page, url) {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength; });
  await page.goto(url, { waitUntil: 'load' });
  await session.detach();
  return bytes;
}
