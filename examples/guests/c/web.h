// Requests and answers.

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
} answer_t;

const char *request_path(request_t request);
uint8_t request_method(request_t request);
bool is_loopback(request_t request);
// Whether another site made a browser send it. A form that logs somebody in needs no cookie, so SameSite is not enough.
bool is_from_elsewhere(request_t request);
// The values of all header fields of this name.
counter_list_string_t values(request_t request, const char *name);
// A field of the form in the body, and 200; or 400 or 413.
int form_value(request_t request, const char *name, string_t *value);

__attribute__((format(printf, 2, 3))) answer_t answer(uint16_t status, const char *format, ...);
// With more header fields. Several may have one name, such as Set-Cookie.
answer_t with(answer_t answer, const char *name, const char *value);
answer_t with_all(answer_t answer, manager_list_header_field_t fields);
void send_answer(answer_t answer, http_own_response_outparam_t out);
