// Drives the web app as people do, in Chromium.
//
//   node journeys.mjs PROGRAM [DATABASE_URL]
//
// PROGRAM is the hub's. Exit code: 0, or 1 when something is not as it must be.

import { withBrowser } from '../browser.mjs';
import { freePort, killAll, startHub } from '../hub.mjs';
import { decide } from './decide.mjs';
import { seed } from './seed.mjs';

const [program, database] = process.argv.slice(2);
const settings = { COUNTERSIGN_ALLOW_TARGETS: '127.0.0.0/8', ...(database ? { COUNTERSIGN_DATABASE_URL: database } : {}) };

try {
  const hub = await startHub(program, await freePort(), settings);
  const asked = await seed(hub);
  const said = await withBrowser(async (browser) => [...await decide(browser, hub, asked)]);
  console.log(said.join('; '));
} finally {
  killAll();
}
