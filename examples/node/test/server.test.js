/** The example, over HTTP. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freshDirectory } from './support/kit.js';

const SERVER = fileURLToPath(new URL('../server.js', import.meta.url));

/** Start it on a free port. */
async function start(t, directory) {
  const server = spawn(process.execPath, [SERVER, '--listen', '0', '--dir', directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => server.kill());
  const [line] = await once(createInterface({ input: server.stdout }), 'line');
  const [url] = /http:\S+/.exec(line);
  const stop = async () => {
    server.kill();
    await once(server, 'exit');
  };
  return { url, stop };
}

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
  assert.equal((await ann(`${server.url}login`, { user: '' })).status, 503, 'an empty name is refused');
});
