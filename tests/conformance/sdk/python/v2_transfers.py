"""alibabacloud-oss-v2: uploads in parts, resumed transfers, presigned URLs."""

# mypy: disable-error-code="import-untyped"

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2 as oss
from harness import (
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
from v2_clients import AWKWARD_KEYS, client, get, head, put, refused


def _initiate(key: str) -> Any:
    ask = oss.InitiateMultipartUploadRequest(BUCKET, key, content_type="text/plain")
    return client.initiate_multipart_upload(ask).upload_id


def upload_parts(key: str, content: bytes) -> tuple[str, Any]:
    upload, parts = _initiate(key), []
    for number, start in enumerate(range(0, len(content), PART), 1):
        piece = content[start : start + PART]
        ask = oss.UploadPartRequest(BUCKET, key, number, upload, body=piece)
        parts.append(oss.UploadPart(number, client.upload_part(ask).etag))
    return upload, parts


def complete(key: str, upload: str, parts: Any, **more: Any) -> Any:
    chosen = oss.CompleteMultipartUpload(parts=parts)
    ask = oss.CompleteMultipartUploadRequest(
        BUCKET, key, upload, complete_multipart_upload=chosen, **more
    )
    return client.complete_multipart_upload(ask)


@case
def multipart() -> None:
    key, content = "multipart/键 +.bin", some_bytes(2 * PART + 5)
    upload, parts = upload_parts(key, content)
    ask = oss.ListPartsRequest(BUCKET, key, upload)
    pages = [*client.list_parts_paginator(limit=2).iter_page(ask)]
    equal("keys", [page.key for page in pages], [key, key])
    listed = [(each.part_number, each.etag) for page in pages for each in page.parts]
    equal("listed", listed, [(each.part_number, each.etag) for each in parts])
    completed = complete(key, upload, parts)
    equal("key and CRC", (completed.key, completed.hash_crc64), (key, str(crc_of(content))))
    equal("end of the ETag", completed.etag[33:], '-3"')
    equal("content", get(key), content)
    equal("types", (head(key).object_type, head(key).content_type), ("Multipart", "text/plain"))


@case
def multipart_copy() -> None:
    content, key = some_bytes(PART + 10), "multipart/copied"
    put("multipart/source ä", content)
    upload, parts = _initiate(key), []
    for number, span in enumerate((f"0-{PART - 1}", f"{PART}-{PART + 9}"), 1):
        ask = oss.UploadPartCopyRequest(BUCKET, key, number, upload)
        ask.source_key, ask.source_range = "multipart/source ä", f"bytes={span}"
        parts.append(oss.UploadPart(number, client.upload_part_copy(ask).etag))
    complete(key, upload, parts)
    equal("content", get(key), content)


def _uploads(prefix: str) -> Any:
    ask = oss.ListMultipartUploadsRequest(BUCKET, prefix=prefix)
    pages = client.list_multipart_uploads_paginator(limit=1).iter_page(ask)
    return [(each.key, each.upload_id) for page in pages for each in page.uploads or ()]


@case
def multipart_abort() -> None:
    one, (two, _) = _initiate("abort/1 +"), upload_parts("abort/2", b"x")
    equal("uploads", _uploads("abort/"), [("abort/1 +", one), ("abort/2", two)])
    for key, upload in _uploads("abort/"):
        client.abort_multipart_upload(oss.AbortMultipartUploadRequest(BUCKET, key, upload))
    equal("uploads", _uploads("abort/"), [])
    refused(404, "NoSuchUpload", client.list_parts, oss.ListPartsRequest(BUCKET, "abort/2", two))


@case
def uploader() -> None:
    content = some_bytes(5 * PART + 1)
    path = file("uploader.bin", content)
    sender = client.uploader(part_size=PART, parallel_num=3)
    stored = sender.upload_file(oss.PutObjectRequest(BUCKET, "uploader/file"), path)
    equal("CRC", stored.hash_crc64, str(crc_of(content)))
    equal("content", get("uploader/file"), content)
    with Path(path).open("rb") as stream:
        sender.upload_from(oss.PutObjectRequest(BUCKET, "uploader/stream"), stream)
    equal("content of the stream", get("uploader/stream"), content)


@case
def uploader_resumes() -> None:
    content, key = some_bytes(6 * PART), "uploader/resumed"
    path = file("resumed.bin", content)
    sender = client.uploader(
        part_size=PART, parallel_num=1, enable_checkpoint=True, checkpoint_dir=str(SCRATCH)
    )

    def interrupt(_step: int, sent: int, _total: int) -> None:
        if sent >= 3 * PART:
            raise ConnectionError("interrupted")

    try:
        sender.upload_file(oss.PutObjectRequest(BUCKET, key, progress_fn=interrupt), path)
    except ConnectionError:
        opened = _uploads(key)
    else:
        raise AssertionError("the upload is not interrupted")
    stored = sender.upload_file(oss.PutObjectRequest(BUCKET, key), path)
    equal("the upload that goes on", opened, [(key, stored.upload_id)])
    equal("content", get(key), content)
    equal("open uploads", _uploads(key), [])


@case
def downloader() -> None:
    content = some_bytes(5 * PART + 7)
    put("downloader", content)
    path = SCRATCH / "downloaded.bin"
    receiver = client.downloader(
        part_size=PART, parallel_num=3, enable_checkpoint=True, checkpoint_dir=str(SCRATCH)
    )
    receiver.download_file(oss.GetObjectRequest(BUCKET, "downloader"), str(path))
    equal("content", path.read_bytes(), content)


def presign(ask: Any, seconds: float = 60, by: Any = client) -> Any:
    return by.presign(ask, expires=timedelta(seconds=seconds))


@case
def presigned_get() -> None:
    for key in ["presigned", *AWKWARD_KEYS]:
        put(key, key.encode())
        signed = presign(oss.GetObjectRequest(BUCKET, key))
        equal(key, fetch(signed.method, signed.url, signed.signed_headers), (200, key))
    url = presign(oss.GetObjectRequest(BUCKET, "presigned")).url
    equal("a range", fetch("GET", url, {"Range": "bytes=0-2"}), (206, "pre"))


@case
def presigned_put() -> None:
    for key in ["presigned", *AWKWARD_KEYS]:
        ask = oss.PutObjectRequest(BUCKET, key, content_type="text/x-own", metadata={"by": "url"})
        signed = presign(ask)
        equal(key, fetch("PUT", signed.url, signed.signed_headers, key.encode()), (200, ""))
        equal(f"content of {key}", get(key).decode(), key)
        about = head(key)
        equal(
            "type and metadata", (about.content_type, about.metadata["by"]), ("text/x-own", "url")
        )
    other = {**signed.signed_headers, "Content-Type": "text/x"}
    equal("status with another type", fetch("PUT", signed.url, other, b"x")[0], 403)


@case
def presigned_expired() -> None:
    # V4 rounds what is left down to seconds, and none is not allowed.
    url = presign(oss.GetObjectRequest(BUCKET, "presigned"), 2).url
    time.sleep(3.1)
    equal("status", fetch("GET", url)[0], 403)
