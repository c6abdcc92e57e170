/** Sessions in the file system, with one thread and with several. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LockServer, openSessions } from '../src/sessions.js';
import { OPTIONS, Thread, freshDirectory, refused } from './support/kit.js';

const ID = 'session-1';
const contents = (text) => ({ data: Buffer.from(text) });
const openStore = async (options) => (await openSessions(options)).store.Store.open('.', OPTIONS);

test('a session survives a restart', async (t) => {
  const directory = freshDirectory(t);
  const before = await openStore({ directory });
  before.createSession(ID, contents('kept'));
  const after = await openStore({ directory });
  assert.equal(Buffer.from(after.loadSession(ID).data).toString(), 'kept');
});

test('an error of the contract is thrown, with its case', async (t) => {
  const store = await openStore({ directory: freshDirectory(t) });
  store.createSession(ID, contents('1'));
  assert.equal(store.loadSession('absent-one'), undefined);
  assert.throws(() => store.saveSession('absent-one', contents('2')), refused('gone'));
  assert.throws(() => store.saveSession(ID, contents('2'), 7n), (error) => {
    assert.deepEqual(error.payload, { tag: 'conflict', val: 1n });
    return true;
  });
});

test('a touch is recorded to the millisecond', async (t) => {
  let now = 1_600_000_000_123;
  const store = await openStore({ directory: freshDirectory(t), now: () => now });
  store.createSession(ID, { ...contents('1'), idleTimeout: 1000n });
  for (let step = 0; step < 50; step++) {
    now += 777;
    store.touchSession(ID);
    assert.equal(store.loadSession(ID).info.lastActive, BigInt(now));
  }
  now += 1000;
  assert.equal(store.loadSession(ID), undefined);
});

test('one thread alone, and its reported safety', async (t) => {
  const directory = freshDirectory(t);
  const [one, other] = [await openStore({ directory }), await openStore({ directory })];
  assert.deepEqual([one.isThreadSafe(), one.isMultiprocessSafe()], [false, false]);
  const guard = one.lockSession(ID, 'exclusive', 0n);
  assert.throws(() => other.lockSession(ID, 'exclusive', 60_000n), refused('deadlock'));
  guard[Symbol.dispose]();
  other.lockSession(ID, 'exclusive', 0n);
});

test('events are delivered, and a failing listener does not affect the session', async (t) => {
  const told = [];
  const uncaught = [];
  t.mock.method(globalThis, 'queueMicrotask', (callback) => uncaught.push(callback));
  const onEvent = (session, { tag }) => {
    told.push([session, tag]);
    throw new Error('a listener');
  };
  const store = await openStore({ directory: freshDirectory(t), onEvent });
  store.createSession(ID, contents('1'));
  store.deleteSession(ID);
  assert.deepEqual(told, [[ID, 'created'], [ID, 'destroyed']]);
  assert.throws(uncaught[0], { message: 'a listener' });
});

test('a directory that others can read is refused', async (t) => {
  const directory = freshDirectory(t);
  chmodSync(directory, 0o750);
  await assert.rejects(openSessions({ directory }), /make it private/);
});

test('a directory with lock files of others is refused', async (t) => {
  const directory = freshDirectory(t);
  mkdirSync(join(directory, 'locks'));
  await assert.rejects(openStore({ directory }), /other hosts use/);
});

test('the death of a thread unlocks its sessions', async (t) => {
  const directory = freshDirectory(t);
  const locks = new LockServer();
  t.after(() => locks.close());
  const store = await openStore({ directory, port: locks.connect().port });
  assert.deepEqual([store.isThreadSafe(), store.isMultiprocessSafe()], [true, false]);
  const holder = new Thread(t, 'holder', locks, { directory, id: ID });
  assert.equal(await holder.says(), 'held');
  assert.throws(() => store.lockSession(ID, 'exclusive', 0n), refused('busy'));
  await holder.kill();
  await holder.ended;
  store.lockSession(ID, 'exclusive', 0n);
});

test('four threads, 200 exclusive increments each, are 800', async (t) => {
  const directory = freshDirectory(t);
  const locks = new LockServer();
  t.after(() => locks.close());
  const { manager } = await openSessions({ directory, port: locks.connect().port });
  const sessions = manager.Manager.open('.', OPTIONS, new manager.Configuration());
  const first = sessions.startRequest([], undefined, 'optimistic');
  first.set('counter', { tag: 'integer', val: 0n });
  const [cookie] = sessions.finishSuccessfulRequest(first).find(([name]) => name === 'set-cookie')[1].split(';');
  const threads = [1, 2, 3, 4].map(() => new Thread(t, 'incrementer', locks, { directory, cookie, times: 200 }));
  for (const thread of threads) assert.equal(await thread.says(), 'done');
  const last = sessions.startRequest([cookie], undefined, 'read-only');
  assert.deepEqual(last.get('counter'), { tag: 'integer', val: 800n });
});
