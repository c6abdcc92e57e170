/**
 * The component that connects to Redis itself, over the sockets of jco's shim. `SESSION3_STORE` names the server, which
 * `cargo host-test hosts::redis --ignored` starts.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { transpile } from '@bytecodealliance/jco';
import { WASIShim } from '@bytecodealliance/preview2-shim/instantiation';
import { built } from '../../src/component.js';

const OPTIONS = { create: true, durability: 'relaxed' };

/** Transpile the component, and return a function that makes instances. */
async function transpiled(directory) {
  const component = await readFile(new URL('redis_store.wasm', built));
  const { files } = await transpile(component, { name: 'redis_store', instantiation: 'async' });
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }\n');
  for (const [name, contents] of Object.entries(files)) {
    if (!name.includes('/')) await writeFile(join(directory, name), contents);
  }
  const { instantiate } = await import(join(directory, 'redis_store.js'));
  const compile = async (name) => WebAssembly.compile(await readFile(join(directory, name)));
  const events = { emit() {}, begin() {}, end() {} };
  const imports = { ...new WASIShim().getImportObject(), 'session3:sessions/session-events': events };
  return () => instantiate(compile, imports);
}

test('sessions on Redis', async () => {
  const directory = await mkdtemp(join(new URL('.', built).pathname, 'redis-'));
  try {
    const instance = await transpiled(directory);
    const [one, two] = [await instance(), await instance()];
    const [first, second] = [one, two].map(({ sessionStore }) => sessionStore.Store.open('.', OPTIONS));
    const { id } = first.createSession(undefined, { data: new Uint8Array([1]) });
    assert.deepEqual([...second.loadSession(id).data], [1]);
    assert.equal(second.saveSession(id, { data: new Uint8Array([2]) }, 1n), 2n);
    assert.throws(() => first.saveSession(id, { data: new Uint8Array([3]) }, 1n), { payload: { tag: 'conflict', val: 2n } });

    const guard = first.lockSession(id, 'exclusive', undefined);
    assert.throws(() => second.lockSession(id, 'exclusive', 0n), { payload: { tag: 'busy' } });
    guard[Symbol.dispose]();
    second.lockSession(id, 'exclusive', 0n)[Symbol.dispose]();

    const large = new Uint8Array(1 << 20).fill(7);
    second.saveSession(id, { data: large }, undefined);
    assert.deepEqual(first.loadSession(id).data, large);
    assert.equal(first.deleteSession(id), true);
    assert.equal(second.loadSession(id), undefined);
  } finally {
    await rm(directory, { recursive: true });
  }
});
