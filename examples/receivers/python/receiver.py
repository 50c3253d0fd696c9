"""Receive upload callbacks with nothing but Python's standard library.

    python3 receiver.py 8080 http://127.0.0.1:9000/-/callback/public_key.pem
    python3 receiver.py --vectors ../vectors.json

Each argument after the port is the URL of a key to trust, or, with a slash at its end, the place
of several; without any, the keys of the real OSS are trusted.  LISTEN is the address, 127.0.0.1 by
default.

If your application may have dependencies, `ossia.receiver` does the same with `cryptography`.
"""
# ruff: noqa: INP001, T201, PLR2004 - a script to copy: it prints, and its numbers are HTTP's

import base64
import hashlib
import http.client
import json
import os
import re
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

OSS_KEY_URLS: Final = ["http://gosspublic.alicdn.com/", "https://gosspublic.alicdn.com/"]
MAX_BODY_BYTES: Final = 1024 * 1024
MAX_KEY_BYTES: Final = 64 * 1024
FETCH_TIMEOUT_S: Final = 5
KEY_LIFETIME_S: Final = 300
MAX_KEYS: Final = 64


class NotVerified(Exception):  # noqa: N818 - a refusal
    """The request is not a callback to act on; the text says why."""


def uploaded(body: bytes) -> dict[str, Any]:
    """Your work goes here: the callback is genuine.  The uploading client receives the result."""
    print("verified:", body.decode("utf-8", "replace"), flush=True)
    return {"Status": "OK"}


def verify(
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    trusted: list[str],
    fetch: Callable[[str], bytes],
) -> None:
    """Raise `NotVerified` unless a trusted key signed *target* and *body*.

    *target* is that of the request line, not decoded.
    """
    signature = decoded(headers, "authorization")
    key_url = decoded(headers, "x-oss-pub-key-url").decode("latin-1")
    if not any(is_within(key_url, place) for place in trusted):
        raise NotVerified("the key URL is not trusted")
    try:
        key = rsa_key(fetch(key_url))
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotVerified("the key cannot be fetched or used") from error
    # The path is decoded once, and "+" stays; the query is raw and keeps its "?", even a bare one.
    path, mark, query = target.partition("?")
    signed = unquote_to_bytes(path) + f"{mark}{query}\n".encode("latin-1") + body
    if not key.has_signed(signed, signature):
        raise NotVerified("the signature does not match path, query and body")


def decoded(headers: Mapping[str, str], name: str) -> bytes:
    """The bytes behind a header in Base64."""
    if not headers.get(name):
        raise NotVerified(f"the header {name} is missing")
    try:
        return base64.b64decode(headers[name], validate=True)
    except ValueError as error:
        raise NotVerified(f"the header {name} is not base64") from error


def is_within(url: str, place: str) -> bool:
    """Whether *url* is *place* or, where that ends with a slash, a plain path below it.

    The request chooses the URL.  The slash after the host ends the host, and a path without dot
    segments, escapes or a query means the same to everyone who reads it.
    """
    if not place.endswith("/"):
        return url == place
    below = r"[\w-][\w.-]*(/[\w-][\w.-]*)*"
    return re.fullmatch(re.escape(place) + below, url, re.ASCII) is not None


class RsaKey(NamedTuple):
    """A public key."""

    modulus: int
    exponent: int

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """RSASSA-PKCS1-v1_5 with MD5, comparing the whole block as RFC 8017, 8.2.2 asks for."""
        size = (self.modulus.bit_length() + 7) // 8
        info = bytes.fromhex("3020300c06082a864886f70d020505000410")
        info += hashlib.md5(message, usedforsecurity=False).digest()
        block = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
        number = int.from_bytes(signature, "big")
        return (
            len(signature) == size
            and number < self.modulus
            and pow(number, self.exponent, self.modulus) == int.from_bytes(block, "big")
        )


def rsa_key(pem: bytes) -> RsaKey:
    """The key in a PEM file (SubjectPublicKeyInfo); `ValueError` if there is none."""
    armour = rb"\s*-----BEGIN PUBLIC KEY-----\s([\w+/=\s]+)-----END PUBLIC KEY-----\s*"
    found = re.fullmatch(armour, pem)
    if not found:
        raise ValueError("not a PEM file")
    rsa = bytes.fromhex("300d06092a864886f70d0101010500")
    info, _ = der(0x30, base64.b64decode(found[1]))
    if not info.startswith(rsa):
        raise ValueError("not an RSA key")
    bits, _ = der(0x03, info[len(rsa) :])
    numbers, _ = der(0x30, bits[1:])
    modulus, rest = der(0x02, numbers)
    exponent, _ = der(0x02, rest)
    if len(modulus) < 64:
        raise ValueError("too short a key")
    return RsaKey(int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big"))


def der(tag: int, encoded: bytes) -> tuple[bytes, bytes]:
    """The content of the first element, which must be a *tag*, and what follows it."""
    if len(encoded) < 2 or encoded[0] != tag:
        raise ValueError("unexpected DER")
    length, start = encoded[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(encoded[2:start], "big")
    return encoded[start : start + length], encoded[start + length :]


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A trusted URL must not lead to another."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Let it end as an error."""
        return


KEYS: Final[dict[str, tuple[float, bytes]]] = {}


def fetch_key(url: str) -> bytes:
    """The PEM file behind *url*, remembered for a while."""
    now = time.monotonic()
    fetched_at, pem = KEYS.get(url, (0.0, b""))
    if not pem or now - fetched_at > KEY_LIFETIME_S:
        opener = urllib.request.build_opener(NoRedirects)
        with opener.open(url, timeout=FETCH_TIMEOUT_S) as response:
            pem = response.read(MAX_KEY_BYTES)
        if len(KEYS) >= MAX_KEYS:
            KEYS.clear()
        KEYS[url] = (now, pem)
    return pem


class Receiver(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    trusted: list[str] = OSS_KEY_URLS

    def do_POST(self) -> None:
        """Verify, then act."""
        length = self.headers.get("content-length", "")
        if not re.fullmatch("[0-9]{1,9}", length) or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self.answer(400, refusal("the body has no length, or is too long"))
            return
        body = self.rfile.read(int(length))
        # Not self.path: it loses a slash where the target starts with two.
        target = self.requestline.split(" ")[1]
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            verify(target, headers, body, self.trusted, fetch_key)
        except NotVerified as error:
            self.answer(400, refusal(str(error)))
        else:
            self.answer(200, uploaded(body))

    def do_other(self) -> None:
        """OSS posts, nothing else."""
        self.close_connection = True
        self.answer(405, refusal("callbacks are POST requests"))

    do_GET = do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_other  # noqa: N815 - names of http.server

    def answer(self, status: int, value: dict[str, Any]) -> None:
        """OSS wants exactly 200, a Content-Length, and JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        if status == 405:
            self.send_header("Allow", "POST")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def refusal(reason: str) -> dict[str, Any]:
    """What a caller without a signature hears."""
    return {"Status": "verify not ok", "reason": reason}


def check_vectors(file: str) -> int:
    """Check every case of the shared vectors; the number of those that went wrong."""
    vectors = json.loads(Path(file).read_text("utf-8"))
    wrong = 0

    def fetch(url: str) -> bytes:
        if url not in vectors["keys"]:
            raise OSError("no such key")
        return str(vectors["keys"][url]).encode()

    for case in vectors["cases"]:
        found, reason = "verified", ""
        try:
            body = case["body"].encode()
            verify(case["target"], case["headers"], body, vectors["trusted_key_urls"], fetch)
        except NotVerified as error:
            found, reason = "refused", str(error)
        verdict = "ok" if found == case["expect"] else "FAIL"
        wrong += verdict == "FAIL"
        print(f"{verdict} {case['name']}: {found} {reason}".rstrip())
    return wrong


def main(arguments: list[str]) -> None:
    """Serve, or check the vectors."""
    if len(arguments) == 2 and arguments[0] == "--vectors":
        sys.exit(1 if check_vectors(arguments[1]) else 0)
    if not arguments or not arguments[0].isdigit():
        sys.exit("usage: receiver.py PORT [KEY_URL ...] | --vectors FILE")
    Receiver.trusted = arguments[1:] or OSS_KEY_URLS
    address = (os.environ.get("LISTEN", "127.0.0.1"), int(arguments[0]))
    ThreadingHTTPServer(address, Receiver).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
