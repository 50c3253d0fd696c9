"""Every operation that the server offers, against objects that must stay.

Made from the operations' records: a new operation is tried at once, and fails until `access_world`
has a request for it.  Which of them destroy something is not listed either: it is seen where
nothing has to stay.  A new one that writes objects and whose request replaces nothing here fails.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from access_world import (
    OBJECT_WORM,
    REQUESTS,
    Place,
    World,
    access_world,
    days_of,
    make_place,
    naming_version,
)
from test_versions import listed

from ossia.api.operation import Grant, Operation
from ossia.api.oss import oss
from ossia.client.signing_client import Reply, SigningClient
from ossia.protocol.storage_class import FROZEN

OPERATIONS = [pytest.param(each, id=each.name) for each in oss.operations]
ONLY_PARTS = {"InitiateMultipartUpload", "UploadPart", "UploadPartCopy", "AbortMultipartUpload"}
"""What needs the permission to write objects and writes none."""
DESTROYERS = {each.name for each in oss.operations if each.grant is Grant.WRITE} - ONLY_PARTS | {
    "DeleteMultipleObjects"
}
WORM = ("worm", "")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with access_world(tmp_path_factory.mktemp("retention")) as made:
        yield made


class Seen(NamedTuple):
    """What of a version must not change: not its ACL nor its tags, and nothing of where it stands."""

    told: tuple[str, ...]
    meta: tuple[tuple[str, str], ...]
    content: bytes


def filled(world: World) -> Place:
    """A place in which there is already an object of every key that the requests write."""
    place = make_place(world)
    root = place.root
    for key in ("copy", "new", "posted", "up"):
        assert root.request("PUT", place.bucket, place.at + key, body=b"before").status == 200
    query = [("append", ""), ("position", "0")]
    assert root.request("POST", place.bucket, place.at + "log", query=query).status == 200
    return place


TOLD = ("Type", "Size", "ETag", "LastModified", "StorageClass")


def seen(place: Place) -> dict[tuple[str, str], Seen]:
    """Every version."""
    root, found = place.root, {}
    listing = root.request("GET", place.bucket, query=[("versions", "")])
    for each in ET.fromstring(listing.body).iter("Version"):  # noqa: S314 - the server is ours
        key, version = each.findtext("Key", ""), each.findtext("VersionId", "")
        told = tuple(each.findtext(name, "") for name in TOLD)
        # What is read through a link is another object.
        which = [("symlink", "")] if told[0] == "Symlink" else []
        # Whether what is cold can be read may change.
        method = "HEAD" if told[-1] in FROZEN else "GET"
        got = root.request(method, place.bucket, key, query=[*which, ("versionId", version)])
        meta = {
            name: said for name, said in got.headers.items() if name in WRITTEN or "meta" in name
        }
        content = got.body if got.status == 200 else b""
        found[key, version] = Seen(told, tuple(sorted(meta.items())), content)
    return found


WRITTEN = {"content-type", "x-oss-symlink-target"}


def changed(before: dict[tuple[str, str], Seen], place: Place) -> list[tuple[str, str]]:
    """What is not as it was."""
    after = seen(place)
    return [name for name, was in before.items() if after.get(name) != was]


def lock(place: Place) -> None:
    root, bucket = place.root, place.bucket
    body = days_of("InitiateWormConfiguration")
    worm_id = root.request("POST", bucket, query=[WORM], body=body).headers["x-oss-worm-id"]
    assert root.request("POST", bucket, query=[("wormId", worm_id)]).status == 200


def keep_versions(place: Place) -> None:
    body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    query = [("versioning", "")]
    assert place.root.request("PUT", place.bucket, query=query, body=body).status == 200


def lock_versions(place: Place) -> None:
    keep_versions(place)
    lock(place)


APPENDABLE = ("log", "grown")
"""How the keys of what can be appended to end."""


def retain_each(place: Place) -> None:
    """ObjectWorm, and every version with a retention that can be bypassed, and a hold that cannot."""
    keep_versions(place)
    root, bucket = place.root, place.bucket
    assert root.request("PUT", bucket, query=[("objectWorm", "")], body=OBJECT_WORM).status == 200
    hold = b"<LegalHold><Status>ON</Status></LegalHold>"
    for each in listed(root.request("GET", bucket, query=[("versions", "")])):
        query = [("legalHold", ""), ("versionId", each.version)]
        held = root.request("PUT", bucket, each.key, query=query, body=hold)
        # An appendable object cannot be held: it is none of those that must stay.
        assert held.status == (400 if each.key.endswith(APPENDABLE) else 200)


BYPASS = {"x-oss-bypass-governance-retention": "true"}


class _Bypassing(SigningClient):
    """The root key, which bypasses what can be bypassed."""

    def request(self, *args: Any, **more: Any) -> Reply:
        more["headers"] = {**more.get("headers", {}), **BYPASS}
        return super().request(*args, **more)


def send(world: World, place: Place, operation: Operation) -> None:
    """Its request, plainly, and about a version if it can name one."""
    server = world.server
    root = _Bypassing(
        server.endpoint, server.access_key_id, server.access_key_secret, server.region
    )
    requests = [REQUESTS[operation.name]]
    if operation.version_action is not None:
        requests.append(naming_version(REQUESTS[operation.name]))
    for request in requests:
        request(root, place)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("protect", [lock, lock_versions, retain_each])
def test_what_must_stay_is_untouched(
    world: World, operation: Operation, protect: Callable[[Place], None]
) -> None:
    place = filled(world)
    protect(place)
    before = seen(place)
    send(world, place, operation)
    assert changed(before, place) == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_need_not_stay_is_destroyed_by_who_writes(world: World, operation: Operation) -> None:
    place = filled(world)
    before = seen(place)
    REQUESTS[operation.name](place.root, place)
    assert bool(changed(before, place)) == (operation.name in DESTROYERS)
