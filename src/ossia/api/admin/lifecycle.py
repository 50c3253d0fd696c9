"""Lifecycle rules of a bucket: what they would do, and how far the worker has come."""

import base64
import binascii
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from ossia.api.admin.route import AdminCall, Subject, admin
from ossia.api.admin.services import AdminServices
from ossia.domain.lifecycle import progress as passes
from ossia.domain.lifecycle.progress import Progress, Stage
from ossia.domain.lifecycle.scan import PAGE, Finding
from ossia.errors import InvalidArgument
from ossia.protocol.dates import format_iso_seconds, parse_iso_day
from ossia.tables.versions import Where

_PAGES: Final = 2000 // PAGE
"""Of one answer: so many that two thousand rows were looked at."""


class ExplainLifecycle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bucket: str
    prefix: Annotated[str, Meta(description="Of keys; all without it")] = ""
    at: Annotated[
        str, Meta(description="A time to come, such as 2026-12-24 or 2026-12-24T08:00:00Z")
    ] = ""
    after: Annotated[str, Meta(description="What the answer before said under after")] = ""


class DueLifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a rule acts upon."""

    key: str
    version: Annotated[str, Meta(description="Of a former version or a marker")]
    upload: str
    deed: Annotated[str, Meta(description="delete, change class, remove marker or abort upload")]
    storage_class: Annotated[str, Meta(description="The one it gets, if it is changed")]
    rule: str
    since: Annotated[str, Meta(description="From when on it is due")]
    reason: str


class ExplainedLifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """Some of what is due, in the order of keys: objects, then former versions, then uploads."""

    due: list[DueLifecycle]
    looked_at: Annotated[int, Meta(description="Versions and uploads, since the beginning")]
    after: Annotated[str, Meta(description="For the next request; empty at the end")]


class GetLifecyclePass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bucket: str


class RunLifecycle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bucket: str


class LifecyclePass(msgspec.Struct, frozen=True, kw_only=True):
    """How far the worker has come, or came last."""

    stage: Annotated[
        str,
        Meta(
            description="objects, versions, uploads, done; or waiting, where one is to come: what "
            "else is said is of the one before"
        ),
    ]
    begun: str = ""
    ended: str = ""
    looked_at: int = 0
    counts: Annotated[
        dict[str, int],
        Meta(
            description="deleted, changed, markers, aborted; kept may not be removed, and "
            "overtaken had changed meanwhile"
        ),
    ] = {}


async def _about_bucket(services: AdminServices, request: Any) -> Subject:
    found = await services.buckets.peek(request.bucket)
    return Subject(request.bucket, "*", found, kind="lifecycle")


@admin.route(
    "GET",
    "/buckets/{bucket}/lifecycle/explain",
    action="ossia:ExplainLifecycle",
    about=_about_bucket,
)
async def explain_lifecycle(call: AdminCall, request: ExplainLifecycle) -> ExplainedLifecycle:
    """Tell what is due by the lifecycle rules of a bucket; nothing is done."""
    lifecycles = call.services.lifecycles
    bucket = await call.services.buckets.find(request.bucket)
    at = _time(request.at) if request.at else call.now_ms
    progress = _place(request.after) if request.after else None
    due: list[DueLifecycle] = []
    for _ in range(_PAGES):
        found, progress = await lifecycles.explain(bucket, request.prefix, at, progress)
        due += [_shown(each) for each in found]
        if progress.stage is Stage.DONE:
            break
    assert progress is not None
    after = "" if progress.stage is Stage.DONE else _token(progress)
    return ExplainedLifecycle(due=due, looked_at=progress.looked_at, after=after)


@admin.route(
    "GET", "/buckets/{bucket}/lifecycle", action="ossia:ExplainLifecycle", about=_about_bucket
)
async def get_lifecycle_pass(call: AdminCall, request: GetLifecyclePass) -> LifecyclePass:
    """Tell how far the worker of lifecycle rules has come in a bucket."""
    bucket = await call.services.buckets.find(request.bucket)
    return _pass(await call.services.lifecycles.pass_of(bucket))


@admin.route(
    "POST", "/buckets/{bucket}/lifecycle/run", action="ossia:RunLifecycle", about=_about_bucket
)
async def run_lifecycle(call: AdminCall, request: RunLifecycle) -> LifecyclePass:
    """Let the worker go through a bucket once more, behind the pass that it is making, if any."""
    bucket = await call.services.buckets.find(request.bucket)
    await call.services.lifecycles.ask_for_pass(bucket)
    return _pass(await call.services.lifecycles.pass_of(bucket))


def _pass(found: Progress | None) -> LifecyclePass:
    if found is None:
        return LifecyclePass(stage="waiting")
    return LifecyclePass(
        stage="waiting" if found.stage is Stage.DONE and found.is_followed else found.stage.value,
        begun=format_iso_seconds(found.begun_at) if found.begun_at else "",
        ended=format_iso_seconds(found.ended_at) if found.ended_at else "",
        looked_at=found.looked_at,
        counts=found.counts,
    )


def _time(text: str) -> int:
    try:
        return parse_iso_day(text)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(
            "at is a day or a time with its zone, such as 2026-12-24 or 2026-12-24T08:00:00Z.",
            ArgumentName="at",
            ArgumentValue=text,
        ) from error


def _token(progress: Progress) -> str:
    return base64.urlsafe_b64encode(passes.pack(progress)).decode()


def _place(token: str) -> Progress:
    try:
        return passes.unpack(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error) as error:
        raise InvalidArgument(
            "after is not what an answer said.", ArgumentName="after", ArgumentValue=token
        ) from error


def _shown(found: Finding) -> DueLifecycle:
    judgement = found.judgement
    version = ""
    if found.stored is not None and found.where is not Where.NAMED:
        version = found.stored.version
    return DueLifecycle(
        key=found.key,
        version=version,
        upload="" if found.upload is None else found.upload.id,
        deed=judgement.deed.value,
        storage_class=judgement.storage_class,
        rule=judgement.rule,
        since=format_iso_seconds(judgement.due),
        reason=judgement.reason,
    )
