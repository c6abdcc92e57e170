/** One instance, in a separate thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { openSessions } from '../../src/sessions.js';
import { Values, camel } from './values.js';

/** The wall clock, in milliseconds. */
let now = 0;
const { store, manager } = await openSessions({ ...workerData, now: () => now });
const interfaces = {
  'session3:sessions/session-store@0.2.0': store,
  'session3:sessions/session-manager@0.2.0': manager,
};
const values = new Values([...Object.values(store), ...Object.values(manager)]);

parentPort.on('message', (request) => {
  now = request.now;
  parentPort.postMessage({ id: request.id, ...perform(request) });
});

function perform(request) {
  try {
    if (request.do === 'start') return { ok: null };
    if (request.do === 'drop') return drop(request);
    return { ok: values.encode(call(request)) };
  } catch (error) {
    // Only an error of the contract has a payload.
    if (Object.hasOwn(error, 'payload')) return { err: values.encode(error.payload) };
    return { trap: String(error.stack) };
  }
}

function call({ interface: name, function: signature, arguments: encoded }) {
  const [, kind, resource, method] = /^\[(constructor|static|method)\]([^.]+)\.?(.*)$/.exec(signature);
  const type = interfaces[name][camel(`-${resource}`)];
  const [self, ...rest] = encoded.map((value) => values.decode(value));
  if (kind === 'constructor') return new type();
  if (kind === 'static') return type[camel(method)](self, ...rest);
  return self[camel(method)](...rest);
}

function drop({ resource }) {
  values.take(resource)[Symbol.dispose ?? Symbol.for('dispose')]();
  return { ok: null };
}
