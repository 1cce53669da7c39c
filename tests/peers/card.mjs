// Draws a Teams notification as Teams would, and reports what a person sees.
//
//   node card.mjs CARD.json OUT [--theme light|dark]… [--width 360]… [--scale 2]
//
// CARD.json is the whole message for a Teams Workflow. Microsoft's own renderer
// draws its Adaptive Card with Microsoft's host config for Teams, in Chromium:
// in each requested theme and at each requested width; by default both themes, and
// the widths of a phone and of a desktop. OUT-THEME-WIDTH.png shows it;
// standard output has, as JSON, a list with one object per picture:
//
//   theme, width
//   warnings  objections of the parser, the validator or one of the checks below
//   text      the visible text, including clipped parts
//   clipped   texts of which a part is cut off ("…") or overflows the card
//   links     every <a href>: text that became a link appears here
//   images    every image that the card would load
//   actions   the title of each button, and the URL that a click opens (null: only something in the card)
//   blocked   requests to other hosts that the card caused (they were aborted)
//
// Exit code: 0, or 1 when there are warnings or the card cannot be read, or 2 for
// a wrong command line. The caller judges the rest of the report: this script
// cannot know which links belong in the card.

import { readFile } from 'node:fs/promises';
import { oneOf, pixels, readArguments, withBrowser } from './browser.mjs';
import { clickEverything, drawCard, look } from './renderer.mjs';

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

/** The message format that a Workflow requires around the card; it drops an invalid one silently. */
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

/** A card posted by a Workflow has no bot, so only these actions have an effect. */
function checkActions(actions) {
  const working = ['Action.OpenUrl', 'Action.ShowCard', 'Action.ToggleVisibility', null];
  return actions.filter(({ type }) => !working.includes(type))
    .map(({ title, type }) => `actions: "${title}" is an ${type}, which does nothing here`);
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

/** Draws the message once, and reports what is visible. */
async function inspect(browser, message, { theme, width }) {
  const { context, page, blocked, warnings } = await drawCard(browser, message, { theme, width, scale: values.scale });
  await page.screenshot({ path: `${out}-${theme}-${width}.png`, fullPage: true });
  const seen = await page.evaluate(look);
  const actions = await clickEverything(page);
  const found = await page.evaluate(collect);
  await context.close();
  return {
    theme, width, warnings: [...checkEnvelope(message), ...warnings, ...checkActions(actions)], ...seen, ...found, actions, blocked,
  };
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
