/**
 * `wasi:filesystem` on one preopened directory: preview2-shim 0.26.1 with a replacement for open files. The shim's problems:
 *
 * - `set-times` passes milliseconds to `futimes`, which takes seconds: the time is a thousand times too far from 1970.
 * - An error of `read` or `write`, such as a full disk, and one without a name in WASI, such as too many open files, is thrown
 *   unchanged, which is a trap rather than an error.
 * - Each call on an open file is a round trip to another thread. Opening, reading, writing and closing a file takes ten times
 *   as long, and writes at the end of a thread would depend on that other thread: here writes happen on the thread of the
 *   instance, which holds the lock.
 * - A preopened directory itself cannot be read or synced; the one that `.` opens can. The component opens `.` first, so this
 *   needs no fix.
 *
 * Paths are resolved by the shim and Node.js, which lacks `openat`: a process that can write to the directory, and replaces
 * part of a path by a symbolic link at the right moment, leads the component out of it. So only this user may have access.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { createFilesystem } from '@bytecodealliance/preview2-shim/filesystem';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = fs.constants;
const dispose = Symbol.dispose ?? Symbol.for('dispose');

/**
 * The interfaces for a component that has this directory as `.`, and nothing else.
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

/** An open file or directory. */
class Descriptor {}

/** A directory: the shim's, except for what it opens. */
class Directory extends Descriptor {
  #shim;
  #path;
  #root;

  /** @param {string} root The preopened directory, which no path may leave. */
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
    return withErrorCodes(() => {
      if (!openFlags.directory) return new File(fs.openSync(this.#locate(name), nodeFlags(openFlags, flags), 0o600));
      const shim = this.#shim.openAt(pathFlags, name, openFlags, flags);
      return new Directory(shim, path.join(this.#path, name), this.#root);
    });
  }

  createDirectoryAt(name) {
    return withErrorCodes(() => this.#shim.createDirectoryAt(name));
  }

  renameAt(name, directory, newName) {
    return withErrorCodes(() => this.#shim.renameAt(name, directory.#shim, newName));
  }

  unlinkFileAt(name) {
    return withErrorCodes(() => this.#shim.unlinkFileAt(name));
  }

  removeDirectoryAt(name) {
    return withErrorCodes(() => this.#shim.removeDirectoryAt(name));
  }

  statAt(pathFlags, name) {
    return withErrorCodes(() => this.#shim.statAt(pathFlags, name));
  }

  stat() {
    return withErrorCodes(() => this.#shim.stat());
  }

  getType() {
    return 'directory';
  }

  readDirectory() {
    return withErrorCodes(() => this.#shim.readDirectory());
  }

  syncData() {
    return withErrorCodes(() => this.#shim.syncData());
  }

  /** The path for Node.js. Like the shim, follows links on the way, but not out of the root, nor in the last component. */
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
    return withErrorCodes(() => {
      const bytes = new Uint8Array(Number(length));
      const count = fs.readSync(this.#fd, bytes, 0, bytes.length, Number(offset));
      return [bytes.subarray(0, count), count === 0];
    });
  }

  write(bytes, offset) {
    return withErrorCodes(() => BigInt(fs.writeSync(this.#fd, bytes, 0, bytes.length, Number(offset))));
  }

  syncData() {
    return withErrorCodes(() => fs.fdatasyncSync(this.#fd));
  }

  stat() {
    return withErrorCodes(() => {
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
    return withErrorCodes(() => kind(fs.fstatSync(this.#fd)));
  }

  setTimes(accessed, modified) {
    return withErrorCodes(() => {
      const stat = fs.fstatSync(this.#fd);
      fs.futimesSync(this.#fd, seconds(accessed, stat.atimeMs), seconds(modified, stat.mtimeMs));
    });
  }
}

/** Convert system errors of a call to WASI error codes. Any other exception is a trap. */
function withErrorCodes(call) {
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
  // A number of this size is exact to a quarter of a microsecond, and truncated when it is stored: one microsecond more
  // preserves the millisecond.
  return Number(val.seconds) + val.nanoseconds / 1e9 + 1e-6;
}
