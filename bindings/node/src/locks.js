/**
 * `session3:sessions/advisory-locks` for a component in this thread: from a `LockServer`, or local to the thread.
 *
 * A thread cannot run while it waits. So all its components count as one owner: waiting for a lock that only this thread could
 * release is a `deadlock`, at once.
 */
import { Reply } from './lock-reply.js';
import { LockTable } from './lock-table.js';

/** The longest wait for a lock in milliseconds, as in the Wasmtime host. */
const LONGEST_WAIT = 60_000;
/** How much later than the end of a wait the server may reply, in milliseconds. */
const REPLY_MARGIN = 10_000;

/**
 * @typedef {{ acquire(name: string, mode: 'shared' | 'exclusive', wait: number): () => void,
 *             scope: 'instance' | 'process' }} Locks
 *   `acquire` returns a function that releases the lock, or throws the contract's error. `wait` is in milliseconds.
 */

/**
 * Locks local to this thread. The scope is `instance`: other threads are not excluded.
 *
 * @type {Locks}
 */
export const threadLocks = {
  scope: 'instance',
  acquire(name, mode) {
    const { place, error } = table.acquire(threadLocks, name, mode);
    if (error) throw { tag: error };
    return () => table.leave(place);
  },
};

const table = new LockTable();

/**
 * The locks of a server. The scope is `process`.
 *
 * @param {import('node:worker_threads').MessagePort} port From `LockServer.connect()`; only this thread may use it.
 * @returns {Locks}
 */
export function serverLocks(port) {
  // It must not keep the process alive.
  port.unref();
  /** Send a request, and block until the reply. */
  const send = (request, wait) => {
    const memory = Reply.memory();
    port.postMessage({ ...request, memory });
    const reply = new Reply(memory).wait(wait + REPLY_MARGIN);
    if (!reply) {
      // Closing the connection releases whatever is granted later.
      port.close();
      throw { tag: 'other', val: 'the lock server does not answer' };
    }
    if (reply.error) throw { tag: reply.error };
    return reply.number;
  };
  const acquire = (name, mode, wait) => {
    const limit = Math.min(wait, LONGEST_WAIT);
    const number = send({ name, mode, wait: limit }, limit);
    // Wait for the reply, too: a thread that learns of the release by other means must find the lock free.
    return () => send({ release: number }, 0);
  };
  return { scope: 'process', acquire };
}

/**
 * The interface as a component imports it.
 *
 * @param {Locks} locks
 */
export function advisoryLocks(locks) {
  return {
    Guard,
    acquire: (name, mode, timeout) => new Guard(locks.acquire(name, mode, timeout)),
    scope: () => locks.scope,
  };
}

/** A held lock. */
class Guard {
  #release;

  constructor(release) {
    this.#release = release;
  }

  [Symbol.dispose ?? Symbol.for('dispose')]() {
    this.#release();
  }
}
