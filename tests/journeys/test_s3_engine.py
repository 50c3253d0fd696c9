"""A server whose bytes are in an S3-speaking engine, as clients and operators see it."""

import asyncio
import http.client
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oss2  # type: ignore[import-untyped]
import pytest

from fake_engine import BUCKET, FakeEngine, fake_engine
from ossia.adapters.s3 import Engine, S3BlobStore
from ossia.adapters.s3.chunk_memory import CHUNK
from ossia.client.signing_client import SigningClient
from ossia.domain.objects.collector import Collector
from ossia.protocol.engine_address import parse_engine_address
from running import Server, running_server
from s3_engine import S3Engine, needs_engine
from stored import in_file

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
DAY_MS = 24 * 3_600_000
KEY = ("--root-access-key-id", "AK", "--root-access-key-secret", "SK")


@pytest.fixture(scope="module")
def stored_at(s3_engine: S3Engine) -> str:
    """Where the module's server keeps its bytes."""
    return s3_engine.new_url("deep/prefix")


@pytest.fixture(scope="module")
def on_engine(
    s3_engine: S3Engine, stored_at: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with running_server(
        tmp_path_factory.mktemp("on-engine"),
        "--blobs",
        stored_at,
        *KEY,
        environment=s3_engine.environment,
    ) as server:
        yield server


@pytest.fixture
def bucket(on_engine: Server) -> Any:
    made = oss2.Bucket(oss2.Auth("AK", "SK"), on_engine.endpoint, f"b-{random.getrandbits(48):x}")
    made.create_bucket()
    return made


def read(bucket: Any, key: str, **more: Any) -> bytes:
    content: bytes = bucket.get_object(key, **more).read()
    return content


@needs_engine
@pytest.mark.parametrize("size", [16 * 1024 + 1, CHUNK, CHUNK + 1, 20 * MIB + 7])
def test_objects_are_what_they_were(bucket: Any, size: int) -> None:
    content = os.urandom(size)
    bucket.put_object("k", content)
    # oss2 compares the CRC-64 of the answer with that of what it has read.
    assert read(bucket, "k") == content
    for start, end in ((0, 0), (size // 2, size - 1), (CHUNK - 3, CHUNK + 3), (size - 5, size - 1)):
        if end < size:
            assert read(bucket, "k", byte_range=(start, end)) == content[start : end + 1]


@needs_engine
def test_bodies_of_unknown_length(bucket: Any) -> None:
    content = os.urandom(9 * MIB)
    # Of an iterator oss2 does not know the length: it sends chunks.
    bucket.put_object("k", iter([content[: 5 * MIB], content[5 * MIB :]]))
    assert read(bucket, "k") == content


@needs_engine
def test_parts_appends_and_copies(bucket: Any) -> None:
    parts = [os.urandom(9 * MIB), os.urandom(3 * MIB), os.urandom(200_000)]
    upload_id = bucket.init_multipart_upload("whole").upload_id
    infos = []
    for number, part in enumerate(parts, 1):
        done = bucket.upload_part("whole", upload_id, number, part)
        infos.append(oss2.models.PartInfo(number, done.etag, size=len(part), part_crc=done.crc))
    bucket.complete_multipart_upload("whole", upload_id, infos)
    whole = b"".join(parts)
    assert read(bucket, "whole") == whole
    assert (
        read(bucket, "whole", byte_range=(9 * MIB - 10, 12 * MIB + 10))
        == (whole[9 * MIB - 10 : 12 * MIB + 11])
    )

    position, appended = 0, [os.urandom(2 * MIB), os.urandom(30), os.urandom(9 * MIB)]
    for piece in appended:
        position = bucket.append_object("grown", position, piece).next_position
    assert read(bucket, "grown") == b"".join(appended)

    bucket.copy_object(bucket.bucket_name, "whole", "copy")
    assert read(bucket, "copy") == whole
    upload_id = bucket.init_multipart_upload("of-ranges").upload_id
    done = bucket.upload_part_copy(
        bucket.bucket_name, "whole", (5, 10 * MIB), "of-ranges", upload_id, 1
    )
    bucket.complete_multipart_upload("of-ranges", upload_id, [oss2.models.PartInfo(1, done.etag)])
    assert read(bucket, "of-ranges") == whole[5 : 10 * MIB + 1]


@needs_engine
def test_a_wrong_digest_leaves_the_old_object(bucket: Any) -> None:
    bucket.put_object("k", b"x" * MIB)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object("k", os.urandom(9 * MIB), headers={"Content-MD5": "A" * 22 + "=="})
    assert refused.value.code == "InvalidDigest"
    assert read(bucket, "k") == b"x" * MIB


class LaterClock:
    """A clock that is ahead."""

    def __init__(self, days: int) -> None:
        self.ahead_ms = days * DAY_MS

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


async def left_after_collection(data: Path, url: str, environment: dict[str, str]) -> set[str]:
    """Ids of what the engine still has once everything is collected that may be."""
    address = parse_engine_address(url)
    engine = Engine(
        address,
        access_key_id=environment["OSSIA_BLOBS_ACCESS_KEY_ID"],
        access_key_secret=environment["OSSIA_BLOBS_ACCESS_KEY_SECRET"],
        region="us-east-1",
    )
    blobs = S3BlobStore(engine, address.prefix, data)
    clock = LaterClock(0)
    metadata = in_file(data, clock)
    try:
        collector = Collector(metadata, blobs, clock)
        for days in (3, 6, 9):
            clock.ahead_ms = days * DAY_MS
            await collector.sweep()
        await collector.sift()
        return {each async for each in blobs.ids(unchanged_since=clock.now_ms())}
    finally:
        await metadata.close()


@needs_engine
def test_what_is_deleted_replaced_or_killed_is_collected(
    s3_engine: S3Engine, tmp_path: Path
) -> None:
    url, environment = s3_engine.new_url(), dict(s3_engine.environment)
    content = os.urandom(10 * MIB)
    with running_server(
        tmp_path, "--blobs", url, "--workers", "1", *KEY, environment=environment
    ) as server:
        bucket = oss2.Bucket(oss2.Auth("AK", "SK"), server.endpoint, "collected")
        bucket.create_bucket()
        for key in ("kept", "replaced", "deleted"):
            bucket.put_object(key, content)
        bucket.put_object("replaced", b"small")
        bucket.delete_object("deleted")
        client = SigningClient(server.endpoint, "AK", "SK", version=1)
        with socket.create_connection(tuple(server.address.split(":"))) as upload:  # type: ignore[arg-type]
            path = path_of(client.url("PUT", "collected", "killed"))
            upload.sendall(
                f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {64 * MIB}\r\n\r\n".encode()
            )
            upload.sendall(os.urandom(40 * MIB))
            wait_for_chunks(s3_engine, url, 9)
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()
    left = asyncio.run(left_after_collection(tmp_path / "data", url, environment))
    assert len(left) == 1
    with running_server(tmp_path, "--blobs", url, *KEY, environment=environment) as server:
        bucket = oss2.Bucket(oss2.Auth("AK", "SK"), server.endpoint, "collected")
        assert read(bucket, "kept") == content
        assert read(bucket, "replaced") == b"small"
        assert [each.key for each in bucket.list_objects_v2().object_list] == ["kept", "replaced"]


def wait_for_chunks(engine: S3Engine, url: str, count: int) -> None:
    """Wait until the engine has at least so many names."""
    calls = Engine(
        parse_engine_address(url),
        access_key_id=engine.access_key_id,
        access_key_secret=engine.access_key_secret,
        region="us-east-1",
    )

    async def names() -> int:
        return len([each async for each in calls.names("ossia/")])

    end = time.monotonic() + 30
    while asyncio.run(names()) < count:
        assert time.monotonic() < end
        time.sleep(0.1)


# --- an engine that fails ---


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    with fake_engine() as running:
        yield running


@pytest.fixture
def faltering(fake: FakeEngine, tmp_path: Path) -> Iterator[Server]:
    """A server on an engine that does as it is told; it waits a second for it."""
    with running_server(
        tmp_path,
        "--blobs", f"s3://{BUCKET}/x?endpoint={fake.endpoint}",
        "--blobs-timeout", "1",
        "--workers", "1",
        *KEY,
        environment={
            "OSSIA_BLOBS_ACCESS_KEY_ID": "key",
            "OSSIA_BLOBS_ACCESS_KEY_SECRET": "a-secret-of-the-engine",
        },
    ) as server:  # fmt: skip
        yield server


def path_of(url: str) -> str:
    """A URL without the origin."""
    return "/" + url.split("/", 3)[3]


@dataclass
class Heard:
    """What a client has of an answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    is_whole: bool


def ask(server: Server, method: str, key: str, body: bytes = b"") -> Heard:
    with asking(server, method, key, body) as answer:
        try:
            return Heard(answer.status, answer.headers, answer.read(), is_whole=True)
        except http.client.IncompleteRead as broken:
            return Heard(answer.status, answer.headers, broken.partial, is_whole=False)


@contextmanager
def asking(
    server: Server, method: str, key: str, body: bytes = b""
) -> Iterator[http.client.HTTPResponse]:
    client = SigningClient(server.endpoint, "AK", "SK", version=1)
    with closing(http.client.HTTPConnection(server.address, timeout=20)) as connection:
        connection.request(method, path_of(client.url(method, "bucket", key)), body)
        with connection.getresponse() as answer:
            yield answer


@pytest.mark.parametrize("fault", ["hang", "500", "403", "reset"])
def test_an_engine_that_is_gone_is_503_and_nothing_is_lost(
    fake: FakeEngine, faltering: Server, fault: str
) -> None:
    content = os.urandom(3 * MIB)
    assert ask(faltering, "PUT", "").status == 200
    assert ask(faltering, "PUT", "k", content).status == 200
    fake.always(fault)
    for method, body in (("GET", b""), ("PUT", os.urandom(7 * MIB))):
        begun = time.monotonic()
        answer = ask(faltering, method, "k", body)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert b"<Code>ServiceUnavailable</Code>" in answer.body
        assert time.monotonic() - begun < 8
    # What lies in its row needs no engine.
    assert ask(faltering, "PUT", "small", b"x").status == 200
    assert ask(faltering, "GET", "small").body == b"x"
    fake.always("")
    assert ask(faltering, "GET", "k").body == content


def test_an_answer_whose_bytes_are_lost_on_the_way_never_looks_whole(
    fake: FakeEngine, faltering: Server
) -> None:
    content = os.urandom(3 * CHUNK)
    assert ask(faltering, "PUT", "").status == 200
    assert ask(faltering, "PUT", "k", content).status == 200
    del fake.names[sorted(fake.names)[1]]
    answer = ask(faltering, "GET", "k")
    assert answer.status == 200
    assert not answer.is_whole
    assert answer.body == content[:CHUNK]
    # The first piece is known before anything is promised.
    del fake.names[min(fake.names)]
    assert ask(faltering, "GET", "k").status == 500


def test_a_download_outlives_short_failures(fake: FakeEngine, faltering: Server) -> None:
    content = os.urandom(3 * CHUNK)
    assert ask(faltering, "PUT", "").status == 200
    fake.fail("500", "", "reset", "503", method="PUT")
    assert ask(faltering, "PUT", "k", content).status == 200
    fake.fail("500", "", "cut", "", "reset", "short", "", "503", method="GET")
    assert ask(faltering, "GET", "k").body == content


def test_who_leaves_does_not_have_the_rest_fetched(fake: FakeEngine, faltering: Server) -> None:
    assert ask(faltering, "PUT", "").status == 200
    assert ask(faltering, "PUT", "k", bytes(12 * CHUNK)).status == 200
    with asking(faltering, "GET", "k") as answer:
        answer.read(10)
    time.sleep(0.5)
    fetched = fake.seen["GET"]
    time.sleep(0.5)
    assert fake.seen["GET"] == fetched < 12


def test_nothing_tells_the_secret(fake: FakeEngine, faltering: Server) -> None:
    fake.always("403")
    assert ask(faltering, "PUT", "").status == 200
    answer = ask(faltering, "PUT", "k", bytes(MIB))
    told = answer.body.decode() + str(answer.headers)
    # A thread writes what is logged.
    log, until = faltering.data / "stderr.log", time.monotonic() + 5
    while "storage_unavailable reason=" not in (logged := log.read_text()):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert "403 AccessDenied" in logged
    told += logged
    assert "a-secret-of-the-engine" not in told
    arguments = Path(f"/proc/{faltering.process.pid}/cmdline").read_bytes()
    assert b"a-secret-of-the-engine" not in arguments
