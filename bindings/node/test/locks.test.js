/** Locks between threads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverLocks, threadLocks } from '../src/locks.js';
import { LockServer } from '../src/sessions.js';
import { Thread } from './support/kit.js';

/** A server, and a function that starts threads. Each holds its own lock, which makes its waits observable. */
async function fixture(test) {
  const locks = new LockServer();
  test.after(() => locks.close());
  const here = serverLocks(locks.connect().port);
  let count = 0;
  const start = async () => {
    const thread = new Thread(test, 'locker', locks);
    assert.equal(await thread.says(), 'ready');
    thread.own = `own ${++count}`;
    await ask(thread, { take: thread.own });
    assert.equal(await thread.says(), 'held');
    return thread;
  };
  return { locks, start, here };
}

async function ask(thread, request) {
  thread.tell(request);
  assert.equal(await thread.says(), 'asking');
}

/** Wait until a thread that has requested our lock is queued: acquiring its own lock is a deadlock then. */
function untilItWaits(thread, here) {
  const attempt = () => {
    try {
      here.acquire(thread.own, 'exclusive', 0);
    } catch (error) {
      return error.tag;
    }
  };
  while (attempt() !== 'deadlock');
}

test('one holder at a time, in order', async (t) => {
  const { start, here } = await fixture(t);
  const release = here.acquire('x', 'exclusive', 0);
  const threads = [await start(), await start(), await start()];
  for (const thread of threads.toReversed()) {
    await ask(thread, { take: 'x' });
    untilItWaits(thread, here);
  }
  release();
  for (const thread of threads.toReversed()) {
    assert.equal(await thread.says(), 'held');
    assert.throws(() => here.acquire('x', 'exclusive', 0), { tag: 'timed-out' });
    thread.tell({ release: 'x' });
    assert.equal(await thread.says(), 'released');
  }
  here.acquire('x', 'exclusive', 0)();
});

test('readers share', async (t) => {
  const { start, here } = await fixture(t);
  here.acquire('x', 'shared', 0);
  const thread = await start();
  await ask(thread, { take: 'x', mode: 'shared', wait: 0 });
  assert.equal(await thread.says(), 'held');
});

test('a wait is bounded', async (t) => {
  const { start, here } = await fixture(t);
  here.acquire('x', 'exclusive', 0);
  const thread = await start();
  for (const wait of [0, 1, 20]) {
    await ask(thread, { take: 'x', wait });
    assert.equal(await thread.says(), 'timed-out');
  }
});

test('the main thread can wait as well', async (t) => {
  const { start, here } = await fixture(t);
  const thread = await start();
  await ask(thread, { take: 'x' });
  assert.equal(await thread.says(), 'held');
  thread.tell({ release: 'x' });
  here.acquire('x', 'exclusive', 30_000)();
});

test('a cycle of waits is refused', async (t) => {
  const { start, here } = await fixture(t);
  const release = here.acquire('x', 'exclusive', 0);
  const thread = await start();
  await ask(thread, { take: 'y' });
  assert.equal(await thread.says(), 'held');
  await ask(thread, { take: 'x' });
  untilItWaits(thread, here);
  assert.throws(() => here.acquire('y', 'exclusive', 30_000), { tag: 'deadlock' });
  release();
  assert.equal(await thread.says(), 'held');
});

test('the death of a thread releases its locks and ends its wait', async (t) => {
  const { start, here } = await fixture(t);
  const [holder, waiter] = [await start(), await start()];
  await ask(holder, { take: 'x' });
  assert.equal(await holder.says(), 'held');
  await ask(waiter, { take: 'x' });
  await holder.kill();
  await holder.ended;
  assert.equal(await waiter.says(), 'held');
  await waiter.kill();
  await waiter.ended;
  here.acquire('x', 'exclusive', 0)();
});

test('a thread that is killed while it waits takes no lock', async (t) => {
  const { start, here } = await fixture(t);
  const release = here.acquire('x', 'exclusive', 0);
  const waiter = await start();
  await ask(waiter, { take: 'x' });
  untilItWaits(waiter, here);
  await waiter.kill();
  await waiter.ended;
  release();
  here.acquire('x', 'exclusive', 0)();
});

test('without a server, a wait that only this thread could end is a deadlock', () => {
  const release = threadLocks.acquire('x', 'exclusive', 60_000);
  assert.throws(() => threadLocks.acquire('x', 'shared', 60_000), { tag: 'deadlock' });
  release();
  threadLocks.acquire('x', 'shared', 0)();
});
