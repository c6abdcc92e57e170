/** The thread behind `LockServer`: serves a lock table to the other threads, over one port each. */
import { parentPort } from 'node:worker_threads';
import { Reply } from './lock-reply.js';
import { LockTable } from './lock-table.js';

const table = new LockTable();

parentPort.on('message', ({ number, port }) => {
  const owner = new Owner();
  port.on('message', (message) => owner.handle(message));
  // Also when the thread at the other end was terminated, and only after it has stopped, so no write of it lands later.
  port.on('close', () => {
    owner.end();
    parentPort.postMessage(number);
  });
});

/** A thread that owns locks. */
class Owner {
  /** Its locks, by the number it was given. @type {Map<number, import('./lock-table.js').Place>} */
  #held = new Map();
  /** Ends its wait, if it waits. @type {(() => void) | undefined} */
  #stop;
  #last = 0;

  handle(message) {
    const reply = new Reply(message.memory);
    if ('release' in message) this.#release(message.release, reply);
    else this.#acquire(message, reply);
  }

  end() {
    this.#stop?.();
    table.end(this);
  }

  #acquire({ name, mode, wait }, reply) {
    const granted = (place) => {
      this.#stop = undefined;
      clearTimeout(timer);
      this.#grant(place, reply);
    };
    let timer;
    const { place, held, error } = table.acquire(this, name, mode, wait > 0 ? granted : undefined);
    if (error) return reply.refuse(error);
    if (held) return this.#grant(place, reply);
    this.#stop = () => {
      this.#stop = undefined;
      clearTimeout(timer);
      table.leave(place);
    };
    timer = setTimeout(() => {
      this.#stop();
      reply.refuse('timed-out');
    }, wait);
  }

  #grant(place, reply) {
    // 32 bits, so it wraps around: skip numbers in use.
    do this.#last = (this.#last + 1) | 0;
    while (this.#held.has(this.#last));
    this.#held.set(this.#last, place);
    reply.grant(this.#last);
  }

  #release(number, reply) {
    table.leave(this.#held.get(number));
    this.#held.delete(number);
    reply.grant(number);
  }
}
