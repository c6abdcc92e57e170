/**
 * Locks for the threads of a process: one more thread keeps the table, and each of the others asks it over a port of its
 * own. It is a thread of its own so that any other, the main one too, can stand still while it waits for a lock.
 *
 *     const locks = new LockServer();
 *     const { port } = locks.connect();
 *     new Worker(file, { workerData: { port }, transferList: [port] });   // there: openSessions({ directory, port })
 */
import { Worker } from 'node:worker_threads';

/** The thread that keeps the locks of this process. */
export class LockServer {
  #thread = new Worker(new URL('lock-thread.js', import.meta.url));
  /** What to call when a connection has ended, by its number. @type {Map<number, () => void>} */
  #ends = new Map();
  #last = 0;

  constructor() {
    this.#thread.unref();
    this.#thread.on('message', (number) => {
      this.#ends.get(number)();
      this.#ends.delete(number);
    });
  }

  /**
   * Make a connection for one thread.
   *
   * @returns {{ port: MessagePort, ended: Promise<void> }} The port, to be transferred to the thread that will use it. The
   *   connection ends with that thread, however it ends, or when it closes the port; `ended` is resolved when all its locks
   *   are free.
   */
  connect() {
    const { port1, port2 } = new MessageChannel();
    const number = ++this.#last;
    const ended = new Promise((resolve) => this.#ends.set(number, resolve));
    this.#thread.postMessage({ number, port: port2 }, [port2]);
    return { port: port1, ended };
  }

  /** End it. Whoever still asks for a lock gets an error. */
  async close() {
    await this.#thread.terminate();
  }
}
