/**
 * The adapter for the conformance suite: reads requests and writes replies, one line of JSON each, as documented in
 * `conformance/src/remote/mod.rs`. Each instance has its own thread, so that a waiting one does not block others.
 *
 * A thread compiles the component at its start, which takes longer than most tests: later instances use it again.
 */
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { LockServer } from '../../src/sessions.js';

const locks = new LockServer();
/** @type {Map<number, { thread: Worker, ended: Promise<void>, calls: Set<number> }>} */
const instances = new Map();
/** Threads without an instance. @type {Worker[]} */
const idle = [];

createInterface({ input: process.stdin })
  .on('line', (line) => handle(JSON.parse(line)))
  .on('close', () => process.exit());

async function handle(request) {
  if (request.do === 'start') start(request);
  else if (request.do === 'end') await end(request);
  else call(instances.get(request.instance), request);
}

function start(request) {
  const { port, ended } = locks.connect();
  const instance = { thread: idle.pop() ?? newThread(), ended, calls: new Set() };
  instances.set(request.instance, instance);
  instance.thread.removeAllListeners('message').on('message', (message) => {
    instance.calls.delete(message.id);
    reply(message);
  });
  call(instance, { ...request, port }, [port]);
}

function newThread() {
  const thread = new Worker(new URL('instance.js', import.meta.url));
  return thread.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
}

function call({ thread, calls }, request, transferred) {
  calls.add(request.id);
  thread.postMessage(request, transferred);
}

async function end(request) {
  const { thread, ended, calls } = instances.get(request.instance);
  instances.delete(request.instance);
  const busy = calls.size > 0;
  // A call in progress ends with its thread.
  if (busy) await thread.terminate();
  else thread.postMessage(request);
  await ended;
  if (!busy) idle.push(thread);
  reply({ id: request.id, ok: null });
}

function reply(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
