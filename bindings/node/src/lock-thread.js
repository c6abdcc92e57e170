/** The thread behind `LockServer`: a lock table, asked over one port by each thread. */
import { parentPort } from 'node:worker_threads';
import { Answer } from './lock-answer.js';
import { LockTable } from './lock-table.js';

const table = new LockTable();

parentPort.on('message', ({ number, port }) => {
  const owner = new Owner();
  port.on('message', (message) => owner.hear(message));
  // Also when the thread at the other end has been killed: not before it has stopped, so nothing of it is still to come.
  port.on('close', () => {
    owner.end();
    parentPort.postMessage(number);
  });
});

/** A thread that owns locks. */
class Owner {
  /** What it holds, by the number it was told. @type {Map<number, import('./lock-table.js').Place>} */
  #held = new Map();
  /** Ends its wait, if it waits. @type {(() => void) | undefined} */
  #stop;
  #last = 0;

  hear(message) {
    const answer = new Answer(message.memory);
    if ('release' in message) this.#release(message.release, answer);
    else this.#acquire(message, answer);
  }

  end() {
    this.#stop?.();
    table.end(this);
  }

  #acquire({ name, mode, wait }, answer) {
    const granted = (place) => {
      this.#stop = undefined;
      clearTimeout(timer);
      this.#grant(place, answer);
    };
    let timer;
    const { place, held, error } = table.acquire(this, name, mode, wait > 0 ? granted : undefined);
    if (error) return answer.refuse(error);
    if (held) return this.#grant(place, answer);
    this.#stop = () => {
      this.#stop = undefined;
      clearTimeout(timer);
      table.leave(place);
    };
    timer = setTimeout(() => {
      this.#stop();
      answer.refuse('timed-out');
    }, wait);
  }

  #grant(place, answer) {
    // Of 32 bits, and one that is free: a number comes again in the end.
    do this.#last = (this.#last + 1) | 0;
    while (this.#held.has(this.#last));
    this.#held.set(this.#last, place);
    answer.grant(this.#last);
  }

  #release(number, answer) {
    table.leave(this.#held.get(number));
    this.#held.delete(number);
    answer.grant(number);
  }
}
