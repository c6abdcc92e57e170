/**
 * Locks for the threads of a process: a dedicated thread keeps the table, and each other thread sends requests over its own
 * port. The thread is dedicated so that every other, including the main thread, can block while it waits for a lock.
 *
 *     const locks = new LockServer();
 *     const { port } = locks.connect();
 *     new Worker(file, { workerData: { port }, transferList: [port] });   // there: openSessions({ directory, port })
 */
import { Worker } from 'node:worker_threads';

/** The thread that keeps the locks of this process. */
export class LockServer {
  #thread = new Worker(new URL('lock-thread.js', import.meta.url));
  /** Callbacks for the end of each connection, by its number. @type {Map<number, () => void>} */
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
   * Create a connection for one thread.
   *
   * @returns {{ port: MessagePort, ended: Promise<void> }} The port, to transfer to the thread that will use it. The
   *   connection ends with that thread, however it ends, or when it closes the port; `ended` resolves when all its locks are
   *   released.
   */
  connect() {
    const { port1, port2 } = new MessageChannel();
    const number = ++this.#last;
    const ended = new Promise((resolve) => this.#ends.set(number, resolve));
    this.#thread.postMessage({ number, port: port2 }, [port2]);
    return { port: port1, ended };
  }

  /** Stop the server. Later requests fail. */
  async close() {
    await this.#thread.terminate();
  }
}
