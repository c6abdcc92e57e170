/** The functions that threads of the tests run, by name. */
import { parentPort, workerData } from 'node:worker_threads';
import { preopen } from '../../src/filesystem.js';
import { serverLocks } from '../../src/locks.js';
import { openSessions } from '../../src/sessions.js';
import { OPTIONS } from './kit.js';

const { name, port, ...data } = workerData;

const roles = {
  /** Take and release locks on request, and report each result. */
  locker() {
    const locks = serverLocks(port);
    const held = new Map();
    parentPort.on('message', ({ take, mode = 'exclusive', wait = 60_000, release }) => {
      if (release) {
        held.get(release)();
        return parentPort.postMessage('released');
      }
      parentPort.postMessage('asking');
      try {
        held.set(take, locks.acquire(take, mode, wait));
        parentPort.postMessage('held');
      } catch (error) {
        parentPort.postMessage(error.tag);
      }
    });
    parentPort.postMessage('ready');
  },

  /** Increment the counter of a session `times` times, with exclusive access. */
  async incrementer() {
    const { manager } = await openSessions({ directory: data.directory, port });
    const sessions = manager.Manager.open('.', OPTIONS, new manager.Configuration());
    for (let time = 0; time < data.times; time++) {
      const session = sessions.startRequest([data.cookie], undefined, 'exclusive');
      const count = session.get('counter')?.val ?? 0n;
      session.set('counter', { tag: 'integer', val: count + 1n });
      sessions.finishSuccessfulRequest(session);
    }
    parentPort.postMessage('done');
  },

  /** Write to a file repeatedly, as a component does. */
  writer() {
    const [[preopened]] = preopen(data.directory).preopens.getDirectories();
    const file = preopened.openAt({}, data.file, { create: true }, { read: true, write: true });
    const [zeros, ones] = [new Uint8Array(data.size), new Uint8Array(data.size).fill(1)];
    for (;;) {
      file.write(zeros, 0n);
      parentPort.postMessage('written');
      file.write(ones, 0n);
    }
  },

  /** Lock a session through the store and keep it. */
  async holder() {
    const { store } = await openSessions({ directory: data.directory, port });
    globalThis.guard = store.Store.open('.', OPTIONS).lockSession(data.id, 'exclusive', 0n);
    parentPort.postMessage('held');
    parentPort.on('message', () => {});
  },
};

await roles[name]();
