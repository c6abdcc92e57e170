/**
 * The reply to a thread that blocks while it requests a lock: two words of shared memory.
 */
const PENDING = 0;
const GRANTED = 1;
/** The cases of the contract's error, numbered after the two states. */
const ERRORS = ['timed-out', 'deadlock', 'too-many', 'invalid-name'];

/** A pending reply. */
export class Reply {
  #words;

  /** @param {SharedArrayBuffer} memory Shared with the other side, from `Reply.memory()`. */
  constructor(memory) {
    this.#words = new Int32Array(memory);
  }

  /** Memory for a reply. */
  static memory() {
    return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Grant the lock, with the number to release it by. */
  grant(number) {
    this.#words[1] = number;
    this.#send(GRANTED);
  }

  /** Refuse it, with an error. */
  refuse(error) {
    this.#send(GRANTED + 1 + ERRORS.indexOf(error));
  }

  /**
   * Block until the reply arrives.
   *
   * @param {number} limit Milliseconds.
   * @returns {{ number: number } | { error: string } | undefined} Undefined after the limit.
   */
  wait(limit) {
    if (Atomics.wait(this.#words, 0, PENDING, limit) === 'timed-out') return undefined;
    const state = Atomics.load(this.#words, 0);
    return state === GRANTED ? { number: this.#words[1] } : { error: ERRORS[state - GRANTED - 1] };
  }

  #send(state) {
    Atomics.store(this.#words, 0, state);
    Atomics.notify(this.#words, 0);
  }
}
