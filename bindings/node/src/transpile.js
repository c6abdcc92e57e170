/** Transpile the component to JavaScript: `npm run transpile`. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transpile } from '@bytecodealliance/jco';
import { built, transpiled } from './component.js';

const { files } = await transpile(await readFile(built), { name: 'session_store', instantiation: 'async' });
const main = new TextDecoder().decode(files['session_store.js']);
files['session_store.js'] = withoutPromising(main);
for (const [name, contents] of Object.entries(files)) {
  const file = fileURLToPath(new URL(name, transpiled));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, contents);
}
await writeFile(new URL('package.json', transpiled), '{ "type": "module" }\n');

/**
 * For each function it looks up, jco tries `WebAssembly.promising` and falls back if that throws. In a Node.js without it, V8
 * rereads the whole file for the message of each of these errors: 120 ms per instance. This stub throws no message.
 */
function withoutPromising(source) {
  const promising = 'const { promising = () => { throw undefined; } } = WebAssembly;\n';
  return promising + source.replaceAll('WebAssembly.promising(', 'promising(');
}
