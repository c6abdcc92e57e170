/** A manager that is reopened when its directory was removed, recreated, or replaced by a copy. */
import { statSync } from 'node:fs';
import { openSessions } from './src/sessions.js';

/** Errors of a store that no longer exists as it was opened. By the contract nothing was done. */
const STALE = new Set(['no-such-store', 'io']);
/** Errors of the request, which do not concern the store. */
const HARMLESS = new Set([
  'invalid-id', 'invalid-argument', 'too-large', 'already-exists', 'gone', 'conflict', 'busy', 'deadlock', 'corrupt', 'no-space',
]);

export class ReopeningManager {
  #directory;
  #open;
  #manager;
  #identity;

  /**
   * @param {string} directory Created if missing, but only now: a later removal was deliberate.
   * @param {(manager: object) => object} open Creates a manager from the exports of `openSessions`.
   */
  static async open(directory, open) {
    const reopening = new ReopeningManager();
    reopening.#directory = directory;
    reopening.#open = open;
    reopening.#manager = open((await openSessions({ directory })).manager);
    reopening.#identity = identityOf(directory);
    return reopening;
  }

  /**
   * Call a synchronous function with the manager. Retries once if the store appears to have been replaced.
   *
   * @template T
   * @param {(manager: object) => T} work
   * @returns {Promise<T>}
   */
  async use(work) {
    try {
      return this.#try(work, await this.#current());
    } catch (error) {
      if (!STALE.has(error?.payload?.tag)) throw error;
    }
    return this.#try(work, await this.#current());
  }

  async #current() {
    const identity = identityOf(this.#directory);
    if (!this.#manager || this.#identity !== identity) {
      const { manager } = await openSessions({ directory: this.#directory });
      this.#manager = this.#open(manager);
      this.#identity = identity;
    }
    return this.#manager;
  }

  #try(work, manager) {
    try {
      return work(manager);
    } catch (error) {
      // An instance must not be used again after an exception that is not an error of the contract. After other errors a
      // new one does as well.
      if (!HARMLESS.has(error?.payload?.tag) && this.#manager === manager) this.#manager = undefined;
      throw error;
    }
  }
}

/** Distinguishes directories of the same name. Inode numbers are reused. */
function identityOf(directory) {
  const { dev, ino, birthtimeNs } = statSync(directory, { bigint: true });
  return `${dev}:${ino}:${birthtimeNs}`;
}
