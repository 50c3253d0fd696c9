"""oss2: uploads in parts, resumed transfers, presigned URLs."""

# mypy: disable-error-code="import-untyped"

import time
from contextlib import suppress
from itertools import count
from typing import Any

import oss2
from harness import (
    AWKWARD_KEYS,
    BUCKET,
    PART,
    SCRATCH,
    case,
    crc_of,
    equal,
    fetch,
    file,
    some_bytes,
)
from oss2.models import (
    PartInfo,
)
from oss2_clients import bucket, refused, text_of


def upload_parts(key: str, content: bytes) -> tuple[str, Any]:
    upload: str = bucket.init_multipart_upload(key, {"Content-Type": "text/plain"}).upload_id
    parts = []
    for number, start in enumerate(range(0, len(content), PART), 1):
        piece = content[start : start + PART]
        stored = bucket.upload_part(key, upload, number, piece)
        parts.append(PartInfo(number, stored.etag, size=len(piece), part_crc=stored.crc))
    return upload, parts


@case
def multipart() -> None:
    key, content = "multipart/键 +.bin", some_bytes(2 * PART + 5)
    upload, parts = upload_parts(key, content)
    listed = [*oss2.PartIterator(bucket, key, upload, max_parts=2)]
    told = [(each.part_number, each.etag, each.size) for each in listed]
    equal("listed", told, [(each.part_number, each.etag, each.size) for each in parts])
    completed = bucket.complete_multipart_upload(key, upload, parts)
    equal("CRC", completed.crc, crc_of(content))
    equal("end of the ETag", completed.etag[32:], "-3")
    assert bucket.get_object(key).read() == content
    about = bucket.head_object(key)
    equal("types", (about.object_type, about.content_type), ("Multipart", "text/plain"))


@case
def multipart_copy() -> None:
    content = some_bytes(PART + 10)
    bucket.put_object("multipart/source ä", content)
    upload = bucket.init_multipart_upload("multipart/copied").upload_id
    parts = []
    for number, span in enumerate(((0, PART - 1), (PART, PART + 9)), 1):
        stored = bucket.upload_part_copy(
            BUCKET, "multipart/source ä", span, "multipart/copied", upload, number
        )
        parts.append(PartInfo(number, stored.etag))
    bucket.complete_multipart_upload("multipart/copied", upload, parts)
    assert bucket.get_object("multipart/copied").read() == content


def _uploads(prefix: str) -> Any:
    found = oss2.MultipartUploadIterator(bucket, prefix=prefix, max_uploads=1)
    return [(each.key, each.upload_id) for each in found]


@case
def multipart_abort() -> None:
    one = bucket.init_multipart_upload("abort/1 +").upload_id
    two, _ = upload_parts("abort/2", b"x")
    equal("uploads", _uploads("abort/"), [("abort/1 +", one), ("abort/2", two)])
    for key, upload in _uploads("abort/"):
        bucket.abort_multipart_upload(key, upload)
    equal("uploads", _uploads("abort/"), [])
    refused(404, "NoSuchUpload", bucket.list_parts, "abort/2", two)


def _resumable(key: str, path: str, **options: Any) -> Any:
    store = oss2.ResumableStore(root=str(SCRATCH))
    return oss2.resumable_upload(
        bucket, key, path, store=store, multipart_threshold=PART, part_size=PART, **options
    )


@case
def uploader() -> None:
    content = some_bytes(5 * PART + 1)
    stored = _resumable("uploader/file", file("uploader.bin", content), num_threads=3)
    equal("CRC", stored.crc, crc_of(content))
    assert bucket.get_object("uploader/file").read() == content
    _resumable("uploader/small", file("small.bin", b"small"))
    equal("a small one", text_of("uploader/small"), "small")


@case
def uploader_resumes() -> None:
    content = some_bytes(6 * PART)
    path = file("resumed.bin", content)

    def interrupt(sent: int, total: int) -> None:
        if sent >= 3 * PART:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        _resumable("uploader/resumed", path, num_threads=1, progress_callback=interrupt)
        raise AssertionError("the upload is not interrupted")
    equal("open uploads", len(_uploads("uploader/resumed")), 1)
    seen: dict[int, int] = {}
    _resumable(
        "uploader/resumed",
        path,
        num_threads=1,
        progress_callback=seen.__setitem__,
    )
    assert min(seen) >= 3 * PART, seen
    assert bucket.get_object("uploader/resumed").read() == content
    equal("open uploads", _uploads("uploader/resumed"), [])


@case
def downloader() -> None:
    content = some_bytes(5 * PART + 7)
    bucket.put_object("downloader", content)
    path = SCRATCH / "downloaded.bin"
    store = oss2.ResumableDownloadStore(root=str(SCRATCH))
    oss2.resumable_download(
        bucket, "downloader", str(path), multiget_threshold=PART, part_size=PART, store=store
    )
    assert path.read_bytes() == content


@case
def presigned_get() -> None:
    for key, is_slash_safe in zip(["presigned", *AWKWARD_KEYS], count(), strict=False):
        bucket.put_object(key, key)
        url = bucket.sign_url("GET", key, 60, slash_safe=bool(is_slash_safe % 2))
        equal(key, fetch("GET", url), (200, key))
        equal(f"{key} by the SDK", bucket.get_object_with_url(url).read().decode(), key)
    url = bucket.sign_url("GET", "presigned", 60)
    equal("a range", fetch("GET", url, {"Range": "bytes=0-2"}), (206, "pre"))


@case
def presigned_put() -> None:
    headers = {"Content-Type": "text/x-own", "x-oss-meta-by": "url"}
    for key in ["presigned", *AWKWARD_KEYS]:
        url = bucket.sign_url("PUT", key, 60, headers=headers)
        equal(key, fetch("PUT", url, headers, key.encode()), (200, ""))
        equal(f"content of {key}", text_of(key), key)
        about = bucket.head_object(key)
        equal("type", about.content_type, "text/x-own")
        equal("metadata", about.headers["x-oss-meta-by"], "url")
    bucket.put_object_with_url(url, b"by the SDK", headers=headers)
    equal("status with another type", fetch("PUT", url, {"Content-Type": "text/x"}, b"x")[0], 403)


@case
def presigned_expired() -> None:
    url = bucket.sign_url("GET", "presigned", 1)
    time.sleep(2.1)
    equal("status", fetch("GET", url)[0], 403)
