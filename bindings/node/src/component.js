/** The transpiled component: its path, and a loader. */
import { readFile } from 'node:fs/promises';

const target = new URL(`${process.env.CARGO_TARGET_DIR ?? 'target'}/`, new URL('../../../', import.meta.url));

/** The component, as built by `cargo build`. */
export const built = new URL('components/session_store.wasm', target);
/** The output folder of `npm run transpile`. */
export const transpiled = new URL('node/', target);

/**
 * Instantiate it.
 *
 * @param {Record<string, object>} imports Its imports, by interface.
 * @returns {Promise<{ sessionStore: object, sessionManager: object }>}
 */
export async function instantiate(imports) {
  const { instantiate } = await import(new URL('session_store.js', transpiled));
  return instantiate(compile, imports);
}

async function compile(name) {
  return WebAssembly.compile(await readFile(new URL(name, transpiled)));
}
