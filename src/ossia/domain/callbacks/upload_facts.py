"""What an upload tells its callback: the values of the template's variables.

The image is looked at only if the template asks for it, and of it only what its size needs.
Source: callback.md, 2.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from ossia.errors import CallbackFailed
from ossia.protocol.callback import CallbackConfig
from ossia.protocol.callback_template import Value
from ossia.protocol.header_text import shown_text
from ossia.protocol.image_size import Corrupt, ImageSize, Measured, measure
from ossia.records import StoredObject

log = logging.getLogger(__name__)

ReadBytes = Callable[[int, int], Awaitable[bytes]]
"""Gives the stored object's bytes at (offset, length); fewer, or none, behind its end."""


@dataclass(slots=True, kw_only=True)
class UploadFacts:
    """What the upload's request knows and the stored object does not.

    ``operation`` is ``PutObject``, ``PostObject`` or ``CompleteMultipartUpload``; ``read`` is
    called only when the template names ``imageInfo.…``; ``trace`` are headers to pass on;
    ``version`` is None in a bucket that never had versioning.
    """

    bucket: str
    stored: StoredObject
    operation: str
    request_id: str
    client_ip: str
    requester: str
    read: ReadBytes
    vpc_id: str = ""
    version: str | None = None
    trace: dict[str, str] = field(default_factory=dict)


async def values_of(config: CallbackConfig, facts: UploadFacts) -> dict[str, Value]:
    """Every variable of the documentation's table, and the custom ones."""
    stored = facts.stored
    values: dict[str, Value] = dict(config.variables)
    values |= {
        "bucket": facts.bucket,
        "object": stored.key,
        "etag": stored.etag,
        "size": stored.size,
        "mimeType": shown_text(stored.headers.get("content-type", "application/octet-stream")),
        "crc64": stored.crc64,
        # Only objects put in one piece have one.
        "contentMd5": stored.md5 or None,
        "vpcId": facts.vpc_id or None,
        "clientIp": facts.client_ip,
        "reqId": facts.request_id,
        "operation": facts.operation,
        # Not of OSS, whose documentation names no version (callback.md, section 2).
        "versionId": facts.version,
    }
    if config.names_image():
        size = await _measure(facts)
        if size is not None:
            values |= {
                "imageInfo.width": size.width,
                "imageInfo.height": size.height,
                "imageInfo.format": size.format,
            }
    return values


_WINDOW_BYTES: Final = 64 * 1024
_MAX_READS: Final = 64


async def _measure(facts: UploadFacts) -> ImageSize | None:
    """The image's size; None if the object is no image.

    Documentation: for other files the variables are empty; an image that cannot be read fails
    the callback (EC 0007-00000301).
    """
    found = await _walk(facts.read)
    if isinstance(found, Corrupt):
        log.info(
            "callback_image_unreadable request_id=%s reason=%s", facts.request_id, found.reason
        )
        raise CallbackFailed("Get image info failed.", ec="0007-00000301")
    return found


async def _walk(read: ReadBytes) -> Measured:
    """Serve the steps of `measure` from windows, so that small steps cost no reads."""
    steps = measure()
    offset, length = next(steps)
    window_at, window = 0, b""
    reads = 0
    try:
        while True:
            if not window_at <= offset <= offset + length <= window_at + len(window):
                reads += 1
                if reads > _MAX_READS:
                    return Corrupt("the headers are spread too far")
                window_at, window = offset, await read(offset, max(length, _WINDOW_BYTES))
            start = offset - window_at
            offset, length = steps.send(window[start : start + length])
    except StopIteration as end:
        found: Measured = end.value
        return found
