"""Verified callbacks in Starlette and FastAPI.

::

    async def uploaded(request: Request) -> Response:
        callback = await verified_callback(request, trusted_key_urls=[KEY_URL])
        return JSONResponse({"Status": "OK", "object": callback.values()["object"]})

    @app.exception_handler(CallbackNotVerified)  # FastAPI; Starlette takes exception_handlers={…}
    async def refused(request: Request, error: CallbackNotVerified) -> Response:
        return JSONResponse({"Status": "verify not ok"}, status_code=400)
"""

import asyncio
from collections.abc import Iterable
from urllib.parse import quote

from starlette.requests import Request

from ossia.receiver.verify import (
    MAX_BODY_BYTES,
    OSS_KEY_URLS,
    CallbackNotVerified,
    Fetch,
    VerifiedCallback,
    fetch_key,
    verify,
)

__all__ = ["MAX_BODY_BYTES", "CallbackNotVerified", "VerifiedCallback", "verified_callback"]


async def verified_callback(
    request: Request,
    *,
    trusted_key_urls: Iterable[str] = OSS_KEY_URLS,
    fetch: Fetch = fetch_key,
) -> VerifiedCallback:
    """The genuine callback in *request*, or `CallbackNotVerified`."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise CallbackNotVerified("the body is too large")
    # Servers that do not tell the raw path leave only the decoded one.
    raw_path: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    return await asyncio.to_thread(
        verify,
        path=raw_path.split(b"?", 1)[0].decode("ascii", "replace"),
        query=request.scope["query_string"].decode("ascii", "replace"),
        headers=dict(request.headers),
        body=bytes(body),
        trusted_key_urls=tuple(trusted_key_urls),
        fetch=fetch,
    )
