"""Completing an upload of 100 GiB in 10 000 parts: how long it takes, and what memory.

usage: python bench/parts.py [--parts N] [--copied] [--folder F]

Every part is uploaded as a client does.  So that 100 GiB need no disk, the files that they lie in get
holes as soon as they are there (Linux, ext4 or XFS): they keep their length, and zeros are read.
With ``--copied`` each part is a copy (UploadPartCopy) of one object, of which no byte is moved.
"""

import argparse
import ctypes
import os
import statistics
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path

from run import ROOT, cpu_seconds, machine, memory_mib, ossia

from ossia.client.signing_client import Reply, SigningClient

MIB = 1024 * 1024
PART = -(-100 * 1024 * MIB // 10_000)
BUCKET, KEY = "parts", "big"
_PUNCH = 0x02 | 0x01  # FALLOC_FL_PUNCH_HOLE, which wants FALLOC_FL_KEEP_SIZE


class Holes:
    """Makes holes of all files below a folder that have none yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: set[Path] = set()
        self._libc = ctypes.CDLL(None, use_errno=True)

    def punch(self) -> None:
        """The bytes of every new file become zeros that take no room."""
        for path in self._folder.rglob("*"):
            if path in self._done or not path.is_file() or path.stat().st_size != PART:
                continue
            file = os.open(path, os.O_WRONLY)
            offset, length = ctypes.c_int64(0), ctypes.c_int64(PART)
            if self._libc.fallocate(file, _PUNCH, offset, length):
                raise OSError(ctypes.get_errno(), "no holes here")
            os.close(file)
            self._done.add(path)


def upload(client: SigningClient, upload_id: str, parts: int, holes: Holes | None) -> list[str]:
    """Their ETags, in order."""
    connection = HTTPConnection(client.endpoint.partition("://")[2])
    content, etags = bytes(PART), []
    headers = {} if holes else {"x-oss-copy-source": f"/{BUCKET}/source"}
    for number in range(1, parts + 1):
        query = [("partNumber", str(number)), ("uploadId", upload_id)]
        url = client.url("PUT", BUCKET, KEY, query=query, headers=headers)
        path = url.removeprefix(client.endpoint)
        connection.request("PUT", path, content if holes else None, headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        etags.append(answer.getheader("ETag") or body.decode().partition("<ETag>")[2][1:33])
        if holes and number % 50 == 0:
            holes.punch()
    return [each.strip('"') for each in etags]


def timed(client: SigningClient, pid: int, what: str, *asked: object, **more: object) -> Reply:
    """Ask, and print what it took."""
    cpu, begun = cpu_seconds(pid), time.perf_counter()
    reply = client.request(*asked, **more)  # type: ignore[arg-type]  # passed through
    took = time.perf_counter() - begun
    memory = sum(memory_mib(pid))
    print(f"{what:<28} {took:6.3f} s   CPU {cpu_seconds(pid) - cpu:5.2f} s   {memory:4.0f} MiB")
    assert reply.status < 300, reply
    return reply


def main() -> None:
    """Upload, complete, look, and delete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=10_000)
    parser.add_argument("--copied", action="store_true", help="copy parts instead of uploading")
    parser.add_argument("--folder", type=Path, help="where data goes")
    options = parser.parse_args()
    print(machine())
    with (
        tempfile.TemporaryDirectory(dir=options.folder or ROOT) as name,
        ossia(Path(name)) as (pid, client),
    ):
        client.timeout_s = 600
        assert client.request("PUT", BUCKET).status == 200
        assert client.request("PUT", BUCKET, "source", body=bytes(PART)).status == 200
        begun = client.request("POST", BUCKET, KEY, query=[("uploads", "")])
        upload_id = begun.element("UploadId")
        holes = None if options.copied else Holes(Path(name) / "data")
        etags = upload(client, upload_id, options.parts, holes)
        print(f"before: {sum(memory_mib(pid)):.0f} MiB")
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        size = PART * options.parts
        what = f"complete {size / 1024 / MIB:.1f} GiB, {options.parts} parts"
        query = [("uploadId", upload_id)]
        timed(client, pid, what, "POST", BUCKET, KEY, query=query, body=body)
        head = timed(client, pid, "HEAD", "HEAD", BUCKET, KEY)
        assert head.headers["content-length"] == str(size), head
        last = {"range": f"bytes={size - MIB}-"}
        read = timed(client, pid, "its last MiB", "GET", BUCKET, KEY, headers=last)
        assert read.body == bytes(MIB)
        copied = {"x-oss-copy-source": f"/{BUCKET}/{KEY}"}
        timed(client, pid, "copy", "PUT", BUCKET, "copy", headers=copied)
        for key in ("copy", KEY):
            timed(client, pid, f"delete {key}", "DELETE", BUCKET, key)
        waits = []
        for _ in range(20):
            start = time.perf_counter()
            client.request("PUT", BUCKET, "small", body=b"x")
            waits.append((time.perf_counter() - start) * 1000)
        print(f"a small PUT afterwards: {statistics.median(waits):.1f} ms")


if __name__ == "__main__":
    main()
