"""Which bucket and which key a request means (objects.md, section 1).

Decided in this order:

1. ``BUCKET.<configured domain>`` and ``BUCKET.<anything>.aliyuncs.com`` (what ali-oss sends even to
   an IP address) name the bucket; the whole path is the key.
2. Every other host is path style: ``/BUCKET/KEY``.

Keys are percent-decoded once and never normalised: ``//``, ``.`` and ``..`` are ordinary text.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_NO_BUCKET = "undefined"
"""ali-oss writes this in place of a bucket for requests to the service."""


class Address(NamedTuple):
    """A request's place, percent-decoded: ``bucket`` and ``key`` may be empty."""

    bucket: bytes
    key: bytes
    in_host: bool
    """Whether the bucket came from the Host header."""


class Addressing:
    """Resolves hosts and paths for a set of configured domains."""

    def __init__(self, domains: Sequence[str]) -> None:
        self._suffixes = tuple(f".{domain.lower().strip('.')}" for domain in domains)
        self._domains = frozenset(suffix[1:] for suffix in self._suffixes)
        self._bucket_of = lru_cache(maxsize=1024)(self._bucket_in_host)

    def resolve(self, host: bytes, path: bytes) -> Address:
        """The address of *path* (raw, without query) at *host* (with or without port)."""
        bucket = self._bucket_of(host)
        decoded = unquote_to_bytes(path) if b"%" in path else path
        if bucket is not None:
            return Address(bucket, decoded[1:], in_host=bool(bucket))
        bucket, _, key = decoded[1:].partition(b"/")
        return Address(bucket, key, in_host=False)

    def _bucket_in_host(self, host: bytes) -> bytes | None:
        name = host_name(host)
        if name in self._domains:
            return None
        for suffix in self._suffixes:
            if name.endswith(suffix):
                return _bucket_label(name.removesuffix(suffix))
        if name.endswith(".aliyuncs.com"):
            label, _, rest = name.partition(".")
            if rest != "aliyuncs.com":
                return _bucket_label(label)
        return None


def _bucket_label(label: str) -> bytes:
    return b"" if label == _NO_BUCKET else label.encode()


def host_name(host: bytes) -> str:
    """The host without its port, in lower case; IPv6 brackets are kept."""
    name = host.decode("latin-1").lower()
    if name.endswith("]"):
        return name
    head, colon, port = name.rpartition(":")
    return head if colon and port.isdigit() and ("]" in head or ":" not in head) else name


def parse_query(query: bytes) -> list[tuple[bytes, bytes]]:
    """Decoded pairs in order of arrival; ``?acl`` and ``?acl=`` both have an empty value.

    ``+`` means a space: SDKs send ``%20`` and ``%2B``, and a literal plus comes only from hand-made
    clients (signing.md, section 2).
    """
    pairs = []
    for piece in query.split(b"&"):
        if not piece:
            continue
        name, _, value = piece.partition(b"=")
        if b"%" in piece or b"+" in piece:
            pairs.append((_decode(name), _decode(value)))
        else:
            pairs.append((name, value))
    return pairs


def _decode(text: bytes) -> bytes:
    if b"+" in text:
        text = text.replace(b"+", b" ")
    return unquote_to_bytes(text) if b"%" in text else text
