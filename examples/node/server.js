/**
 * An HTTP server with sessions: a counter, and a login that asks for no password.
 *
 *     npm start -- --listen 8080 --dir ./sessions
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { openSessions } from './src/sessions.js';

const { values } = parseArgs({
  options: { listen: { type: 'string', default: '8080' }, dir: { type: 'string', default: 'sessions' } },
});
const { manager } = await openSessions({ directory: values.dir });
const { Configuration, Manager } = manager;
const configuration = new Configuration();
// For http on the loopback address. The defaults are for https: a cookie `__Host-session`, with Secure.
configuration.setCookieName('session');
configuration.setCookieSecure(false);
const sessions = Manager.open('.', { create: true, durability: 'relaxed' }, configuration);

const server = createServer(async (request, response) => {
  try {
    const form = new URLSearchParams(request.method === 'POST' ? await text(request) : '');
    // Nothing below waits: the session is of one moment, and no other request comes between.
    const { fields, status, page, location } = answer(request, form);
    for (const [name, value] of fields) response.appendHeader(name, value);
    if (location) response.setHeader('location', location);
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(page);
  } catch (error) {
    // An error of the contract has a payload: busy, conflict, no-space and so on.
    console.error(error.payload ?? error);
    response.writeHead(error.payload ? 503 : 500).end();
  }
});
server.listen(Number(values.listen), '127.0.0.1');
await once(server, 'listening');
console.log(`listening on http://127.0.0.1:${server.address().port}/`);

/** Answer a request, with its session. */
function answer(request, form) {
  const cookies = request.headers.cookie === undefined ? [] : [request.headers.cookie];
  const session = sessions.startRequest(cookies, request.socket.remoteAddress, 'optimistic');
  let answered;
  try {
    answered = route(`${request.method} ${request.url}`, session, form);
  } catch (error) {
    sessions.finishFailedRequest(session);
    throw error;
  }
  return { ...answered, fields: sessions.finishSuccessfulRequest(session) };
}

function route(name, session, form) {
  switch (name) {
    case 'GET /':
      return { status: 200, page: home(session) };
    case 'POST /increment':
      session.increment('counter', 1n);
      break;
    case 'POST /login':
      session.setUser(form.get('user') ?? '');
      break;
    case 'POST /logout':
      session.expire();
      break;
    default:
      return { status: 404, page: 'There is no such page.' };
  }
  return { status: 303, location: '/', page: '' };
}

function home(session) {
  const user = session.user();
  return `<!doctype html><title>Sessions in Node.js</title>
<p>Counter is at ${session.get('counter')?.val ?? 0}.</p>
<form method="post" action="/increment"><button>Increment</button></form>
<p>${user === undefined ? 'Nobody is logged in.' : `You are ${escape(user)}.`}</p>
<form method="post" action="/login"><input name="user" required><button>Log in</button></form>
<form method="post" action="/logout"><button>Log out</button></form>
`;
}

function escape(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
