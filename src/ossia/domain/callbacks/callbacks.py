"""Tell an application server about an upload, and decide what the client hears.

1. The template is filled from the object and the request (`upload_facts`).  What comes out, a
   `CallbackMessage`, can be sent as often as need be.
2. The URLs are tried in order until one accepts; later ones are not called.
3. Acceptance is the application's own answer.  Everything else is `CallbackFailed`, with the
   text of the last URL's fault.
4. Of callbacks under way there are at most so many, in all and for one bucket: more are refused
   at once, so that a slow application server costs others nothing.

Source: callback.md, 5 to 7.  When a message is sent, and what its failure means to the object, is
`domain.callbacks.upload_callback`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from secrets import token_hex
from typing import Any, Final, Protocol

import msgspec

from ossia.domain.callbacks.upload_facts import UploadFacts, values_of
from ossia.errors import CallbackFailed
from ossia.ports import (
    CallbackAnswer,
    CallbackAttempt,
    CallbackFailure,
    CallbackFault,
    CallbackSender,
    Clock,
)
from ossia.protocol.callback import CallbackConfig
from ossia.protocol.callback_reply import MAX_REPLY_BYTES, Accepted, Rejected, judge_reply
from ossia.protocol.callback_request import outgoing_headers, string_to_sign
from ossia.protocol.callback_template import Value, fill
from ossia.protocol.callback_url import FORBIDDEN, CallbackUrl, read_url
from ossia.protocol.dates import format_http
from ossia.records import CallbackMessage, Delivery

log = logging.getLogger(__name__)

TOO_MANY: Final = "Too many callback requests."
"""callback.md, section 7."""

MAX_LOGGED_REPLY: Final = 16 * 1024
MAX_LOGGED_BODY: Final = 64 * 1024
"""Templates of usual size give bodies of some kilobytes; longer ones are cut in the log."""


@dataclass(frozen=True, slots=True)
class CallbackReply:
    """The application's answer, which the client receives with status 200."""

    body: bytes
    content_type: str


class SigningKey(Protocol):
    """A key that signs callbacks."""

    @property
    def url(self) -> str:
        """Where receivers find its public half."""

    async def sign(self, message: bytes) -> str:
        """The value of the ``authorization`` header."""


class SigningKeys(Protocol):
    """The deployment's keys."""

    def current(self) -> SigningKey:
        """The one that signs now."""


class WebhookSigner(Protocol):
    """The second signature, of Standard Webhooks; `protocol.webhook_signature.WebhookKey`."""

    def headers(self, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
        """The headers that sign one message at one time."""


@dataclass(slots=True)
class Load:
    """Callbacks under way, and the bytes of their bodies."""

    count: int = 0
    size: int = 0

    def change(self, count: int, size: int) -> None:
        """Add one, or take one away."""
        self.count += count
        self.size += size


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackLimits:
    """How many callbacks may be under way in one worker: in all, and for one bucket.

    ``room`` bounds the bytes of their bodies, of which one bucket may have as large a part as of
    the callbacks.
    """

    total: int = 20_000
    per_bucket: int = 12_000
    room: int = 64 * 1024 * 1024

    def admit(self, all_so_far: Load, of_bucket: Load, size: int) -> bool:
        """Whether one more, whose body has *size* bytes, may begin."""
        return (
            all_so_far.count < self.total
            and of_bucket.count < self.per_bucket
            and all_so_far.size + size <= self.room
            and of_bucket.size + size <= self.room * self.per_bucket // self.total
        )


class Callbacks:
    """Delivers callbacks.  *note*, if given, hears of every attempt and must not block.

    *sni_as_oss* sends SNI only where the upload asks for it.
    """

    def __init__(
        self,
        sender: CallbackSender,
        keys: SigningKeys,
        clock: Clock,
        *,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        limits: CallbackLimits | None = None,
        webhooks: WebhookSigner | None = None,
        sni_as_oss: bool = False,
        note: Callable[[Delivery], None] | None = None,
    ) -> None:
        self._sender = sender
        self._keys = keys
        self._clock = clock
        self._max_reply_bytes = max_reply_bytes
        self._limits = limits or CallbackLimits()
        self._webhooks = webhooks
        self._sni_as_oss = sni_as_oss
        self._note = note
        self._under_way: dict[str, Load] = {}
        self._all_under_way = Load()
        self._ids = _DeliveryIds()

    @property
    def under_way(self) -> int:
        """How many are being delivered now."""
        return self._all_under_way.count

    async def message(
        self,
        config: CallbackConfig,
        facts: UploadFacts,
        *,
        decides: bool = False,
        shows_id: bool = False,
        webhook: bool = False,
    ) -> CallbackMessage:
        """Fill the template.  Raises `CallbackFailed` if an image cannot be measured."""

        def filled(body: bytes, variables: dict[str, Value]) -> CallbackMessage:
            return CallbackMessage(
                # Ids that grow keep the log's indexes small and warm.
                id=f"msg_{self._ids.next(self._clock.now_ms())}",
                request_id=facts.request_id,
                bucket=facts.bucket,
                key=facts.stored.key,
                operation=facts.operation,
                requester=facts.requester,
                urls=tuple(map(str, config.urls)),
                body=body,
                body_type=config.body_type.value,
                variables=variables,
                host=config.host,
                additional_headers=dict(config.additional_headers),
                trace=facts.trace,
                decides=decides,
                shows_id=shows_id,
                webhook=webhook,
                sni=config.sni,
            )

        try:
            values = await values_of(config, facts)
            body = fill(config.body, values, config.body_type)
        except CallbackFailed as failed:
            self._note_unsent(filled(b"", {}), failed, is_cut=True)
            raise
        return filled(body, {name: values.get(name) for name in config.named()})

    def _note_unsent(
        self,
        message: CallbackMessage,
        failed: CallbackFailed,
        kind: str = "upload",
        attempt: int = 1,
        *,
        is_cut: bool = False,
    ) -> None:
        """Whoever asks the log why the application heard nothing finds the reason there."""
        now_ms = self._clock.now_ms()
        if self._note is not None:
            self._note(
                Delivery(
                    id=self._ids.next(now_ms),
                    at=now_ms,
                    kind=kind,
                    attempt=attempt,
                    message=message,
                    url=message.urls[0] if message.urls else "",
                    headers={},
                    accepted=False,
                    verdict=failed.text,
                    ec=failed.ec or "",
                    is_cut=is_cut,
                )
            )

    async def send(
        self, message: CallbackMessage, *, kind: str = "upload", attempt: int = 1
    ) -> CallbackReply:
        """Deliver *message* to the first URL that accepts it, or raise `CallbackFailed`."""
        bucket, size = message.bucket, len(message.body)
        here = self._under_way.get(bucket) or Load()
        if not self._limits.admit(self._all_under_way, here, size):
            failed = CallbackFailed(TOO_MANY, ec="0007-00000204")
            self._note_unsent(message, failed, kind, attempt)
            raise failed
        self._under_way[bucket] = here
        for load in (here, self._all_under_way):
            load.change(1, size)
        try:
            return await self._send_to_any(message, kind, attempt)
        finally:
            for load in (here, self._all_under_way):
                load.change(-1, -size)
            if not here.count:
                del self._under_way[bucket]

    async def _send_to_any(
        self, message: CallbackMessage, kind: str, attempt: int
    ) -> CallbackReply:
        last: Delivery | None = None
        for url in message.urls:
            last, verdict = await self._deliver(message, read_url(url), kind, attempt)
            if isinstance(verdict, Accepted):
                return CallbackReply(verdict.body, verdict.content_type)
        if last is None:
            raise CallbackFailed("The callback has no URL.")
        if last.fault == CallbackFault.FORBIDDEN.value:
            raise CallbackFailed(last.verdict, ec=last.ec, Reason=last.detail)
        raise CallbackFailed(last.verdict, ec=last.ec)

    async def replay(
        self, delivery: Delivery, *, url: str | None = None, body: bytes | None = None
    ) -> Delivery:
        """Send a logged message again, as it was or to another URL or with another body.

        Raises `InvalidArgument` for a URL that cannot be one, `ValueError` where the log does not
        hold the whole body.
        """
        message = delivery.message
        if body is not None:
            message = msgspec.structs.replace(message, body=body)
        elif delivery.is_cut:
            raise ValueError("the log holds only the beginning of this callback's body")
        made, _ = await self._deliver(message, read_url(url or delivery.url), "replay", 1)
        return made

    async def _deliver(
        self, message: CallbackMessage, url: CallbackUrl, kind: str, attempt: int
    ) -> tuple[Delivery, Accepted | Rejected]:
        now_ms = self._clock.now_ms()
        key = self._keys.current()
        authorization = await key.sign(string_to_sign(url.path, url.query, message.body))
        outgoing = CallbackAttempt(
            scheme=url.scheme,
            host=url.host,
            port=url.port,
            target=url.path + url.query,
            headers=self._headers(message, url, now_ms, key.url, authorization),
            body=message.body,
            sni=message.sni or not self._sni_as_oss,
            bucket=message.bucket,
        )
        outcome = await self._sender.send(outgoing)
        verdict = self._judge(outcome)
        delivery = _delivery(
            message,
            outgoing,
            outcome,
            verdict,
            # The order of rows is that in which attempts ended: whoever follows misses none.
            id=self._ids.next(self._clock.now_ms()),
            at=now_ms,
            kind=kind,
            attempt=attempt,
            url=str(url),
        )
        if isinstance(verdict, Rejected):
            log.info(
                "callback_failed delivery=%s request_id=%s url=%s://%s:%d reason=%r detail=%r",
                delivery.id,
                message.request_id,
                url.scheme,
                url.host,
                url.port,
                verdict.message,
                delivery.detail,
            )
        if self._note is not None:
            self._note(delivery)
        return delivery, verdict

    def _headers(
        self,
        message: CallbackMessage,
        url: CallbackUrl,
        now_ms: int,
        key_url: str,
        authorization: str,
    ) -> dict[str, str]:
        headers = outgoing_headers(
            message,
            url,
            message.body,
            authorization=authorization,
            key_url=key_url,
            date=format_http(now_ms),
            request_id=message.request_id,
            bucket=message.bucket,
            requester=message.requester,
        )
        if message.shows_id:
            headers["webhook-id"] = message.id
        if message.webhook and self._webhooks is not None:
            headers |= self._webhooks.headers(message.id, now_ms // 1000, message.body)
        return headers | message.trace

    def _judge(self, outcome: CallbackAnswer | CallbackFailure) -> Accepted | Rejected:
        if isinstance(outcome, CallbackFailure):
            return _verdict_on(outcome)
        return judge_reply(
            outcome.status, outcome.headers, outcome.body, max_bytes=self._max_reply_bytes
        )


class _DeliveryIds:
    """24 lower-case hex characters that sort by time."""

    def __init__(self) -> None:
        self._worker = token_hex(3)
        self._count = count()

    def next(self, now_ms: int) -> str:
        return f"{now_ms:012x}{next(self._count) & 0xFFFFFF:06x}{self._worker}"


def _delivery(
    message: CallbackMessage,
    sent: CallbackAttempt,
    outcome: CallbackAnswer | CallbackFailure,
    verdict: Accepted | Rejected,
    **about: Any,
) -> Delivery:
    """The row of one attempt."""
    is_cut = len(message.body) > MAX_LOGGED_BODY
    if is_cut:
        message = msgspec.structs.replace(message, body=message.body[:MAX_LOGGED_BODY])
    if isinstance(outcome, CallbackAnswer):
        about |= {
            "status": outcome.status,
            "reply_headers": outcome.headers,
            "reply_body": outcome.body[:MAX_LOGGED_REPLY],
        }
    else:
        about |= {"fault": outcome.fault.value, "detail": outcome.detail}
    if isinstance(verdict, Rejected):
        about |= {"verdict": verdict.message, "ec": verdict.ec}
    return Delivery(
        message=message,
        is_cut=is_cut,
        headers=sent.headers,
        address=outcome.address,
        timings=outcome.timings,
        accepted=isinstance(verdict, Accepted),
        **about,
    )


# Texts that clients of OSS report; those in braces are completed by the sender's detail.
_FAULTS: Final[dict[CallbackFault, tuple[str, str]]] = {
    CallbackFault.FORBIDDEN: (FORBIDDEN, "0007-00000008"),
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
