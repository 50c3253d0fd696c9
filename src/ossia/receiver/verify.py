"""Decide whether a request is a genuine upload callback.  What applications import.

Needs the standard library and `cryptography`, nothing of the server.

1. The request itself names the URL of the public key.  Whoever may choose that URL may sign
   anything, so only URLs that the application trusts are fetched; they are compared by scheme,
   host, port and path, not as text: ``http://gosspublic.alicdn.com.evil/`` is another host.
2. Trust the place of your own server's keys (``…/-/callback/``, with the slash: they may be
   rotated), never the whole server: its users could store a key of their own under it.
3. A signature says that the server sent this.  It says neither whose bucket it came from nor
   that it comes for the first time: check `VerifiedCallback.bucket` and let a variable carry a
   nonce where that matters.

Source: callback.md, 6.
"""

import base64
import hashlib
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from ossia.protocol.callback_request import string_to_sign
from ossia.protocol.callback_signature import verify as is_signature

OSS_KEY_URLS: Final = ("http://gosspublic.alicdn.com/", "https://gosspublic.alicdn.com/")
"""Where the real service keeps its key; the trailing slash matters."""

Fetch = Callable[[str], bytes]
"""Gets the PEM text behind a URL.  May raise `OSError` or `ValueError`."""

MAX_BODY_BYTES: Final = 10 * 1024 * 1024
"""What the modules for frameworks read of a body, at most."""

_FETCH_TIMEOUT_S: Final = 5.0
_MAX_KEY_BYTES: Final = 64 * 1024
_MAX_KEYS: Final = 64
_FRESH_S: Final = 60.0
_STALE_S: Final = 3600.0


class CallbackNotVerified(Exception):  # noqa: N818 - a refusal, said in words
    """The request is not a callback to act on; answer 400 and do nothing.

    ``reason`` is for the log.  ``signed`` is the string that the signature was checked
    against, if it came to that: compare it with what the server shows for the delivery.
    """

    def __init__(self, reason: str, signed: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.signed = signed


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCallback:
    """A genuine callback.

    Only path, query and body are signed; ``bucket`` and ``request_id`` are what the (unsigned)
    headers say.  Name ``${bucket}`` in the callback body where it decides something.
    """

    body: bytes
    content_type: str
    key_url: str
    bucket: str
    request_id: str

    def values(self) -> Any:
        """The body's content: a dict of a form, or whatever the JSON says."""
        if self.content_type.split(";", 1)[0].strip().lower() == "application/json":
            return json.loads(self.body)
        return dict(parse_qsl(self.body.decode("utf-8"), keep_blank_values=True))


class KeyCache:
    """Remembers public keys; safe to share between threads.  *clock* tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[tuple[Fetch, str], tuple[float, bytes]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, url: str, fetch: Fetch, max_age_s: float) -> tuple[bytes, float]:
        """The key behind *url* and its age in seconds; fetched if older than *max_age_s*."""
        now = self._clock()
        with self._lock:
            found = self._keys.get((fetch, url))
        if found is not None and now - found[0] <= max_age_s:
            return found[1], now - found[0]
        try:
            pem = fetch(url)
        except (OSError, ValueError) as exc:
            raise CallbackNotVerified(f"the key cannot be fetched from {url}: {exc}") from exc
        with self._lock:
            if len(self._keys) >= _MAX_KEYS:
                self._keys.clear()
            self._keys[fetch, url] = (now, pem)
        return pem, 0.0


_KEYS: Final = KeyCache()


def fetch_key(url: str) -> bytes:
    """Get a public key over HTTP: 5 seconds, 64 KB, no redirects."""
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(url, timeout=_FETCH_TIMEOUT_S) as response:
            found: bytes = response.read(_MAX_KEY_BYTES)
    except http.client.HTTPException as exc:
        raise OSError(f"the answer is not HTTP: {exc!r}") from exc
    return found


def verify(
    *,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    trusted_key_urls: Iterable[str] = OSS_KEY_URLS,
    fetch: Fetch = fetch_key,
    keys: KeyCache = _KEYS,
) -> VerifiedCallback:
    """Return the callback, or raise `CallbackNotVerified` with the reason.

    *path* and *query* are those of the request line, not decoded; the ``?`` of the query may be
    there or not.  *body* are the bytes received, not parsed and written again.  An entry of
    *trusted_key_urls* is the URL of a key, or, with a slash at its end, the place of several.
    Blocks while a key is fetched; *keys* remembers them.
    """
    given = {name.lower(): value for name, value in headers.items()}
    authorization = _required(given, "authorization")
    _decoded("authorization", authorization)
    key_url = _key_url_of(given, trusted_key_urls)
    if not (path.isascii() and query.isascii()):
        raise CallbackNotVerified("path or query are not those of a request line")
    candidates = [string_to_sign(path, it, body) for it in _queries(query)]
    if not _is_signed(key_url, authorization, candidates, fetch, keys):
        raise CallbackNotVerified(_explain(given, body), candidates[0])
    return VerifiedCallback(
        body=body,
        content_type=given.get("content-type", ""),
        key_url=key_url,
        bucket=given.get("x-oss-bucket", ""),
        request_id=given.get("x-oss-request-id", ""),
    )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Lets a 3xx become the `HTTPError` that any other bad status is."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        # Apache and CGI keep Authorization from applications unless told otherwise.
        raise CallbackNotVerified(f"the header {name} is missing")
    return value


def _decoded(name: str, encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as exc:
        raise CallbackNotVerified(f"the header {name} is not base64") from exc


def _key_url_of(headers: Mapping[str, str], trusted: Iterable[str]) -> str:
    name = "x-oss-pub-key-url"
    url = _decoded(name, _required(headers, name)).decode("ascii", "replace")
    if not any(_is_within(url, place) for place in trusted):
        raise CallbackNotVerified(f"the key URL {url!r} is not trusted")
    return url


def _is_within(url: str, place: str) -> bool:
    """Whether *url* is *place*, or lies in it if *place* ends with a slash."""
    if not url.isprintable() or set(url) & set(" \\#@"):
        return False
    try:
        one, other = urlsplit(url), urlsplit(place)
        is_same_server = _server_of(one) == _server_of(other)
    except ValueError:
        return False
    if one.scheme not in ("http", "https") or not is_same_server:
        return False
    if not place.endswith("/"):
        return (one.path, one.query) == (other.path, other.query)
    # A server resolves dot segments after the comparison.
    has_dots = bool({".", ".."} & set(unquote(one.path).replace("\\", "/").split("/")))
    return one.path.startswith(other.path or "/") and not has_dots


def _server_of(url: SplitResult) -> tuple[str, str | None, int]:
    return url.scheme, url.hostname, url.port or (443 if url.scheme == "https" else 80)


def _queries(query: str) -> list[str]:
    """How the query may have been signed: frameworks do not tell ``/x`` from ``/x?``."""
    bare = query.removeprefix("?")
    return [f"?{bare}"] if bare else ["", "?"]


def _explain(headers: Mapping[str, str], body: bytes) -> str:
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode("ascii")
    if headers.get("content-md5", digest) != digest:
        return "the signature does not match: the body is not the one that was sent"
    return "the signature does not match path, query and body"


def _is_signed(
    url: str, authorization: str, candidates: list[bytes], fetch: Fetch, keys: KeyCache
) -> bool:
    pem, age_s = keys.get(url, fetch, _STALE_S)
    if _matches(pem, authorization, candidates):
        return True
    # The key may have been replaced; a stranger's bad signature costs a fetch a minute at most.
    return age_s > _FRESH_S and _matches(keys.get(url, fetch, 0)[0], authorization, candidates)


def _matches(pem: bytes, authorization: str, candidates: list[bytes]) -> bool:
    try:
        return any(is_signature(pem, authorization, message) for message in candidates)
    except ValueError as exc:
        raise CallbackNotVerified(f"the key cannot be used: {exc}") from exc
