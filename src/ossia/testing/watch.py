"""Why a callback did not come: what the servers of this process have heard and sent meanwhile."""

import time
from collections.abc import Iterator
from typing import Any, Final

from ossia.testing.server import Heard, TestServer, running

_UPLOADS: Final = frozenset({"PutObject", "PostObject", "CompleteMultipartUpload"})
_OTHER_WRITES: Final = frozenset({"AppendObject", "CopyObject", "PutSymlink"})
_NOT_SO_FAR: Final = ""
_REFUSED: Final = 400


class Watch:
    """Remembers when it began, and tells what has happened since."""

    def __init__(self) -> None:
        self._begun_at = time.time()

    def explain(self, url: str) -> Iterator[str]:
        """Lines for whoever waited for callbacks to *url*."""
        servers = running()
        if not servers:
            yield "No server for tests is running: take the fixture ossia_bucket or ossia_server."
            return
        uploads = {server: self._uploads(server) for server in servers}
        if not any(uploads.values()):
            places = ", ".join(server.endpoint for server in servers)
            yield f"Nobody has uploaded anything to {places} since this inbox opened."
        for server, asked in uploads.items():
            if asked:
                yield f"What {server.endpoint} was asked for since this inbox opened:"
            for each in asked:
                yield from _told(server, each, url)

    def _uploads(self, server: TestServer) -> list[Heard]:
        return [each for each in server.heard(self._begun_at) if _may_call(each)]


def _may_call(request: Heard) -> bool:
    """Whether somebody may have expected a callback of it."""
    if request.operation == _NOT_SO_FAR:
        # Refused before anybody knew what it was.
        return request.method in {"PUT", "POST"} and request.path != "/"
    return request.operation in _UPLOADS | _OTHER_WRITES


def _told(server: TestServer, upload: Heard, url: str) -> Iterator[str]:
    head = f"  {upload.method} {upload.path} ({upload.operation}) was answered {upload.status}"
    if upload.status >= _REFUSED:
        yield f"{head}: nothing was stored; the answer that the uploader got says why."
        return
    if upload.operation in _OTHER_WRITES:
        yield f"{head}: OSS sends no callback for it."
        return
    attempts = server.deliveries(request_id=upload.request_id)
    if not attempts:
        yield f"{head}: the upload asked for no callback (header x-oss-callback, or ?callback=)."
        return
    yield f"{head}, after this callback:"
    for each in reversed(attempts):
        yield from _attempt(server, each, url)


def _attempt(server: TestServer, row: dict[str, Any], url: str) -> Iterator[str]:
    elsewhere = "" if row["url"].startswith(url) else f", which is not this inbox ({url})"
    yield f"    to {row['url']}{elsewhere}"
    yield from (f"      {line}" for line in row["explanation"])
    if not row["accepted"]:
        detail = server.delivery(row["id"])
        yield f"      body: {detail['body']['text'] or '(empty, or not text)'}"
