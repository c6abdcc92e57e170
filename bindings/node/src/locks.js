/**
 * `session3:sessions/advisory-locks` for a component in this thread: asked of a `LockServer`, or kept in the thread itself.
 *
 * A thread cannot run while it waits. So what all its components hold counts as one owner's: a lock that only this thread
 * could free is a `deadlock`, at once.
 */
import { Answer } from './lock-answer.js';
import { LockTable } from './lock-table.js';

/** The longest wait for a lock in milliseconds, as in the Wasmtime host. */
const LONGEST_WAIT = 60_000;
/** How much later than the end of a wait the server may answer, in milliseconds. */
const PATIENCE = 10_000;

/**
 * @typedef {{ acquire(name: string, mode: 'shared' | 'exclusive', wait: number): () => void,
 *             scope: 'instance' | 'process' }} Locks
 *   `acquire` answers the function that releases the lock, or throws the contract's error. `wait` is in milliseconds.
 */

/**
 * The locks of this thread alone. The scope is `instance`: no promise is made about other threads.
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
 * @param {import('node:worker_threads').MessagePort} port Of `LockServer.connect()`; only this thread may use it.
 * @returns {Locks}
 */
export function serverLocks(port) {
  // It must not keep a program running that has ended.
  port.unref();
  /** Ask, and stand still until there is an answer. */
  const ask = (question, wait) => {
    const memory = Answer.memory();
    port.postMessage({ ...question, memory });
    const answer = new Answer(memory).wait(wait + PATIENCE);
    if (!answer) {
      // Whatever is granted later is free again: the connection has ended.
      port.close();
      throw { tag: 'other', val: 'the lock server does not answer' };
    }
    if (answer.error) throw { tag: answer.error };
    return answer.number;
  };
  const acquire = (name, mode, wait) => {
    const limit = Math.min(wait, LONGEST_WAIT);
    const number = ask({ name, mode, wait: limit }, limit);
    // Answered, too: whoever is told of the release by another way than the server finds the lock free.
    return () => ask({ release: number }, 0);
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

/** A lock, held. */
class Guard {
  #release;

  constructor(release) {
    this.#release = release;
  }

  [Symbol.dispose ?? Symbol.for('dispose')]() {
    this.#release();
  }
}
