/** Make JavaScript of the component: `npm run transpile`. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transpile } from '@bytecodealliance/jco';
import { built, transpiled } from './component.js';

const { files } = await transpile(await readFile(built), { name: 'session_store', instantiation: 'async' });
for (const [name, contents] of Object.entries(files)) {
  const file = fileURLToPath(new URL(name, transpiled));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, contents);
}
await writeFile(new URL('package.json', transpiled), '{ "type": "module" }\n');
