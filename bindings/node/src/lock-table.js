/**
 * The lock table of a process: the holders of each name, and its waiters in order. Plain data, without time or threads; the
 * same rules as in the Wasmtime host (`runtime/src/locks/table.rs`).
 *
 * An owner can wait for one lock at a time: it is a thread.
 */

/** Locks that an owner may hold at once. */
const MAX_HELD = 64;
/** Waiters per name. */
const MAX_WAITERS = 1024;

/**
 * @typedef {'shared' | 'exclusive'} Mode
 * @typedef {{ owner: unknown, name: string, mode: Mode, granted?: (place: Place) => void }} Place
 *   A place in the queue of a name, waiting or holding.
 */

/** Holders and waiters of names. */
export class LockTable {
  /** Queues of names in use; none is empty. @type {Map<string, { holders: Place[], waiters: Place[] }>} */
  #queues = new Map();
  /** The name that each owner waits for: at most one. @type {Map<unknown, string>} */
  #waits = new Map();
  /** The locks of each owner. @type {Map<unknown, Set<Place>>} */
  #held = new Map();

  /**
   * Take a lock, or a place behind its waiters. Returns the place, already held unless `granted` will be called, or a case
   * of the contract's error.
   *
   * @param {unknown} owner
   * @param {string} name
   * @param {Mode} mode
   * @param {((place: Place) => void) | undefined} granted Called when the lock is granted. Without it, does not wait.
   * @returns {{ place: Place, held: boolean } | { error: 'timed-out' | 'deadlock' | 'too-many' | 'invalid-name' }}
   */
  acquire(owner, name, mode, granted) {
    const bytes = Buffer.byteLength(name);
    if (bytes < 1 || bytes > 256) return { error: 'invalid-name' };
    if ((this.#held.get(owner)?.size ?? 0) >= MAX_HELD) return { error: 'too-many' };
    const place = { owner, name, mode, granted };
    const queue = this.#queues.get(name) ?? { holders: [], waiters: [] };
    if (queue.waiters.length === 0 && admits(queue, mode)) {
      this.#queues.set(name, queue);
      this.#hold(queue, place);
      return { place, held: true };
    }
    if (this.#wouldDeadlock(owner, name)) return { error: 'deadlock' };
    if (!granted) return { error: 'timed-out' };
    if (queue.waiters.length >= MAX_WAITERS) return { error: 'too-many' };
    queue.waiters.push(place);
    this.#waits.set(owner, name);
    return { place, held: false };
  }

  /** Release a place, waiting or holding, and grant the lock to compatible waiters. Idempotent. */
  leave(place) {
    const queue = this.#queues.get(place.name);
    if (!queue) return;
    if (remove(queue.waiters, place)) this.#waits.delete(place.owner);
    else if (remove(queue.holders, place)) this.#forget(place);
    this.#grant(place.name, queue);
  }

  /** Release all locks of an owner that has ended. Its wait must be ended by `leave`. */
  end(owner) {
    for (const place of this.#held.get(owner) ?? []) this.leave(place);
  }

  /** Whether there are no holders and no waiters. */
  get idle() {
    return this.#queues.size === 0 && this.#waits.size === 0 && this.#held.size === 0;
  }

  /**
   * Whether `owner` would wait for itself if it waited for `name`.
   *
   * A waiter waits for every holder: directly if its mode excludes theirs; otherwise the holders are shared and the first
   * waiter is exclusive, so it waits for them through that one.
   */
  #wouldDeadlock(owner, name) {
    const seen = new Set([name]);
    // Iterates over elements added meanwhile as well.
    for (const open of seen) {
      for (const holder of this.#queues.get(open)?.holders ?? []) {
        if (holder.owner === owner) return true;
        const next = this.#waits.get(holder.owner);
        if (next !== undefined) seen.add(next);
      }
    }
    return false;
  }

  /** Grant the lock to the waiters at the head of the queue that are compatible with the holders. */
  #grant(name, queue) {
    while (queue.waiters.length > 0 && admits(queue, queue.waiters[0].mode)) {
      const place = queue.waiters.shift();
      this.#waits.delete(place.owner);
      this.#hold(queue, place);
      place.granted(place);
    }
    if (queue.holders.length === 0) this.#queues.delete(name);
  }

  #hold(queue, place) {
    queue.holders.push(place);
    const held = this.#held.get(place.owner) ?? new Set();
    this.#held.set(place.owner, held.add(place));
  }

  #forget(place) {
    const held = this.#held.get(place.owner);
    held.delete(place);
    if (held.size === 0) this.#held.delete(place.owner);
  }
}

/** Whether a holder of this mode is compatible with the holders. */
function admits(queue, mode) {
  return mode === 'exclusive' ? queue.holders.length === 0 : queue.holders.every((holder) => holder.mode === 'shared');
}

function remove(places, place) {
  const index = places.indexOf(place);
  if (index >= 0) places.splice(index, 1);
  return index >= 0;
}
