/**
 * `wasi:filesystem` on one preopened directory: the one of preview2-shim 0.26.1, with open files of our own. The shim's:
 *
 * - `set-times` passes milliseconds to `futimes`, which takes seconds: the time is a thousand times too far from 1970.
 * - An error of `read` or `write`, such as a full disk, and one that has no name in WASI, such as too many open files, is
 *   thrown as it is, which is a trap and not an answer.
 * - Each call on an open file is a message to another thread and back. Opening, reading, writing and closing one takes ten
 *   times as long. And at the end of a thread it is that other one that one would have to know the habits of: here what
 *   changes a file happens in the thread of the instance, which holds the lock.
 * - A preopened directory itself cannot be read or synced; the one that `.` opens can. The component opens `.` first, so this
 *   needs no repair.
 *
 * Paths are the shim's affair and Node's, which knows no `openat`: whoever can write to the directory and replaces a part of
 * it by a symbolic link at the right moment leads the component out of it. So the directory must belong to this user alone.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { createFilesystem } from '@bytecodealliance/preview2-shim/filesystem';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = fs.constants;
const dispose = Symbol.dispose ?? Symbol.for('dispose');

/**
 * The interfaces for a component that sees this directory as `.`, and nothing else.
 *
 * @param {string} directory
 */
export function preopen(directory) {
  const shim = createFilesystem({ preopens: { '.': directory } });
  const [[descriptor, name]] = shim.preopens.getDirectories();
  const root = fs.realpathSync(directory);
  return {
    types: { Descriptor, DirectoryEntryStream: shim.types.DirectoryEntryStream },
    preopens: { getDirectories: () => [[new Directory(descriptor, root, root), name]] },
  };
}

/** What a component has open. */
class Descriptor {}

/** A directory: the shim's, except for what it opens. */
class Directory extends Descriptor {
  #shim;
  #path;
  #root;

  /** @param {string} root The preopened directory, which no path leaves. */
  constructor(shim, path, root) {
    super();
    this.#shim = shim;
    this.#path = path;
    this.#root = root;
  }

  [dispose]() {
    this.#shim[dispose]();
  }

  openAt(pathFlags, name, openFlags, flags) {
    return answer(() => {
      if (!openFlags.directory) return new File(fs.openSync(this.#locate(name), nodeFlags(openFlags, flags), 0o600));
      const shim = this.#shim.openAt(pathFlags, name, openFlags, flags);
      return new Directory(shim, path.join(this.#path, name), this.#root);
    });
  }

  createDirectoryAt(name) {
    return answer(() => this.#shim.createDirectoryAt(name));
  }

  renameAt(name, directory, newName) {
    return answer(() => this.#shim.renameAt(name, directory.#shim, newName));
  }

  unlinkFileAt(name) {
    return answer(() => this.#shim.unlinkFileAt(name));
  }

  removeDirectoryAt(name) {
    return answer(() => this.#shim.removeDirectoryAt(name));
  }

  statAt(pathFlags, name) {
    return answer(() => this.#shim.statAt(pathFlags, name));
  }

  stat() {
    return answer(() => this.#shim.stat());
  }

  getType() {
    return 'directory';
  }

  readDirectory() {
    return answer(() => this.#shim.readDirectory());
  }

  syncData() {
    return answer(() => this.#shim.syncData());
  }

  /** The path for Node. As the shim does it, links are followed on the way, but not out of the root, nor at its end. */
  #locate(name) {
    if (path.isAbsolute(name) || name.split('/').includes('..')) throw 'not-permitted';
    const parent = fs.realpathSync(path.join(this.#path, path.dirname(name)));
    if (parent !== this.#root && !parent.startsWith(this.#root + path.sep)) throw 'not-permitted';
    return path.join(parent, path.basename(name));
  }
}

/** An open file. */
class File extends Descriptor {
  #fd;

  constructor(fd) {
    super();
    this.#fd = fd;
  }

  [dispose]() {
    fs.closeSync(this.#fd);
  }

  read(length, offset) {
    return answer(() => {
      const bytes = new Uint8Array(Number(length));
      const count = fs.readSync(this.#fd, bytes, 0, bytes.length, Number(offset));
      return [bytes.subarray(0, count), count === 0];
    });
  }

  write(bytes, offset) {
    return answer(() => BigInt(fs.writeSync(this.#fd, bytes, 0, bytes.length, Number(offset))));
  }

  syncData() {
    return answer(() => fs.fdatasyncSync(this.#fd));
  }

  stat() {
    return answer(() => {
      const stat = fs.fstatSync(this.#fd, { bigint: true });
      return {
        type: kind(stat),
        linkCount: stat.nlink,
        size: stat.size,
        dataAccessTimestamp: datetime(stat.atimeNs),
        dataModificationTimestamp: datetime(stat.mtimeNs),
        statusChangeTimestamp: datetime(stat.ctimeNs),
      };
    });
  }

  getType() {
    return answer(() => kind(fs.fstatSync(this.#fd)));
  }

  setTimes(accessed, modified) {
    return answer(() => {
      const stat = fs.fstatSync(this.#fd);
      fs.futimesSync(this.#fd, seconds(accessed, stat.atimeMs), seconds(modified, stat.mtimeMs));
    });
  }
}

/** Answer what a call answers; throw what it throws by the name that WASI has for it. What is no error of the system is a trap. */
function answer(call) {
  try {
    return call();
  } catch (error) {
    if (typeof error?.code !== 'string') throw error;
    throw errorCode(error);
  }
}

function errorCode(error) {
  if (error.code === 'ERR_INVALID_ARG_VALUE') return 'invalid';
  try {
    return shimTypes.filesystemErrorCode({ payload: error });
  } catch {
    return 'io';
  }
}

const { types: shimTypes } = createFilesystem({ preopens: {} });

function nodeFlags(openFlags, flags) {
  const access = flags.write ? (flags.read ? O_RDWR : O_WRONLY) : O_RDONLY;
  const { create, exclusive, truncate } = openFlags;
  return access | O_NOFOLLOW | (create ? O_CREAT : 0) | (exclusive ? O_EXCL : 0) | (truncate ? O_TRUNC : 0);
}

function kind(stat) {
  if (stat.isFile()) return 'regular-file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  if (stat.isCharacterDevice()) return 'character-device';
  return stat.isBlockDevice() ? 'block-device' : 'unknown';
}

function datetime(nanoseconds) {
  return { seconds: nanoseconds / 1_000_000_000n, nanoseconds: Number(nanoseconds % 1_000_000_000n) };
}

/** A `new-timestamp` in seconds, as Node takes it. */
function seconds({ tag, val }, unchanged) {
  if (tag === 'no-change') return unchanged / 1000;
  if (tag === 'now') return Date.now() / 1000;
  // A number of this size is exact to a quarter of a microsecond and cut when it is stored: a microsecond more keeps the
  // millisecond what it is.
  return Number(val.seconds) + val.nanoseconds / 1e9 + 1e-6;
}
