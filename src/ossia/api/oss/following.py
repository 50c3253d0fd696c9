"""Reading through symlinks: what operations that read an object ask for besides.

The object is looked up once: when it is asked whether it is a link, whose target the caller must be
allowed to read as well, and kept in the request for the handler.
"""

from collections.abc import Iterable
from typing import Annotated, Protocol

from ossia.api.bind import FromCall
from ossia.api.call import Call
from ossia.api.operation import Grant, Needs, Resource
from ossia.api.oss.fields import VersionId
from ossia.domain.objects.symlinks import is_link, target_of
from ossia.records import StoredObject

FoundObject = Annotated[StoredObject | None, FromCall(lambda _call: None)]
"""What was found when permission was asked; None before."""


class Finding(Protocol):
    """A request for which an object was looked up."""

    found: FoundObject


def found_by(request: Finding) -> StoredObject:
    """What the request is about, link or not."""
    assert request.found is not None
    return request.found


class Reading(Finding, Protocol):
    """A request that reads an object."""

    bucket: str
    key: str
    version_id: VersionId


_READ_BY = {b"GET": "GET", b"HEAD": "HEAD"}


async def _is_link(call: Call, request: Reading) -> bool:
    read_by = _READ_BY.get(call.http.method)
    request.found = await call.services.objects.find(
        call.bucket, request.key, request.version_id, read_by=read_by
    )
    return is_link(request.found)


def _target(_call: Call, request: Reading) -> Iterable[Resource]:
    return [(request.bucket, target_of(found_by(request)))]


# PutSymlink documentation, "Usage notes": the ACLs of link and target are checked when it is read.
NEEDS_TARGET = Needs(
    "oss:GetObject",
    Grant.READ,
    _target,
    only_if="the object is a symlink: of its target, too",
    holds=_is_link,
)
