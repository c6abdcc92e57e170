/** Shared by the tests. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

/** Options that open any store or manager. */
export const OPTIONS = { create: true, durability: 'relaxed' };

/** A private directory, removed after the test. */
export function freshDirectory(test) {
  const directory = mkdtempSync(join(tmpdir(), 'session3-'));
  chmodSync(directory, 0o700);
  test.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Matches an error of the contract, for `assert.throws`. */
export function refused(tag) {
  return (error) => error.payload?.tag === tag;
}

/** A thread that runs a function of `workers.js` with these arguments, and reports by messages. */
export class Thread {
  #worker;
  #messages = [];
  #wanted = [];

  constructor(test, name, locks, data) {
    const { port, ended } = locks.connect();
    const options = { workerData: { name, port, ...data }, transferList: [port] };
    this.#worker = new Worker(new URL('workers.js', import.meta.url), options);
    /** Resolves when its locks are released. */
    this.ended = ended;
    this.#worker.on('message', (message) => {
      const wanted = this.#wanted.shift();
      if (wanted) wanted(message);
      else this.#messages.push(message);
    });
    test.after(() => this.#worker.terminate());
  }

  /** Its next message. */
  async says() {
    return this.#messages.shift() ?? new Promise((resolve) => this.#wanted.push(resolve));
  }

  /** Send it a message. */
  tell(message) {
    this.#worker.postMessage(message);
  }

  /** Kill it, whatever it is doing. */
  async kill() {
    await this.#worker.terminate();
  }
}
