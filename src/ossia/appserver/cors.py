"""Whose pages may read what this server answers.

1. ``*`` is for answers that are the same for everybody: any page reads them, without cookies.
2. Named origins may send cookies.  Their answers differ by origin, and say so to caches even
   where the request named none: otherwise a cache hands the one to the other.
"""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

EXPOSED: Final = ("ETag", "x-oss-request-id")
_METHODS: Final = ("GET", "POST")
_MAX_AGE_S: Final = 600


class Cors:
    """The middleware for a list of origins."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self._is_open = origins == ("*",)
        self._app = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            # Whatever an application signs its users in with: a token in a header, for example.
            allow_headers=("*",),
            allow_credentials=not self._is_open,
            expose_headers=EXPOSED,
            max_age=_MAX_AGE_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer preflights, and add to every other answer what browsers ask for."""
        if scope["type"] != "http" or self._is_open:
            await self._app(scope, receive, send)
            return

        async def send_varied(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "origin" not in headers.get("vary", "").lower():
                    headers.add_vary_header("Origin")
            await send(message)

        await self._app(scope, receive, send_varied)
