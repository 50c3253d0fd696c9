"""Processing an object on request: of all actions, ``trigger/callback`` is offered.

It tells an application server about an object that exists (callback.md, 10).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document, KeyInPath
from ossia.api.call import Call
from ossia.api.operation import Grant, Needs, Resource, Scope
from ossia.api.oss.callback_answer import TellingAnswer, announce, tell
from ossia.api.oss.fields import VersionId, decode_for
from ossia.api.oss.following import NEEDS_TARGET, FoundObject, found_by
from ossia.api.oss.registry import oss
from ossia.errors import (
    CallbackFailed,
    InvalidArgument,
    InvalidDigest,
    InvalidObjectState,
    NoSuchKey,
    NotOffered,
)

_TRIGGER = "trigger/callback"
_FIELD = "x-oss-process="
_MAX_BODY = 16 * 1024
"""Two parameters of 5 KB, and room to say which of them is too long."""


@dataclass(frozen=True, slots=True)
class Process:
    """The body: an action such as ``trigger/callback``, and its parameters."""

    action: str
    parameters: dict[str, str]


def _parse_process(content: bytes) -> Process:
    """``x-oss-process=<action>,<name>_<value>,…``.

    As the SDKs for Android and iOS write it: nothing is percent-encoded, and both parameters are
    there even if they are empty.
    """
    text = content.decode("utf-8", "replace").strip()
    if not text.startswith(_FIELD):
        raise InvalidArgument(
            "The request body must begin with x-oss-process=.",
            ArgumentName="x-oss-process",
            ArgumentValue=text[:256],
        )
    action, *given = text.removeprefix(_FIELD).split(",")
    pairs = (each.partition("_") for each in given)
    return Process(action, {name: value for name, _, value in pairs})


@dataclass(slots=True, kw_only=True)
class ProcessObject:
    bucket: BucketInPath
    key: KeyInPath
    process: Annotated[Process, Document(_parse_process, _MAX_BODY)]
    version_id: VersionId = None
    found: FoundObject = None


@dataclass(slots=True, kw_only=True)
class ProcessObjectResult(TellingAnswer):
    pass


def _itself(_call: Call, request: ProcessObject) -> Iterable[Resource]:
    return [(request.bucket, request.key, request.version_id)]


# docs/decisions/2026-11-21-callback-policies-and-triggers.md: reading the object is not enough,
# or every reader of a public bucket could have the server sign what looks like an upload.
@oss.operation(
    "POST",
    Scope.OBJECT,
    query=["x-oss-process"],
    action="oss:PostProcessTask",
    also=(
        Needs("oss:GetObject", Grant.READ, _itself, version_if="a version is named"),
        NEEDS_TARGET,
    ),
    errors=(
        NoSuchKey,
        InvalidObjectState,
        InvalidArgument,
        InvalidDigest,
        NotOffered,
        CallbackFailed,
    ),
)
async def process_object(call: Call, request: ProcessObject) -> ProcessObjectResult:
    """Tell an application server about an object that exists (trigger/callback)."""
    process = request.process
    if process.action != _TRIGGER:
        raise NotOffered(
            f"{process.action} is a process of OSS that this server does not offer.",
            Operation="ProcessObject",
            Process=process.action,
        )
    config = decode_for(
        call, process.parameters.get("callback", ""), process.parameters.get("callback-var")
    )
    stored = await call.services.symlinks.read(call.bucket, found_by(request))
    result = ProcessObjectResult()
    callback = announce(call, config, "ProcessObject", kind="trigger")
    assert callback is not None
    await callback.before(stored)
    await tell(callback, result)
    return result
