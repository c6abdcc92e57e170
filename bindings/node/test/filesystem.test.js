/** The file system of a component: fixes of the shim. */
import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readFileSync, readSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { preopen } from '../src/filesystem.js';
import { LockServer } from '../src/sessions.js';
import { Thread, freshDirectory } from './support/kit.js';

const READ_WRITE = { read: true, write: true };

/** The directory as opened by a component through `.`. */
function opened(directory) {
  const [[preopened, name]] = preopen(directory).preopens.getDirectories();
  assert.equal(name, '.');
  return preopened.openAt({}, '.', { directory: true }, { read: true });
}

/** The error that a call throws to the component. */
const code = (expected) => (thrown) => thrown === expected;

test('a time is set to the millisecond', (t) => {
  const directory = freshDirectory(t);
  const file = opened(directory).openAt({}, 'file', { create: true }, READ_WRITE);
  for (const milliseconds of [1, 122, 123, 500, 998, 999]) {
    const val = { seconds: 1_600_000_000n, nanoseconds: milliseconds * 1_000_000 };
    file.setTimes({ tag: 'no-change' }, { tag: 'timestamp', val });
    const stamp = file.stat().dataModificationTimestamp;
    assert.equal(stamp.seconds, 1_600_000_000n);
    assert.equal(Math.floor(stamp.nanoseconds / 1_000_000), milliseconds);
  }
});

test('failures have WASI error codes', (t) => {
  const directory = freshDirectory(t);
  const root = opened(directory);
  mkdirSync(join(directory, 'folder'));
  symlinkSync('file', join(directory, 'link'));
  assert.throws(() => root.openAt({}, 'folder', {}, { read: true }).read(1n, 0n), code('is-directory'));
  assert.throws(() => root.openAt({}, 'absent', {}, { read: true }), code('no-entry'));
  assert.throws(() => root.openAt({}, 'link', {}, READ_WRITE), code('loop'));
  assert.throws(() => root.openAt({}, 'a\0b', {}, READ_WRITE), code('invalid'));
  assert.throws(() => opened('/dev').openAt({}, 'full', {}, READ_WRITE).write(new Uint8Array(1), 0n), code('insufficient-space'));
  root.openAt({}, 'file', { create: true, exclusive: true }, READ_WRITE);
  assert.throws(() => root.openAt({}, 'file', { create: true, exclusive: true }, READ_WRITE), code('exist'));
  assert.equal(statSync(join(directory, 'file')).mode & 0o777, 0o600);
});

test('no path leaves the directory', (t) => {
  const outside = freshDirectory(t);
  writeFileSync(join(outside, 'file'), 'others');
  const directory = freshDirectory(t);
  symlinkSync(outside, join(directory, 'out'));
  mkdirSync(join(directory, 'folder'));
  const root = opened(directory);
  for (const path of ['out/file', 'folder/../out/file', '../file', join(outside, 'file')]) {
    assert.throws(() => root.openAt({}, path, {}, READ_WRITE), code('not-permitted'), path);
    assert.throws(() => root.openAt({}, path, { create: true }, READ_WRITE), code('not-permitted'), path);
  }
  assert.equal(readFileSync(join(outside, 'file'), 'utf8'), 'others');
});

test('no write of a dead thread lands after its locks are released', async (t) => {
  const directory = freshDirectory(t);
  const locks = new LockServer();
  t.after(() => locks.close());
  const size = 64 << 20;
  for (let round = 0; round < 8; round++) {
    const writer = new Thread(t, 'writer', locks, { directory, file: 'file', size });
    assert.equal(await writer.says(), 'written');
    // Only to vary the rounds.
    await setTimeout(5 * round);
    writer.kill();
    await writer.ended;
    // A write changes the last byte last.
    const file = openSync(join(directory, 'file'));
    const last = () => readSync(file, byte, 0, 1, size - 1) && byte[0];
    const byte = new Uint8Array(1);
    const then = last();
    await setTimeout(50);
    assert.equal(last(), then);
    closeSync(file);
  }
});
