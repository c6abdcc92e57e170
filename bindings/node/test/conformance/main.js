/**
 * The adapter for the conformance suite: reads requests and writes replies, one line of JSON each, as documented in
 * `conformance/src/remote/mod.rs`. Each instance has its own thread, so that a waiting one does not block others.
 */
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { LockServer } from '../../src/sessions.js';

const locks = new LockServer();
/** @type {Map<number, { thread: Worker, ended: Promise<void> }>} */
const instances = new Map();

createInterface({ input: process.stdin })
  .on('line', (line) => handle(JSON.parse(line)))
  .on('close', () => process.exit());

async function handle(request) {
  if (request.do === 'start') return start(request);
  const { thread, ended } = instances.get(request.instance);
  if (request.do !== 'end') return thread.postMessage(request);
  instances.delete(request.instance);
  await thread.terminate();
  await ended;
  reply({ id: request.id, ok: null });
}

function start(request) {
  const { port, ended } = locks.connect();
  const options = { workerData: { directory: request.directory, port }, transferList: [port] };
  const thread = new Worker(new URL('instance.js', import.meta.url), options);
  instances.set(request.instance, { thread, ended });
  thread.on('message', reply);
  thread.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
  thread.postMessage(request);
}

function reply(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
