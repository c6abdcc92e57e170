"""HTTP requests and replies."""

from contextlib import suppress
from urllib.parse import parse_qs

from componentize_py_types import Err, Ok
from wit_world.imports.streams import StreamError_Closed
from wit_world.imports.types import Fields, OutgoingBody, OutgoingResponse, ResponseOutparam

BODY_LIMIT = 4096


class Refused(Exception):
    """A refused request: a status and a text."""


def path(request):
    return (request.path_with_query() or "").partition("?")[0]


def method(request):
    return type(request.method()).__name__.removeprefix("Method_").upper()


def values(request, name):
    """The values of all header fields with this name."""
    return [value.decode(errors="replace") for value in request.headers().get(name)]


def refuse_other_sites(request):
    """Refuse cross-site requests. A login form needs no cookie, so SameSite is not enough."""
    site, origin = values(request, "sec-fetch-site"), values(request, "origin")
    if site:
        is_ours = site in (["same-origin"], ["none"])
    else:
        ours = (request.authority() or "").lower()
        is_ours = all(each.lower() in (f"http://{ours}", f"https://{ours}") for each in origin)
    if not is_ours:
        raise Refused(403, "This came from another site.")


def form_value(request, name):
    """A field of the form in the body."""
    form = b""
    try:
        with request.consume() as body, body.stream() as stream:
            while len(form) <= BODY_LIMIT:
                form += stream.blocking_read(BODY_LIMIT + 1)
    except Err as end:
        if not isinstance(end.value, StreamError_Closed):
            raise Refused(400, "The form did not arrive in full.") from end
    if len(form) > BODY_LIMIT:
        raise Refused(413, "The form is too long.")
    found = parse_qs(form.decode(errors="replace"), keep_blank_values=True).get(name)
    if not found:
        raise Refused(400, f'The form has no field "{name}".')
    return found[0]


def send(response_out, status, fields, text):
    headers = Fields()
    # Names may repeat, such as Set-Cookie.
    for name, value in fields:
        headers.append(name, value.encode())
    headers.set("content-type", [b"text/plain; charset=utf-8"])
    headers.set("cache-control", [b"no-store"])
    response = OutgoingResponse(headers)
    response.set_status_code(status)
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    # Ignore a client that disconnects.
    with suppress(Err):
        with body.write() as stream:
            stream.blocking_write_and_flush(f"{text}\n".encode())
        OutgoingBody.finish(body, None)
