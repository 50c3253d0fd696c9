"""Requests that the access log is told of, and what may be in them."""

import msgspec

from ossia.domain.identity.identities import Caller, CallerKind
from ossia.gateway.access_log import Told
from ossia.logs.lines import read_lines

SPENT = ("publish", 10.01, 10.02), ("commit", 10.02, 10.04), ("commit", 10.05, 10.053)
TOLD = Told(
    "PUT", b"/bucket/k?Signature=s3cr3t", "PutObject", "bucket", "k",
    Caller(CallerKind.ROOT, "1", "1", "acs:ram::1:root"), "", "127.0.0.1", 200, 5, 0,
    10.0, 10.001, 10.002, 10.1, SPENT, "6B0B",
)  # fmt: skip
USUAL = msgspec.structs.replace(TOLD, method="GET", operation="GetObject", spent=())
HOSTILE = [
    "x\n2026-01-01T00:00:00.000Z INFO access status=200", 'x" status=200 y="', "x status=500",
    "\x1b[2J\u2028\u202e", '{"a": 1}', "\\", '"', "\x7f", "é",
]  # fmt: skip
"""What clients may write to be taken for something else."""
ODD = ["", "\udcff"]
"""What has to be written in another way, and is no key."""


def read(line: str) -> dict[str, object]:
    (event,) = read_lines([f"{line}\n".encode("utf-8", "replace")])
    return event
