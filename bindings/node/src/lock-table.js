/**
 * The locks of a process: who holds what, and who waits for it, in order. Plain data, without time or threads; the same
 * rules as in the Wasmtime host (`runtime/src/locks/table.rs`).
 *
 * An owner is whoever can wait for one lock at a time: a thread.
 */

/** The most locks that an owner holds at once. */
const MAX_HELD = 64;
/** The most owners that wait for one name. */
const MAX_WAITERS = 1024;

/**
 * @typedef {'shared' | 'exclusive'} Mode
 * @typedef {{ owner: unknown, name: string, mode: Mode, granted?: (place: Place) => void }} Place
 *   A place at a name, waiting or holding.
 */

/** Holders and waiters of names. */
export class LockTable {
  /** Names in use; none of these queues is empty. @type {Map<string, { holders: Place[], waiters: Place[] }>} */
  #queues = new Map();
  /** What each owner waits for: one name at most. @type {Map<unknown, string>} */
  #waits = new Map();
  /** What each owner holds. @type {Map<unknown, Set<Place>>} */
  #held = new Map();

  /**
   * Take a lock, or a place behind those who wait for it. The answer is the place, held already unless `granted` will be
   * called, or the case of the contract's error.
   *
   * @param {unknown} owner
   * @param {string} name
   * @param {Mode} mode
   * @param {((place: Place) => void) | undefined} granted Called later, when the lock is granted. Without it nobody waits.
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

  /** Give up a place, waiting or holding, and let in who can go now. One that was given up already is no matter. */
  leave(place) {
    const queue = this.#queues.get(place.name);
    if (!queue) return;
    if (remove(queue.waiters, place)) this.#waits.delete(place.owner);
    else if (remove(queue.holders, place)) this.#forget(place);
    this.#grant(place.name, queue);
  }

  /** Give up all that an owner holds: it has ended. What it waits for, whoever waits for it gives up. */
  end(owner) {
    for (const place of this.#held.get(owner) ?? []) this.leave(place);
  }

  /** Whether nobody holds anything. */
  get idle() {
    return this.#queues.size === 0 && this.#waits.size === 0 && this.#held.size === 0;
  }

  /**
   * Whether `owner`, were it to wait for `name`, would wait for itself.
   *
   * Who must wait, waits for every holder: directly when its mode excludes theirs, and otherwise the holders are shared
   * and the first waiter is exclusive, so it waits for them through that one.
   */
  #wouldDeadlock(owner, name) {
    const seen = new Set([name]);
    // A set goes on with what is added to it meanwhile.
    for (const open of seen) {
      for (const holder of this.#queues.get(open)?.holders ?? []) {
        if (holder.owner === owner) return true;
        const next = this.#waits.get(holder.owner);
        if (next !== undefined) seen.add(next);
      }
    }
    return false;
  }

  /** Give the lock to those at the head of the queue who can have it now. */
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

/** Whether the holders leave room for one more. */
function admits(queue, mode) {
  return mode === 'exclusive' ? queue.holders.length === 0 : queue.holders.every((holder) => holder.mode === 'shared');
}

function remove(places, place) {
  const index = places.indexOf(place);
  if (index >= 0) places.splice(index, 1);
  return index >= 0;
}
