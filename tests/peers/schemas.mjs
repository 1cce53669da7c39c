// Checks the schemas that a running hub serves with the programs that receivers use them with.
//
//   node schemas.mjs HUB DELIVERIES.ndjson...
//
// Each schema is fetched from the hub and must compile with Ajv in its strictest mode, which fetches referenced schemas.
// Every body that the hub sent (see verify.mjs for the lines of the files) must be valid by event.json or
// cloudevent.json. From what receivers parse, json-schema-to-typescript must make types without `unknown`.
// Prints a summary line; exit code 0 only when every check passes.

import { readFile } from 'node:fs/promises';
import Ajv from 'ajv/dist/2020.js';
import { compile } from 'json-schema-to-typescript';

const [hub, ...files] = process.argv.slice(2);
if (!hub || files.length === 0) {
  console.error('usage: schemas.mjs HUB DELIVERIES.ndjson...');
  process.exit(2);
}

async function load(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return response.json();
}

const messages = ['teams', 'slack', 'discord', 'google-chat'].map((channel) => `${channel}-message`);
const parsed = ['request', 'event', 'cloudevent'];
const validators = {};
for (const name of [...parsed, ...messages]) {
  const ajv = new Ajv({ strict: true, allErrors: true, loadSchema: load });
  validators[name] = await ajv.compileAsync(await load(`${hub}/schemas/${name}.json`));
}

for (const name of parsed) {
  const options = { additionalProperties: false, cwd: `${hub}/schemas/` };
  const types = await compile(await load(`${hub}/schemas/${name}.json`), name, options);
  // A status has the same name.
  const vague = types.split('\n').filter((line) => /\b(unknown|any)\b/.test(line.replace(/"[^"]*"/g, '').replace(/^\s*(\*|\/\/).*/, '')));
  if (vague.length > 0) throw new Error(`${name}.json says too little: ${vague.join('\n')}`);
}

let valid = 0;
for (const file of files) {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  for (const line of lines) {
    const body = JSON.parse(JSON.parse(line).body);
    const validate = validators[body.specversion ? 'cloudevent' : 'event'];
    if (!validate(body)) throw new Error(`${file}: ${JSON.stringify(validate.errors, null, 1)}\n${line}`);
    valid += 1;
  }
}
if (valid === 0) throw new Error('no bodies');
console.log(`${Object.keys(validators).length} schemas, ${valid} bodies valid by them`);
