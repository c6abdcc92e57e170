/**
 * Persistent web sessions for Node.js.
 *
 *     const { manager, store } = await openSessions({ directory: './sessions' });
 *
 * The interfaces are `wit/session-manager.wit` and `wit/session-store.wit`, as jco maps them: names in lowerCamelCase, 64-bit
 * integers as `bigint`, none as `undefined`, variants as `{ tag, val }`. An error of the contract is thrown, as an `Error`
 * whose `payload` is the variant `error`; anything else that is thrown is a defect, and the instance is not to be used again.
 */
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { random } from '@bytecodealliance/preview2-shim/random';
import { instantiate } from './component.js';
import { preopen } from './filesystem.js';
import { advisoryLocks, serverLocks, threadLocks } from './locks.js';

export { LockServer } from './lock-server.js';

/**
 * Make an instance of the component that keeps its sessions in a directory. It belongs to the thread that calls this.
 *
 * @param {object} options
 * @param {string} options.directory Where the sessions are. It is made, for this user only, when it is missing, and refused
 *   when others have access to it.
 * @param {import('node:worker_threads').MessagePort} [options.port] Of a `LockServer`. Without it this thread must be the only
 *   one that uses the directory: `isThreadSafe()` is false then. No other process may use it in either case.
 * @param {(session: string | undefined, event: { tag: string, val?: string }) => void} [options.onEvent] Is told what happens
 *   to sessions (`wit/session-events.wit`). It must not use the sessions itself.
 * @param {() => number} [options.now] The clock, in milliseconds since 1970.
 * @returns {Promise<{ store: object, manager: object }>} The exports: `store.Store`, and `manager.Manager`,
 *   `manager.Configuration`. The location to open is `.`.
 * @throws {Error} When the directory cannot be used.
 */
export async function openSessions({ directory, port, onEvent, now = Date.now }) {
  keepPrivate(directory);
  refuseLockFiles(directory);
  const { types, preopens } = preopen(directory);
  const { sessionStore, sessionManager } = await instantiate({
    'session3:sessions/advisory-locks': advisoryLocks(port ? serverLocks(port) : threadLocks),
    'session3:sessions/session-events': events(onEvent),
    'wasi:clocks/wall-clock': wallClock(now),
    'wasi:filesystem/preopens': preopens,
    'wasi:filesystem/types': types,
    'wasi:random/random': random,
  });
  return { store: sessionStore, manager: sessionManager };
}

/** Whoever reads the directory reads all sessions; whoever writes to it forges them. */
function keepPrivate(directory) {
  if (mkdirSync(directory, { recursive: true, mode: 0o700 })) chmodSync(directory, 0o700);
  if (statSync(directory).mode & 0o077) throw new Error(`others have access to ${directory}: make it private (chmod 700)`);
}

/** Hosts without locks of their own exclude each other by files, which the locks here know nothing of. */
function refuseLockFiles(directory) {
  if (existsSync(join(directory, 'locks'))) throw new Error(`other hosts use ${directory}, by the lock files in locks`);
}

/** The shim's reads the clock twice, and is a second wrong when that has passed between. */
function wallClock(now) {
  return {
    now() {
      const time = now();
      return { seconds: BigInt(Math.floor(time / 1000)), nanoseconds: (time % 1000) * 1_000_000 };
    },
  };
}

function events(onEvent) {
  const emit = (session, event) => {
    try {
      onEvent?.(session, event);
    } catch (error) {
      // Telling never fails: the error is the listener's, not the session's.
      queueMicrotask(() => {
        throw error;
      });
    }
  };
  return { emit, begin() {}, end() {} };
}
