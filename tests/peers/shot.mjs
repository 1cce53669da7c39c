// Takes a picture of a page of the hub, and checks its accessibility with axe-core.
//
//   node shot.mjs URL OUT.png [--width 1280] [--dark] [--axe] [--no-js] [--cookie NAME=VALUE]…
//
// OUT.png shows the whole page, however long. Standard output has, as JSON:
//
//   url, status, title   of the page that the URL led to
//   console              errors, including refusals by the Content-Security-Policy
//   blocked              requests to other hosts that the policy allowed; they were aborted
//   cut                  elements of which a part is outside of the page, or visible only after scrolling inside them
//   violations           with --axe: the rules of WCAG 2.2 A and AA that the page breaks, and where
//
// Exit code: 0, or 1 when something is cut, there are violations, or the page cannot be loaded, or
// 2 for a wrong command line. The HTTP status is not judged: a dead link's page
// is a page too.

import AxeBuilder from '@axe-core/playwright';
import { isLoopback, openPage, pixels, readArguments, withBrowser } from './browser.mjs';

const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

function nameAndValue(pair) {
  const match = /^([^=]+)=(.*)$/.exec(pair);
  if (!match) throw new Error(`not NAME=VALUE: ${pair}`);
  return { name: match[1], value: match[2] };
}

const { positionals: [url, pngFile], values } = readArguments(
  'shot.mjs URL OUT.png [--width 1280] [--dark] [--axe] [--no-js] [--cookie NAME=VALUE]…', 2,
  {
    width: { type: 'string', default: '1280' },
    dark: { type: 'boolean', default: false },
    axe: { type: 'boolean', default: false },
    'no-js': { type: 'boolean', default: false },
    cookie: { type: 'string', multiple: true, default: [] },
  },
  { width: pixels, cookie: (pairs) => pairs.map(nameAndValue) },
);

/** Opens the URL as asked for. Listens before it loads, so that nothing is missed. */
async function visit(browser, { javaScript }) {
  const { context, page, blocked } = await openPage(browser, {
    width: values.width, theme: values.dark ? 'dark' : 'light', javaScript,
  });
  const problems = [];
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  await context.addCookies(values.cookie.map(({ name, value }) => {
    // `__Host-` cookies must be Secure; Chromium sends those to loopback without TLS too.
    return { name, value, domain: new URL(url).hostname, path: '/', secure: name.startsWith('__') };
  }));
  const response = await page.goto(url, { waitUntil: 'load' });
  return { page, blocked, problems, status: response.status() };
}

async function findViolations(page) {
  const { violations } = await new AxeBuilder({ page }).withTags(WCAG).analyze();
  return violations.map(({ id, impact, help, nodes }) => ({
    rule: id, impact, help, where: nodes.map(({ target, html }) => ({ selector: target.flat().join(' '), html })),
  }));
}

/** Runs in the page. Input fields may scroll; elements for screen readers only are a point. */
function findCut() {
  const isCut = (element) => {
    const { overflowX, overflowY } = getComputedStyle(element);
    return (overflowY !== 'visible' && element.scrollHeight > element.clientHeight + 1)
      || (overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1);
  };
  const cut = [...document.body.querySelectorAll(':not(input, select, textarea, .vh)')].filter(isCut);
  const root = document.documentElement;
  return [...cut, ...(root.scrollWidth > root.clientWidth ? [root] : [])].map(({ outerHTML }) => outerHTML.slice(0, 200));
}

if (!URL.canParse(url) || !isLoopback(new URL(url))) {
  console.error(`not a page on this machine: ${url}`);
  process.exit(2);
}

const report = await withBrowser(async (browser) => {
  const { page, blocked, problems, status } = await visit(browser, { javaScript: !values['no-js'] });
  await page.screenshot({ path: pngFile, fullPage: true });
  const report = { url: page.url(), status, title: await page.title(), console: problems, blocked, cut: await page.evaluate(findCut) };
  if (values.axe) {
    // axe-core is a script itself: a page without JavaScript is visited once more with it.
    const judged = values['no-js'] ? (await visit(browser, { javaScript: true })).page : page;
    report.violations = await findViolations(judged);
  }
  return report;
});

console.log(JSON.stringify(report, null, 2));
process.exitCode = report.cut.length > 0 || report.violations?.length > 0 ? 1 : 0;
