"""What is served under ``/-/``, which no bucket can be called: health and the callback key."""

from collections.abc import Sequence

from ossia.errors import MethodNotAllowed, NoSuchKey
from ossia.http.message import Request, Response

PREFIX = b"/-/"
PUBLIC_KEY_PATH = "/-/callback/public_key.pem"


class Internal:
    """The server's own resources."""

    def __init__(self, public_key_pem: bytes, version: str) -> None:
        self._public_key_pem = public_key_pem
        self._version = version

    async def answer(
        self, request: Request, path: bytes, query: Sequence[tuple[bytes, bytes]]
    ) -> Response | None:
        """Answer a request under ``/-/``; None for every other path."""
        del query
        if not path.startswith(PREFIX):
            return None
        if request.method not in (b"GET", b"HEAD"):
            raise MethodNotAllowed(Method=request.method.decode("latin-1"))
        text = path.decode("latin-1")
        if text == "/-/health":
            return _text(f'{{"status":"ok","version":"{self._version}"}}', "application/json")
        if text == PUBLIC_KEY_PATH:
            return _text(self._public_key_pem.decode(), "application/x-pem-file")
        raise NoSuchKey(Key=text)


def _text(content: str, content_type: str) -> Response:
    return Response(200, [("Content-Type", content_type)], content.encode())
