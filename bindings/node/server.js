/**
 * An HTTP server with sessions: a counter, and a login without a password.
 *
 *     npm start -- --listen 8080 --dir ./sessions
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { Refusal, pathOf, readForm, refuseOtherSites, send } from './http.js';
import { ReopeningManager } from './reopening.js';

const { values } = parseArgs({
  options: { listen: { type: 'string', default: '8080' }, dir: { type: 'string', default: 'sessions' } },
});
const sessions = await ReopeningManager.open(values.dir, ({ Configuration, Manager }) => {
  const configuration = new Configuration();
  // For http on the loopback address. The defaults are for https: a cookie `__Host-session`, with Secure.
  configuration.setCookieName('session');
  configuration.setCookieSecure(false);
  return Manager.open('.', { create: true, durability: 'relaxed' }, configuration);
});

/** Handlers by path and method. */
const ROUTES = {
  '/': { GET: home },
  '/increment': { POST: increment },
  '/login': { POST: logIn },
  '/logout': { POST: logOut },
};
const CHANGED = { status: 303, headers: { location: '/' }, page: '' };

/** Statuses for errors of the contract; 500 for the others. */
const STATUS = {
  'invalid-argument': 400, 'too-large': 413, gone: 409, conflict: 409, busy: 503, 'no-space': 507, 'no-such-store': 503,
};

// Longer than a load balancer in front keeps idle connections, or its requests would race the close.
const server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 30_000 }, handle);
server.on('checkContinue', handle);
server.listen(Number(values.listen), '127.0.0.1');
await once(server, 'listening');
console.log(`listening on http://127.0.0.1:${server.address().port}/`);
// The last resort: a defect in one request must not end the others.
process.on('uncaughtException', (error) => console.error(error));

/** Handle any request. Never rejects. */
async function handle(request, response) {
  response.on('error', () => {}); // Ignore clients that disconnect.
  try {
    const { status, page, headers, fields } = await respond(request, response).catch(failure);
    response.statusCode = status;
    // Pages are personal.
    const all = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', vary: 'Cookie', ...headers };
    for (const [name, value] of Object.entries(all)) response.setHeader(name, value);
    for (const [name, value] of fields ?? []) {
      if (name === 'set-cookie') response.appendHeader(name, value);
      else response.setHeader(name, value);
    }
    await send(request, response, page);
  } catch (error) {
    console.error(error);
    response.destroy();
  }
}

async function respond(request, response) {
  const route = ROUTES[pathOf(request)];
  if (!route) throw new Refusal(404, 'There is no such page.');
  const work = route[request.method === 'HEAD' ? 'GET' : request.method];
  if (!work) {
    const allow = Object.keys(route).join().replace('GET', 'GET, HEAD');
    throw new Refusal(405, `Allowed: ${allow}.`, { allow });
  }
  let form;
  if (request.method === 'POST') {
    refuseOtherSites(request);
    form = await readForm(request, response);
  }
  // Synchronous from here: no other request runs in between.
  return sessions.use((manager) => withSession(manager, request, (session) => work(session, form)));
}

/** Run a handler with its session. */
function withSession(manager, request, work) {
  const session = start(manager, request);
  let result;
  try {
    result = work(session);
  } catch (error) {
    if (!isExpected(error)) throw error;
    return { ...failure(error), fields: manager.finishFailedRequest(session) };
  }
  return { ...result, fields: manager.finishSuccessfulRequest(session) };
}

function start(manager, { headers: { cookie }, socket, method }) {
  const access = method === 'HEAD' ? 'read-only' : 'optimistic';
  try {
    return manager.startRequest(cookie === undefined ? [] : [cookie], socket.remoteAddress, access);
  } catch (error) {
    if (error?.payload?.tag !== 'corrupt') throw error;
    console.error('replacing a damaged session by a new one:', error.payload.val);
    return manager.startRequest([], socket.remoteAddress, access);
  }
}

/** Whether an error is a reason to refuse the request, rather than a defect. */
function isExpected(error) {
  return error instanceof Refusal || error?.payload?.tag in STATUS;
}

function failure(error) {
  if (error instanceof Refusal) return { status: error.status, page: error.message, headers: error.fields };
  const status = STATUS[error?.payload?.tag] ?? (error?.code === 'ENOENT' ? 503 : 500);
  // For the log, not the visitor: it may name files.
  if (status >= 500) console.error(error?.payload ?? error);
  const headers = status === 503 ? { 'retry-after': '1' } : {};
  return { status, page: `The request was not done (${status}). Nothing was changed.`, headers };
}

function increment(session) {
  session.increment('counter', 1n);
  return CHANGED;
}

function logIn(session, form) {
  const user = form.get('user');
  if (!user) throw new Refusal(400, 'The form has no user.');
  session.setUser(user);
  return CHANGED;
}

function logOut(session) {
  session.expire();
  return CHANGED;
}

function home(session) {
  const user = session.user();
  const page = `<!doctype html><title>Sessions in Node.js</title>
<p>Counter is at ${session.get('counter')?.val ?? 0}.</p>
<form method="post" action="/increment"><button>Increment</button></form>
<p>${user === undefined ? 'Nobody is logged in.' : `You are ${escape(user)}.`}</p>
<form method="post" action="/login"><input name="user" required><button>Log in</button></form>
<form method="post" action="/logout"><button>Log out</button></form>
`;
  return { status: 200, page };
}

function escape(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
