/** Checks of a request before its session is opened, and the response to one that fails them. */
import { setTimeout } from 'node:timers/promises';

/** Bytes of a form. */
const FORM_LIMIT = 4096;
/** How much of a refused form is read, so that its sender receives the response, and for how long. */
const DRAIN_LIMIT = 1 << 20;
const DRAIN_TIME = 5_000;

/** A refused request, with its response. */
export class Refusal extends Error {
  constructor(status, text, fields = {}) {
    super(text);
    this.status = status;
    this.fields = fields;
  }
}

/** The path of a request. Its query may be someone else's: an advertiser's, or of a shared link. */
export function pathOf(request) {
  // Node refuses HTTP/1.1 without a Host, and drops all but the first (RFC 9112, section 3.2).
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length > 1) throw new Refusal(400, 'There are several Host fields.');
  try {
    return new URL(request.url, `http://${request.headers.host || 'localhost'}`).pathname;
  } catch {
    throw new Refusal(400, 'The address is invalid.');
  }
}

/**
 * Refuse cross-site requests. SameSite=Lax keeps the cookie out of other sites' forms, but other ports and subdomains are the
 * same site, and a login form needs no cookie.
 *
 * Browsers send the origin of a request, which scripts cannot forge; a client without these fields is not a browser that
 * another site's page could use.
 */
export function refuseOtherSites({ headers }) {
  const { 'sec-fetch-site': site, origin, host = '' } = headers;
  const isOurs = site === undefined ? origin === undefined || isSameAuthority(origin, host) : ['same-origin', 'none'].includes(site);
  if (!isOurs) throw new Refusal(403, 'This request came from another site. Nothing was changed.');
}

/** Whether an origin names this authority. The scheme is ignored: behind a proxy, ours is not the browser's. */
function isSameAuthority(origin, authority) {
  const [, scheme, theirs] = /^(https?):\/\/(.+)$/.exec(origin) ?? []; // "null": sandboxed, or hidden
  const ours = authority.replace(scheme === 'https' ? /:443$/ : /:80$/, '');
  return ours !== '' && theirs?.toLowerCase() === ours.toLowerCase();
}

/** The form in the body. */
export async function readForm(request, response) {
  if (Number(request.headers['content-length']) > FORM_LIMIT) throw new Refusal(413, 'The form is too long.');
  if (request.headers.expect !== undefined) response.writeContinue();
  const parts = [];
  let size = 0;
  // Do not destroy the stream when the loop exits: the response uses the same connection.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    size += part.length;
    if (size > FORM_LIMIT) throw new Refusal(413, 'The form is too long.');
    parts.push(part);
  }
  try {
    const form = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
    decodeURIComponent(form); // URLSearchParams would replace invalid UTF-8.
    return new URLSearchParams(form);
  } catch {
    throw new Refusal(400, 'The form is not valid text.');
  }
}

/**
 * Send a page. If the request has not arrived in full, close the connection after it. Closing at once could lose the response
 * while the client is still sending (RFC 9112, section 9.6), so some of that is read first.
 */
export async function send(request, response, page) {
  const { 'transfer-encoding': coding, 'content-length': length = '0' } = request.headers;
  if (request.complete || (coding === undefined && Number(length) === 0)) return response.end(page);
  response.setHeader('connection', 'close');
  response.setHeader('content-length', Buffer.byteLength(page));
  response.write(page);
  const stop = new AbortController();
  await Promise.race([drain(request), setTimeout(DRAIN_TIME, undefined, { ref: false, signal: stop.signal })]).catch(() => {});
  stop.abort();
  response.end();
  return response;
}

async function drain(request) {
  let size = 0;
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    size += part.length;
    if (size > DRAIN_LIMIT) return;
  }
}
