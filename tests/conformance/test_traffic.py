"""How fast bytes move, and in which coding: ``x-oss-traffic-limit`` (W17) and gzip (W16)."""

import base64
import gzip
import http.client
import json
import socket
import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from asking import Ask
from callback_asking import Uploader

from ossia.client.signing_client import Reply, SigningClient

LIMIT = "819200"
"""102 400 bytes a second."""
BODY = b"0123456789abcdef" * 4096  # 64 KiB
SOME = 0.4
"""Seconds: 64 KiB take 0.64, less what may come at once."""


def timed(send: Any) -> tuple[Reply, float]:
    begun = time.monotonic()
    reply = send()
    return reply, time.monotonic() - begun


def writes(ask: Ask, place: str, size: int) -> dict[str, Any]:
    """Each way of writing *size* bytes with a limit, in the header or in the query."""
    content = (BODY * (size // len(BODY) + 1))[:size]
    headers = {"x-oss-traffic-limit": LIMIT} if place == "header" else {}
    query = [("x-oss-traffic-limit", LIMIT)] if place == "query" else []
    upload = ask("POST", "parts", query=[("uploads", "")]).element("UploadId")
    part = [("partNumber", "1"), ("uploadId", upload)]
    append = [("append", ""), ("position", "0")]
    return {
        "put": lambda: ask("PUT", "k", query=query, headers=headers, body=content),
        "append": lambda: ask("POST", "a", query=[*append, *query], headers=headers, body=content),
        "part": lambda: ask("PUT", "parts", query=[*part, *query], headers=headers, body=content),
    }


@pytest.mark.slow
@pytest.mark.parametrize("size", [60_000, 140_000], ids=["small", "large"])
@pytest.mark.parametrize("place", ["header", "query"])
@pytest.mark.parametrize("way", ["put", "append", "part"])
@pytest.mark.covers("PutObject")
@pytest.mark.covers("AppendObject")
@pytest.mark.covers("UploadPart")
def test_uploads_take_their_time(ask: Ask, way: str, place: str, size: int) -> None:
    reply, took_s = timed(writes(ask, place, size)[way])
    assert reply.status == 200
    assert size / 102_400 - 0.25 < took_s < size / 102_400 + 2
    assert 0 < int(reply.headers["x-oss-qos-delay-time"]) <= took_s * 1000


@pytest.mark.slow
@pytest.mark.covers("PostObject")
def test_forms_take_their_time(client: SigningClient, bucket: str) -> None:
    uploader = replace(Uploader(client, bucket), content=BODY)
    reply, took_s = timed(lambda: uploader.post({"x-oss-traffic-limit": LIMIT}))
    assert reply.status == 204
    assert took_s > SOME
    assert int(reply.headers["x-oss-qos-delay-time"]) > 0
    assert uploader.post({"x-oss-traffic-limit": "5"}).code == "InvalidArgument"


@pytest.mark.parametrize("place", ["field", "header", "query"])
@pytest.mark.covers("PostObject")
def test_w17_limits_of_forms_are_checked_wherever_they_are(
    client: SigningClient, bucket: str, place: str
) -> None:
    uploader = Uploader(client, bucket)
    for limit, status in (("5", 400), ("819200", 204), ("", 204)):
        reply = uploader.post(
            {"x-oss-traffic-limit": limit} if place == "field" else {},
            headers={"x-oss-traffic-limit": limit} if place == "header" else {},
            query=f"?x-oss-traffic-limit={limit}" if place == "query" else "",
        )
        assert reply.status == status
        assert ("x-oss-qos-delay-time" in reply.headers) == (limit == "819200")


@pytest.mark.slow
@pytest.mark.parametrize("size", [12_000, 70_000], ids=["inline", "file"])
@pytest.mark.parametrize("place", ["header", "query"])
@pytest.mark.covers("GetObject")
def test_downloads_take_their_time(ask: Ask, place: str, size: int) -> None:
    content = (BODY * 2)[:size]
    ask("PUT", "k", body=content)
    limit = "245760" if size < 20_000 else LIMIT  # 30 720 bytes a second
    query = [("x-oss-traffic-limit", limit)] if place == "query" else []
    headers = {} if place == "query" else {"x-oss-traffic-limit": limit}
    reply, took_s = timed(lambda: ask("GET", "k", query=query, headers=headers))
    assert (reply.status, reply.body) == (200, content)
    assert took_s > size * 8 / int(limit) - 0.35
    assert int(reply.headers["x-oss-qos-delay-time"]) == size * 1000 // (int(limit) // 8)
    part, took_s = timed(
        lambda: ask("GET", "k", query=query, headers={**headers, "Range": "bytes=0-99"})
    )
    assert (part.status, part.body) == (206, content[:100])
    assert took_s < 1


@pytest.mark.covers("CopyObject")
@pytest.mark.covers("UploadPartCopy")
def test_copies_move_nothing_that_could_be_slowed(ask: Ask, bucket: str) -> None:
    ask("PUT", "k", body=BODY)
    source = {"x-oss-copy-source": f"/{bucket}/k", "x-oss-traffic-limit": LIMIT}
    reply = ask("PUT", "copy", headers=source)
    assert (reply.status, reply.headers["x-oss-qos-delay-time"]) == (200, "0")
    upload = ask("POST", "parts", query=[("uploads", "")]).element("UploadId")
    reply = ask("PUT", "parts", query=[("partNumber", "1"), ("uploadId", upload)], headers=source)
    assert (reply.status, reply.headers["x-oss-qos-delay-time"]) == (200, "0")


@pytest.mark.parametrize("limit", ["0", "245759", "838860801", "-1", "1e6", "x", " 819200"])
@pytest.mark.parametrize("method", ["PUT", "GET", "COPY", "APPEND"])
@pytest.mark.parametrize("place", ["header", "query"])
def test_limits_out_of_bounds(ask: Ask, bucket: str, method: str, limit: str, place: str) -> None:
    ask("PUT", "k", body=b"old")
    headers = {"x-oss-copy-source": f"/{bucket}/k"} if method == "COPY" else {}
    query = [("append", ""), ("position", "0")] if method == "APPEND" else []
    if place == "query":
        query.append(("x-oss-traffic-limit", limit))
    else:
        headers["x-oss-traffic-limit"] = limit
    verb = {"COPY": "PUT", "APPEND": "POST"}.get(method, method)
    reply = ask(
        verb,
        "n" if verb != "GET" else "k",
        query=query,
        headers=headers,
        body=b"new" if verb != "GET" else b"",
    )
    if place == "header" and limit.strip() == LIMIT:
        # Blanks around a header's value are no part of it.
        assert reply.status == 200
        return
    assert (reply.status, reply.code) == (400, "InvalidArgument")
    assert reply.element("EC") == "0004-00000502"
    assert ask("GET", "n").status == 404


@pytest.mark.parametrize("limit", ["245760", "645763", "838860800", ""])
def test_limits_within_bounds(ask: Ask, limit: str) -> None:
    assert ask("PUT", "k", headers={"x-oss-traffic-limit": limit}, body=b"x").status == 200


# --- gzip ---

TEXT = b'{"some": "text that repeats itself"}\n' * 100
LARGE = TEXT * 200


def raw(client: SigningClient, method: str, bucket: str, key: str, headers: dict[str, str]) -> Any:
    """An answer as it comes: nothing is decoded but the chunks."""
    signed = {**headers, **client._signature(method, bucket, key, (), headers, None)}
    connection = http.client.HTTPConnection(urlsplit(client.endpoint).netloc)
    connection.request(method, f"/{bucket}/{key}", headers=signed)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


@pytest.mark.covers("GetObject")
@pytest.mark.covers("HeadObject")
@pytest.mark.parametrize("content", [TEXT, LARGE], ids=["inline", "file"])
@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "text/plain; charset=utf-8",
        "TEXT/CSS",
        "text/xml",
        "text/json",
        "application/javascript",
        "application/x-javascript",
        "application/rss+xml",
        "text/cache-manifest",
    ],
)
def test_text_is_coded_for_who_takes_it(
    client: SigningClient, ask: Ask, bucket: str, kind: str, content: bytes
) -> None:
    ask("PUT", "t", headers={"Content-Type": kind, "x-oss-meta-a": "b"}, body=content)
    for accepts in ("gzip", "deflate, GZIP", "br;q=1.0, gzip;q=0.8, *;q=0.1"):
        answer, coded = raw(client, "GET", bucket, "t", {"Accept-Encoding": accepts})
        assert (answer.status, gzip.decompress(coded)) == (200, content)
        head, nothing = raw(client, "HEAD", bucket, "t", {"Accept-Encoding": accepts})
        assert (head.status, nothing) == (200, b"")
        for each in (answer, head):
            assert each.headers["Content-Encoding"] == "gzip"
            assert each.headers["Vary"] == "Accept-Encoding"
            assert each.headers["Transfer-Encoding"] == "chunked"
            assert each.headers["Content-Type"] == kind
            assert each.headers["x-oss-meta-a"] == "b"
            for name in (
                "Content-Length",
                "ETag",
                "Accept-Ranges",
                "x-oss-hash-crc64ecma",
                "Content-MD5",
            ):
                assert name not in each.headers, name


@pytest.mark.parametrize(
    ("stored", "content", "asked"),
    [
        pytest.param({}, TEXT[:1023], {}, id="below-1-KB"),
        pytest.param({"Content-Type": "text/html"}, TEXT, {}, id="another-type"),
        pytest.param({"Content-Type": "image/png"}, TEXT, {}, id="no-text"),
        pytest.param({"Content-Encoding": "br"}, TEXT, {}, id="coded-already"),
        pytest.param({}, TEXT, {"Accept-Encoding": "gzip;q=0"}, id="not-acceptable"),
        pytest.param({}, TEXT, {"Accept-Encoding": "gzip; q=0.000"}, id="not-acceptable-either"),
        pytest.param({}, TEXT, {"Accept-Encoding": "xgzip, deflate"}, id="another-coding"),
        pytest.param({}, TEXT, {"Accept-Encoding": "identity"}, id="identity"),
        pytest.param({}, TEXT, {"Range": "bytes=0-99"}, id="range"),
        pytest.param({}, TEXT, {"Range": "bytes=9999999-"}, id="range-behind-the-end"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_everything_else_goes_as_it_is(
    client: SigningClient,
    ask: Ask,
    bucket: str,
    method: str,
    stored: dict[str, str],
    content: bytes,
    asked: dict[str, str],
) -> None:
    ask("PUT", "t", headers={"Content-Type": "text/plain", **stored}, body=content)
    answer, _ = raw(client, method, bucket, "t", {"Accept-Encoding": "gzip", **asked})
    assert answer.status in (200, 206)
    assert answer.headers.get("Content-Encoding") == stored.get("Content-Encoding")
    assert "ETag" in answer.headers
    assert "Content-Length" in answer.headers


def test_http_1_0_gets_no_chunks(client: SigningClient, ask: Ask, bucket: str) -> None:
    ask(
        "PUT",
        "t",
        headers={"Content-Type": "text/plain", "x-oss-object-acl": "public-read"},
        body=TEXT,
    )
    place = urlsplit(client.endpoint)
    with socket.create_connection((place.hostname, place.port)) as line:
        line.sendall(f"GET /{bucket}/t HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        pieces = []
        while piece := line.recv(65536):
            pieces.append(piece)
    answer = b"".join(pieces)
    assert answer.endswith(TEXT)
    assert b"chunked" not in answer


@pytest.mark.slow
def test_a_coded_answer_keeps_its_rate(client: SigningClient, ask: Ask, bucket: str) -> None:
    noise = base64.b64encode(json.dumps([hash(str(n)) for n in range(6000)]).encode())
    ask("PUT", "t", headers={"Content-Type": "text/plain"}, body=noise)
    headers = {"Accept-Encoding": "gzip", "x-oss-traffic-limit": LIMIT}
    begun = time.monotonic()
    _, coded = raw(client, "GET", bucket, "t", headers)
    assert gzip.decompress(coded) == noise
    assert time.monotonic() - begun > len(coded) / 102_400 - 0.35
