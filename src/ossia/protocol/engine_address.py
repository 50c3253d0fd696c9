"""Where an S3-speaking engine keeps the bytes: ``s3://bucket/prefix?endpoint=https://host:port``.

An address says nothing secret: it stands in the list of processes and in logs.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

SCHEME: Final = "s3://"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX: Final = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_EXAMPLE: Final = "s3://bucket/prefix?endpoint=https://host:port"


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """A bucket, the prefix of every name in it, and the endpoint (empty: that of AWS)."""

    bucket: str
    prefix: str
    endpoint: str

    @property
    def is_plain(self) -> bool:
        """Whether bytes cross the network unencrypted, as the address says."""
        return self.endpoint.startswith("http:")

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}" + (
            f" at {self.endpoint}" * bool(self.endpoint)
        )


def parse_engine_address(text: str) -> EngineAddress:
    """The address that *text* is.  Raises `ValueError`, whose message says what to write."""
    parts = _split(text)
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError(f"{parts.netloc!r} is not the name of a bucket: write {_EXAMPLE}")
    prefix = parts.path.strip("/")
    if prefix and (not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/"))):
        raise ValueError(f"the prefix {prefix!r} may have letters, digits, '.', '_', '-' and '/'")
    endpoint = ""
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name != "endpoint" or endpoint:
            raise ValueError(f"one endpoint may follow the '?', nothing else: write {_EXAMPLE}")
        endpoint = _endpoint(value)
    return EngineAddress(parts.netloc, prefix, endpoint)


def _split(text: str) -> SplitResult:
    parts = urlsplit(text)
    if parts.scheme != "s3" or not parts.netloc or parts.fragment:
        raise ValueError(f"write {_EXAMPLE}")
    _refuse_secrets(parts)
    return parts


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    try:
        is_complete = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("its endpoint is not a URL like https://host:port")
    _refuse_secrets(parts)
    return f"{parts.scheme}://{parts.netloc}"


def _refuse_secrets(parts: SplitResult) -> None:
    # Whatever it was, it is not repeated.
    if "@" in parts.netloc:
        raise ValueError("keys do not belong into a URL, which everybody on the machine can see")
