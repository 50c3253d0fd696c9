"""Bytes of objects a second, and connections, of a running server, whose workers count together.

No test says how quickly something has to be done: only how long it takes at least.
"""

import gzip
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import oss2  # type: ignore[import-untyped]  # has no types
import pytest

from ossia.client.signing_client import Reply
from running import Server, running_server, signer
from scraping import scrape

pytestmark = pytest.mark.slow

BUCKET = "bytes-of-all"
RATE = 1 << 20
BURST = 64 << 10
TERMS = "1MiB/64KiB"
SHARE = RATE // 50
"""What is reserved at once: two workers that count at a time may lose as much."""


def together(*asked: Callable[[], Reply]) -> tuple[list[Reply], float]:
    """What comes of all of them at a time, and how long that took."""
    begun = time.monotonic()
    with ThreadPoolExecutor(len(asked)) as threads:
        replies = list(threads.map(lambda each: each(), asked))
    return replies, time.monotonic() - begun


def least_s(size: int) -> float:
    """How long *size* bytes take at least."""
    return (size - BURST - 4 * SHARE) / RATE


@contextmanager
def limited(data: Path, *arguments: str) -> Iterator[Server]:
    with running_server(data, *arguments) as server:
        assert signer(server).request("PUT", BUCKET).status == 200
        yield server


def put(server: Server, key: str, body: bytes) -> Callable[[], Reply]:
    return lambda: signer(server).request("PUT", BUCKET, key, body=body)


def get(server: Server, key: str, **more: Any) -> Callable[[], Reply]:
    return lambda: signer(server).request("GET", BUCKET, key, **more)


def test_downloads_at_a_time_take_as_long_as_their_sum(tmp_path: Path) -> None:
    content = os.urandom(RATE)
    terms = ("--limit-peer", f"download={TERMS}", "--workers", "2")
    with limited(tmp_path, *terms) as server:
        assert put(server, "k", content)().status == 200
        replies, took_s = together(*[get(server, "k")] * 3)
        assert [reply.body for reply in replies] == [content] * 3
        assert took_s >= least_s(3 * RATE)


def test_small_downloads_wait_as_well(tmp_path: Path) -> None:
    with limited(tmp_path, "--limit-key", f"download={TERMS}") as server:
        assert put(server, "k", b"x" * 16_000)().status == 200
        replies, took_s = together(*[get(server, "k")] * 40)
        assert {reply.status for reply in replies} == {200}
        assert {len(reply.body) for reply in replies} == {16_000}
        assert took_s >= least_s(40 * 16_000)


def test_what_is_coded_on_the_way_waits_too(tmp_path: Path) -> None:
    lines = os.urandom(RATE).hex().encode()
    headers = {"accept-encoding": "gzip"}
    with limited(tmp_path, "--limit-key", f"download={TERMS}") as server:
        stored = signer(server).request(
            "PUT", BUCKET, "k", headers={"content-type": "text/plain"}, body=lines
        )
        assert stored.status == 200
        replies, took_s = together(*[get(server, "k", headers=headers)] * 2)
        assert [gzip.decompress(reply.body) for reply in replies] == [lines] * 2
        assert took_s >= least_s(sum(len(reply.body) for reply in replies))


@pytest.mark.parametrize(("count", "size"), [(2, RATE), (40, 32_000)], ids=["large", "small"])
def test_uploads_at_a_time_take_as_long_as_their_sum(tmp_path: Path, count: int, size: int) -> None:
    terms = ("--limit-bucket", f"upload={TERMS}", "--workers", "2")
    with limited(tmp_path, *terms) as server:
        content = os.urandom(size)
        replies, took_s = together(*(put(server, f"k{each}", content) for each in range(count)))
        assert {reply.status for reply in replies} == {200}
        assert took_s >= least_s(count * size)
        assert get(server, "k0")().body == content


def test_a_limit_of_a_request_goes_on_beside_it(tmp_path: Path) -> None:
    slow = {"x-oss-traffic-limit": "819200"}  # 102 400 bytes a second
    with limited(
        tmp_path, "--limit-key", f"download={TERMS}", "--limit-key", "upload=1GiB"
    ) as server:
        assert put(server, "k", b"x" * 150_000)().status == 200
        [reply], took_s = together(get(server, "k", headers=slow))
        assert len(reply.body) == 150_000
        assert took_s > 0.8
        begun = time.monotonic()
        reply = signer(server).request("PUT", BUCKET, "k", body=b"x" * 150_000, headers=slow)
        assert time.monotonic() - begun > 0.8
        assert int(reply.headers["x-oss-qos-delay-time"]) > 800
        # Who has not asked for a limit is not told of one.
        assert "x-oss-qos-delay-time" not in put(server, "k", b"x")().headers


def opened(server: Server, target: str, headers: str = "", method: str = "GET") -> socket.socket:
    host, _, port = server.address.rpartition(":")
    client = socket.create_connection((host, int(port)), 10)
    head = f"{method} {target} HTTP/1.1\r\nHost: {server.address}\r\n{headers}\r\n"
    client.sendall(head.encode())
    return client


def target(server: Server, method: str, key: str) -> str:
    return signer(server, 1).url(method, BUCKET, key).removeprefix(server.endpoint)


CORS = b"""<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin>
<AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod></CORSRule></CORSConfiguration>"""


def refusal(held: ExitStack, open_one: Callable[[], socket.socket]) -> bytes:
    """What is heard once so many take part that one more would wait for long; the others stay."""
    for _ in range(12):
        client = held.enter_context(open_one())
        client.settimeout(0.3)
        with suppress(TimeoutError):
            answer = client.recv(65536)
            if not answer.startswith((b"HTTP/1.1 100 ", b"HTTP/1.1 200 ")):
                return answer
            client.sendall(b"x" * 4096)
    raise AssertionError("nobody is refused")


def test_who_would_wait_for_long_is_refused_in_words_that_a_page_can_read(tmp_path: Path) -> None:
    terms = ("--limit-bucket", "upload=1KiB", "--metrics-listen", "127.0.0.1:0")
    with limited(tmp_path, *terms) as server, ExitStack() as held:
        cors = signer(server).request("PUT", BUCKET, query=[("cors", "")], body=CORS)
        assert cors.status == 200
        expects = "Expect: 100-continue\r\nContent-Length: 99999\r\nOrigin: http://page\r\n"
        answer = refusal(held, lambda: opened(server, target(server, "PUT", "k"), expects, "PUT"))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"<Code>UploadTrafficRateLimitExceeded</Code>" in body
        assert b"<Limit>bucket</Limit>" in body
        assert b"\r\nRetry-After: " in head
        assert b"\r\nAccess-Control-Allow-Origin: *" in head
        # What is no upload of an object waits for none.
        assert signer(server).request("GET", BUCKET).status == 200
        refused = scrape(server.event["metrics_url"])
        assert refused.total("ossia_requests_refused_total", reason="bucket") == 1


def test_downloads_are_refused_with_a_code_of_their_own(tmp_path: Path) -> None:
    with limited(tmp_path, "--limit-key", "download=1KiB") as server, ExitStack() as held:
        assert put(server, "k", b"x" * 16_384)().status == 200
        answer = refusal(held, lambda: opened(server, target(server, "GET", "k")))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"<Code>DownloadTrafficRateLimitExceeded</Code>" in body
        assert b"<Limit>key</Limit>" in body
        assert b"\r\nRetry-After: " in head
        assert signer(server).request("HEAD", BUCKET, "k").status == 200
        assert put(server, "other", b"x" * 99_999)().status == 200


def test_requests_by_key_and_bucket_are_refused_in_words_that_a_page_can_read(
    tmp_path: Path,
) -> None:
    with limited(tmp_path, "--limit-bucket", "requests=0.01/2") as server:
        cors = signer(server).request("PUT", BUCKET, query=[("cors", "")], body=CORS)
        assert cors.status == 200
        reply = get(server, "k", headers={"origin": "http://page"})()
        assert (reply.status, reply.code) == (503, "TotalQpsLimitExceeded")
        assert reply.headers["access-control-allow-origin"] == "*"


def test_an_access_log_does_not_keep_who_was_answered(tmp_path: Path) -> None:
    with limited(tmp_path, "--limit-key", "concurrent=1", "--access-log") as server:
        assert put(server, "k", os.urandom(200_000))().status == 200
        for _ in range(3):
            assert len(get(server, "k")().body) == 200_000
            # The last byte is there before the server knows.
            time.sleep(0.05)


def test_an_sdk_ends_well(tmp_path: Path) -> None:
    content = os.urandom(700_000)
    terms = ("--limit-key", "upload=512KiB/64KiB", "--limit-key", "download=512KiB/64KiB")
    with limited(tmp_path, *terms) as server:
        auth = oss2.Auth(server.access_key_id, server.access_key_secret)
        bucket = oss2.Bucket(auth, server.endpoint, BUCKET)
        begun = time.monotonic()
        bucket.put_object("whole", content)
        assert bucket.get_object("whole").read() == content
        upload = bucket.init_multipart_upload("parts").upload_id
        part = bucket.upload_part("parts", upload, 1, content[:200_000])
        bucket.complete_multipart_upload("parts", upload, [oss2.models.PartInfo(1, part.etag)])
        assert bucket.get_object("parts", byte_range=(5, 99)).read() == content[5:100]
        assert time.monotonic() - begun >= (1_600_000 - 2 * (64 << 10)) / (512 << 10) - 0.2


def test_connections_of_a_peer_over_all_workers(tmp_path: Path) -> None:
    terms = ("--limit-peer", "connections=6", "--workers", "2", "--metrics-listen", "127.0.0.1:0")
    with limited(tmp_path, *terms) as server, ExitStack() as held:
        kept: Sequence[socket.socket] = [
            held.enter_context(opened(server, target(server, "GET", "k"))) for _ in range(6)
        ]
        assert all(b" 404 " in each.recv(65536) for each in kept)
        extra = held.enter_context(opened(server, target(server, "GET", "k")))
        answer = extra.recv(65536)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"<Limit>peer</Limit>" in answer
        assert extra.recv(1) == b""
        refused = scrape(server.event["metrics_url"])
        assert refused.total("ossia_requests_refused_total", reason="peer") == 1
        for each in kept:
            each.close()
        time.sleep(0.1)
        again = held.enter_context(opened(server, target(server, "GET", "k")))
        assert b" 404 " in again.recv(65536)


def test_a_limit_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="bound the requests of each at a time"),
        running_server(tmp_path, "--limit-bucket", "connections=5"),
    ):
        pass
