// Microsoft's own renderer of Adaptive Cards, with Microsoft's host config for Teams, in Chromium.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { openPage } from './browser.mjs';

const here = createRequire(import.meta.url);
const teams = createRequire(new URL('teams-host-config/package.json', import.meta.url));
const RENDERER = here.resolve('adaptivecards/dist/adaptivecards.js');
const RENDERER_CSS = here.resolve('adaptivecards/dist/adaptivecards.css');
// The renderer uses the global `markdownit`, with its defaults: no raw HTML.
const MARKDOWN = here.resolve('markdown-it/dist/markdown-it.js');
const hostConfigOf = (theme) => teams.resolve(`adaptivecards-designer/lib/hostConfigs/microsoft-teams-${theme}.json`);
const teamsCssOf = (theme) => teams.resolve(`adaptivecards-designer/dist/containers/teams-container-${theme}.css`);
const BACKGROUND = { light: '#f6f6f6', dark: '#201e1f' }; // behind the card, in Microsoft's designer
const MARGIN = 12;

/** Runs in the page: parses, validates and draws the card. */
function draw({ content, hostConfig }) {
  const { AdaptiveCard, HostConfig, SerializationContext, ValidationEvent, Versions } = globalThis.AdaptiveCards;
  const describe = (step) => ({ event, message }) => `${step}: ${ValidationEvent[event]}: ${message}`;

  const card = new AdaptiveCard();
  card.hostConfig = new HostConfig(hostConfig);
  // Nothing is really opened: a click is recorded, and the loop below reads the record.
  card.onExecuteAction = (action) => {
    globalThis.executed = { type: action.getJsonTypeName(), url: action.url ?? null };
  };

  const parsing = new SerializationContext(Versions.v1_4);
  card.parse(content, parsing);
  const parsed = Array.from({ length: parsing.eventCount }, (_, i) => parsing.getEventAt(i));
  const warnings = [
    ...parsed.map(describe('parse')),
    ...card.validateProperties().validationEvents.map(describe('validate')),
  ];

  const element = card.render();
  if (!element?.innerText) warnings.push('render: nothing to see');
  else document.getElementById('card').append(element);
  return warnings;
}

/** Runs in the page: what a person sees before the first click. */
export function look() {
  const card = document.getElementById('card');
  const edge = card.getBoundingClientRect().right + 1;
  // Rounding adds up to a pixel, and large letters overflow their line a little; a hidden line is more.
  const isCutOff = (element) => getComputedStyle(element).overflow === 'hidden'
    && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 10);
  const sticksOut = (element) => [...element.childNodes].some((node) => {
    const range = document.createRange();
    range.selectNode(node);
    return node.nodeType === Node.TEXT_NODE && range.getBoundingClientRect().right > edge;
  });
  const clipped = [...card.querySelectorAll('*')].filter((element) => isCutOff(element) || sticksOut(element));
  return { text: card.innerText, clipped: [...new Set(clipped.map((element) => element.innerText).filter(Boolean))] };
}

/** Clicks everything that can be clicked, depth first: a button may open a panel with more. */
export async function clickEverything(page) {
  const seen = new Set();
  const unseen = async () => {
    const fresh = [];
    for (const target of await page.locator('#card .ac-selectable').all()) {
      if (!await target.isVisible()) continue;
      const id = await target.evaluate((element) => (element.dataset.seen ??= `n${Math.random()}`));
      if (!seen.has(id)) fresh.push(page.locator(`[data-seen="${id}"]`));
      seen.add(id);
    }
    return fresh;
  };

  const actions = [];
  const queue = await unseen();
  while (queue.length > 0) {
    const target = queue.shift();
    const [title, style] = await target.evaluate((element) =>
      [element.innerText, /\bstyle-(positive|destructive)\b/.exec(element.className)?.[1] ?? 'default']);
    await target.click({ timeout: 5000 });
    const executed = await page.evaluate(() => {
      const note = globalThis.executed;
      delete globalThis.executed;
      return note;
    });
    actions.push({ title, style, ...(executed ?? { type: null, url: null }) });
    queue.unshift(...await unseen());
  }
  return actions;
}

/** Draws the card of a message. The caller closes `context`. */
export async function drawCard(browser, message, { theme, width, scale }) {
  const { context, page, blocked } = await openPage(browser, { width: width + 2 * MARGIN, height: 100, theme, scale });
  await page.setContent(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Card</title>
    <body style="margin: ${MARGIN}px; background: ${BACKGROUND[theme]}"><div id="card" class="teams-card"></div>`);
  for (const path of [RENDERER_CSS, teamsCssOf(theme)]) await page.addStyleTag({ path });
  for (const path of [MARKDOWN, RENDERER]) await page.addScriptTag({ path });
  const hostConfig = JSON.parse(await readFile(hostConfigOf(theme), 'utf8'));
  const warnings = await page.evaluate(draw, { content: message?.attachments?.[0]?.content ?? {}, hostConfig });
  return { context, page, blocked, warnings };
}
