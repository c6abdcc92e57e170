// A counter with login.
//
// An instance serves one request, and its allocations end with it.

#include "web.h"

// Not every browser keeps Secure cookies over plain http, so allow others for development on this machine.
static manager_own_configuration_t configuration(request_t request) {
    manager_own_configuration_t own = manager_constructor_configuration();
    manager_borrow_configuration_t configuration = manager_borrow_configuration(own);
    if (is_loopback(request)) {
        manager_method_configuration_set_cookie_secure(configuration, false);
        manager_method_configuration_set_cookie_name(configuration, STRING("session"));
    }
    return own;
}

static reply_t failure(manager_error_t error) {
    switch (error.tag) {
    case STORE_ERROR_BUSY:
        return with(reply(503, "Your session is busy. Try again."), "retry-after", "1");
    case STORE_ERROR_CONFLICT:
    case STORE_ERROR_GONE:
        return reply(409, "Your session was changed elsewhere. Try again.");
    case STORE_ERROR_INVALID_ARGUMENT:
        return reply(400, "That cannot be a user's name.");
    default: // Its text is not for the visitor: it may name files.
        return reply(500, "The session store failed.");
    }
}

// Change the session.
static bool act(manager_borrow_session_t session, const char *path, string_t *user, int64_t count, manager_error_t *error) {
    if (strcmp(path, "/increment") == 0) {
        manager_value_t value = {.tag = MANAGER_VALUE_INTEGER, .val.integer = count + 1};
        return manager_method_session_set(session, STRING("count"), &value, error);
    }
    if (strcmp(path, "/login") == 0) return manager_method_session_set_user(session, user, error);
    if (strcmp(path, "/logout") == 0) return manager_method_session_expire(session, error);
    return true;
}

static reply_t work(manager_borrow_manager_t manager, request_t request, const char *path, string_t *user) {
    bool shows = strcmp(path, "/") == 0;
    counter_list_string_t cookies = values(request, "cookie");
    manager_own_session_t own;
    manager_error_t error;
    if (!manager_method_manager_start_request(manager, &cookies, NULL,
            shows ? MANAGER_ACCESS_OPTIMISTIC : MANAGER_ACCESS_EXCLUSIVE, &own, &error)) return failure(error);

    manager_borrow_session_t session = manager_borrow_session(own);
    manager_value_t value;
    bool counted = manager_method_session_get(session, STRING("count"), &value) && value.tag == MANAGER_VALUE_INTEGER;
    int64_t count = counted ? value.val.integer : 0;
    string_t name;
    if (!manager_method_session_user(session, &name)) name = *STRING("-");

    manager_list_header_field_t fields;
    if (!act(session, path, user, count, &error)) {
        manager_method_manager_finish_failed_request(manager, own, &fields);
        return with_all(failure(error), fields);
    }
    if (!manager_method_manager_finish_successful_request(manager, own, &fields, &error)) return failure(error);
    if (!shows) return with_all(with(reply(303, "Done."), "location", "/"), fields);
    return with_all(reply(200, "count=%lld user=%.*s", (long long)count, (int)name.len, name.ptr), fields);
}

static reply_t respond(request_t request) {
    const char *path = request_path(request);
    bool posts = strcmp(path, "/increment") == 0 || strcmp(path, "/login") == 0 || strcmp(path, "/logout") == 0;
    if (!posts && strcmp(path, "/") != 0) return reply(404, "There is no such page.");
    const char *allowed = posts ? "POST" : "GET, HEAD";
    uint8_t method = request_method(request);
    if (posts ? method != HTTP_METHOD_POST : method != HTTP_METHOD_GET && method != HTTP_METHOD_HEAD)
        return with(reply(405, "Allowed: %s.", allowed), "allow", allowed);
    if (posts && is_cross_site(request)) return reply(403, "This came from another site.");

    // Before the session is locked: others would wait while a slow client sends its form.
    string_t user;
    if (strcmp(path, "/login") == 0) {
        int status = form_value(request, "user", &user);
        if (status == 413) return reply(status, "The form is too long.");
        if (status != 200) return reply(status, "The form has no field \"user\".");
    }
    manager_options_t options = {.create = true, .durability = STORE_DURABILITY_RELAXED};
    manager_own_manager_t manager;
    manager_error_t error;
    if (!manager_static_manager_open(STRING("."), &options, configuration(request), &manager, &error))
        return failure(error);
    reply_t reply = work(manager_borrow_manager(manager), request, path, &user);
    manager_manager_drop_own(manager);
    return reply;
}

void exports_wasi_http_incoming_handler_handle(http_own_incoming_request_t request, http_own_response_outparam_t out) {
    send_reply(respond(http_borrow_incoming_request(request)), out);
    http_incoming_request_drop_own(request);
}
