// Takes pictures of the web app's pages, and checks each: nothing cut off, no violation of WCAG 2.2 AA, no error in the console.
//
//   VIEWS=desktop,phone-dark node pictures.mjs PROGRAM FOLDER [PAGE…]
//
// PROGRAM is the hub's. FOLDER gets pictures on desktop and phone, light and dark, and at 200 % zoom; VIEWS chooses some of these.
// With names of pages, only those are visited. Exit code: 0, or 1 when something is not as it must be.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { openPage, withBrowser } from '../browser.mjs';
import { api, freePort, killAll, signInLink, startHub } from '../hub.mjs';
import { seed } from './seed.mjs';

const [program, folder, ...only] = process.argv.slice(2);
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const VIEWS = {
  desktop: { width: 1280 }, dark: { width: 1280, theme: 'dark' }, tablet: { width: 820 }, phone: { width: 360 },
  'phone-dark': { width: 360, theme: 'dark' }, narrow: { width: 320 },
  // What 200 % zoom leaves of a window of 1,280 pixels.
  zoom: { width: 640, scale: 2 },
};

const views = Object.entries(VIEWS).filter(([view]) => !process.env.VIEWS || process.env.VIEWS.split(',').includes(view));

/** Runs in the page: what is wider than the screen, or only visible after scrolling inside it. */
function findCut() {
  const isCut = (element) => {
    const { overflowX, overflowY } = getComputedStyle(element);
    return (overflowY !== 'visible' && element.scrollHeight > element.clientHeight + 1)
      || (overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1);
  };
  const shown = [...document.body.querySelectorAll(':not(input, select, textarea, .vh, .clip, .scroll)')];
  const cut = shown.filter((element) => element.checkVisibility() && getComputedStyle(element).clipPath === 'none' && !element.closest('.vh') && isCut(element));
  const root = document.documentElement;
  return [...cut, ...(root.scrollWidth > root.clientWidth ? [root] : [])].map(({ outerHTML }) => outerHTML.slice(0, 160));
}

async function signIn(browser, hub, person, view) {
  const opened = await openPage(browser, view);
  await opened.page.goto(hub.url + signInLink(hub, person, '--admin'));
  await opened.page.click('main button');
  return opened;
}

/** The pages: name to path, or to steps that lead there. */
function pages(asked) {
  const [rollback, billing, , , access, , , hostile] = asked;
  return {
    inbox: '/', requests: '/requests', access: '/access', ask: '/ask', analytics: '/analytics', settings: '/settings', account: '/account',
    billing: `/requests/${billing.id}`, rollback: `/requests/${rollback.id}`, jit: `/requests/${access.id}`, hostile: `/requests/${hostile.id}`,
    edit: `/requests/${rollback.id}/edit`, 'requests-filtered': '/requests?status=approved&resource=billing-db', unknown: '/requests/req_00000000000000000000000000000000',
    endpoints: '/settings/endpoints', groups: '/settings/groups', people: '/settings/people', resources: '/settings/resources',
    resource: '/settings/resources/billing-db', templates: '/settings/templates', tokens: '/settings/tokens', audit: '/settings/audit',
  };
}

async function visit({ page }, url, file) {
  const problems = [];
  const note = (message) => message.type() === 'error' && !/status of 40[34]/.test(message.text()) && problems.push(message.text());
  page.on('console', note);
  const failed = (error) => problems.push(error.message);
  page.on('pageerror', failed);
  await page.goto(url, { waitUntil: 'load' });
  await page.screenshot({ path: file, fullPage: true });
  const cut = await page.evaluate(findCut);
  const { violations } = await new AxeBuilder({ page }).withTags(WCAG).analyze();
  page.off('console', note).off('pageerror', failed);
  return [...problems, ...cut.map((html) => `cut off: ${html}`), ...violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`)];
}

mkdirSync(folder, { recursive: true });
try {
  const hub = await startHub(program, await freePort());
  const asked = await seed(hub);
  await api(hub, 'POST', '/v1/endpoints', { name: 'dba-approvals', channel: 'custom', url: 'https://receiver.example.com/hook', groups: ['dba'] }).catch(() => null);
  const all = Object.entries(pages(asked)).filter(([name]) => only.length === 0 || only.includes(name));
  const wrong = await withBrowser(async (browser) => {
    const found = [];
    for (const [view, options] of views) {
      const opened = await signIn(browser, hub, 'olga@example.com', options);
      for (const [name, path] of all) {
        const problems = await visit(opened, hub.url + path, join(folder, `${name}-${view}.png`));
        found.push(...problems.map((problem) => `${name}, ${view}: ${problem}`));
      }
      await opened.context.close();
    }
    return found;
  });
  for (const problem of wrong) console.error(problem);
  console.log(`${all.length} pages in ${views.length} views, ${wrong.length} problems`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
} finally {
  killAll();
}
