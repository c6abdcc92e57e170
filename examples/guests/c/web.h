// HTTP requests and replies.

#include <string.h>

#include "counter.h"

typedef counter_string_t string_t;
typedef http_borrow_incoming_request_t request_t;

// A string literal for a function that takes a string.
#define STRING(text) (&(string_t){(uint8_t *)(text), strlen(text)})

typedef struct {
    uint16_t status;
    http_own_fields_t fields;
    char text[512];
} reply_t;

const char *request_path(request_t request);
uint8_t request_method(request_t request);
bool is_loopback(request_t request);
// Whether a request is cross-site. A login form needs no cookie, so SameSite is not enough.
bool is_cross_site(request_t request);
// The values of all header fields with this name.
counter_list_string_t values(request_t request, const char *name);
// A field of the form in the body, and 200; or 400 or 413.
int form_value(request_t request, const char *name, string_t *value);

__attribute__((format(printf, 2, 3))) reply_t reply(uint16_t status, const char *format, ...);
// Add header fields. Names may repeat, such as Set-Cookie.
reply_t with(reply_t reply, const char *name, const char *value);
reply_t with_all(reply_t reply, manager_list_header_field_t fields);
void send_reply(reply_t reply, http_own_response_outparam_t out);
