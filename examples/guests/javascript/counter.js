// A counter with login.

import { Configuration, Manager } from "session3:sessions/session-manager@0.2.0";

const METHODS = { "/": ["GET", "HEAD"], "/increment": ["POST"], "/login": ["POST"], "/logout": ["POST"] };
const BODY_LIMIT = 4096;

addEventListener("fetch", (event) => event.respondWith(respond(event.request).catch(failure)));

async function respond(request) {
    const { host, hostname, pathname: path } = new URL(request.url);
    const methods = METHODS[path];
    if (methods === undefined) return reply(404, "There is no such page.");
    const allowed = methods.join(", ");
    if (!methods.includes(request.method)) return reply(405, `Allowed: ${allowed}.`, [["allow", allowed]]);
    if (path !== "/" && isCrossSite(request.headers, host)) return reply(403, "This came from another site.");
    // Before the session is locked: others would wait while a slow client sends its form.
    const user = path === "/login" ? await formValue(request, "user") : undefined;

    const manager = Manager.open(".", { create: true, durability: "relaxed" }, configuration(hostname));
    const cookie = request.headers.get("cookie");
    const access = path === "/" ? "optimistic" : "exclusive";
    const session = manager.startRequest(cookie === null ? [] : [cookie], undefined, access);
    let text;
    try {
        text = act(session, path, user);
    } catch (error) {
        return failure(error, manager.finishFailedRequest(session));
    }
    const fields = manager.finishSuccessfulRequest(session);
    return text === undefined ? reply(303, "Done.", [["location", "/"], ...fields]) : reply(200, text, fields);
}

/** The text of the page; undefined after a change. */
function act(session, path, user) {
    const count = session.get("count")?.val ?? 0n;
    switch (path) {
        case "/increment":
            return session.set("count", { tag: "integer", val: count + 1n });
        case "/login":
            return session.setUser(user);
        case "/logout":
            return session.expire();
        default:
            return `count=${count} user=${session.user() ?? "-"}`;
    }
}

/** Whether a request is cross-site. A login form needs no cookie, so SameSite is not enough. */
function isCrossSite(headers, host) {
    const [site, origin] = [headers.get("sec-fetch-site"), headers.get("origin")];
    if (site !== null) return site !== "same-origin" && site !== "none";
    return origin !== null && origin.replace(/^https?:\/\//, "").toLowerCase() !== host.toLowerCase();
}

/** Not every browser keeps Secure cookies over plain http, so allow others for development on this machine. */
function configuration(hostname) {
    const configuration = new Configuration();
    if (["localhost", "127.0.0.1", "[::1]"].includes(hostname)) {
        configuration.setCookieSecure(false);
        configuration.setCookieName("session");
    }
    return configuration;
}

/** A field of the form in the body. */
async function formValue(request, name) {
    const reader = request.body?.getReader();
    const incomplete = () => Promise.reject(reply(400, "The form did not arrive in full."));
    const decoder = new TextDecoder();
    let form = "";
    for (let part; reader && !(part = await reader.read().catch(incomplete)).done; ) {
        form += decoder.decode(part.value, { stream: true });
        if (form.length > BODY_LIMIT) throw reply(413, "The form is too long.");
    }
    return new URLSearchParams(form).get(name) ?? Promise.reject(reply(400, `The form has no field "${name}".`));
}

/** The reply to an exception: a thrown reply, an error of the sessions, or a defect. */
function failure(error, fields = []) {
    if (error instanceof Response) return error;
    switch (error.payload?.tag) {
        case "busy":
            return reply(503, "Your session is busy. Try again.", [["retry-after", "1"], ...fields]);
        case "conflict":
        case "gone":
            return reply(409, "Your session was changed elsewhere. Try again.", fields);
        case "invalid-argument":
            return reply(400, "That cannot be a user's name.", fields);
        default:
            // For the log, not the visitor: it may name files.
            console.error(error, JSON.stringify(error.payload));
            return reply(500, "The session store failed.", fields);
    }
}

function reply(status, text, fields = []) {
    const headers = new Headers(fields);
    headers.set("content-type", "text/plain; charset=utf-8");
    headers.set("cache-control", "no-store");
    return new Response(`${text}\n`, { status, headers });
}
