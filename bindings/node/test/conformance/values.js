/** Conversion between jco's values and JSON: see `conformance/src/remote/json.rs`. */

/** `session-id` as `sessionId`; `-session` as `Session`. */
export const camel = (name) => name.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase());
const kebab = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The values of one instance. */
export class Values {
  #types;
  /** Resources owned by the suite, by number. */
  #resources = new Map();
  #last = 0;

  /** @param {Function[]} types The classes of resources. */
  constructor(types) {
    this.#types = types;
  }

  /** Take a resource from the suite. */
  take(number) {
    const resource = this.#resources.get(number);
    this.#resources.delete(number);
    return resource;
  }

  encode(value) {
    if (value === undefined) return null;
    if (typeof value === 'bigint') return { int: String(value) };
    if (typeof value === 'number') return encodeNumber(value);
    if (typeof value !== 'object') return value;
    if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
    if (Array.isArray(value)) return value.map((item) => this.encode(item));
    if (this.#types.some((type) => value instanceof type)) return { own: this.#give(value) };
    return mapFields(value, kebab, (field) => this.encode(field));
  }

  decode(value) {
    if (value === null) return undefined;
    if (typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map((item) => this.decode(item));
    if ('int' in value) return BigInt(value.int);
    if ('float' in value) return Number(value.float);
    if ('bytes' in value) return new Uint8Array(Buffer.from(value.bytes, 'hex'));
    if ('borrow' in value) return this.#resources.get(value.borrow);
    if ('own' in value) return this.take(value.own);
    return mapFields(value, camel, (field) => this.decode(field));
  }

  #give(resource) {
    this.#resources.set(++this.#last, resource);
    return this.#last;
  }
}

function encodeNumber(value) {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return value;
  return { float: Object.is(value, -0) ? '-0' : String(value) };
}

function mapFields(record, name, value) {
  return Object.fromEntries(Object.entries(record).map(([key, field]) => [name(key), value(field)]));
}
