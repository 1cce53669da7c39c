// Starts hubs and other programs for the scripts of this folder, and calls a hub's API.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TOKEN = 'marker-admin-token';
const started = [];

/** Has a child process killed by `killAll`. */
export function keep(child) {
  started.push(child);
}

/** Kills what was started. */
export function killAll() {
  for (const child of started) child.kill('SIGKILL');
}

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts a program and waits until its URL answers. */
export async function start(command, args, options, url) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  keep(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output += text; });
  for (let left = 200; ; left -= 1) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return { child, log: () => output };
    if (left === 0 || child.exitCode !== null) throw new Error(`${command} does not start: ${output}`);
    await new Promise((done) => { setTimeout(done, 50); });
  }
}

export function stop({ child }) {
  if (child.exitCode !== null || child.signalCode !== null) return null;
  return new Promise((done) => { child.once('exit', done).kill('SIGTERM'); });
}

/** Starts a hub in a folder of its own. `publicUrl` is that of a proxy in front of it. */
export async function startHub(program, port, settings = {}, publicUrl = null) {
  const url = `http://127.0.0.1:${port}`;
  const folder = mkdtempSync(join(tmpdir(), 'countersign-'));
  const env = { ...process.env, COUNTERSIGN_DATA_DIR: join(folder, 'data'), COUNTERSIGN_ADMIN_TOKEN: TOKEN, ...settings };
  const hub = await start(program, ['serve', '--listen', `127.0.0.1:${port}`], { cwd: folder, env }, `${url}/readyz`);
  return { ...hub, program, url: publicUrl ?? url, direct: url };
}

/** Calls the API as an admin. */
export async function api({ direct: url }, method, path, body) {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const answer = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/** The path of a link with which a person signs in once. */
export function signInLink({ program, direct }, person, ...options) {
  const args = ['sign-in-link', person, ...options, '--url', direct, '--token', TOKEN, '--json'];
  return new URL(JSON.parse(execFileSync(program, args, { encoding: 'utf8' })).url).pathname;
}
