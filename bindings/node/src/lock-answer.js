/**
 * What a thread is answered that asks for a lock and stands still meanwhile: two words of memory that both threads see.
 */
const PENDING = 0;
const GRANTED = 1;
/** The cases of the contract's error, behind the two states. */
const ERRORS = ['timed-out', 'deadlock', 'too-many', 'invalid-name'];

/** An answer to come. */
export class Answer {
  #words;

  /** @param {SharedArrayBuffer} memory Where the other side looks; `Answer.memory()` makes it. */
  constructor(memory) {
    this.#words = new Int32Array(memory);
  }

  /** Memory for an answer. */
  static memory() {
    return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Say that the lock is held, and under which number to release it. */
  grant(number) {
    this.#words[1] = number;
    this.#say(GRANTED);
  }

  /** Say why not. */
  refuse(error) {
    this.#say(GRANTED + 1 + ERRORS.indexOf(error));
  }

  /**
   * Stand still until there is an answer.
   *
   * @param {number} limit Milliseconds.
   * @returns {{ number: number } | { error: string } | undefined} None when the limit has passed.
   */
  wait(limit) {
    if (Atomics.wait(this.#words, 0, PENDING, limit) === 'timed-out') return undefined;
    const state = Atomics.load(this.#words, 0);
    return state === GRANTED ? { number: this.#words[1] } : { error: ERRORS[state - GRANTED - 1] };
  }

  #say(state) {
    Atomics.store(this.#words, 0, state);
    Atomics.notify(this.#words, 0);
  }
}
