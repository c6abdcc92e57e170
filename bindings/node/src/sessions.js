/**
 * Persistent web sessions for Node.js.
 *
 *     const { manager, store } = await openSessions({ directory: './sessions' });
 *
 * The interfaces are `wit/session-manager.wit` and `wit/session-store.wit`, as mapped by jco: names in lowerCamelCase, 64-bit
 * integers as `bigint`, none as `undefined`, variants as `{ tag, val }`. An error of the contract is thrown as an `Error`
 * whose `payload` is the variant `error`; any other exception is a defect, after which the instance must not be used.
 */
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { random } from '@bytecodealliance/preview2-shim/random';
import { instantiate } from './component.js';
import { preopen } from './filesystem.js';
import { advisoryLocks, serverLocks, threadLocks } from './locks.js';

export { LockServer } from './lock-server.js';

/**
 * Instantiate the component on a directory. The instance belongs to the calling thread.
 *
 * @param {object} options
 * @param {string} options.directory The directory of the sessions. Created, accessible to this user only, if missing; refused if
 *   others have access to it.
 * @param {import('node:worker_threads').MessagePort} [options.port] From a `LockServer`. Without it this thread must be the
 *   only user of the directory, and `isThreadSafe()` is false. No other process may use it in either case.
 * @param {(session: string | undefined, event: { tag: string, val?: string }) => void} [options.onEvent] Receives the events of
 *   sessions (`wit/session-events.wit`). It must not use the sessions itself.
 * @param {() => number} [options.now] The clock, in milliseconds since 1970.
 * @returns {Promise<{ store: object, manager: object }>} The exports: `store.Store`, and `manager.Manager`,
 *   `manager.Configuration`. The location to open is `.`.
 * @throws {Error} If the directory cannot be used.
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

/** Read access to the directory discloses all sessions; write access can forge them. */
function keepPrivate(directory) {
  if (mkdirSync(directory, { recursive: true, mode: 0o700 })) chmodSync(directory, 0o700);
  if (statSync(directory).mode & 0o077) throw new Error(`others have access to ${directory}: make it private (chmod 700)`);
}

/** Hosts without native locks use lock files, which the locks here do not exclude. */
function refuseLockFiles(directory) {
  if (existsSync(join(directory, 'locks'))) throw new Error(`other hosts use ${directory}, with the lock files in locks`);
}

/** The shim's reads the clock twice, and is off by a second if one passes in between. */
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
      // A failure of the listener must not fail the session.
      queueMicrotask(() => {
        throw error;
      });
    }
  };
  return { emit, begin() {}, end() {} };
}
