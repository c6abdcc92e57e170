/** The example, over HTTP. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freshDirectory } from './support/kit.js';

const SERVER = fileURLToPath(new URL('../server.js', import.meta.url));

/** Start it on a free port. Its log is dropped in tests that provoke errors. */
async function start(t, directory, log = 'inherit') {
  const server = spawn(process.execPath, [SERVER, '--listen', '0', '--dir', directory], { stdio: ['ignore', 'pipe', log] });
  t.after(() => server.kill());
  const [line] = await once(createInterface({ input: server.stdout }), 'line');
  const [url] = /http:\S+/.exec(line);
  const stop = async () => {
    server.kill();
    await once(server, 'exit');
  };
  return { url, stop, process: server };
}

/** Send raw bytes. Returns the response once the server has closed the connection or it contains `until`. */
async function raw({ url }, bytes, until) {
  const { hostname, port } = new URL(url);
  const socket = connect(port, hostname);
  socket.on('error', () => {});
  socket.write(bytes);
  if (until === undefined) return (await buffer(socket)).toString();
  let answer = '';
  for await (const part of socket) {
    answer += part;
    if (answer.includes(until)) break;
  }
  return answer;
}

const post = (path, body, fields = '') =>
  `POST ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${fields}content-length: ${body.length}\r\n\r\n${body}`;
const status = (answer) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

/** A browser: it keeps the cookie. */
function browser() {
  let cookie;
  return async (url, form) => {
    const headers = cookie ? { cookie } : {};
    const method = form ? 'POST' : 'GET';
    const response = await fetch(url, { method, headers, body: form && new URLSearchParams(form), redirect: 'manual' });
    const set = response.headers.get('set-cookie');
    if (set) cookie = set.includes('Max-Age=0') ? undefined : set.split(';')[0];
    return { status: response.status, set, page: await response.text() };
  };
}

test('a counter with a login, across a restart', async (t) => {
  const directory = freshDirectory(t);
  let server = await start(t, directory);
  const [ann, stranger] = [browser(), browser()];

  assert.equal((await ann(server.url)).set, null, 'a visitor leaves no trace');
  const first = await ann(`${server.url}increment`, {});
  assert.equal(first.status, 303);
  assert.match(first.set, /^session=[0-9a-f]{32}\.[0-9a-f]{32}; Path=\/; HttpOnly; SameSite=Lax$/);
  const login = await ann(`${server.url}login`, { user: '<ann>' });
  assert.notEqual(login.set.split(';')[0], first.set.split(';')[0], 'a login changes the cookie');

  await server.stop();
  server = await start(t, directory);

  await Promise.all([1, 2, 3].map(() => ann(`${server.url}increment`, {})));
  const { page } = await ann(server.url);
  assert.match(page, /Counter is at 4\./);
  assert.match(page, /You are &#60;ann&#62;\./);
  assert.match((await stranger(server.url)).page, /Nobody is logged in/);

  await ann(`${server.url}logout`, {});
  assert.match((await ann(server.url)).page, /Counter is at 0\.[^]*Nobody is logged in/);
  assert.equal((await ann(`${server.url}absent`)).status, 404);
});

test('paths and methods', async (t) => {
  const server = await start(t, freshDirectory(t));
  const ann = browser();
  await ann(`${server.url}increment?from=here`, {});
  assert.match((await ann(`${server.url}?utm_source=letter`)).page, /Counter is at 1\./);
  const head = await fetch(`${server.url}?x`, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [200, '']);
  for (const [method, path, allow] of [['GET', 'increment', 'POST'], ['HEAD', 'logout', 'POST'], ['POST', '', 'GET, HEAD']]) {
    const answer = await fetch(server.url + path, { method });
    assert.deepEqual([answer.status, answer.headers.get('allow')], [405, allow]);
  }
  assert.match((await ann(server.url)).page, /Counter is at 1\./, 'none of these has changed anything');
});

test('pages are private', async (t) => {
  const server = await start(t, freshDirectory(t));
  const made = await fetch(`${server.url}increment`, { method: 'POST', redirect: 'manual' });
  const headers = { cookie: made.headers.get('set-cookie').split(';')[0] };
  const answers = [
    made,
    await fetch(server.url, { headers }),
    await fetch(server.url, { headers, method: 'HEAD' }),
    await fetch(`${server.url}login`, { headers, method: 'POST', body: new URLSearchParams({ user: 'x'.repeat(257) }) }),
    await fetch(`${server.url}absent`, { headers }),
  ];
  assert.deepEqual(answers.map(({ status }) => status), [303, 200, 200, 400, 404]);
  for (const { headers } of answers) {
    assert.deepEqual([headers.get('cache-control'), headers.get('vary')], ['no-store', 'Cookie']);
  }
});

test('cross-site requests are refused', async (t) => {
  const server = await start(t, freshDirectory(t));
  const { host } = new URL(server.url);
  const login = async (fields) => {
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return status(await raw(server, post('/login', 'user=mallory', lines).replace('host: a', `host: ${host}`)));
  };
  for (const fields of [
    {},
    { origin: `http://${host}` },
    { origin: `https://${host.toUpperCase()}` },
    { 'sec-fetch-site': 'same-origin', origin: 'null' },
    { 'sec-fetch-site': 'none' },
  ]) {
    assert.equal(await login(fields), 303, JSON.stringify(fields));
  }
  for (const fields of [
    { origin: 'http://elsewhere.example' },
    { origin: 'null' },
    { origin: `http://${host}.example` },
    { origin: `http://${host.split(':')[0]}` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: `http://${host}` },
  ]) {
    assert.equal(await login(fields), 403, JSON.stringify(fields));
  }
});

test('malformed requests get 400', async (t) => {
  const server = await start(t, freshDirectory(t));
  for (const form of ['', 'user=', 'name=ann', `user=${'x'.repeat(257)}`, 'user=%ff', 'user=%zz', 'user=\xff']) {
    assert.equal(status(await raw(server, Buffer.from(post('/login', form), 'latin1'))), 400, form);
  }
  const get = (target, fields) => raw(server, `GET ${target} HTTP/1.1\r\n${fields}connection: close\r\n\r\n`);
  assert.equal(status(await get('/', 'host: a\r\nhost: b\r\n')), 400);
  assert.equal(status(await get('/', '')), 400);
  assert.equal(status(await get('//', 'host: a\r\n')), 400);
  assert.equal(status(await get('/', 'host: a b\r\n')), 400);
  assert.equal(status(await raw(server, 'nonsense\r\n\r\n')), 400);
  assert.equal(status(await get('http://a/?x', 'host: a\r\n')), 200);
  assert.equal(status(await raw(server, 'GET / HTTP/1.0\r\n\r\n')), 200);
});

test('an oversized form is refused without reading all of it', async (t) => {
  const server = await start(t, freshDirectory(t));
  const long = 'x'.repeat(500_000);
  for (const path of ['/login', '/absent']) {
    const answer = await raw(server, post(path, long));
    assert.deepEqual([status(answer), /connection: close/i.test(answer)], [path === '/login' ? 413 : 404, true]);
  }
  const chunked = 'POST /login HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n';
  assert.equal(status(await raw(server, `${chunked}7a120\r\n${long}\r\n0\r\n\r\n`)), 413);
  // One without an end is cut off, by a reset where more of it is on the way.
  const { hostname, port } = new URL(server.url);
  const socket = connect(port, hostname);
  socket.on('error', () => {});
  const send = (error) => error || socket.write(`7a120\r\n${long}\r\n`, send);
  socket.write(chunked, send);
  await new Promise((resolve) => socket.on('close', resolve));
  const ready = (length) => `POST /login HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`;
  assert.equal(status(await raw(server, ready(5000), '\r\n\r\n')), 413);
  assert.equal(status(await raw(server, ready(5), '\r\n\r\n')), 100);
});

test('disconnecting clients do not stop the server', async (t) => {
  const server = await start(t, freshDirectory(t));
  const { hostname, port } = new URL(server.url);
  const starts = ['', 'POST /login HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nus', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'];
  for (const bytes of starts) {
    for (const end of ['destroy', 'resetAndDestroy']) {
      const socket = connect(port, hostname);
      await once(socket, 'connect');
      await new Promise((resolve) => socket.write(bytes, resolve));
      socket[end]();
      await once(socket, 'close');
    }
  }
  assert.equal((await fetch(server.url)).status, 200);
  assert.equal(server.process.exitCode, null);
});

test('a directory that is removed, recreated or replaced in use', async (t) => {
  const directory = join(freshDirectory(t), 'sessions');
  const server = await start(t, directory, 'ignore');
  const increment = async (visitor) => (await visitor(`${server.url}increment`, {})).status;
  const ann = browser();
  assert.equal(await increment(ann), 303);

  rmSync(directory, { recursive: true });
  assert.equal(await increment(ann), 503);
  mkdirSync(directory, { mode: 0o700 });
  assert.equal(await increment(ann), 303);
  assert.match((await ann(server.url)).page, /Counter is at 1\./, 'of a new session');

  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
  assert.equal(await increment(ann), 303, 'emptied');
  assert.match((await ann(server.url)).page, /Counter is at 1\./);

  renameSync(directory, `${directory}.old`);
  mkdirSync(directory, { mode: 0o700 });
  assert.equal(await increment(browser()), 303);
  rmSync(directory, { recursive: true });
  renameSync(`${directory}.old`, directory);
  assert.match((await ann(server.url)).page, /Counter is at 1\./, 'of the old directory');

  renameSync(directory, `${directory}.old`);
  mkdirSync(directory, { mode: 0o755 });
  assert.equal(await increment(ann), 500, 'others can read it');
  chmodSync(directory, 0o700);
  assert.equal(await increment(ann), 303);
});

test('a damaged session is replaced', async (t) => {
  const directory = freshDirectory(t);
  const server = await start(t, directory, 'ignore');
  const ann = browser();
  const { set } = await ann(`${server.url}increment`, {});
  const [id] = /[0-9a-f]{32}/.exec(set);
  const file = readdirSync(directory, { recursive: true }).find((name) => name.includes(id));
  writeFileSync(join(directory, file), 'damaged');
  assert.match((await ann(server.url)).page, /Counter is at 0\./);
  await ann(`${server.url}increment`, {});
  assert.match((await ann(server.url)).page, /Counter is at 1\./);
});
