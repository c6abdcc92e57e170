/** One instance at a time, in a separate thread. */
import { parentPort } from 'node:worker_threads';
import { openSessions } from '../../src/sessions.js';
import { Values, camel } from './values.js';

// Nothing of an ended instance may run again, such as a destructor that releases a lock over the closed port.
globalThis.FinalizationRegistry = class {
  register() {}
  unregister() {}
};

/** The wall clock, in milliseconds. */
let now = 0;
/** The instance: its exports by interface, its values, and the port of its locks. */
let instance;

parentPort.on('message', async (request) => {
  now = request.now;
  if (request.do === 'end') return instance.port.close();
  if (request.do === 'start') instance = await start(request);
  parentPort.postMessage({ id: request.id, ...perform(request) });
});

async function start({ directory, port }) {
  const { store, manager } = await openSessions({ directory, port, now: () => now });
  const interfaces = {
    'session3:sessions/session-store@0.2.0': store,
    'session3:sessions/session-manager@0.2.0': manager,
  };
  return { interfaces, values: new Values([...Object.values(store), ...Object.values(manager)]), port };
}

function perform(request) {
  try {
    if (request.do === 'start') return { ok: null };
    if (request.do === 'drop') return drop(request);
    return { ok: instance.values.encode(call(request)) };
  } catch (error) {
    // Only an error of the contract has a payload.
    if (Object.hasOwn(error, 'payload')) return { err: instance.values.encode(error.payload) };
    return { trap: String(error.stack) };
  }
}

function call({ interface: name, function: signature, arguments: encoded }) {
  const { interfaces, values } = instance;
  const [, kind, resource, method] = /^\[(constructor|static|method)\]([^.]+)\.?(.*)$/.exec(signature);
  const type = interfaces[name][camel(`-${resource}`)];
  const [self, ...rest] = encoded.map((value) => values.decode(value));
  if (kind === 'constructor') return new type();
  if (kind === 'static') return type[camel(method)](self, ...rest);
  return self[camel(method)](...rest);
}

function drop({ resource }) {
  instance.values.take(resource)[Symbol.dispose ?? Symbol.for('dispose')]();
  return { ok: null };
}
