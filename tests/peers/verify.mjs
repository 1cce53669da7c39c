// Verifies the hub's messages with the official JavaScript library of Standard Webhooks.
//
//   node verify.mjs DELIVERIES.ndjson
//
// One delivery per line, as received:
//
//   {"secret": "whsec_…",
//    "headers": {"webhook-id": "…", "webhook-timestamp": "…", "webhook-signature": "…"},
//    "body": "the raw body"}
//
// Prints `N verified`. Exit code 0 only when every line verified, there was at
// least one, and the first one no longer verifies once it has been tampered with.
// `verify.py` does the same with the official Python library.

import { readFile } from 'node:fs/promises';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

/** Throws unless the library accepts the delivery. */
function verify({ secret, headers, body }) {
  // The library refuses timestamps more than 5 minutes away from now. The test that
  // recorded them may have taken longer, so the clock is set to when this was sent.
  Date.now = () => Number(headers['webhook-timestamp']) * 1000;
  new Webhook(secret).verify(body, headers);
}

/** The delivery, changed in one place each. The body stays JSON, so that only the signature detects it. */
function tamperings({ secret, headers, body }) {
  const change = (name, value) => ({ secret, headers: { ...headers, [name]: value }, body });
  return {
    body: { secret, headers, body: `${body} ` },
    id: change('webhook-id', `${headers['webhook-id']}x`),
    timestamp: change('webhook-timestamp', String(Number(headers['webhook-timestamp']) + 1)),
  };
}

function isRefused(delivery) {
  try {
    verify(delivery);
    return false;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return true;
    throw error;
  }
}

const [file] = process.argv.slice(2);
if (!file) {
  console.error('usage: verify.mjs DELIVERIES.ndjson');
  process.exit(2);
}

let verified = 0;
let failed = 0;
const fail = (where, problem) => {
  failed += 1;
  console.error(`${where}: ${problem}`);
};

const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim());
lines.forEach((line, index) => {
  const where = `delivery ${index + 1}`;
  try {
    const delivery = JSON.parse(line);
    verify(delivery);
    verified += 1;
    if (index > 0) return;
    for (const [part, tampered] of Object.entries(tamperings(delivery))) {
      if (!isRefused(tampered)) fail(where, `still verifies with another ${part}`);
    }
  } catch (error) {
    fail(where, error.message);
  }
});

console.log(`${verified} verified`);
process.exitCode = verified > 0 && failed === 0 ? 0 : 1;
