"""The delivery log: list, follow, look closely, replay, recover."""

import asyncio
import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from ossia.api.admin.route import AdminCall, Subject, admin
from ossia.api.admin.services import AdminServices
from ossia.api.admin.shown import CallbackDetail, CallbackRow, shown_detail, shown_row
from ossia.errors import InvalidArgument, NoSuchCallback
from ossia.protocol.decimals import is_decimal
from ossia.records import Delivery
from ossia.tables.callbacks import DeliveryFilter

_POLL_S: Final = 0.5
_SETTLED_MS: Final = 500
"""Workers write their rows that late at most: behind a younger row no new one appears."""
_MAX_PAGE: Final = 1000
_MAX_RECOVERED: Final = 100

_Since = Annotated[
    str, Meta(description="A time in ISO 8601, or milliseconds since 1970: rows from then on")
]


class ListCallbacks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bucket: Annotated[str, Meta(description="Only this bucket")] = ""
    key: Annotated[str, Meta(description="Only this object")] = ""
    request_id: Annotated[str, Meta(description="Only the upload with this request id")] = ""
    message_id: Annotated[str, Meta(description="Only the attempts for one upload")] = ""
    accepted: Annotated[bool | None, Meta(description="Only accepted, or only failed ones")] = None
    since: _Since = ""
    before: Annotated[str, Meta(description="Only ids less than this one: the next page")] = ""
    after: Annotated[str, Meta(description="Only ids greater than this one: what is new")] = ""
    limit: Annotated[int, Meta(ge=1, le=_MAX_PAGE)] = 100
    wait: Annotated[
        float, Meta(ge=0, le=20, description="Seconds to wait for a row where there is none")
    ] = 0


class CallbackPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of the log, newest first."""

    callbacks: list[CallbackRow]
    next_before: Annotated[
        str | None, Meta(description="The value of 'before' for older rows; null where none are")
    ]
    latest: Annotated[str, Meta(description="The value of 'after' for what is new from now on")]


class GetCallback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str


class ReplayCallback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    url: Annotated[str | None, Meta(description="Another URL than the row's")] = None
    body: Annotated[str | None, Meta(description="Another body, as text")] = None
    body_base64: Annotated[str | None, Meta(description="Another body, of any bytes")] = None


class RecoverCallbacks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    since: _Since
    bucket: Annotated[str, Meta(description="Only this bucket")] = ""
    after: Annotated[str, Meta(description="'next_after' of the answer before")] = ""
    until: Annotated[
        int,
        Meta(description="'until' of the answer before: what failed since then is not tried again"),
    ] = 0
    limit: Annotated[int, Meta(ge=1, le=_MAX_RECOVERED)] = 20


class RecoveredRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one upload."""

    failed: Annotated[str, Meta(description="The id of the attempt that had failed")]
    skipped: Annotated[str, Meta(description="Why it was not sent again; otherwise empty")]
    last: Annotated[CallbackRow, Meta(description="The newest attempt")]


class RecoveredPage(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each, oldest first."""

    recovered: list[RecoveredRow]
    next_after: Annotated[
        str | None, Meta(description="The value of 'after' for more; null at the end")
    ]
    until: Annotated[int, Meta(description="The value of 'until' for more: when this began")]


async def about_filter(_: AdminServices, request: Any) -> Subject:
    """All that the filter covers."""
    return Subject(request.bucket or "*", getattr(request, "key", "") or "*")


async def about_row(services: AdminServices, request: Any) -> Subject:
    """The row's bucket and key.  A row that is not there is about everything."""
    found = await services.delivery_log.find(request.id)
    if found is None:
        return Subject()
    return Subject(found.message.bucket, found.message.key, found)


def _id_at(at_ms: int) -> str:
    """What ids of that time begin with (`domain.callbacks.callbacks`)."""
    return f"{at_ms:012x}"


def _delivery(call: AdminCall, delivery_id: str) -> Delivery:
    found = call.subject.found
    if not isinstance(found, Delivery):
        raise NoSuchCallback(Id=delivery_id)
    return found


@admin.route("GET", "/callbacks", action="ossia:ListCallbacks", about=about_filter)
async def list_callbacks(call: AdminCall, request: ListCallbacks) -> CallbackPage:
    """List attempts, newest first; with 'after' and 'wait', follow them as they happen."""
    wanted = DeliveryFilter(
        bucket=request.bucket,
        key=request.key,
        request_id=request.request_id,
        message_id=request.message_id,
        accepted=request.accepted,
        since=_since_ms(request.since),
    )
    services = call.services
    log = services.delivery_log
    waits = round(request.wait / _POLL_S)
    while True:
        found = await log.list(
            wanted, before=request.before, after=request.after, limit=request.limit
        )
        settled = _id_at(services.clock.now_ms() - _SETTLED_MS)
        if request.after:
            # What follows must not be overtaken by what is shown already.
            found = [each for each in found if each.id < settled]
        if found or waits <= 0 or services.is_closing():
            break
        waits -= 1
        await asyncio.sleep(_POLL_S)
    is_full = len(found) == request.limit and not request.after
    return CallbackPage(
        callbacks=[shown_row(each) for each in await _allowed(call, found)],
        next_before=found[-1].id if is_full else None,
        latest=min(found[0].id, settled) if found else request.after or settled,
    )


@admin.route("GET", "/callbacks/{id}", action="ossia:GetCallback", about=about_row)
async def get_callback(call: AdminCall, request: GetCallback) -> CallbackDetail:
    """Show everything about one attempt, with an explanation."""
    return shown_detail(_delivery(call, request.id))


@admin.route("POST", "/callbacks/{id}/replay", action="ossia:ReplayCallback", about=about_row)
async def replay_callback(call: AdminCall, request: ReplayCallback) -> CallbackDetail:
    """Send a callback again, as it was or to another URL or with another body."""
    delivery = _delivery(call, request.id)
    made = await call.services.recovery.replay(delivery, url=request.url, body=_body_of(request))
    return shown_detail(made)


@admin.route("POST", "/callbacks/recover", action="ossia:ReplayCallback", about=about_filter)
async def recover_callbacks(call: AdminCall, request: RecoverCallbacks) -> RecoveredPage:
    """Send every callback again whose last attempt since a time was not accepted."""
    wanted = DeliveryFilter(bucket=request.bucket, since=_since_ms(request.since))
    recovery = call.services.recovery
    until = request.until or call.now_ms
    missed = await recovery.missed(wanted, until=until, after=request.after, limit=request.limit)
    allowed = await _allowed(call, missed)
    results = await recovery.recover(allowed)
    return RecoveredPage(
        recovered=[
            RecoveredRow(failed=failed.id, skipped=each.skipped, last=shown_row(each.last))
            for failed, each in zip(allowed, results, strict=True)
        ],
        next_after=missed[-1].id if len(missed) == request.limit else None,
        until=until,
    )


async def _allowed(call: AdminCall, found: list[Delivery]) -> list[Delivery]:
    """Those that the caller may hear of: a policy may deny some of what the filter covers."""
    return [each for each in found if await call.allows(each.message.bucket, each.message.key)]


def _body_of(request: ReplayCallback) -> bytes | None:
    if request.body is not None and request.body_base64 is not None:
        raise InvalidArgument("Give one of body and body_base64.")
    if request.body_base64 is not None:
        try:
            return base64.b64decode(request.body_base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidArgument("body_base64 is not Base64.") from error
    return None if request.body is None else request.body.encode("utf-8", "replace")


def _since_ms(text: str) -> int:
    """Milliseconds of a time in either form; 0 for none."""
    if not text:
        return 0
    if is_decimal(text, 15):  # far in the future
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgument(
            f"since is {text!r}: write a time such as 2026-11-21T10:00:00Z, or milliseconds."
        ) from error
    return round(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000)
