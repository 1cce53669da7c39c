// Draws a Teams notification as Teams would, and tells what a person sees.
//
//   node card.mjs CARD.json OUT [--theme light|dark]… [--width 360]… [--scale 2]
//
// CARD.json is the whole message for a Teams Workflow. Microsoft's own renderer
// draws its Adaptive Card with Microsoft's host config for Teams, in Chromium:
// in each theme and at each width that is asked for, which are both themes, and
// a phone's width and a desktop's, when nothing is. OUT-THEME-WIDTH.png shows it;
// standard output has, as JSON, a list with one object for each picture:
//
//   theme, width
//   warnings  what the parser, the validator or one of the checks below objects to
//   text      the visible text, what is clipped included
//   clipped   texts of which a part is cut off ("…") or sticks out of the card
//   links     every <a href>: text that became a link shows up here
//   images    every image that the card would load
//   actions   what each button says, and what a click on it opens (null: only something in the card)
//   blocked   requests to other hosts that the card caused (they were aborted)
//
// Exit code: 0, or 1 when there are warnings or the card cannot be read, or 2 for
// a wrong command line. The rest of the report is for the caller to judge: which
// links are meant to be there, this script cannot know.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { oneOf, openPage, pixels, readArguments, withBrowser } from './browser.mjs';

const { positionals: [cardFile, out], values } = readArguments(
  'card.mjs CARD.json OUT [--theme light|dark]… [--width 360]… [--scale 2]', 2,
  {
    theme: { type: 'string', multiple: true, default: ['light', 'dark'] },
    width: { type: 'string', multiple: true, default: ['360', '700'] },
    scale: { type: 'string', default: '2' },
  },
  {
    theme: (words) => words.map(oneOf('light', 'dark')),
    width: (texts) => texts.map(pixels),
    scale: (text) => Number(oneOf('1', '2')(text)),
  },
);

const here = createRequire(import.meta.url);
const teams = createRequire(new URL('teams-host-config/package.json', import.meta.url));
const RENDERER = here.resolve('adaptivecards/dist/adaptivecards.js');
const RENDERER_CSS = here.resolve('adaptivecards/dist/adaptivecards.css');
// The renderer takes up the global `markdownit` by itself, with its defaults: no raw HTML.
const MARKDOWN = here.resolve('markdown-it/dist/markdown-it.js');
const hostConfigOf = (theme) => teams.resolve(`adaptivecards-designer/lib/hostConfigs/microsoft-teams-${theme}.json`);
const teamsCssOf = (theme) => teams.resolve(`adaptivecards-designer/dist/containers/teams-container-${theme}.css`);
const BACKGROUND = { light: '#f6f6f6', dark: '#201e1f' }; // behind the card, in Microsoft's designer
const MARGIN = 12;

/** What a Workflow demands of the message around the card; it drops a wrong one without a word. */
function checkEnvelope(message) {
  const attachment = message?.attachments?.[0];
  const wrong = [
    [message?.type === 'message', 'type is not "message"'],
    [message?.attachments?.length === 1, 'there is not exactly one attachment'],
    [attachment?.contentType === 'application/vnd.microsoft.card.adaptive', 'contentType is not that of an Adaptive Card'],
    [attachment?.contentUrl === null, 'contentUrl is not null'],
    [attachment?.content?.version === '1.4', 'the card is not of version 1.4'],
  ].filter(([holds]) => !holds);
  return wrong.map(([, problem]) => `envelope: ${problem}`);
}

/** No bot stands behind a card that a Workflow posted, so nobody hears of any action but these. */
function checkActions(actions) {
  const working = ['Action.OpenUrl', 'Action.ShowCard', 'Action.ToggleVisibility', null];
  return actions.filter(({ type }) => !working.includes(type))
    .map(({ title, type }) => `actions: "${title}" is an ${type}, which does nothing here`);
}

/** Runs in the page: parses, validates and draws the card. */
function draw({ content, hostConfig }) {
  const { AdaptiveCard, HostConfig, SerializationContext, ValidationEvent, Versions } = globalThis.AdaptiveCards;
  const describe = (step) => ({ event, message }) => `${step}: ${ValidationEvent[event]}: ${message}`;

  const card = new AdaptiveCard();
  card.hostConfig = new HostConfig(hostConfig);
  // Nothing is really opened: a click leaves a note, which the loop below picks up.
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
function look() {
  const card = document.getElementById('card');
  const edge = card.getBoundingClientRect().right + 1;
  // Rounding makes for a pixel, and large letters stick some out of their line; a hidden line is more.
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

/** Runs in the page, after the clicks, so that panels which a click opened count too. */
function collect() {
  const card = document.getElementById('card');
  return {
    links: [...card.querySelectorAll('a[href]')].map((a) => ({ text: a.innerText, href: a.getAttribute('href') })),
    images: [
      ...[...card.querySelectorAll('img')].map((image) => image.getAttribute('src')),
      ...[...card.querySelectorAll('*')]
        .flatMap((element) => [...element.style.backgroundImage.matchAll(/url\("?(.*?)"?\)/g)].map(([, url]) => url)),
    ],
  };
}

/** Clicks everything that can be clicked, depth first: a button may open a panel with more. */
async function clickEverything(page) {
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

/** Draws the message once, and tells what there is to see. */
async function inspect(browser, message, { theme, width }) {
  const { context, page, blocked } = await openPage(browser, {
    width: width + 2 * MARGIN, height: 100, theme, scale: values.scale,
  });
  await page.setContent(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Card</title>
    <body style="margin: ${MARGIN}px; background: ${BACKGROUND[theme]}"><div id="card" class="teams-card"></div>`);
  for (const path of [RENDERER_CSS, teamsCssOf(theme)]) await page.addStyleTag({ path });
  for (const path of [MARKDOWN, RENDERER]) await page.addScriptTag({ path });

  const hostConfig = JSON.parse(await readFile(hostConfigOf(theme), 'utf8'));
  const warnings = [
    ...checkEnvelope(message),
    ...await page.evaluate(draw, { content: message?.attachments?.[0]?.content ?? {}, hostConfig }),
  ];
  await page.screenshot({ path: `${out}-${theme}-${width}.png`, fullPage: true });
  const seen = await page.evaluate(look);
  const actions = await clickEverything(page);
  const found = await page.evaluate(collect);
  await context.close();
  return { theme, width, warnings: [...warnings, ...checkActions(actions)], ...seen, ...found, actions, blocked };
}

const message = JSON.parse(await readFile(cardFile, 'utf8'));
const looks = values.theme.flatMap((theme) => values.width.map((width) => ({ theme, width })));

// One browser for all of them: starting it takes as long as drawing.
const reports = await withBrowser(async (browser) => {
  const drawn = [];
  for (const one of looks) drawn.push(await inspect(browser, message, one));
  return drawn;
});

console.log(JSON.stringify(reports, null, 2));
process.exitCode = reports.some(({ warnings }) => warnings.length > 0) ? 1 : 0;
