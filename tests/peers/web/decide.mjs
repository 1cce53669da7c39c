// Journeys of people who decide: in the inbox, on the page of a request, by a signed link on a phone.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { openPage } from '../browser.mjs';
import { api } from '../hub.mjs';
import { accessible, shown, signedIn, waitForStatus, weight } from './visit.mjs';

const OLGA = 'olga@example.com';
/** Most bytes of a page with all it needs. */
const HEAVIEST = 60_000;

const ask = (hub, number, more = {}) => api(hub, 'POST', '/v1/requests', {
  resource: 'orders-db', requester: { email: 'tomas@example.com' }, language: 'sql', command: `UPDATE shipments SET carrier = 'c${number}' WHERE id = ${number};`,
  reason: `Shipment ${number} goes with another carrier.`, ...more,
});

/** By keyboard alone: approve, take back, approve again, reject with a reason. */
async function byKeyboard(browser, hub) {
  const [first, second] = [await ask(hub, 1, { timeout_seconds: 300 }), await ask(hub, 2, { timeout_seconds: 330 })];
  const { page, context } = await signedIn(browser, hub, OLGA);
  await page.goto(`${hub.url}/`);
  await page.waitForSelector('.keys:not([hidden])');
  while (!await page.$(`#${first.id}[aria-current]`)) await page.keyboard.press('j');
  await page.keyboard.press('a');
  await page.waitForSelector('.undo');
  await page.keyboard.press('u');
  await page.waitForSelector(`#${first.id}[aria-current]`);
  assert.equal((await shown(hub, first.id)).votes.length, 0, 'a vote that was taken back is not sent');
  await page.keyboard.press('a');
  await page.waitForSelector(`#${second.id}[aria-current]`);
  await accessible(page, 'a vote that is about to be sent');
  await page.keyboard.press('r');
  await page.keyboard.type('Not this one.');
  await page.keyboard.press('Tab');
  const focused = () => page.evaluate(() => document.activeElement.value);
  for (let left = 5; left > 0 && await focused() !== 'reject'; left -= 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await waitForStatus(hub, first.id, 'approved');
  const rejected = await waitForStatus(hub, second.id, 'rejected');
  assert.equal(rejected.decision.reason, 'Not this one.');
  await context.close();
}

/** A hundred requests, decided one after the other: how long the page takes for each, as a figure (a busy machine is slower). */
async function aHundred(browser, hub) {
  for (let number = 0; number < 100; number += 1) {
    // Each is unlike the others, so that none are grouped.
    const word = `c${String(number).replace(/\d/g, (digit) => 'abcdefghij'[digit])}`;
    await ask(hub, number, { command: `UPDATE ${word}_shipments SET ${word} = ${word} + 1 WHERE ${word} < 9;`, timeout_seconds: 400 + number });
  }
  const { page, context } = await signedIn(browser, hub, OLGA);
  const times = [];
  const began = performance.now();
  while (times.length < 100) {
    await page.goto(`${hub.url}/`);
    await page.waitForSelector('.keys:not([hidden])');
    const found = await page.evaluate(async () => {
      const taken = [];
      const rows = () => [...document.querySelectorAll('.asks > .ask:not([hidden], .alike)')].filter((row) => row.querySelector('.do button[value="approve"]') && /c[a-j]+_shipments/.test(row.textContent));
      const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
      for (let row = rows()[0]; row; [row] = rows()) {
        row.querySelector('h2').focus();
        row.scrollIntoView({ block: 'start' });
        const start = performance.now();
        press('a');
        await new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); });
        if (!row.hidden && row.isConnected) throw new Error(`not decided: ${row.id}`);
        taken.push(performance.now() - start);
      }
      return taken;
    });
    assert.ok(found.length > 0, 'there is nothing to decide');
    times.push(...found);
    await page.goto('about:blank'); // what was held is sent when the page is left
    await new Promise((done) => { setTimeout(done, 500); });
  }
  const minutes = (performance.now() - began) / 60_000;
  const sorted = times.toSorted((one, other) => one - other);
  const waiting = await api(hub, 'GET', '/v1/requests?status=pending&requester=tomas@example.com&limit=200');
  const left = waiting.items.filter(({ command }) => /c[a-j]+_shipments/.test(command));
  assert.equal(left.length, 0, `${left.length} votes did not arrive`);
  await context.close();
  return `100 decided in ${minutes.toFixed(1)} min, a decision to the next one in ${sorted[50].toFixed(0)} ms, at most ${sorted.at(-1).toFixed(0)} ms`;
}

/** With a click and a form, with and without JavaScript. */
async function byClick(browser, hub, javaScript) {
  const request = await ask(hub, 3, { timeout_seconds: 290 });
  const { page, context } = await signedIn(browser, hub, OLGA, { javaScript });
  await page.goto(`${hub.url}/`);
  await page.click(`#${request.id} .do button[value="approve"]`);
  await waitForStatus(hub, request.id, 'approved');
  await context.close();
}

/** On the page of a request: a comment, a reject that needs a reason, and a changed command. */
async function onItsPage(browser, hub, javaScript) {
  const [changed, rejected] = [await ask(hub, 4), await ask(hub, 5)];
  const { page, context } = await signedIn(browser, hub, OLGA, { javaScript });
  await page.goto(`${hub.url}/requests/${changed.id}`);
  await page.fill('#comment', 'Is this all of it?');
  await page.click('button:text-is("Comment")');
  assert.match(await page.textContent('.log'), /Is this all of it\?/);
  assert.equal((await shown(hub, changed.id)).status, 'pending', 'a comment decides nothing');
  await page.click('text=Approve with changes');
  await page.fill('#edited', "UPDATE shipments SET carrier = 'c4' WHERE id = 4 AND state = 'packed';");
  await page.click('button:text-is("Check")');
  assert.match(await page.textContent('#verdict'), /state = 'packed'/);
  assert.equal((await shown(hub, changed.id)).revision, 1, 'a check changes nothing');
  if (javaScript) await accessible(page, 'a changed command');
  await page.click('text=Approve this command');
  const approved = await waitForStatus(hub, changed.id, 'approved');
  assert.equal(approved.revision, 2);
  assert.match(approved.command, /packed/);
  await page.goto(`${hub.url}/requests/${rejected.id}`);
  await page.click('button[value="reject"]');
  assert.equal((await shown(hub, rejected.id)).status, 'pending', 'the browser asks for a reason first');
  await page.fill('#reason', 'Ask again tomorrow.');
  await page.click('button[value="reject"]');
  await waitForStatus(hub, rejected.id, 'rejected');
  if (javaScript) await accessible(page, 'a rejected request');
  await context.close();
}

/** Somebody who has not signed in opens a request, signs in, and is back on it. */
async function throughTheSignIn(browser, hub) {
  const request = await ask(hub, 6);
  const token = await api(hub, 'POST', '/v1/tokens', { name: 'phone', scope: 'approver', person: OLGA });
  const { page, context } = await openPage(browser, { width: 360 });
  await page.goto(`${hub.url}/requests/${request.id}`);
  await page.fill('#token', token.secret);
  await page.click('form[action="/sign-in/token"] button');
  await page.waitForURL(`${hub.url}/requests/${request.id}`);
  await page.click('button[value="approve"]');
  await waitForStatus(hub, request.id, 'approved');
  await context.close();
}

/** The first message of an endpoint about the request. */
function listen() {
  const waiting = new Map();
  const server = createServer((call, answer) => {
    let text = '';
    call.on('data', (part) => { text += part; }).on('end', () => {
      const event = JSON.parse(text);
      waiting.set(event.data?.request?.id ?? event.request?.id, event);
      answer.end();
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ url: `http://127.0.0.1:${server.address().port}/`, waiting, server }));
  });
}

/** A signed link on a phone, without JavaScript and without a sign-in. */
async function bySignedLink(browser, hub) {
  const receiver = await listen();
  await api(hub, 'POST', '/v1/endpoints', { name: 'dba-hook', channel: 'custom', url: receiver.url, groups: ['dba'] });
  const request = await ask(hub, 7);
  for (let left = 100; left > 0 && !receiver.waiting.has(request.id); left -= 1) await new Promise((done) => { setTimeout(done, 100); });
  const link = JSON.stringify(receiver.waiting.get(request.id)).match(/http:\/\/127\.0\.0\.1:\d+\/c\/[\w-]+/)[0];
  const { page, context } = await openPage(browser, { width: 360, javaScript: false });
  await page.goto(link);
  assert.match(await page.textContent('main'), /c7/);
  await page.selectOption('#approver', 'dana@example.com');
  await page.click('button[value="approve"]');
  const approved = await waitForStatus(hub, request.id, 'approved');
  assert.deepEqual(approved.decision.by, ['dana@example.com']);
  await context.close();
  receiver.server.close();
}

/** What a screen reader reads of a request, in the order of deciding. */
async function inTheOrderOfDeciding(browser, hub, { billing }) {
  const { page, context } = await signedIn(browser, hub, OLGA);
  await page.goto(`${hub.url}/requests/${billing.id}`);
  const tree = await page.locator('main').ariaSnapshot();
  const parts = [/Nora Lindqvist/, /FIN-2291/, /dba/, /big-deletes/, /DELETE FROM|DELETE/, /Approve/, /Who must approve/, /What happened/, /Identifiers/];
  let from = 0;
  for (const part of parts) {
    const place = tree.slice(from).search(part);
    assert.ok(place >= 0, `${part} is not read after what stands before it:\n${tree}`);
    from += place;
  }
  await context.close();
}

/** No page needs more bytes than a phone loads at once. */
async function light(browser, hub, { billing }) {
  const { page, context } = await signedIn(browser, hub, OLGA, { admin: true });
  const weights = [];
  for (const path of ['/', `/requests/${billing.id}`, '/requests', '/settings']) {
    const bytes = await weight(page, hub.url + path);
    assert.ok(bytes <= HEAVIEST, `${path} weighs ${bytes} bytes`);
    weights.push(bytes);
  }
  await context.close();
  return `pages of at most ${Math.ceil(Math.max(...weights) / 1000)} kB`;
}

export async function decide(browser, hub, asked) {
  await byKeyboard(browser, hub);
  for (const javaScript of [true, false]) {
    await byClick(browser, hub, javaScript);
    await onItsPage(browser, hub, javaScript);
  }
  await throughTheSignIn(browser, hub);
  await bySignedLink(browser, hub);
  await inTheOrderOfDeciding(browser, hub, { billing: asked[1] });
  return [await light(browser, hub, { billing: asked[1] }), await aHundred(browser, hub)];
}
