/**
 * The conformance suite's hands in Node.js: reads requests and writes answers, one line of JSON each, as
 * `host-tests/src/remote/mod.rs` says. Each instance has a thread of its own, so that one that waits holds up no other.
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
  answer({ id: request.id, ok: null });
}

function start(request) {
  const { port, ended } = locks.connect();
  const options = { workerData: { directory: request.directory, port }, transferList: [port] };
  const thread = new Worker(new URL('instance.js', import.meta.url), options);
  instances.set(request.instance, { thread, ended });
  thread.on('message', answer);
  thread.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
  thread.postMessage(request);
}

function answer(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
