"""Deployments with something of every kind in them, for tests of what finds damage."""

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ossia.client.signing_client import SigningClient

SSE = {"x-oss-server-side-encryption": "AES256"}
BUCKET = "checked"
INLINE, LARGE = 900, 150_000
"""Bytes that lie in the database, and bytes that lie in a blob."""
_VERSIONED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


def fill(client: SigningClient, *, each: int = 6) -> None:
    """Objects inline and not, in pieces, encrypted, versions, markers, an upload in progress."""
    chance = random.Random(7)
    assert client.request("PUT", BUCKET).status == 200
    for number in range(each):
        for kind, size, headers in (
            ("inline", INLINE, {}),
            ("large", LARGE, {}),
            ("sealed", LARGE, SSE),
            ("sealed-inline", INLINE, SSE),
        ):
            body = chance.randbytes(size + number)
            _ok(client.request("PUT", BUCKET, f"{kind}/{number}", headers=headers, body=body))
    for number in range(max(1, each // 3)):
        _assemble(client, f"pieces/{number}", chance)
    upload = _begin(client, "unfinished")
    _put_part(client, "unfinished", upload, 1, chance.randbytes(LARGE))
    _ok(client.request("PUT", BUCKET, query=[("versioning", "")], body=_VERSIONED))
    for number in range(each):
        _ok(client.request("PUT", BUCKET, f"large/{number}", body=chance.randbytes(LARGE)))
    _ok(client.request("DELETE", BUCKET, "large/0"))


def _ok(reply: Any) -> Any:
    assert reply.status in (200, 204), reply.body
    return reply


def _begin(client: SigningClient, key: str) -> str:
    reply = _ok(client.request("POST", BUCKET, key, query=[("uploads", "")]))
    return str(reply.body.partition(b"<UploadId>")[2].partition(b"<")[0].decode())


def _put_part(client: SigningClient, key: str, upload: str, number: int, body: bytes) -> str:
    query = [("partNumber", str(number)), ("uploadId", upload)]
    reply = _ok(client.request("PUT", BUCKET, key, query=query, body=body))
    return str(dict(reply.headers)["etag"])


def _assemble(client: SigningClient, key: str, chance: random.Random) -> None:
    upload = _begin(client, key)
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>"
        f"{_put_part(client, key, upload, number, chance.randbytes(LARGE))}</ETag></Part>"
        for number in (1, 2)
    )
    document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    _ok(client.request("POST", BUCKET, key, query=[("uploadId", upload)], body=document))


@dataclass(frozen=True)
class Checked:
    """What one run of ``ossia check`` has told."""

    code: int
    events: list[dict[str, Any]]
    errors: str

    def of(self, event: str) -> list[dict[str, Any]]:
        """The events of that name."""
        return [each for each in self.events if each["event"] == event]

    @property
    def damage(self) -> list[str]:
        """What is damaged, in words."""
        return [each["text"] for each in self.of("damage")]


def checked(*arguments: str) -> Checked:
    """Run ``ossia check --json`` with these."""
    done = subprocess.run(
        [sys.executable, "-m", "ossia", "check", "--json", *arguments],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return Checked(done.returncode, events, done.stderr)


def flip(path: Path, bit: int) -> None:
    """Flip that bit of a file."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
