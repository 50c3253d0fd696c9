"""Sealed objects on the wire: what sealing answers, refuses, and leaves as it was."""

import time

import pytest
from asking import Ask

from ossia.client.signing_client import Reply
from ossia.protocol.dates import parse_http

COLD = "ColdArchive"


def append(ask: Ask, position: int, body: bytes, **headers: str) -> Reply:
    query = [("append", ""), ("position", str(position))]
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return ask("POST", "log", query=query, headers=named, body=body)


def seal(ask: Ask, position: object, key: str = "log") -> Reply:
    return ask("POST", key, query=[("seal", ""), ("position", str(position))])


def sealed(ask: Ask) -> str:
    assert append(ask, 0, b"one").status == 200
    reply = seal(ask, 3)
    assert reply.status == 200
    return reply.headers["x-oss-sealed-time"]


def copy(ask: Ask, target: str, **headers: str) -> Reply:
    bucket = ask("GET", query=[("bucketInfo", "")]).element("Name")
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return ask("PUT", target, headers={"x-oss-copy-source": f"/{bucket}/log", **named})


def status_of(ask: Ask, document: str, root: str) -> Reply:
    body = f"<{root}><Status>Enabled</Status></{root}>".encode()
    return ask("PUT", query=[(document, "")], body=body)


@pytest.mark.covers("SealAppendObject")
def test_sealing(ask: Ask) -> None:
    before = time.time() - 1
    append(ask, 0, b"one")
    first = ask("HEAD", "log")
    assert "x-oss-sealed-time" not in first.headers
    reply = seal(ask, 3)
    told = reply.headers["x-oss-sealed-time"]
    assert (reply.status, reply.body) == (200, b"")
    assert before * 1000 <= parse_http(told) <= (time.time() + 1) * 1000
    for method in ("HEAD", "GET"):
        now = ask(method, "log")
        assert now.headers["x-oss-sealed-time"] == told
        for name in ("etag", "last-modified", "content-length", "x-oss-object-type"):
            assert now.headers[name] == first.headers[name], name
    assert ask("GET", "log").body == b"one"


def test_the_time_is_that_of_the_first_seal(ask: Ask) -> None:
    told = sealed(ask)
    time.sleep(1.1)
    assert seal(ask, 3).headers["x-oss-sealed-time"] == told
    assert ask("HEAD", "log").headers["x-oss-sealed-time"] == told
    wrong = seal(ask, 2)
    assert (wrong.status, wrong.code) == (409, "PositionNotEqualToLength")


@pytest.mark.parametrize("position", [0, 3, 9])
@pytest.mark.parametrize("body", [b"", b"two"])
def test_nothing_is_appended(ask: Ask, position: int, body: bytes) -> None:
    sealed(ask)
    reply = append(ask, position, body, x_oss_object_acl="public-read")
    assert (reply.status, reply.code) == (409, "ObjectNotAppendable")
    assert ask("GET", "log").body == b"one"
    assert ask("GET", "log", query=[("acl", "")]).element("Grant") == "default"


@pytest.mark.parametrize(
    ("position", "status", "code"),
    [
        (2, 409, "PositionNotEqualToLength"),
        (4, 409, "PositionNotEqualToLength"),
        ("x", 400, "MissingArgument"),
        ("-1", 400, "MissingArgument"),
        ("", 400, "MissingArgument"),
    ],
)
def test_another_position(ask: Ask, position: object, status: int, code: str) -> None:
    append(ask, 0, b"one")
    reply = seal(ask, position)
    assert (reply.status, reply.code) == (status, code)
    assert append(ask, 3, b"two").status == 200, "it is not sealed"


def test_without_a_position(ask: Ask) -> None:
    append(ask, 0, b"one")
    assert ask("POST", "log", query=[("seal", "")]).code == "MissingArgument"


def test_what_is_not_appendable(ask: Ask) -> None:
    assert seal(ask, 0, "missing").code == "NoSuchKey"
    ask("PUT", "normal", body=b"one")
    ask("PUT", "link", query=[("symlink", "")], headers={"x-oss-symlink-target": "log"})
    for key, position in (("normal", 3), ("normal", 0), ("link", 0)):
        reply = seal(ask, position, key)
        assert (reply.status, reply.code) == (409, "ObjectNotAppendable"), key


def test_an_empty_object(ask: Ask) -> None:
    append(ask, 0, b"")
    assert seal(ask, 0).status == 200
    assert append(ask, 0, b"one").code == "ObjectNotAppendable"


def test_no_client_gives_the_time(ask: Ask) -> None:
    append(ask, 0, b"one", x_oss_sealed_time="Sat, 28 Nov 2026 00:00:00 GMT")
    assert "x-oss-sealed-time" not in ask("HEAD", "log").headers
    assert append(ask, 3, b"two").status == 200


@pytest.mark.parametrize("headers", [{}, {"x_oss_metadata_directive": "REPLACE"}])
def test_copies(ask: Ask, headers: dict[str, str]) -> None:
    told = sealed(ask)
    assert copy(ask, "copy", **headers).status == 200
    there = ask("HEAD", "copy").headers
    assert (there["x-oss-object-type"], there.get("x-oss-sealed-time")) == ("Normal", None)
    # Onto itself it is the same object, whatever is said about it.
    assert copy(ask, "log", x_oss_meta_a="b", **headers).status == 200
    here = ask("HEAD", "log").headers
    assert (here["x-oss-object-type"], here["x-oss-sealed-time"]) == ("Appendable", told)
    assert append(ask, 3, b"two").code == "ObjectNotAppendable"


def test_colder_classes(ask: Ask) -> None:
    append(ask, 0, b"one")
    assert copy(ask, "log", x_oss_storage_class=COLD).code == "InvalidArgument"
    told = seal(ask, 3).headers["x-oss-sealed-time"]
    assert copy(ask, "log", x_oss_storage_class=COLD).status == 200
    now = ask("HEAD", "log").headers
    assert (now["x-oss-storage-class"], now["x-oss-sealed-time"]) == (COLD, told)
    assert append(ask, 3, b"two").code == "ObjectNotAppendable"


def test_overwriting_and_deleting_end_it(ask: Ask) -> None:
    sealed(ask)
    assert ask("PUT", "log", body=b"new").status == 200
    assert "x-oss-sealed-time" not in ask("HEAD", "log").headers
    assert ask("DELETE", "log").status == 204
    assert append(ask, 0, b"one").status == 200


def test_with_versions(ask: Ask) -> None:
    sealed(ask)
    assert status_of(ask, "versioning", "VersioningConfiguration").status == 200
    assert seal(ask, 3).status == 200
    put = ask("PUT", "log", body=b"new").headers["x-oss-version-id"]
    assert seal(ask, 3).code == "ObjectNotAppendable"
    assert ask("DELETE", "log", query=[("versionId", put)]).status == 204
    assert "x-oss-sealed-time" in ask("HEAD", "log").headers
    assert append(ask, 3, b"two").code == "ObjectNotAppendable"
    ask("DELETE", "log")
    assert seal(ask, 3).code == "NoSuchKey"


def test_what_must_stay_is_sealed_and_stays(ask: Ask) -> None:
    append(ask, 0, b"one")
    root = "InitiateWormConfiguration"
    body = f"<{root}><RetentionPeriodInDays>1</RetentionPeriodInDays></{root}>".encode()
    assert ask("POST", query=[("worm", "")], body=body).status == 200
    assert append(ask, 3, b"two").code == "FileImmutable"
    assert seal(ask, 3).status == 200
    for reply in (ask("DELETE", "log"), ask("PUT", "log", body=b"new")):
        assert (reply.status, reply.code) == (409, "FileImmutable")
    assert ask("DELETE", query=[("worm", "")]).status == 204


def test_encrypted_objects(ask: Ask) -> None:
    append(ask, 0, b"one", x_oss_server_side_encryption="AES256")
    assert seal(ask, 3).status == 200
    reply = ask("GET", "log")
    assert (reply.body, reply.headers["x-oss-server-side-encryption"]) == (b"one", "AES256")
