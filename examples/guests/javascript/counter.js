// A counter with login.

import { Configuration, Manager } from "session3:sessions/session-manager@0.2.0";

const METHODS = { "/": ["GET", "HEAD"], "/increment": ["POST"], "/login": ["POST"], "/logout": ["POST"] };
const BODY_LIMIT = 4096;

addEventListener("fetch", (event) => event.respondWith(respond(event.request).catch(failure)));

async function respond(request) {
    const { host, hostname, pathname: path } = new URL(request.url);
    const methods = METHODS[path];
    if (methods === undefined) return answer(404, "There is no such page.");
    const allowed = methods.join(", ");
    if (!methods.includes(request.method)) return answer(405, `It answers ${allowed}.`, [["allow", allowed]]);
    if (path !== "/" && isFromElsewhere(request.headers, host)) return answer(403, "This came from another site.");
    // Before the session is ours: others would wait for it while a slow client sends its form.
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
    return text === undefined ? answer(303, "Done.", [["location", "/"], ...fields]) : answer(200, text, fields);
}

/** The text of the page; after a change there is none. */
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

/** Whether another site made a browser send it. A form that logs somebody in needs no cookie, so SameSite is not enough. */
function isFromElsewhere(headers, host) {
    const [site, origin] = [headers.get("sec-fetch-site"), headers.get("origin")];
    if (site !== null) return site !== "same-origin" && site !== "none";
    return origin !== null && origin.replace(/^https?:\/\//, "").toLowerCase() !== host.toLowerCase();
}

/** Browsers do not keep Secure cookies from plain http everywhere; that is for development, on this machine. */
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
    const incomplete = () => Promise.reject(answer(400, "The form did not arrive in full."));
    const decoder = new TextDecoder();
    let form = "";
    for (let part; reader && !(part = await reader.read().catch(incomplete)).done; ) {
        form += decoder.decode(part.value, { stream: true });
        if (form.length > BODY_LIMIT) throw answer(413, "The form is too long.");
    }
    return new URLSearchParams(form).get(name) ?? Promise.reject(answer(400, `The form has no field "${name}".`));
}

/** What is thrown: an answer, an error of the sessions, or something that should not have happened. */
function failure(error, fields = []) {
    if (error instanceof Response) return error;
    switch (error.payload?.tag) {
        case "busy":
            return answer(503, "Your session is busy. Try again.", [["retry-after", "1"], ...fields]);
        case "conflict":
        case "gone":
            return answer(409, "Your session was changed elsewhere. Try again.", fields);
        case "invalid-argument":
            return answer(400, "That cannot be a user's name.", fields);
        default:
            // For the log and not for the visitor: it may name files.
            console.error(error, JSON.stringify(error.payload));
            return answer(500, "The session store failed.", fields);
    }
}

function answer(status, text, fields = []) {
    const headers = new Headers(fields);
    headers.set("content-type", "text/plain; charset=utf-8");
    headers.set("cache-control", "no-store");
    return new Response(`${text}\n`, { status, headers });
}
