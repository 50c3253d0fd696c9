"""Verified callbacks in Django, under WSGI or ASGI.

::

    @csrf_exempt
    @require_POST
    def uploaded(request):
        try:
            callback = verified_callback(request, trusted_key_urls=[KEY_URL])
        except CallbackNotVerified:
            return JsonResponse({"Status": "verify not ok"}, status=400)
        return JsonResponse({"Status": "OK", "object": callback.values()["object"]})

1. OSS has no CSRF token: the view is exempt, and the signature says who sent the request.
2. OSS wants a Content-Length, which `CommonMiddleware` adds; it is in every new project.
3. An asynchronous view awaits `asyncio.to_thread(verified_callback, request, …)`, since a key may
   have to be fetched.
"""

from collections.abc import Iterable
from typing import Final

from django.http import HttpRequest

from ossia.protocol.decimals import is_decimal
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

_MAX_LENGTH_DIGITS: Final = 9


def verified_callback(
    request: HttpRequest,
    *,
    trusted_key_urls: Iterable[str] = OSS_KEY_URLS,
    fetch: Fetch = fetch_key,
) -> VerifiedCallback:
    """The genuine callback in *request*, or `CallbackNotVerified`.

    Django itself refuses bodies above ``DATA_UPLOAD_MAX_MEMORY_SIZE`` with 400.
    """
    length = request.META.get("CONTENT_LENGTH") or ""
    if not is_decimal(length, _MAX_LENGTH_DIGITS) or int(length) > MAX_BODY_BYTES:
        raise CallbackNotVerified("the body has no length, or is too large")
    path, query = _target_of(request)
    return verify(
        path=path,
        query=query,
        headers=dict(request.headers),
        body=request.body,
        trusted_key_urls=trusted_key_urls,
        fetch=fetch,
    )


def _target_of(request: HttpRequest) -> tuple[str, str]:
    raw_path: bytes | None = getattr(request, "scope", {}).get("raw_path")
    if raw_path:
        # ASGI.  Some servers leave the query in it.
        return raw_path.split(b"?", 1)[0].decode("ascii", "replace"), request.META.get(
            "QUERY_STRING", ""
        )
    return target_of(request.META, request.path.encode("utf-8"))
