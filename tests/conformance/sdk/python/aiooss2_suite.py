"""aiooss2, oss2 over aiohttp, against a server; see test_sdks.py."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import oss2
from aiooss2 import AioBucket, AioObjectIterator, AioService, resumable_download, resumable_upload
from harness import (
    AWKWARD_KEYS,
    BUCKET,
    ECHO,
    ENDPOINT,
    FORM,
    IS_VIRTUAL,
    JSON,
    KEY_ID,
    KEY_SECRET,
    PART,
    ROLE_BUCKET,
    SCRATCH,
    TREE,
    assume_role,
    callback,
    callback_variables,
    case,
    crc_of,
    equal,
    equal_echo,
    etag_of,
    file,
    host_of,
    policy_only,
    report,
    some_bytes,
)
from oss2.exceptions import ServerError
from oss2.models import PartInfo


def bucket_of(name: str = BUCKET, auth: Any = None) -> AioBucket:
    return AioBucket(auth or oss2.Auth(KEY_ID, KEY_SECRET), ENDPOINT, name)


def with_bucket(run: Callable[[AioBucket], Awaitable[None]]) -> Callable[[], None]:
    """A case of a coroutine: it is given the bucket, connected."""

    @wraps(run)
    def connected() -> None:
        async def main() -> None:
            async with bucket_of() as bucket:
                await run(bucket)

        asyncio.run(main())

    return case(connected)


async def refused(status: int, code: str, asked: Awaitable[Any]) -> ServerError:
    try:
        await asked
    except ServerError as error:
        equal(f"status and code of {error}", (error.status, error.code), (status, code))
        equal("length of the request id", len(error.request_id), 24)
        return error
    raise AssertionError(f"not refused; wanted {status} {code}")


async def content_of(bucket: AioBucket, key: str, **options: Any) -> bytes:
    content = b""
    async with await bucket.get_object(key, **options) as found:
        # Each call gives what has come, whatever is asked for.
        while piece := await found.read():
            content += piece
    return content


@with_bucket
async def addressing(bucket: AioBucket) -> None:
    url = urlsplit(bucket._make_url(BUCKET, "k"))
    equal("host", url.netloc, host_of(BUCKET))
    equal("path", url.path, "/k" if IS_VIRTUAL else f"/{BUCKET}/k")


@with_bucket
async def bucket_lifecycle(bucket: AioBucket) -> None:
    info = await bucket.get_bucket_info()
    equal("name and ACL", (info.name, info.acl.grant), (BUCKET, "private"))
    async with AioService(oss2.Auth(KEY_ID, KEY_SECRET), ENDPOINT) as service:
        found = await service.list_buckets(prefix=BUCKET)
    equal("buckets", [each.name for each in found.buckets], [BUCKET])


@with_bucket
async def put_get_head(bucket: AioBucket) -> None:
    content = some_bytes(300_000)
    headers = {"Content-Type": "image/png", "x-oss-meta-note": "two words"}
    stored = await bucket.put_object("put/object.bin", content, headers=headers)
    equal("ETag and CRC", (stored.etag, stored.crc), (etag_of(content).strip('"'), crc_of(content)))
    assert await content_of(bucket, "put/object.bin") == content
    about = await bucket.head_object("put/object.bin")
    equal("length", about.content_length, len(content))
    for name, value in headers.items():
        equal(name, about.headers[name], value)


@with_bucket
async def empty_object(bucket: AioBucket) -> None:
    await bucket.put_object("empty", b"")
    equal("content", await content_of(bucket, "empty"), b"")


@with_bucket
async def exists(bucket: AioBucket) -> None:
    await bucket.put_object("exists", b"x")
    assert await bucket.object_exists("exists")
    assert not await bucket.object_exists("exists-not")


# yarl, the URLs of aiohttp, resolves dot segments in the path it is given.
KEYS = [key for key in AWKWARD_KEYS if "/./" not in key]


@with_bucket
async def awkward_keys(bucket: AioBucket) -> None:
    for key in KEYS:
        await bucket.put_object(key, key.encode())
        equal(f"content of {key}", await content_of(bucket, key), key.encode())
        await bucket.delete_object(key)
        assert not await bucket.object_exists(key), key


async def _put_all(bucket: AioBucket, *keys: str) -> None:
    await asyncio.gather(*(bucket.put_object(key, key.encode()) for key in keys))


@with_bucket
async def list(bucket: AioBucket) -> None:  # noqa: A001 - the case's name
    await _put_all(bucket, *(f"list/{name}" for name in TREE))
    found = AioObjectIterator(bucket, prefix="list/", delimiter="/", max_keys=1)
    keys = [each.key async for each in found]
    equal("keys", keys, ["list/a.txt", "list/b/", "list/c/", "list/e.txt"])


@with_bucket
async def list_awkward_keys(bucket: AioBucket) -> None:
    want = sorted((f"awkward/{key}" for key in KEYS), key=str.encode)
    await _put_all(bucket, *want)
    found = AioObjectIterator(bucket, prefix="awkward/", max_keys=5)
    equal("keys", [each.key async for each in found], want)


@with_bucket
async def copy(bucket: AioBucket) -> None:
    await bucket.put_object("copy/源 +?.txt", b"content")
    copied = await bucket.copy_object(BUCKET, "copy/源 +?.txt", "copy/same")
    equal("ETag", copied.etag, etag_of(b"content").strip('"'))
    equal("content", await content_of(bucket, "copy/same"), b"content")


@with_bucket
async def append(bucket: AioBucket) -> None:
    await bucket.append_object("append.log", 0, b"one,", init_crc=0)
    again = await bucket.append_object("append.log", 4, b"two")
    equal("next position", again.next_position, 7)
    equal("content", await content_of(bucket, "append.log"), b"one,two")
    wrong = bucket.append_object("append.log", 3, b"x")
    await refused(409, "PositionNotEqualToLength", wrong)


@with_bucket
async def ranges(bucket: AioBucket) -> None:
    await bucket.put_object("ranges", b"0123456789")
    equal("2 to 4", await content_of(bucket, "ranges", byte_range=(2, 4)), b"234")
    equal("the last 2", await content_of(bucket, "ranges", byte_range=(None, 2)), b"89")


@with_bucket
async def conditions(bucket: AioBucket) -> None:
    etag = (await bucket.put_object("conditions", b"x")).headers["ETag"]
    equal("met", await content_of(bucket, "conditions", headers={"If-Match": etag}), b"x")
    unmet = bucket.get_object("conditions", headers={"If-Match": '"other"'})
    await refused(412, "PreconditionFailed", unmet)


@with_bucket
async def delete_many(bucket: AioBucket) -> None:
    keys = [f"many/{key}" for key in ("plain", *KEYS)]
    await _put_all(bucket, *keys)
    equal("deleted", (await bucket.batch_delete_objects(keys)).deleted_keys, keys)
    equal("left", (await bucket.list_objects(prefix="many/")).object_list, [])


async def _parts(bucket: AioBucket, key: str, content: bytes) -> tuple[str, Any]:
    begun = await bucket.init_multipart_upload(key, headers={"Content-Type": "text/plain"})
    parts = []
    for number, start in enumerate(range(0, len(content), PART), 1):
        piece = content[start : start + PART]
        stored = await bucket.upload_part(key, begun.upload_id, number, piece)
        parts.append(PartInfo(number, stored.etag, size=len(piece), part_crc=stored.crc))
    return begun.upload_id, parts


@with_bucket
async def multipart(bucket: AioBucket) -> None:
    key, content = "multipart/键 +.bin", some_bytes(2 * PART + 5)
    upload, parts = await _parts(bucket, key, content)
    listed = await bucket.list_parts(key, upload)
    equal("listed", [each.etag for each in listed.parts], [each.etag for each in parts])
    completed = await bucket.complete_multipart_upload(key, upload, parts)
    equal("end of the ETag", completed.etag[32:], "-3")
    assert await content_of(bucket, key) == content


@with_bucket
async def multipart_copy(bucket: AioBucket) -> None:
    content = some_bytes(PART + 10)
    await bucket.put_object("multipart/source ä", content)
    begun = await bucket.init_multipart_upload("multipart/copied")
    parts = []
    for number, span in enumerate(((0, PART - 1), (PART, PART + 9)), 1):
        stored = await bucket.upload_part_copy(
            BUCKET, "multipart/source ä", span, "multipart/copied", begun.upload_id, number
        )
        parts.append(PartInfo(number, stored.etag))
    await bucket.complete_multipart_upload("multipart/copied", begun.upload_id, parts)
    assert await content_of(bucket, "multipart/copied") == content


@with_bucket
async def multipart_abort(bucket: AioBucket) -> None:
    upload, _ = await _parts(bucket, "abort/1", b"x")
    found = await bucket.list_multipart_uploads(prefix="abort/")
    equal("uploads", [each.upload_id for each in found.upload_list], [upload])
    await bucket.abort_multipart_upload("abort/1", upload)
    await refused(404, "NoSuchUpload", bucket.list_parts("abort/1", upload))


@with_bucket
async def uploader(bucket: AioBucket) -> None:
    content = some_bytes(5 * PART + 1)
    path = file("uploader.bin", content)
    store = oss2.ResumableStore(root=str(SCRATCH))
    options = {"multipart_threshold": PART, "part_size": PART, "num_threads": 3}
    await resumable_upload(bucket, "uploader/file", path, store=store, **options)
    assert await content_of(bucket, "uploader/file") == content


@with_bucket
async def downloader(bucket: AioBucket) -> None:
    content = some_bytes(5 * PART + 7)
    await bucket.put_object("downloader", content)
    path = SCRATCH / "downloaded.bin"
    store = oss2.ResumableDownloadStore(root=str(SCRATCH))
    options = {"multiget_threshold": PART, "part_size": PART, "store": store}
    await resumable_download(bucket, "downloader", str(path), **options)
    assert path.read_bytes() == content


@with_bucket
async def error_no_such_key(bucket: AioBucket) -> None:
    await refused(404, "NoSuchKey", bucket.get_object("no/such key"))


@case
def error_no_such_bucket() -> None:
    async def main() -> None:
        async with bucket_of(f"{BUCKET}-missing") as missing:
            await refused(404, "NoSuchBucket", missing.list_objects())

    asyncio.run(main())


@case
def error_wrong_secret() -> None:
    async def main() -> None:
        async with bucket_of(auth=oss2.Auth(KEY_ID, "wrong")) as stranger:
            await refused(403, "SignatureDoesNotMatch", stranger.get_object("k"))

    asyncio.run(main())


@case
def error_unknown_access_key() -> None:
    async def main() -> None:
        async with bucket_of(auth=oss2.Auth("LTAIunknown", "wrong")) as stranger:
            await refused(403, "InvalidAccessKeyId", stranger.get_object("k"))

    asyncio.run(main())


@with_bucket
async def error_malformed_callback(bucket: AioBucket) -> None:
    put = bucket.put_object("callback/refused", b"x", headers={"x-oss-callback": "{not base64}"})
    await refused(400, "InvalidArgument", put)


@with_bucket
async def error_of_head(bucket: AioBucket) -> None:
    # There is no body, and it does not look into x-oss-err as oss2 does.
    await refused(404, "", bucket.head_object("no-such-key"))


def _headers(path: str, content_type: str = JSON) -> dict[str, str]:
    return {
        "Content-Type": "text/plain",
        "x-oss-callback": callback(path, content_type),
        "x-oss-callback-var": callback_variables(),
    }


async def _stored(bucket: AioBucket, key: str) -> dict[str, str]:
    """The headers of an object as it is; aiohttp asks for gzip, which has no length and no digest."""
    about = await bucket.head_object(key, headers={"Accept-Encoding": "identity"})
    return {name.lower(): value for name, value in about.headers.items()}


async def _put_with_callback(bucket: AioBucket, key: str, content_type: str = JSON) -> None:
    stored = await bucket.put_object(key, b"hello", headers=_headers(ECHO, content_type))
    answer = await stored.resp.read()
    equal_echo(answer, bucket.bucket_name, key, await _stored(bucket, key), content_type)


@with_bucket
async def callback_put_json(bucket: AioBucket) -> None:
    await _put_with_callback(bucket, "callback/键 &=+.txt")


@with_bucket
async def callback_put_form(bucket: AioBucket) -> None:
    await _put_with_callback(bucket, "callback/键 &=+.txt", FORM)


@with_bucket
async def callback_complete(bucket: AioBucket) -> None:
    key, content = "callback/complete 键.bin", some_bytes(PART + 3)
    upload, parts = await _parts(bucket, key, content)
    completed = await bucket.complete_multipart_upload(key, upload, parts, headers=_headers(ECHO))
    equal_echo(await completed.resp.read(), BUCKET, key, await _stored(bucket, key))


@with_bucket
async def callback_fails(bucket: AioBucket) -> None:
    """203 is no error to this SDK: status and body tell."""
    stored = await bucket.put_object("callback/failed", b"hello", headers=_headers("/fail"))
    equal("status", stored.status, 203)
    text = (await stored.resp.read()).decode()
    assert "<Message>Error status : 500.</Message>" in text, text
    equal("what is stored", await content_of(bucket, "callback/failed"), b"hello")


@with_bucket
async def callback_complete_fails(bucket: AioBucket) -> None:
    key, content = "callback/complete-failed", some_bytes(PART + 3)
    upload, parts = await _parts(bucket, key, content)
    headers = _headers("/fail")
    completed = await bucket.complete_multipart_upload(key, upload, parts, headers=headers)
    equal("status", completed.status, 203)
    assert await content_of(bucket, key) == content


def _session(policy: str | None = None) -> AioBucket:
    given = assume_role(policy)
    auth = oss2.StsAuth(given.access_key_id, given.access_key_secret, given.security_token)
    return bucket_of(ROLE_BUCKET, auth)


@case
def sts_upload() -> None:
    async def main() -> None:
        async with _session() as session, bucket_of(ROLE_BUCKET) as root:
            await session.put_object("sts/aiooss2 键.txt", b"hello")
            equal("content", await content_of(root, "sts/aiooss2 键.txt"), b"hello")

    asyncio.run(main())


@case
def sts_callback() -> None:
    async def main() -> None:
        async with _session() as session, bucket_of(ROLE_BUCKET) as root:
            key = "sts/aiooss2-callback.txt"
            stored = await session.put_object(key, b"hello", headers=_headers(ECHO))
            answer = await stored.resp.read()
            equal_echo(answer, ROLE_BUCKET, key, await _stored(root, key))

    asyncio.run(main())


@case
def sts_denied() -> None:
    async def main() -> None:
        async with _session() as session:
            await refused(403, "AccessDenied", session.get_object("k"))

    asyncio.run(main())


@case
def sts_session_policy() -> None:
    async def main() -> None:
        async with _session(policy_only("only/")) as session:
            await session.put_object("only/here", b"x")
            await refused(403, "AccessDenied", session.put_object("elsewhere", b"x"))

    asyncio.run(main())


oss2.Bucket(oss2.Auth(KEY_ID, KEY_SECRET), ENDPOINT, BUCKET).create_bucket()
report()
