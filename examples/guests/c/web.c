#include "web.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { BODY_LIMIT = 4096 };

static char *terminated(string_t string) {
    char *text = calloc(1, string.len + 1);
    if (!text) abort();
    return memcpy(text, string.ptr, string.len);
}

const char *request_path(request_t request) {
    string_t target;
    if (!http_method_incoming_request_path_with_query(request, &target)) return "";
    char *path = terminated(target);
    path[strcspn(path, "?")] = 0;
    return path;
}

uint8_t request_method(request_t request) {
    http_method_t method;
    http_method_incoming_request_method(request, &method);
    return method.tag;
}

bool is_loopback(request_t request) {
    string_t authority;
    if (!http_method_incoming_request_authority(request, &authority)) return false;
    char *host = terminated(authority);
    char *colon = strrchr(host, ':');
    if (colon && !strchr(colon, ']')) *colon = 0;
    return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 || strcmp(host, "[::1]") == 0;
}

counter_list_string_t values(request_t request, const char *name) {
    http_own_fields_t fields = http_method_incoming_request_headers(request);
    http_list_field_value_t found;
    http_method_fields_get(http_borrow_fields(fields), STRING(name), &found);
    http_fields_drop_own(fields);
    counter_list_string_t values = {calloc(found.len + 1, sizeof(string_t)), found.len};
    if (!values.ptr) abort();
    for (size_t i = 0; i < found.len; i++) {
        values.ptr[i] = (string_t){found.ptr[i].ptr, found.ptr[i].len};
        // A string must be UTF-8; a header field need not be.
        for (size_t at = 0; at < values.ptr[i].len; at++)
            if (values.ptr[i].ptr[at] >= 0x80) values.ptr[i].ptr[at] = '?';
    }
    return values;
}

static bool is(string_t string, const char *text) {
    return string.len == strlen(text) && memcmp(string.ptr, text, string.len) == 0;
}

bool is_cross_site(request_t request) {
    counter_list_string_t site = values(request, "sec-fetch-site"), origin = values(request, "origin");
    if (site.len > 0) return site.len > 1 || !(is(site.ptr[0], "same-origin") || is(site.ptr[0], "none"));
    string_t ours;
    if (origin.len > 0 && !http_method_incoming_request_authority(request, &ours)) return true;
    for (size_t i = 0; i < origin.len; i++) {
        const char *theirs = strstr(terminated(origin.ptr[i]), "://");
        if (!theirs || strcasecmp(theirs + 3, terminated(ours)) != 0) return true;
    }
    return false;
}

// The host traps an instance that passes it any other string.
static bool is_utf8(const uint8_t *text, size_t len) {
    static const uint32_t LEAST[] = {0, 0x80, 0x800, 0x10000};
    for (size_t at = 0; at < len;) {
        uint32_t code = text[at++];
        if (code < 0x80) continue;
        size_t more = code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : 1;
        if (code < 0xc2 || code > 0xf4 || len - at < more) return false;
        code &= 0x3f >> more;
        for (size_t i = 0; i < more; i++, at++) {
            if ((text[at] & 0xc0) != 0x80) return false;
            code = code << 6 | (text[at] & 0x3f);
        }
        if (code < LEAST[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    }
    return true;
}

// Decode a form's value, in place.
static string_t decoded(char *text) {
    string_t value = {(uint8_t *)text, 0};
    while (*text) {
        char byte = *text++;
        if (byte == '+') byte = ' ';
        if (byte == '%' && isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1])) {
            byte = (char)strtol((char[]){text[0], text[1], 0}, NULL, 16);
            text += 2;
        }
        value.ptr[value.len++] = (uint8_t)byte;
    }
    return value;
}

// Read the body, with a terminating zero: 200, 413, or 400 if it does not arrive in full.
static int read_body(request_t request, char body[BODY_LIMIT + 1]) {
    http_own_incoming_body_t incoming;
    streams_own_input_stream_t stream;
    if (!http_method_incoming_request_consume(request, &incoming)) return 400;
    if (!http_method_incoming_body_stream(http_borrow_incoming_body(incoming), &stream)) return 400;
    size_t len = 0;
    counter_list_u8_t part;
    streams_stream_error_t end;
    // One byte more than allowed, to detect a longer one.
    while (len <= BODY_LIMIT
        && streams_method_input_stream_blocking_read(streams_borrow_input_stream(stream), BODY_LIMIT + 1 - len, &part, &end)) {
        memcpy(body + len, part.ptr, part.len);
        len += part.len;
    }
    streams_input_stream_drop_own(stream);
    http_incoming_body_drop_own(incoming);
    if (len > BODY_LIMIT) return 413;
    body[len] = 0;
    return end.tag == STREAMS_STREAM_ERROR_CLOSED ? 200 : 400;
}

int form_value(request_t request, const char *name, string_t *value) {
    char *body = malloc(BODY_LIMIT + 1), *rest = body;
    if (!body) abort();
    int status = read_body(request, body);
    if (status != 200) return status;
    for (char *field; (field = strsep(&rest, "&"));) {
        char *text = field;
        char *key = strsep(&text, "=");
        if (!text || strcmp(key, name) != 0) continue;
        *value = decoded(text);
        return is_utf8(value->ptr, value->len) ? 200 : 400;
    }
    return 400;
}

reply_t reply(uint16_t status, const char *format, ...) {
    reply_t reply = {.status = status, .fields = http_constructor_fields()};
    va_list values;
    va_start(values, format);
    vsnprintf(reply.text, sizeof reply.text - 1, format, values);
    va_end(values);
    strcat(reply.text, "\n");
    return reply;
}

static void append(reply_t reply, string_t *name, string_t value) {
    http_header_error_t error;
    http_method_fields_append(http_borrow_fields(reply.fields), name, (http_field_value_t *)&value, &error);
}

reply_t with(reply_t reply, const char *name, const char *value) {
    append(reply, STRING(name), *STRING(value));
    return reply;
}

reply_t with_all(reply_t reply, manager_list_header_field_t fields) {
    for (size_t i = 0; i < fields.len; i++) append(reply, &fields.ptr[i].f0, fields.ptr[i].f1);
    return reply;
}

static void set(reply_t reply, const char *name, const char *value) {
    http_header_error_t error;
    http_list_field_value_t only = {(http_field_value_t *)STRING(value), 1};
    http_method_fields_set(http_borrow_fields(reply.fields), STRING(name), &only, &error);
}

// Send it, ignoring a client that disconnects.
void send_reply(reply_t reply, http_own_response_outparam_t out) {
    set(reply, "content-type", "text/plain; charset=utf-8");
    set(reply, "cache-control", "no-store");
    http_own_outgoing_response_t response = http_constructor_outgoing_response(reply.fields);
    http_borrow_outgoing_response_t borrowed = http_borrow_outgoing_response(response);
    http_method_outgoing_response_set_status_code(borrowed, reply.status);
    http_own_outgoing_body_t body;
    bool has_body = http_method_outgoing_response_body(borrowed, &body);
    http_result_own_outgoing_response_error_code_t result = {.is_err = false, .val.ok = response};
    http_static_response_outparam_set(out, &result);
    if (!has_body) return;
    streams_own_output_stream_t stream;
    if (http_method_outgoing_body_write(http_borrow_outgoing_body(body), &stream)) {
        counter_list_u8_t text = {(uint8_t *)reply.text, strlen(reply.text)};
        streams_stream_error_t error;
        streams_method_output_stream_blocking_write_and_flush(streams_borrow_output_stream(stream), &text, &error);
        streams_output_stream_drop_own(stream);
    }
    http_error_code_t error;
    http_static_outgoing_body_finish(body, NULL, &error);
}
