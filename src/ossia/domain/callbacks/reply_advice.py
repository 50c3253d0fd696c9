"""Why an application's answer was not accepted: its status, or a 200 that cannot be used.

What the receiver says about itself wins over what its status usually means.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

from ossia.domain.callbacks.seen_delivery import Advice, SeenDelivery, quoted
from ossia.domain.callbacks.signature_advice import check_signature
from ossia.domain.callbacks.template_advice import template_fault
from ossia.protocol.callback_reply import MAX_REPLY_BYTES, declared_length

_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
_ASKS_WHO: Final = frozenset({400, 401, 403})


def refused(seen: SeenDelivery) -> Advice:
    """Advice on an answer other than 200."""
    if 300 <= seen.status < 400:  # noqa: PLR2004 - the class of redirects
        return _redirected(seen)
    for statuses, word, cause, remedy in _CLUES:
        if seen.status in statuses and word in seen.text.lower():
            return _fill(seen, cause, remedy)
    template = template_fault(seen)
    if template is not None:
        return Advice(
            cause=f"The receiver answered {seen.status}{seen.said}; {template[0]}.",
            remedy=template[1],
        )
    if seen.status in _ASKS_WHO:
        return _asks_who(seen)
    cause, remedy = _STATUSES.get(seen.status) or _CLASSES.get(seen.status // 100, _ELSE)
    return _fill(seen, cause, remedy)


def _fill(seen: SeenDelivery, cause: str, remedy: str) -> Advice:
    values = {
        "status": seen.status,
        "said": seen.said,
        "path": seen.path,
        "host": seen.host,
        "place": seen.place,
        "type": seen.delivery.message.body_type,
        "allow": f" (it allows {seen.header('allow')})" if seen.header("allow") else "",
        "size": len(seen.delivery.message.body),
        "via": f" by {seen.header('server')}" if seen.header("server") else "",
    }
    return Advice(cause=cause.format_map(values), remedy=remedy.format_map(values))


def _redirected(seen: SeenDelivery) -> Advice:
    location = seen.header("location")
    cause = f"The receiver answered {seen.status}"
    if not location:
        return Advice(
            cause=f"{cause} without a Location; redirects are not followed.",
            remedy="Let the route answer 200 itself.",
        )
    target = urljoin(seen.delivery.url, location)
    split = urlsplit(target)
    cause = f"{cause} and points to {location}; redirects are not followed."
    if re.search(r"log_?-?in|sign_?-?in|/auth|sso", split.path, re.IGNORECASE):
        return Advice(
            cause=cause,
            remedy="That is a login page: take the callback's route out of the login, and let it "
            "verify the signature instead.",
        )
    why = ""
    if split.path == f"{seen.url.path}/":
        why = " (the slash at the end)"
    elif split.scheme != seen.url.scheme:
        why = f" ({split.scheme} instead of {seen.url.scheme})"
    return Advice(cause=cause, remedy=f"Write the final address into callbackUrl: {target}{why}")


# (statuses, what the reply says in lower case, cause, remedy)
_CLUES: Final[tuple[tuple[frozenset[int], str, str, str], ...]] = (
    (
        frozenset({400, 403, 419}),
        "csrf",
        (
            "The receiver answered {status}: its protection against CSRF wants a token that only "
            "its own pages have."
        ),
        (
            "Exempt the callback's route: @csrf_exempt (Django), validateCsrfTokens(except: …) "
            "(Laravel), skip_forgery_protection (Rails)."
        ),
    ),
    (
        frozenset({419}),
        "",
        (
            "The receiver answered 419: Laravel's protection against CSRF wants a token that "
            "only its own pages have."
        ),
        "Exempt the callback's route: validateCsrfTokens(except: ['{path}']) or routes/api.php.",
    ),
    (
        frozenset({400}),
        "disallowedhost",
        "The receiver answered 400: Django does not know the host name {host}.",
        "Add '{host}' to ALLOWED_HOSTS, or set callbackHost to a name that is there.",
    ),
    (
        frozenset({400, 403, 421}),
        "invalid host header",
        "The receiver answered {status}: it does not accept the host name {host}.",
        "Add {host} to the hosts that it serves, or set callbackHost to one of them.",
    ),
    (
        frozenset({501}),
        "unsupported method",
        "The receiver answered 501: it does not handle POST.",
        (
            "Python's `http.server` only serves files: write do_POST, or try "
            "`ossia callbacks receive`."
        ),
    ),
)

_STATUSES: Final[Mapping[int, tuple[str, str]]] = {
    404: (
        "The receiver answered 404{via}: it has no route for POST {path}.",
        "Compare {path} with the application's routes: a prefix, a slash at the end, capitals.",
    ),
    405: (
        "The receiver answered 405: {path} exists, but not for POST{allow}.",
        "Make the route accept POST (it is GET-only now).",
    ),
    408: (
        "The receiver answered 408: it gave up waiting for the request.",
        "Look at the time limits of the proxy in front of the application.",
    ),
    411: (
        "The receiver answered 411, although the request has a Content-Length.",
        "A proxy on the way drops it: let it pass the request on unchanged.",
    ),
    413: (
        "The receiver answered 413: {size} bytes are too much for it.",
        "Raise its limit (nginx: client_max_body_size) or shorten callbackBody.",
    ),
    415: (
        "The receiver answered 415: it does not read {type}.",
        "Set callbackBodyType to what the route reads, or let the route read {type}.",
    ),
    422: (
        "The receiver answered 422: the fields are not those it expects{said}.",
        (
            "Compare names and types with the body that was sent; size and crc64 are numbers, and "
            "variables that do not apply are null."
        ),
    ),
    429: (
        "The receiver answered 429: too many requests.",
        "Take the callback's route out of the rate limit; `ossia callbacks recover` sends again.",
    ),
    500: (
        "The application failed with 500{said}.",
        "See its log for this moment; then `ossia callbacks replay` sends the same bytes again.",
    ),
    501: (
        "The receiver answered 501: it does not offer POST{said}.",
        "Point callbackUrl at a route that handles POST.",
    ),
    502: (
        "A proxy answered 502{via}: the application behind it does not listen or broke off.",
        "Start the application, and check the address that the proxy passes {path} to.",
    ),
    503: (
        "The receiver answered 503{via}: it is starting, overloaded or in maintenance.",
        "Start it or wait; `ossia callbacks recover` sends again what failed meanwhile.",
    ),
    504: (
        "A proxy answered 504{via}: the application behind it took too long.",
        "Answer first and do the work afterwards; OSS waits 5 seconds.",
    ),
}
_CLASSES: Final[Mapping[int, tuple[str, str]]] = {
    2: (
        "The receiver answered {status}; only 200 counts.",
        'Answer 200 with a JSON body, for example {{"Status":"OK"}}.',
    ),
    4: (
        "The receiver refused with {status}{said}.",
        "See the application's log for this moment.",
    ),
    5: (
        "The receiver failed with {status}{said}.",
        "See its log for this moment; then `ossia callbacks replay` sends the same bytes again.",
    ),
}
_ELSE: Final = ("The receiver answered {status}{said}; only 200 counts.", "Answer 200.")


def _asks_who(seen: SeenDelivery) -> Advice:
    """400, 401 and 403 usually mean that the signature was not accepted."""
    challenge = seen.header("www-authenticate")
    if challenge:
        return Advice(
            cause=f"The receiver answered {seen.status}: it wants a login "
            f"({quoted(challenge.encode())}).",
            remedy="Take the callback's route out of the login, and let it verify the signature "
            "instead.",
        )
    check = check_signature(seen.delivery)
    return Advice(
        cause=f"The receiver answered {seen.status}{seen.said}.",
        remedy=check.likeliest.text,
        note=f"The signature is right here: check it with the command that `ossia callbacks show "
        f"{seen.delivery.id}` prints.",
    )


# --- 200, and yet no success --------------------------------------------------------


def unusable(seen: SeenDelivery) -> Advice:
    """Advice on an answer 200 that is no success."""
    length = declared_length(seen.delivery.reply_headers)
    if length is None:
        return _no_length(seen)
    if length > MAX_REPLY_BYTES:
        return Advice(
            cause=f"The answer has {length:,} bytes; {MAX_REPLY_BYTES:,} are the limit.",
            remedy="Answer with what the uploader needs; the upload itself is in the bucket.",
        )
    if seen.header("content-encoding") or seen.reply.startswith(_GZIP):
        coding = seen.header("content-encoding") or "gzip"
        return Advice(
            cause=f"The answer is compressed ({coding}), so it does not read as JSON.",
            remedy="Switch compression off for this route: the request does not offer "
            "Accept-Encoding.",
        )
    return _not_json(seen)


def _no_length(seen: SeenDelivery) -> Advice:
    if "chunked" in seen.header("transfer-encoding").lower():
        how = "it is sent in chunks (Transfer-Encoding: chunked)"
    else:
        how = "it ends with the connection"
    given = seen.header("content-length")
    if given:
        return Advice(
            cause=f"The Content-Length of the answer is no number of bytes: "
            f"{quoted(given.encode())}.",
            remedy="Let the framework set the length of the body that it sends.",
        )
    compressed = seen.header("content-encoding")
    return Advice(
        cause=f"The answer has no Content-Length: {how}.",
        remedy="Switch compression off for this route; it removes the length."
        if compressed
        else "Build the whole body, then send it with its length: res.json() in Express, "
        "JsonResponse in Django, no StreamingResponse.",
    )


def _not_json(seen: SeenDelivery) -> Advice:
    body, text = seen.reply, seen.text.strip()
    starts = quoted(body)
    is_xml = "application/xml" in seen.header("content-type").lower()
    for applies, cause, remedy in (
        (not text, "The body of the answer is empty.", _SAY_OK),
        (
            body.startswith(_BOM),
            "The body begins with a byte order mark (EF BB BF) in front of the JSON.",
            "Save the source file as UTF-8 without BOM (in PHP, every included file).",
        ),
        (
            re.match(r"<br ?/?>\s*<b>", text) is not None or "on line <b>" in text,
            f"PHP printed a message in front of the JSON: {starts}.",
            "Mend what it says, and set display_errors=Off.",
        ),
        (
            is_xml,
            f"The answer says application/xml, and the body is not well-formed: {starts}.",
            "Mend the XML (no document type is accepted), or answer JSON.",
        ),
        (
            re.match(r"<!doctype html|<html", text, re.IGNORECASE) is not None,
            f"The answer is an HTML page, not JSON: it begins {starts}.",
            "callbackUrl reaches a page: name the route that answers JSON.",
        ),
        (
            text.startswith("<"),
            f"The body looks like XML, but its type is {seen.header('content-type') or 'not set'}.",
            "Answer with Content-Type: application/xml, or with JSON.",
        ),
        (
            "\ufffd" in seen.text and not _is_utf8(body),
            "The body is not UTF-8.",
            "Encode the JSON as UTF-8, or escape what is not ASCII (json.dumps does).",
        ),
        (
            text.startswith(("{'", "['")),
            f"The body is not JSON, it has single quotes: it begins {starts}.",
            "Write it with a JSON library (json.dumps), not with str().",
        ),
    ):
        if applies:
            return Advice(cause=cause, remedy=remedy)
    return Advice(cause=f"The body is not JSON: it begins {starts}.", remedy=_SAY_OK)


_SAY_OK: Final = 'Answer JSON, for example {"Status":"OK"}; the uploader receives it.'


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
