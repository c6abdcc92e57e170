/**
 * An HTTP server with sessions: a counter, and a login that asks for no password.
 *
 *     npm start -- --listen 8080 --dir ./sessions
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { Refusal, pathOf, readForm, refuseOtherSites, send } from './http.js';
import { Opened } from './opened.js';

const { values } = parseArgs({
  options: { listen: { type: 'string', default: '8080' }, dir: { type: 'string', default: 'sessions' } },
});
const sessions = await Opened.in(values.dir, ({ Configuration, Manager }) => {
  const configuration = new Configuration();
  // For http on the loopback address. The defaults are for https: a cookie `__Host-session`, with Secure.
  configuration.setCookieName('session');
  configuration.setCookieSecure(false);
  return Manager.open('.', { create: true, durability: 'relaxed' }, configuration);
});

/** What each path does, by method. */
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

// Idle connections outlive those of a load balancer in front, which would otherwise meet the end of one now and then.
const server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 30_000 }, handle);
server.on('checkContinue', handle);
server.listen(Number(values.listen), '127.0.0.1');
await once(server, 'listening');
console.log(`listening on http://127.0.0.1:${server.address().port}/`);
// The last resort: a defect that one request meets is not to end those of others.
process.on('uncaughtException', (error) => console.error(error));

/** Answer a request, whatever it is. Never rejects. */
async function handle(request, response) {
  response.on('error', () => {}); // A client that hangs up is none of our business.
  try {
    const { status, page, headers, fields } = await answer(request, response).catch(failure);
    response.statusCode = status;
    // No page is for anybody else than who asked for it.
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

async function answer(request, response) {
  const route = ROUTES[pathOf(request)];
  if (!route) throw new Refusal(404, 'There is no such page.');
  const work = route[request.method === 'HEAD' ? 'GET' : request.method];
  if (!work) {
    const allow = Object.keys(route).join().replace('GET', 'GET, HEAD');
    throw new Refusal(405, `It answers ${allow}.`, { allow });
  }
  let form;
  if (request.method === 'POST') {
    refuseOtherSites(request);
    form = await readForm(request, response);
  }
  // From here on nothing waits: the session is of one moment, and no other request comes between.
  return sessions.use((manager) => withSession(manager, request, (session) => work(session, form)));
}

/** Answer a request, with its session. */
function withSession(manager, request, work) {
  const session = start(manager, request);
  let answered;
  try {
    answered = work(session);
  } catch (error) {
    if (!isAnswer(error)) throw error;
    return { ...failure(error), fields: manager.finishFailedRequest(session) };
  }
  return { ...answered, fields: manager.finishSuccessfulRequest(session) };
}

function start(manager, { headers: { cookie }, socket, method }) {
  const access = method === 'HEAD' ? 'read-only' : 'optimistic';
  try {
    return manager.startRequest(cookie === undefined ? [] : [cookie], socket.remoteAddress, access);
  } catch (error) {
    if (error?.payload?.tag !== 'corrupt') throw error;
    console.error('a session is damaged, and its visitor gets a new one:', error.payload.val);
    return manager.startRequest([], socket.remoteAddress, access);
  }
}

/** Whether what was thrown says why the request is not done, and not that something is broken. */
function isAnswer(error) {
  return error instanceof Refusal || error?.payload?.tag in STATUS;
}

function failure(error) {
  if (error instanceof Refusal) return { status: error.status, page: error.message, headers: error.fields };
  const status = STATUS[error?.payload?.tag] ?? (error?.code === 'ENOENT' ? 503 : 500);
  // For the log and not for the visitor: it may name files.
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
