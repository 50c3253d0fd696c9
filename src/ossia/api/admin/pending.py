"""Callbacks that are owed (mode ``outbox``): list, try now, give up."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ossia.api.admin.callbacks import about_filter
from ossia.api.admin.route import AdminCall, Subject, admin
from ossia.api.admin.services import AdminServices
from ossia.api.admin.shown import PendingRow, shown_pending
from ossia.errors import NoSuchCallback
from ossia.records import PendingCallback


class ListPendingCallbacks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bucket: Annotated[str, Meta(description="Only this bucket")] = ""
    request_id: Annotated[str, Meta(description="Only the upload with this request id")] = ""
    dead: Annotated[bool, Meta(description="Those that nobody tries any more")] = False
    after: Annotated[str, Meta(description="Only ids greater than this one: the next page")] = ""


class PendingPage(msgspec.Struct, frozen=True, kw_only=True):
    """What is owed, in the order of ids."""

    pending: list[PendingRow]
    next_after: Annotated[
        str | None, Meta(description="The value of 'after' for more; null at the end")
    ]


class RetryPendingCallback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    message_id: str


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the application has accepted it now."""

    accepted: bool


class DropPendingCallback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    message_id: str


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """What is no longer owed."""

    dropped: str


async def _about_pending(services: AdminServices, request: Any) -> Subject:
    found = await services.outbox.find(request.message_id)
    if found is None:
        return Subject()
    return Subject(found.message.bucket, found.message.key, found)


def _pending(call: AdminCall, message_id: str) -> PendingCallback:
    found = call.subject.found
    if not isinstance(found, PendingCallback):
        raise NoSuchCallback("Nothing is owed under that id.", Id=message_id)
    return found


_ACTION = "ossia:ManagePendingCallbacks"


@admin.route("GET", "/callbacks/pending", action=_ACTION, about=about_filter)
async def list_pending_callbacks(call: AdminCall, request: ListPendingCallbacks) -> PendingPage:
    """List the callbacks that are owed, or those given up."""
    found = await call.services.outbox.list(dead=request.dead, after=request.after)
    return PendingPage(
        pending=[
            shown_pending(each)
            for each in found
            if request.bucket in ("", each.message.bucket)
            and request.request_id in ("", each.message.request_id)
            and await call.allows(each.message.bucket, each.message.key)
        ],
        next_after=found[-1].id if found else None,
    )


@admin.route("POST", "/callbacks/pending/{message_id}/retry", action=_ACTION, about=_about_pending)
async def retry_pending_callback(call: AdminCall, request: RetryPendingCallback) -> Retried:
    """Try one that is owed, or was given up, now."""
    pending = _pending(call, request.message_id)
    return Retried(accepted=await call.services.outbox.retry(pending))


@admin.route("DELETE", "/callbacks/pending/{message_id}", action=_ACTION, about=_about_pending)
async def drop_pending_callback(call: AdminCall, request: DropPendingCallback) -> Dropped:
    """Owe one no longer: nobody sends it any more."""
    await call.services.outbox.settle(_pending(call, request.message_id))
    return Dropped(dropped=request.message_id)
