"""The console under ``/-/console/``: files that ``make web`` has built into the package.

They hold no data: the page asks the admin API, with requests that it signs in the browser.

Pages of one origin can reach into each other, and at path-style addresses every object has the
origin of its server.  `gateway.render` takes scripts from objects; `ConsoleGateway` is a place of
its own, where there are no objects at all.
"""

import mimetypes
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from ossia.errors import NoSuchKey
from ossia.gateway.exchange import Exchange
from ossia.gateway.pipeline import Gateway
from ossia.gateway.reading import only_read
from ossia.http.message import Request, Response
from ossia.protocol.address import Address

PREFIX: Final = "/-/console/"
OPERATION: Final = "Console"
STATIC: Final = Path(__file__).parent / "static"
_HOME: Final = f"{PREFIX}callbacks"
_PAGES: Final = frozenset({_HOME})
_HEADERS: Final = (
    (
        "Content-Security-Policy",
        (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
_FRESH: Final = ("Cache-Control", "no-cache")
# The names of assets change with their content.
_FOREVER: Final = ("Cache-Control", "public, max-age=31536000, immutable")
_NOT_BUILT: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>The console is not built</title>'
    "<h1>The console is not built</h1><p>Run <code>make web</code> in the source folder of Ossia "
    "and start the server again. <code>ossia callbacks list</code> works without it.</p>"
)


class ConsoleGateway(Gateway):
    """Serves what lies under ``/-/`` and nothing else."""

    async def _answer_oss(
        self, exchange: Exchange, address: Address, pairs: list[tuple[bytes, bytes]]
    ) -> Response:
        del pairs
        if address.bucket or exchange.method not in ("GET", "HEAD"):
            raise NoSuchKey("This is the address of the console; objects are elsewhere.")
        return Response(302, [("Location", PREFIX), _FRESH])


async def console_answer(
    request: Request, path: bytes, query: Sequence[tuple[bytes, bytes]]
) -> Response | None:
    """Answer a request under ``/-/console``; None for every other path."""
    del query
    text = path.decode("latin-1")
    if not f"{text}/".startswith(PREFIX):
        return None
    request.operation = OPERATION
    only_read(request)
    response = _answer(text)
    response.headers += _HEADERS
    if request.method == b"HEAD":
        response.length, response.body = len(response.body), b""
    return response


def _answer(path: str) -> Response:
    if path in (PREFIX, PREFIX.rstrip("/")):
        return Response(302, [("Location", _HOME), _FRESH])
    found = files()
    if path in _PAGES:
        page = found.get("index.html")
        html = ("Content-Type", "text/html; charset=utf-8")
        if page is None:
            return Response(503, [html, _FRESH], _NOT_BUILT.encode())
        return Response(200, [html, _FRESH], page)
    name = path.removeprefix(PREFIX)
    if not name.startswith("assets/") or name not in found:
        raise NoSuchKey(Key=path)
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(200, [("Content-Type", content_type), _FOREVER], found[name])


@lru_cache(1)
def files(folder: Path = STATIC) -> Mapping[str, bytes]:
    """The built files by their path below the folder; read once, they are small."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
