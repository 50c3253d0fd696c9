"""Issue 10, C5: which callbacks are recorded.  Every one here has a genuine signature."""

import base64
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from world import CONFIG, LENT, NOW_MS, TOKENS_ONLY

from ossia.appserver.callback_grant import (
    GRACE_S,
    CallbackGrant,
    GrantForgedError,
    read_grant,
    write_grant,
)
from ossia.appserver.config import AppConfig
from ossia.appserver.grant import Grant, bounds_of
from ossia.appserver.receipts import Receipt, Receipts
from ossia.appserver.stored import StorageSilentError, Stored, looker
from ossia.appserver.upload_policy import v1_form, v4_form
from ossia.appserver.uploads import Uploads
from ossia.receiver.verify import CallbackNotVerified, VerifiedCallback

FOUND = Stored(etag="5D41", size=5, mime_type="text/plain", modified="then", age_s=86400)
ALICE = Grant(user="alice", prefix="users/alice/")


def callback(values: dict[str, str], bucket: str = "examplebucket") -> VerifiedCallback:
    return VerifiedCallback(
        body=urlencode(values).encode(),
        content_type="application/x-www-form-urlencoded",
        key_url="",
        bucket=bucket,
        request_id="",
    )


@dataclass
class World:
    """An application server, its storage, and what time it is."""

    config: AppConfig = CONFIG
    now_ms: int = NOW_MS
    objects: dict[tuple[str, str], Stored] = field(default_factory=dict)
    looked: list[tuple[str, str]] = field(default_factory=list)

    def look(self, bucket: str, key: str) -> Stored | None:
        self.looked.append((bucket, key))
        return self.objects.get((bucket, key))

    def accept(self, values: dict[str, str], bucket: str = "examplebucket") -> Receipt:
        receipts = Receipts(self.config, look=self.look, now_ms=lambda: self.now_ms)
        return receipts.accept(callback(values, bucket))

    def refuses(self, values: dict[str, str], bucket: str = "examplebucket") -> str:
        with pytest.raises(CallbackNotVerified) as refused:
            self.accept(values, bucket)
        return refused.value.reason

    def form_values(self, key: str, grant: Grant = ALICE, version: int = 1) -> dict[str, str]:
        """What the callback of a form says when an object of that key was stored."""
        bounds = bounds_of(self.config, grant)
        form = (
            v1_form(self.config, bounds, NOW_MS)
            if version == 1
            else v4_form(self.config, bounds, LENT, NOW_MS)
        )
        body = json.loads(base64.b64decode(form["callback"]))["callbackBody"]
        known = {"${bucket}": "examplebucket", "${object}": key, "${etag}": "5D41", "${size}": "5"}
        return {
            name: known.get(value, "" if value.startswith("${") else value)
            for name, value in parse_qsl(body, keep_blank_values=True)
        }


@pytest.fixture
def world() -> World:
    return World()


# --- forms


@pytest.mark.parametrize("version", [1, 4])
def test_c5_what_a_form_granted_is_recorded(world: World, version: int) -> None:
    told = world.accept(world.form_values("users/alice/a.txt", version=version))
    assert (told.upload.object, told.upload.size, told.user) == ("users/alice/a.txt", 5, "alice")
    assert "grant" not in told.upload.variables
    assert world.looked == []


def test_c5_a_grant_is_for_its_prefix_or_its_key(world: World) -> None:
    values = world.form_values("users/alice/a.txt")
    world.objects["examplebucket", "users/bob/a.txt"] = FOUND
    for key in ("users/bob/a.txt", "users/alice2/x", "users/alice", "", "x/users/alice/a.txt"):
        assert "not for the object" in world.refuses({**values, "object": key})
    one = world.form_values("users/alice/one", replace(ALICE, key="users/alice/one"))
    assert world.accept(one).upload.object == "users/alice/one"
    assert "not for the object" in world.refuses({**one, "object": "users/alice/one2"})


def test_c5_a_grant_is_this_servers_own(world: World) -> None:
    values = world.form_values("users/alice/a.txt")
    said, _, mac = values["grant"].partition(".")
    wider = CallbackGrant(user="alice", prefix="", key=None, ends_at=2**40, nonce="n")
    other_keys = replace(CONFIG, keys=replace(CONFIG.keys, access_key_secret="another"))
    forged = [
        f"{write_grant(CONFIG, wider).partition('.')[0]}.{mac}",
        write_grant(other_keys, wider),
        write_grant(replace(CONFIG, bucket="otherbucket"), wider),
        *(said, f"{said}.", f".{mac}", ".", "x", f"{said}.{mac}x", f"{said}.{mac[:-1]}", "é.é", f"{mac}.{said}"),
    ]  # fmt: skip
    for text in forged:
        world.objects["examplebucket", "users/alice/a.txt"] = FOUND
        assert "not one of this server" in world.refuses({**values, "grant": text})
        with pytest.raises(GrantForgedError):
            read_grant(CONFIG, text)


def test_c5_the_same_secret_is_known_by_every_instance_and_can_be_chosen() -> None:
    grant = CallbackGrant(user="é" * 9, prefix="a/", key=None, ends_at=1)
    assert read_grant(replace(CONFIG), write_grant(CONFIG, grant)) == grant
    own = replace(CONFIG, keys=replace(CONFIG.keys, grant_secret="s" * 16))
    rotated = replace(own, keys=replace(own.keys, access_key_secret="another"))
    assert read_grant(rotated, write_grant(own, grant)) == grant
    with pytest.raises(GrantForgedError):
        read_grant(CONFIG, write_grant(own, grant))


def test_c5_what_is_replayed_has_the_same_mark(world: World) -> None:
    """Under one grant each content of each object counts once, whatever else was changed."""
    values = world.form_values("users/alice/a.txt")
    mark = world.accept(values).mark
    changed = {"size": "99999", "mimeType": "x/y", "reqId": "another", "x:name": "forged"}
    assert world.accept({**values, **changed}).mark == mark
    assert world.accept({**values, "object": "users/alice/b.txt"}).mark != mark
    assert world.accept(world.form_values("users/alice/a.txt")).mark != mark


def test_c5_a_grant_ends(world: World) -> None:
    """An upload may take its time; what comes later must be there to be seen."""
    values = world.form_values("users/alice/a.txt")
    world.now_ms += (60 + GRACE_S) * 1000
    assert world.accept(values).user == "alice"
    world.now_ms += 1
    assert "no object" in world.refuses(values)
    world.objects["examplebucket", "users/alice/a.txt"] = FOUND
    late = world.accept(values)
    assert late.mark.startswith("object ")
    assert "grant" not in late.upload.variables


def test_c5_a_long_name_fits(world: World) -> None:
    values = world.form_values("users/alice/a.txt", replace(ALICE, user="u" * 5000))
    assert len(values["grant"]) < 400
    assert len(world.accept(values).user) == 64


# --- tokens


TOLD = {"object": "mobile/a.jpg", "size": "5", "etag": "5D41", "photo": "p"}
TUTORIAL = {"filename": "mobile/a.jpg", "size": "5", "photo": "", "system": "android"}


def test_c5_without_a_grant_the_object_must_be_there(world: World) -> None:
    assert "no object" in world.refuses(TOLD)
    assert "no object" in world.refuses({"size": "5"})
    world.objects["examplebucket", "mobile/a.jpg"] = FOUND
    told = world.accept(TOLD)
    assert (told.upload.size, told.upload.variables["photo"]) == (5, "p")
    assert world.accept({"object": "mobile/a.jpg", "etag": "5D41"}).upload.size == 5
    for same in ("5d41", '"5D41"'):
        assert world.accept({**TOLD, "etag": same}).mark == told.mark


@pytest.mark.parametrize("other", [{"size": "6"}, {"etag": "5D42"}])
def test_c5_the_object_must_be_the_one_that_is_told_of(world: World, other: dict[str, str]) -> None:
    world.objects["examplebucket", "mobile/a.jpg"] = FOUND
    assert "not the one" in world.refuses({**TOLD, **other})


def test_c5_each_version_of_an_object_counts_once(world: World) -> None:
    world.objects["examplebucket", "mobile/a.jpg"] = FOUND
    mark = world.accept(TOLD).mark
    assert world.accept({**TOLD, "reqId": "another", "photo": "forged"}).mark == mark
    world.objects["examplebucket", "mobile/a.jpg"] = replace(FOUND, modified="later")
    assert world.accept(TOLD).mark != mark


def test_c5_without_a_grant_size_and_type_are_what_the_storage_says(world: World) -> None:
    world.objects["examplebucket", "mobile/a.jpg"] = FOUND
    for said in ({}, {"mimeType": "text/html"}, {"mimeType": "text/html", "size": ""}):
        upload = world.accept({**TOLD, **said}).upload
        assert (upload.size, upload.mime_type, upload.etag) == (5, "text/plain", "5D41")


@pytest.mark.parametrize("unnamed", [{}, {"etag": ""}, {"etag": '""'}])
def test_c5_only_of_what_was_just_stored_the_etag_may_be_left_out(
    world: World, unnamed: dict[str, str]
) -> None:
    for age_s in (61, 86400, None):
        world.objects["examplebucket", "mobile/a.jpg"] = replace(FOUND, age_s=age_s)
        assert "etag=${etag}" in world.refuses({**TUTORIAL, **unnamed})
    for age_s in (-1, 0, 60):
        world.objects["examplebucket", "mobile/a.jpg"] = replace(FOUND, age_s=age_s)
        upload = world.accept({**TUTORIAL, **unnamed}).upload
        assert (upload.etag, upload.variables["system"]) == ("5D41", "android")


def keep(uploads: Uploads, world: World, values: dict[str, str]) -> None:
    told = world.accept(values)
    uploads.record(told.upload, told.mark)


@pytest.mark.parametrize("etag", [{}, {"etag": "5D41"}])
@pytest.mark.parametrize("age_s", [0, 86400])
def test_c5_what_was_granted_is_not_told_anew(
    world: World, age_s: int, etag: dict[str, str]
) -> None:
    """A genuine callback, written by another user of the storage and played again."""
    key = "users/alice/a.txt"
    world.objects["examplebucket", key] = replace(FOUND, age_s=age_s)
    uploads = Uploads(Path(":memory:"))
    first = world.accept({**world.form_values(key), "mimeType": "text/plain"})
    uploads.record(first.upload, first.mark)
    story = {"object": key, "user": "mallory", "x:uid": "7", "mimeType": "text/html", "width": "9"}
    for reason in ({}, {"reqId": "another"}):
        with pytest.raises(CallbackNotVerified):
            keep(uploads, world, {**story, **etag, **reason})
    assert uploads.latest(10) == [first.upload]
    uploads.close()


def test_c5_what_was_granted_and_comes_late_is_the_same_record(world: World) -> None:
    key = "users/alice/a.txt"
    values = {**world.form_values(key), "mimeType": "text/plain"}
    uploads = Uploads(Path(":memory:"))
    first = world.accept(values)
    uploads.record(first.upload, first.mark)
    world.now_ms += (61 + GRACE_S) * 1000
    world.objects["examplebucket", key] = FOUND
    late = world.accept(values)
    assert late.mark != first.mark
    assert uploads.record(late.upload, late.mark) == first.upload
    world.objects["examplebucket", key] = replace(FOUND, etag="5D42")
    assert "not the one" in world.refuses(values)
    uploads.close()


# --- buckets


@pytest.mark.parametrize(
    ("values", "header"),
    [
        ({"bucket": "otherbucket"}, "examplebucket"),
        ({"bucket": "examplebucket"}, "otherbucket"),
        ({}, "otherbucket"),
        ({"bucket": "otherbucket"}, "otherbucket"),
        ({"bucket": "Examplebucket"}, ""),
    ],
)
@pytest.mark.parametrize("granted", [True, False])
def test_c5_another_bucket_is_refused(
    world: World, values: dict[str, str], header: str, granted: bool
) -> None:
    own = world.form_values("users/alice/a.txt") if granted else {"object": "users/alice/a.txt"}
    for bucket in ("examplebucket", "otherbucket"):
        world.objects[bucket, "users/alice/a.txt"] = FOUND
    if not values:
        own.pop("bucket", None)
    assert "the upload went to bucket" in world.refuses({**own, **values}, header)
    assert world.looked == []


@pytest.mark.parametrize("bucket", ["evil.example/", "..", "A", "a/b", "x" * 64, "127.0.0.1:80#"])
def test_c5_a_bucket_that_is_none_is_no_place_to_ask(bucket: str) -> None:
    world = World(TOKENS_ONLY)
    assert "is not a bucket" in world.refuses({"bucket": bucket, "object": "a"}, "")
    assert "is not a bucket" in world.refuses({"object": "a"}, "")
    assert world.looked == []


def test_c5_a_storage_that_is_not_reached_is_no_proof() -> None:
    config = replace(CONFIG, endpoint="http://127.0.0.1:1")
    with pytest.raises(StorageSilentError, match="is not reached"):
        Receipts(config, look=looker(config)).accept(callback(TOLD))
