// Fills a hub with what a team has on a busy afternoon, for pictures and journeys. Everything is made through the API.
//
//   node seed.mjs URL PROGRAM      fills a running hub that has the scripts' admin token; prints a sign-in link for olga@example.com

import { api, signInLink } from '../hub.mjs';

const at = (name) => `${name}@example.com`;

const PEOPLE = {
  olga: 'Olga Petrova', dana: 'Dana Reyes', samir: 'Samir Haddad', nora: 'Nora Lindqvist', erik: 'Erik Holm', ines: 'Ines Kovač',
  priya: 'Priya Raman', tomas: 'Tomás Ferreira', mei: 'Mei Tanaka', jonas: 'Jonas Weber', sofia: 'Sofia Marques', lukas: 'Lukas Brandt',
};

const BIG_DELETES = {
  name: 'big-deletes', effect: 'require', statements: ['delete'], slots: [{ group: 'security' }],
  reason: 'Deletes on billing need a second pair of eyes.',
  blocks: ['delete from invoices where id = 1'], passes: ['select 1'],
};

const RESOURCES = {
  'billing-db': { description: 'Invoices and dunning, production', high_risk: true, slots: [{ group: 'dba', needed: 2 }], guardrails: [BIG_DELETES], timeout_seconds: 1800 },
  'orders-db': { description: 'Orders, production', slots: [{ group: 'dba' }], timeout_seconds: 2400 },
  'events-db': { description: 'Events, production', slots: [{ group: 'dba' }], timeout_seconds: 21600 },
  'customers-db': { description: 'Customers, personal data', slots: [{ group: 'dba' }, { group: 'security' }], timeout_seconds: 7200, reject_reason_required: true },
  'prod-cluster': { description: 'Kubernetes, production', slots: [{ group: 'oncall' }], timeout_seconds: 600 },
  'web-07': { description: 'A web server', slots: [{ group: 'oncall' }], timeout_seconds: 3000 },
  'shop-deploys': {
    description: 'Deployments of the shop', slots: [{ group: 'oncall' }], timeout_seconds: 9000,
    context_schema: { type: 'object', properties: { commit: { type: 'string', maxLength: 40 }, canary: { type: 'boolean' }, stage: { enum: ['staging', 'production'] } }, required: ['commit'] },
  },
  'prod-shell': { description: 'A shell on production hosts', slots: [{ group: 'security' }], timeout_seconds: 5400 },
};

const SQL = `BEGIN;
UPDATE invoices
   SET due_on = issued_on + 30
 WHERE import_id = 8841 AND due_on < issued_on;
DELETE FROM dunning_notices
 WHERE invoice_id IN (SELECT id FROM invoices WHERE import_id = 8841);
INSERT INTO change_log (ticket, done_by, note)
VALUES ('FIN-2291', 'nora', 'due dates of import 8841');
COMMIT;`;

/** A command and texts that try to look like something else. Harmless markers. */
export const HOSTILE = {
  resource: 'orders-db',
  requester: { email: at('jonas'), name: '<b>Admin</b>' },
  command: `SELECT 1; -- \u202Etxet\u202C <script>document.title="marker"</script>\n${'\n'.repeat(40)}UPDATE orders SET note = '${'long '.repeat(120)}' WHERE id = 7;\u200B`,
  reason: 'مرحبا <img src=x onerror="document.title=1"> "quoted" & \u2028 second line',
};

function requests() {
  const asks = [
    { resource: 'prod-cluster', requester: { email: at('priya') }, language: 'shell', command: 'kubectl rollout undo deployment/checkout -n shop',
      reason: 'Checkout answers 5xx to 12 % of calls since the 13:52 deploy. Going back one version.' },
    { resource: 'billing-db', requester: { email: at('nora') }, language: 'sql', command: SQL, context: { ticket: 'FIN-2291', rows_expected: 218, dry_run: 'UPDATE 218, DELETE 196, INSERT 1' },
      reason: 'FIN-2291: the import of 24 November set due dates before the issue dates. 218 invoices; customers get dunning letters tonight at 18:00 unless this runs.' },
    { resource: 'orders-db', requester: { email: at('tomas') }, language: 'sql', command: "UPDATE shipments SET carrier = 'dhl'\n WHERE state = 'packed';",
      reason: 'Strike at Leipzig, parcels packed before today go out with another carrier.' },
    { resource: 'web-07', requester: { name: 'ops-agent', acting_for: at('mei') }, language: 'shell', command: "find /var/log/shop -name '*.gz' -mtime +14 -delete && systemctl restart fluent-bit",
      reason: 'Disk at 94 %. Compressed logs older than 14 days are in S3 already (checked 312 of 312 objects).' },
    { resource: 'prod-shell', kind: 'jit', requester: { email: at('sofia') }, duration_seconds: 7200, reason: 'Pairing on the memory leak in the pricing workers; need to attach a profiler to two live pods.' },
    { resource: 'shop-deploys', requester: { email: at('lukas') }, language: 'shell', context: { commit: '9f3c2e1', stage: 'production', canary: true },
      command: 'helm upgrade checkout ./charts/checkout -n shop --atomic --timeout 5m \\\n  --set image.tag=2026.11.28-4 --set replicas=12', reason: 'Release 2026.11.28-4: guest checkout keeps the basket. 14 commits, all checks green.' },
    { resource: 'customers-db', requester: { email: at('jonas') }, language: 'sql', command: "UPDATE customers SET email = 'h.okafor@example.com' WHERE id = 77120;", reason: 'Customer locked out after a typo at sign-up, identity checked by phone (CASE 55-1043).' },
    HOSTILE,
  ];
  for (let day = 16; day <= 27; day += 1) {
    asks.push({ resource: 'events-db', requester: { email: at('lukas') }, language: 'sql', command: `VACUUM (FREEZE, ANALYZE) events_2026_11_${day};`, reason: 'Nightly maintenance of closed partitions.' });
  }
  return asks;
}

/** What was asked and decided before: the history of a page. */
async function past(hub) {
  for (const id of [8660, 8702, 8755, 8790]) {
    const ask = { resource: 'billing-db', requester: { email: at('nora') }, language: 'sql', command: SQL.replaceAll('8841', id), reason: `Due dates of import ${id}.` };
    const asked = await api(hub, 'POST', '/v1/requests', ask);
    const [choice, people] = id === 8755 ? ['reject', ['dana']] : ['approve', ['dana', 'samir', 'ines']];
    for (const person of people) {
      await api(hub, 'POST', `/v1/requests/${asked.id}/${choice}`, { on_behalf_of: at(person), reason: choice === 'reject' ? 'Takes later imports too.' : null });
    }
  }
}

/** Fills the hub; returns the waiting requests as the API shows them. */
export async function seed(hub) {
  for (const [person, name] of Object.entries(PEOPLE)) await api(hub, 'PUT', `/v1/people/${at(person)}`, { name });
  await api(hub, 'PUT', `/v1/people/${at('erik')}`, { name: PEOPLE.erik, absence: { delegate: at('olga') } });
  const groups = { dba: ['olga', 'dana', 'samir', 'nora'], oncall: ['olga', 'mei', 'samir'], security: ['erik', 'ines'] };
  for (const [group, members] of Object.entries(groups)) await api(hub, 'PUT', `/v1/groups/${group}`, { members: members.map(at) });
  for (const [resource, policy] of Object.entries(RESOURCES)) await api(hub, 'PUT', `/v1/resources/${resource}`, policy);
  await past(hub);
  const asked = [];
  for (const ask of requests()) asked.push(await api(hub, 'POST', '/v1/requests', ask));
  const [, billing] = asked;
  await api(hub, 'POST', `/v1/requests/${billing.id}/approve`, { on_behalf_of: at('dana'), reason: 'Numbers match the ticket.' });
  return asked;
}

if (process.argv[1] === import.meta.filename) {
  const [url, program] = process.argv.slice(2);
  const hub = { url, direct: url, program };
  await seed(hub);
  console.log(url + signInLink(hub, at('olga'), '--admin'));
}
