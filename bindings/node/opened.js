/** Sessions that stay open while their directory is removed, made anew, or replaced by a copy. */
import { statSync } from 'node:fs';
import { openSessions } from './src/sessions.js';

/** How it shows that the store is not there any more as it was opened. By the contract nothing was done then. */
const GONE = new Set(['no-such-store', 'io']);
/** What is the request's own, and says nothing against the store. */
const HARMLESS = new Set([
  'invalid-id', 'invalid-argument', 'too-large', 'already-exists', 'gone', 'conflict', 'busy', 'deadlock', 'corrupt', 'no-space',
]);

export class Opened {
  #directory;
  #open;
  #manager;
  #identity;

  /**
   * @param {string} directory It is made when it is missing; later it is not, as somebody has removed it.
   * @param {(manager: object) => object} open Makes a manager of what `openSessions` gives.
   */
  static async in(directory, open) {
    const opened = new Opened();
    opened.#directory = directory;
    opened.#open = open;
    opened.#manager = open((await openSessions({ directory })).manager);
    opened.#identity = identityOf(directory);
    return opened;
  }

  /**
   * Do something with the manager, synchronously. It is done again, once, when the store seems to be another one by now.
   *
   * @template T
   * @param {(manager: object) => T} work
   * @returns {Promise<T>}
   */
  async use(work) {
    try {
      return this.#try(work, await this.#current());
    } catch (error) {
      if (!GONE.has(error?.payload?.tag)) throw error;
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
      // An instance that has failed otherwise than by an answer is not to be used again; after any other answer a new one is
      // as good.
      if (!HARMLESS.has(error?.payload?.tag) && this.#manager === manager) this.#manager = undefined;
      throw error;
    }
  }
}

/** A directory of the same name is another one. Numbers of inodes are given again. */
function identityOf(directory) {
  const { dev, ino, birthtimeNs } = statSync(directory, { bigint: true });
  return `${dev}:${ino}:${birthtimeNs}`;
}
