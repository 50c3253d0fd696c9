"""How the records of callbacks look in JSON.

Times are ISO 8601 in UTC, durations milliseconds.  Bytes are ``text`` where they are UTF-8 and
``base64`` where they are not.
"""

import base64
from datetime import UTC, datetime
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from ossia.domain.callbacks.advice import explain
from ossia.domain.callbacks.signature_advice import check_signature
from ossia.records import Delivery, PendingCallback, Timings


class ShownBytes(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of the wire."""

    text: str | None = None
    base64: str | None = None

    @classmethod
    def of(cls, raw: bytes) -> Self:
        try:
            return cls(text=raw.decode("utf-8"))
        except UnicodeDecodeError:
            return cls(base64=base64.b64encode(raw).decode("ascii"))


class ShownTimings(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds of each phase; 0 for one that was not reached."""

    resolve_ms: float
    connect_ms: float
    tls_ms: float
    first_byte_ms: float
    total_ms: float

    @classmethod
    def of(cls, timings: Timings) -> Self:
        return cls(
            resolve_ms=timings.resolve_us / 1000,
            connect_ms=timings.connect_us / 1000,
            tls_ms=timings.tls_us / 1000,
            first_byte_ms=timings.first_byte_us / 1000,
            total_ms=timings.total_us / 1000,
        )


class CallbackRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, as a list shows it."""

    id: str
    at: str
    kind: Annotated[str, Meta(description="upload, trigger, retry or replay")]
    attempt: int
    message_id: Annotated[str, Meta(description="The same in every attempt for one upload")]
    request_id: Annotated[str, Meta(description="Of the upload")]
    bucket: str
    key: str
    operation: str
    requester: str
    url: str
    status: Annotated[int | None, Meta(description="Null where no answer came")]
    fault: str
    accepted: bool
    verdict: Annotated[str, Meta(description="What the uploader was told; empty if accepted")]
    ec: str
    total_ms: float
    explanation: Annotated[
        list[str], Meta(description="The cause, the remedy, a note: at most three lines")
    ]


class ShownMistake(msgspec.Struct, frozen=True, kw_only=True):
    """A usual mistake of receivers, and what this request says about it."""

    name: str
    likelihood: Annotated[str, Meta(description="likely, possible or no")]
    text: str


class ShownSignature(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver checks."""

    string_to_sign: ShownBytes
    command: Annotated[str, Meta(description="Verifies it in a shell with curl and openssl")]
    mistakes: list[ShownMistake]


class CallbackDetail(CallbackRow, frozen=True, kw_only=True):
    """One attempt with everything that is known about it."""

    urls: list[str]
    address: str
    headers: dict[str, str]
    body: ShownBytes
    is_cut: Annotated[bool, Meta(description="Whether only the beginning of the body is kept")]
    variables: dict[str, str | int | None]
    reply_headers: dict[str, str]
    reply_body: ShownBytes
    detail: str
    timings: ShownTimings
    signature: ShownSignature


class PendingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that is owed."""

    id: Annotated[str, Meta(description="That of the message")]
    bucket: str
    key: str
    request_id: str
    urls: list[str]
    created_at: str
    not_before: str
    attempts: int
    last_error: str
    dead: Annotated[bool, Meta(description="Nobody tries any more")]


def shown_row(delivery: Delivery) -> CallbackRow:
    """The row of a list."""
    return CallbackRow(**_row_fields(delivery))


def shown_detail(delivery: Delivery) -> CallbackDetail:
    """Everything about one attempt."""
    check = check_signature(delivery)
    return CallbackDetail(
        **_row_fields(delivery),
        urls=list(delivery.message.urls),
        address=delivery.address,
        headers=delivery.headers,
        body=ShownBytes.of(delivery.message.body),
        is_cut=delivery.is_cut,
        variables=delivery.message.variables,
        reply_headers=delivery.reply_headers,
        reply_body=ShownBytes.of(delivery.reply_body),
        detail=delivery.detail,
        timings=ShownTimings.of(delivery.timings),
        signature=ShownSignature(
            string_to_sign=ShownBytes.of(check.signed),
            command=check.command,
            mistakes=[
                ShownMistake(name=each.name, likelihood=each.likelihood.value, text=each.text)
                for each in check.mistakes
            ],
        ),
    )


def _row_fields(delivery: Delivery) -> dict[str, Any]:
    message = delivery.message
    return {
        "id": delivery.id,
        "at": _iso(delivery.at),
        "kind": delivery.kind,
        "attempt": delivery.attempt,
        "message_id": message.id,
        "request_id": message.request_id,
        "bucket": message.bucket,
        "key": message.key,
        "operation": message.operation,
        "requester": message.requester,
        "url": delivery.url,
        "status": delivery.status,
        "fault": delivery.fault,
        "accepted": delivery.accepted,
        "verdict": delivery.verdict,
        "ec": delivery.ec,
        "total_ms": delivery.timings.total_us / 1000,
        "explanation": explain(delivery).lines(),
    }


def shown_pending(pending: PendingCallback) -> PendingRow:
    """The row of what is owed."""
    message = pending.message
    return PendingRow(
        id=pending.id,
        bucket=message.bucket,
        key=message.key,
        request_id=message.request_id,
        urls=list(message.urls),
        created_at=_iso(pending.created_at),
        not_before=_iso(pending.not_before),
        attempts=pending.attempts,
        last_error=pending.last_error,
        dead=pending.dead,
    )


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
