/** The transpiled component: where it is, and how to load it. */
import { readFile } from 'node:fs/promises';

const target = new URL(`${process.env.CARGO_TARGET_DIR ?? 'target'}/`, new URL('../../../', import.meta.url));

/** The component, as `cargo build` leaves it. */
export const built = new URL('components/session_store.wasm', target);
/** The folder with what `npm run transpile` makes of it. */
export const transpiled = new URL('node/', target);

/**
 * Make an instance.
 *
 * @param {Record<string, object>} imports What it imports, by interface.
 * @returns {Promise<{ sessionStore: object, sessionManager: object }>}
 */
export async function instantiate(imports) {
  const { instantiate } = await import(new URL('session_store.js', transpiled));
  return instantiate(compile, imports);
}

async function compile(name) {
  return WebAssembly.compile(await readFile(new URL(name, transpiled)));
}
