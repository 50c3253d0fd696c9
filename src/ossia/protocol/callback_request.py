"""The request to the application: what is signed, and its headers.

What is sent is what is signed: path, query and body are kept as the bytes they will be on the wire.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote_to_bytes

from ossia.protocol.callback_url import CallbackUrl


def string_to_sign(path: str, query: str, body: bytes) -> bytes:
    r"""``url_decode(path) + query + "\n" + body``; *query* is raw and carries its ``?``."""
    return b"".join((unquote_to_bytes(path), query.encode("ascii", "replace"), b"\n", body))


class Addressee(Protocol):
    """What the headers depend on besides the URL; `CallbackConfig` is one."""

    @property
    def host(self) -> str:
        """Replaces the Host header, if not empty."""

    @property
    def body_type(self) -> str:
        """The Content-Type."""

    @property
    def additional_headers(self) -> Mapping[str, str]:
        """Headers that the user adds."""


@lru_cache(64)
def _base64_text(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def outgoing_headers(
    config: Addressee,
    url: CallbackUrl,
    body: bytes,
    *,
    authorization: str,
    key_url: str,
    date: str,
    request_id: str,
    bucket: str,
    requester: str,
) -> dict[str, str]:
    """The headers of one callback request, Content-Length excepted, in the order captured.

    *authorization* is the Base64 signature, *key_url* the plain URL of the public key, *date*
    an RFC 1123 date.  Source: docs' packet dump (2018) and the captures of 2018 to 2021.
    """
    additional = config.additional_headers
    return {
        "Host": config.host or url.authority,
        "Connection": "close",
        "Content-Type": str(config.body_type),
        "Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode("ascii"),
        "Date": date,
        "User-Agent": "aliyun-oss-callback",
        "authorization": authorization,
        "x-oss-pub-key-url": _base64_text(key_url),
        "x-oss-request-id": request_id,
        "x-oss-bucket": bucket,
        "x-oss-requester": requester,
        "x-oss-signature-version": "1.0",
        "x-oss-tag": "CALLBACK",
        "x-oss-additional-headers": ";".join(sorted(map(str.lower, additional))),
        **additional,
    }
