"""Tell an application server about an upload, and decide what the client hears.

The object is stored when this begins, and stays stored whatever happens here.

1. The template is filled from the stored object and the request; the image is measured only if
   the template asks for it.
2. The URLs are tried in order until one accepts; later ones are not called.
3. Acceptance is the application's own answer.  Everything else is `CallbackFailed`, with the
   text of the last URL's fault.

Source: callback.md, 5 to 7.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final, Protocol

from ossia.errors import CallbackFailed
from ossia.ports import (
    CallbackAnswer,
    CallbackAttempt,
    CallbackFailure,
    CallbackFault,
    CallbackSender,
    Clock,
)
from ossia.protocol.callback import (
    MAX_REPLY_BYTES,
    Accepted,
    CallbackConfig,
    CallbackUrl,
    Rejected,
    Value,
    fill,
    judge_reply,
    outgoing_headers,
    string_to_sign,
)
from ossia.protocol.image_size import Corrupt, ImageSize, Measured, measure
from ossia.records import StoredObject

log = logging.getLogger(__name__)

ReadBytes = Callable[[int, int], Awaitable[bytes]]
"""Gives the stored object's bytes at (offset, length); fewer, or none, behind its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadFacts:
    """What the upload's request knows and the stored object does not.

    ``operation`` is ``PutObject``, ``PostObject`` or ``CompleteMultipartUpload``; ``read`` is
    called only when the template names ``imageInfo.…``.
    """

    bucket: str
    stored: StoredObject
    operation: str
    request_id: str
    client_ip: str
    requester: str
    read: ReadBytes
    vpc_id: str = ""


@dataclass(frozen=True, slots=True)
class CallbackReply:
    """The application's answer, which the client receives with status 200."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt as it happened, for the log that people look things up in."""

    attempt: CallbackAttempt
    outcome: CallbackAnswer | CallbackFailure
    verdict: Accepted | Rejected
    facts: UploadFacts
    signed: bytes
    at_ms: int


class Signer(Protocol):
    """Signs with the deployment's callback key; `protocol.callback_signature.CallbackKey`."""

    def sign(self, message: bytes) -> str:
        """The value of the ``authorization`` header."""


class Callbacks:
    """Delivers callbacks.  *observe*, if given, hears of every attempt and must not block."""

    def __init__(
        self,
        sender: CallbackSender,
        signer: Signer,
        clock: Clock,
        *,
        key_url: str,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        observe: Callable[[Delivery], None] | None = None,
    ) -> None:
        self._sender = sender
        self._signer = signer
        self._clock = clock
        self._key_url = key_url
        self._max_reply_bytes = max_reply_bytes
        self._observe = observe

    async def notify(self, config: CallbackConfig, facts: UploadFacts) -> CallbackReply:
        """Deliver the callback of one upload, or raise `CallbackFailed`."""
        body = fill(config.body, await _values(config, facts), config.body_type)
        failed = CallbackFailed("The callback has no URL.")
        for url in config.urls:
            verdict = await self._deliver(config, url, body, facts)
            if isinstance(verdict, Accepted):
                return CallbackReply(verdict.body, verdict.content_type)
            failed = CallbackFailed(verdict.message, ec=verdict.ec)
        raise failed

    async def _deliver(
        self, config: CallbackConfig, url: CallbackUrl, body: bytes, facts: UploadFacts
    ) -> Accepted | Rejected:
        now_ms = self._clock.now_ms()
        message = string_to_sign(url.path, url.query, body)
        headers = outgoing_headers(
            config,
            url,
            body,
            # Half a millisecond of RSA does not belong on the event loop.
            authorization=await asyncio.to_thread(self._signer.sign, message),
            key_url=self._key_url,
            date=formatdate(now_ms / 1000, usegmt=True),
            request_id=facts.request_id,
            bucket=facts.bucket,
            requester=facts.requester,
        )
        attempt = CallbackAttempt(
            scheme=url.scheme,
            host=url.host,
            port=url.port,
            target=url.path + url.query,
            headers=headers,
            body=body,
        )
        outcome = await self._sender.send(attempt)
        verdict = self._judge(outcome)
        self._report(
            Delivery(
                attempt=attempt,
                outcome=outcome,
                verdict=verdict,
                facts=facts,
                signed=message,
                at_ms=now_ms,
            )
        )
        return verdict

    def _judge(self, outcome: CallbackAnswer | CallbackFailure) -> Accepted | Rejected:
        if isinstance(outcome, CallbackFailure):
            return _verdict_on(outcome)
        return judge_reply(
            outcome.status, outcome.headers, outcome.body, max_bytes=self._max_reply_bytes
        )

    def _report(self, delivery: Delivery) -> None:
        if isinstance(delivery.verdict, Rejected):
            failure = delivery.outcome
            log.info(
                "callback_failed request_id=%s url=%s://%s:%d reason=%r detail=%r",
                delivery.facts.request_id,
                delivery.attempt.scheme,
                delivery.attempt.host,
                delivery.attempt.port,
                delivery.verdict.message,
                failure.detail if isinstance(failure, CallbackFailure) else "",
            )
        if self._observe is not None:
            self._observe(delivery)


# Texts that clients of OSS report; those in braces are completed by the sender's detail.
_FAULTS: Final[dict[CallbackFault, tuple[str, str]]] = {
    CallbackFault.FORBIDDEN: (
        "Private address is forbidden to callback. {detail}",
        "0007-00000008",
    ),
    CallbackFault.NAME_NOT_FOUND: (
        "Error status : -1.OSS can not connect to your callbackUrl, please check it.",
        "0007-00000203",
    ),
    CallbackFault.NOT_CONNECTED: ("Error status : 502.", "0007-00000203"),
    CallbackFault.BROKEN: ("Error status : 502.", "0007-00000203"),
    CallbackFault.CONNECT_TIMEOUT: (
        "Error status : -1 {detail} (err -4, errno110)",
        "0007-00000202",
    ),
    CallbackFault.REPLY_TIMEOUT: ("Cost too long time.", "0007-00000202"),
}


def _verdict_on(failure: CallbackFailure) -> Rejected:
    text, ec = _FAULTS[failure.fault]
    return Rejected(text.replace("{detail}", failure.detail), ec)


async def _values(config: CallbackConfig, facts: UploadFacts) -> dict[str, Value]:
    """Every variable of the documentation's table, and the custom ones."""
    stored = facts.stored
    values: dict[str, Value] = dict(config.variables)
    values |= {
        "bucket": facts.bucket,
        "object": stored.key,
        "etag": stored.etag,
        "size": stored.size,
        "mimeType": stored.headers.get("content-type", "application/octet-stream"),
        "crc64": stored.crc64,
        # Only objects put in one piece have one.
        "contentMd5": stored.md5 or None,
        "vpcId": facts.vpc_id or None,
        "clientIp": facts.client_ip,
        "reqId": facts.request_id,
        "operation": facts.operation,
    }
    if config.names("imageInfo."):
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
