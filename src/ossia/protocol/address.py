"""Which bucket and which key a request means (objects.md, section 1).

Decided in this order:

1. ``BUCKET.<configured domain>``, by the longest domain that fits, and ``BUCKET.<endpoint of
   OSS>.aliyuncs.com`` (what ali-oss sends even to an IP address) name the bucket; the whole path
   is the key.  A bucket's name has no dot.
2. Every other host is path style: ``/BUCKET/KEY``.

Keys are percent-decoded once, a ``+`` is a space (witnessed.md, W1), and nothing is normalised:
``//``, ``.`` and ``..`` are ordinary text.
"""

import re
from binascii import a2b_qp
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ossia.errors import InvalidArgument

MAX_PARAMETERS = 256
"""Our bound on a query or form: each costs whoever reads it, before anybody is known."""

_NO_BUCKET = "undefined"
"""ali-oss writes this in place of a bucket for requests to the service."""

# witnessed.md, W5: other names there are those of services, such as sts.cn-hangzhou.
_AT_OSS = re.compile(
    r"(?P<bucket>[^.]+)\.(?:(?:vpc100-)?oss-[a-z0-9-]+|oss|s3\.oss-[a-z0-9-]+)\.aliyuncs\.com"
)
_MAX_REMEMBERED_HOST = 255
_PERCENT, _PLUS = b"%+"
# Numbers: whether bytes hold a number is found out three times as fast as whether they hold bytes.
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Address(NamedTuple):
    """A request's place, percent-decoded: ``bucket`` and ``key`` may be empty."""

    bucket: bytes
    key: bytes
    in_host: bool
    """Whether the bucket came from the Host header."""


class Addressing:
    """Resolves hosts and paths for a set of configured domains."""

    def __init__(self, domains: Sequence[str]) -> None:
        suffixes = {f".{domain.lower().strip('.')}" for domain in domains}
        self._suffixes = tuple(sorted(suffixes, key=len, reverse=True))
        self._domains = frozenset(suffix[1:] for suffix in suffixes)
        self._remembered = lru_cache(maxsize=1024)(self._bucket_in_host)

    def resolve(self, host: bytes, path: bytes) -> Address:
        """The address of *path* (raw, without query) at *host* (with or without port).

        Raises `InvalidArgument` for a path that is not percent-encoded.
        """
        # What strangers can make up without end is not remembered.
        find = self._remembered if len(host) <= _MAX_REMEMBERED_HOST else self._bucket_in_host
        bucket = find(host)
        decoded = _decode_path(path) if _PERCENT in path or _PLUS in path else path
        if bucket is not None:
            return Address(bucket, decoded[1:], bool(bucket))
        bucket, _, key = decoded[1:].partition(b"/")
        if not bucket and not key.strip(b"/"):
            # witnessed.md, W52: the C# SDK writes the service as nothing but slashes.
            key = b""
        return Address(bucket, key, in_host=False)

    def _bucket_in_host(self, host: bytes) -> bytes | None:
        name = host_name(host)
        if name in self._domains:
            return None
        for suffix in self._suffixes:
            if name.endswith(suffix):
                label = name.removesuffix(suffix)
                return None if "." in label else _bucket_label(label)
        found = _AT_OSS.fullmatch(name)
        return None if found is None else _bucket_label(found["bucket"])


def _bucket_label(label: str) -> bytes:
    return b"" if label == _NO_BUCKET else label.encode()


def _decode_path(path: bytes) -> bytes:
    if _BAD_ESCAPE.search(path):
        raise InvalidArgument(
            "The path of the request is not percent-encoded: a % must be followed by two "
            "hexadecimal digits.",
            ArgumentName="URI",
            ArgumentValue=path.decode("latin-1"),
        )
    return _unescaped(path.replace(b"+", b" "))


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
    clients (signing.md, section 2).  Raises `InvalidArgument` for more than `MAX_PARAMETERS`.
    """
    pairs = []
    pieces = query.split(b"&", MAX_PARAMETERS)
    if len(pieces) > MAX_PARAMETERS:
        raise InvalidArgument(f"The request has more than {MAX_PARAMETERS} parameters.")
    for piece in pieces:
        if not piece:
            continue
        name, _, value = piece.partition(b"=")
        if _PERCENT in piece or _PLUS in piece:
            pairs.append((_decode(name), _decode(value)))
        else:
            pairs.append((name, value))
    return pairs


def _decode(text: bytes) -> bytes:
    if _PLUS in text:
        text = text.replace(b"+", b" ")
    if _PERCENT not in text:
        return text
    if _BAD_ESCAPE.search(text) is not None:
        # A percent sign that begins no escape stands for itself.
        text = _BAD_ESCAPE.sub(b"%25", text)
    return _unescaped(text)


def _unescaped(text: bytes) -> bytes:
    """Decode *text*, in which every percent sign begins an escape.

    Quoted-printable is the same with another sign, and is decoded by C: strangers choose how much
    there is to decode, and `urllib` takes thirty times as long.
    """
    return a2b_qp(text.replace(b"=", b"=3D").replace(b"%", b"="))
