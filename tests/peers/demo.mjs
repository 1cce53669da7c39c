// Compares the demo's page with Microsoft's renderer: both show the same text of each card, in the same order, with the
// same buttons.
//
//   node demo.mjs RECEIVER CARD.json…
//
// RECEIVER is the URL of a running demo's receiver, CARD.json a whole message for a Teams Workflow. Each is posted to the
// receiver as the hub posts it to a Workflow, and read from the page without JavaScript. Lines are compared, except for
// blanks that a browser collapses.
//
// Exit code: 0, or 1 when something differs, which standard error shows; or 2 for a wrong command line.

import { readFile } from 'node:fs/promises';
import { isLoopback, openPage, withBrowser } from './browser.mjs';
import { clickEverything, drawCard, look } from './renderer.mjs';

const WIDTH = 700;
const CHANNEL = 'peers';

const [receiver, ...cards] = process.argv.slice(2);
if (!URL.canParse(receiver ?? '') || !isLoopback(new URL(receiver)) || cards.length === 0) {
  console.error('usage: demo.mjs RECEIVER CARD.json…');
  process.exit(2);
}

const lines = (text) => text.split('\n').map((line) => line.replace(/[ \t]+/g, ' ').trim()).filter(Boolean);

async function official(browser, message) {
  const { context, page } = await drawCard(browser, message, { theme: 'light', width: WIDTH, scale: 1 });
  const { text } = await page.evaluate(look);
  const actions = await clickEverything(page);
  await context.close();
  return { lines: lines(text), buttons: actions.map(({ title, style, url }) => ({ title, style, url })) };
}

/** Runs in the page: the newest card. Times are formatted as this browser does, since versions of it differ. */
function read() {
  const card = document.querySelector('article .card');
  for (const time of card.querySelectorAll('time')) {
    const at = new Date(time.dateTime);
    time.textContent = /^\d\d:\d\d$/.test(time.textContent)
      ? at.toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' })
      : at.toLocaleDateString([], { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
  }
  const styleOf = ({ classList }) => (classList.contains('yes') ? 'positive' : classList.contains('no') ? 'destructive' : 'default');
  const buttons = [...card.querySelectorAll('a.button')]
    .map((button) => ({ title: button.innerText, style: styleOf(button), url: button.getAttribute('href') }));
  return { text: card.innerText, buttons };
}

async function ours(page, message) {
  const sent = await fetch(new URL(`/teams/${CHANNEL}`, receiver), { method: 'POST', body: JSON.stringify(message) });
  if (sent.status !== 202) throw new Error(`the receiver answers ${sent.status}`);
  await page.goto(new URL(`/?channel=${CHANNEL}`, receiver).href);
  const { text, buttons } = await page.evaluate(read);
  return { lines: lines(text), buttons };
}

const differing = await withBrowser(async (browser) => {
  const { page } = await openPage(browser, { width: 1280, javaScript: false });
  const differing = [];
  for (const card of cards) {
    const message = JSON.parse(await readFile(card, 'utf8'));
    const [expected, shown] = [await official(browser, message), await ours(page, message)];
    if (JSON.stringify(expected) !== JSON.stringify(shown)) differing.push({ card, expected, shown });
  }
  return differing;
});
if (differing.length > 0) {
  console.error(JSON.stringify(differing, null, 2));
  process.exit(1);
}
console.log(`${cards.length} cards: the same text, order and buttons`);
