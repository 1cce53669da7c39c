// A headless Chromium that can reach only this machine.

import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

const FLAGS = [
  '--no-sandbox', // CI runs as root, where Chromium's sandbox refuses to start
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-proxy-server',
  // The lock behind the route in `openPage`, which does not see everything: redirects,
  // WebSockets and Chromium's own requests cannot resolve another host either.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]',
];

/** Is this a web page of this machine? */
export function isLoopback({ protocol, hostname }) {
  return /^https?:$/.test(protocol)
    && /^(localhost|.+\.localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
}

/** Starts Chromium with a new, empty profile, runs `job(browser)`, and always closes it. */
export async function withBrowser(job) {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, headless: true, args: FLAGS });
  try {
    return await job(browser);
  } finally {
    await browser.close();
  }
}

/**
 * A fresh context with one page, the same on every machine. Requests to other
 * hosts are aborted; their URLs are collected in `blocked`.
 */
export async function openPage(browser, { width, height = 800, theme = 'light', scale = 1, javaScript = true, anyCertificate = false }) {
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: scale,
    colorScheme: theme,
    reducedMotion: 'reduce',
    javaScriptEnabled: javaScript,
    ignoreHTTPSErrors: anyCertificate,
    serviceWorkers: 'block', // their requests would pass the route below by
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  const blocked = [];
  const isOutside = (url) => /^https?:$/.test(url.protocol) && !isLoopback(url);
  await context.route(isOutside, (route) => {
    blocked.push(route.request().url());
    return route.abort();
  });
  return { context, page: await context.newPage(), blocked };
}

/** For `readArguments`: a width in CSS pixels. */
export function pixels(text) {
  if (!/^\d+$/.test(text) || text < 100 || text > 4000) throw new Error(`not a width of 100 to 4000 pixels: ${text}`);
  return Number(text);
}

/** For `readArguments`: one of a few words. */
export const oneOf = (...words) => (text) => {
  if (!words.includes(text)) throw new Error(`not one of ${words.join(', ')}: ${text}`);
  return text;
};

/** Reads the command line: exactly `count` positional arguments and the options, some of them converted. */
export function readArguments(usage, count, options, convert) {
  try {
    const { positionals, values } = parseArgs({ options, allowPositionals: true });
    if (positionals.length !== count) throw new Error(`expected ${count} arguments, got ${positionals.length}`);
    for (const [name, conversion] of Object.entries(convert)) values[name] = conversion(values[name]);
    return { positionals, values };
  } catch (error) {
    console.error(`${error.message}\nusage: ${usage}`);
    process.exit(2);
  }
}
