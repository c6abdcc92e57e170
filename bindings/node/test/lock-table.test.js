/** Grants, their order, and refusals. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LockTable } from '../src/lock-table.js';

/** A table, and functions that identify owners by name. */
function fixture() {
  const table = new LockTable();
  const log = [];
  const places = new Map();
  const take = (owner, name, mode = 'exclusive', patient = true) => {
    const key = `${owner} ${name}`;
    const answer = table.acquire(owner, name, mode, patient ? () => log.push(key) : undefined);
    if (answer.error) return answer.error;
    places.set(key, answer.place);
    return answer.held ? 'held' : 'waits';
  };
  const leave = (owner, name) => table.leave(places.get(`${owner} ${name}`));
  return { table, log, take, leave };
}

test('waiters are served in order', () => {
  const { table, log, take, leave } = fixture();
  assert.equal(take('a', 'x'), 'held');
  for (const owner of ['b', 'c', 'd']) assert.equal(take(owner, 'x'), 'waits');
  for (const owner of ['a', 'b', 'c', 'd']) leave(owner, 'x');
  assert.deepEqual(log, ['b x', 'c x', 'd x']);
  assert.ok(table.idle);
});

test('readers share, and a writer excludes all others', () => {
  const { log, take, leave } = fixture();
  assert.equal(take('a', 'x', 'shared'), 'held');
  assert.equal(take('b', 'x', 'shared'), 'held');
  assert.equal(take('writer', 'x'), 'waits');
  leave('a', 'x');
  assert.deepEqual(log, []);
  leave('b', 'x');
  assert.deepEqual(log, ['writer x']);
  assert.equal(take('c', 'x', 'shared', false), 'timed-out');
});

test('a reader does not overtake a waiting writer', () => {
  const { log, take, leave } = fixture();
  take('a', 'x', 'shared');
  take('writer', 'x');
  assert.equal(take('b', 'x', 'shared'), 'waits');
  assert.equal(take('c', 'x', 'shared'), 'waits');
  leave('a', 'x');
  assert.deepEqual(log, ['writer x']);
  leave('writer', 'x');
  assert.deepEqual(log, ['writer x', 'b x', 'c x']);
});

test('a waiter that gives up unblocks the next', () => {
  const { table, log, take, leave } = fixture();
  take('a', 'x', 'shared');
  take('writer', 'x');
  take('b', 'x', 'shared');
  leave('writer', 'x');
  assert.deepEqual(log, ['b x']);
  table.end('a');
  table.end('b');
  assert.ok(table.idle);
});

test('a wait that could never end is a deadlock', () => {
  const { take } = fixture();
  for (const [owner, name] of [['a', 'x'], ['b', 'y'], ['c', 'z']]) take(owner, name);
  assert.equal(take('a', 'x', 'shared'), 'deadlock');
  assert.equal(take('a', 'y'), 'waits');
  assert.equal(take('b', 'z'), 'waits');
  assert.equal(take('c', 'x'), 'deadlock');
});

test('a cycle through a queue is a deadlock', () => {
  const { take } = fixture();
  take('holder', 'x', 'shared');
  take('writer', 'x');
  take('reader', 'y');
  assert.equal(take('reader', 'x', 'shared'), 'waits');
  assert.equal(take('holder', 'y', 'shared'), 'deadlock');
});

test('sharing again is no deadlock, an upgrade is', () => {
  const { take } = fixture();
  assert.equal(take('a', 'x', 'shared'), 'held');
  assert.equal(take('a', 'x', 'shared'), 'held');
  assert.equal(take('a', 'x'), 'deadlock');
});

test('the locks of an owner and the length of a name are limited', () => {
  const { take } = fixture();
  for (let number = 0; number < 64; number++) assert.equal(take('a', `x${number}`), 'held');
  assert.equal(take('a', 'one more'), 'too-many');
  assert.equal(take('b', ''), 'invalid-name');
  assert.equal(take('b', 'é'.repeat(128)), 'held');
  assert.equal(take('b', 'é'.repeat(129)), 'invalid-name');
});

test('the waiters of a name are limited', () => {
  const { take } = fixture();
  take('holder', 'x');
  for (let number = 0; number < 1024; number++) assert.equal(take(number, 'x'), 'waits');
  assert.equal(take('one more', 'x'), 'too-many');
});
