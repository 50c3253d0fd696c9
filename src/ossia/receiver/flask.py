"""Verified callbacks in Flask.

::

    @app.post("/callback")
    def uploaded():
        callback = verified_callback(request, trusted_key_urls=[KEY_URL])
        return {"Status": "OK", "object": callback.values()["object"]}

    @app.errorhandler(CallbackNotVerified)
    def refused(error):
        return {"Status": "verify not ok"}, 400
"""

from collections.abc import Iterable

from flask import Request

from ossia.receiver.verify import (
    MAX_BODY_BYTES,
    OSS_KEY_URLS,
    CallbackNotVerified,
    Fetch,
    VerifiedCallback,
    fetch_key,
    verify,
)
from ossia.receiver.wsgi import target_of

__all__ = ["CallbackNotVerified", "VerifiedCallback", "verified_callback"]


def verified_callback(
    request: Request,
    *,
    trusted_key_urls: Iterable[str] = OSS_KEY_URLS,
    fetch: Fetch = fetch_key,
) -> VerifiedCallback:
    """The genuine callback in *request*, or `CallbackNotVerified`.

    Call it before anything reads ``request.form``: a form that is parsed leaves no bytes to verify.
    """
    length = request.content_length
    if length is None or length > MAX_BODY_BYTES:
        raise CallbackNotVerified("the body has no length, or is too large")
    # WSGI text is Latin-1 for bytes (PEP 3333).
    decoded = request.environ.get("SCRIPT_NAME", "") + request.environ.get("PATH_INFO", "")
    path, query = target_of(request.environ, decoded.encode("latin-1"))
    return verify(
        path=path,
        query=query,
        headers=dict(request.headers),
        body=request.get_data(),
        trusted_key_urls=trusted_key_urls,
        fetch=fetch,
    )
