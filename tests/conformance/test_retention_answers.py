"""Retention, by requests signed by hand: policies of buckets, ObjectWorm, retention and legal hold of versions; what becomes of it in time is in tests/contracts/test_retention.py."""

import time
from typing import Any

import pytest
from access_world import LEGAL_HOLD, OBJECT_WORM, Place, days_of, send_form, signed_form
from asking import Ask
from test_versions import at, ids, put, switch

from ossia.client.signing_client import Reply, SigningClient
from ossia.protocol.checksums import etag_to_content_md5, md5_hex
from ossia.protocol.dates import format_iso

MODE, UNTIL = "x-oss-object-worm-mode", "x-oss-object-worm-retain-until-date"
HOLD = "x-oss-object-worm-legal-hold"
BYPASS = {"x-oss-bypass-governance-retention": "true"}
WORM = ("worm", "")
FAR, FARTHER = "2999-01-01T00:00:00.000Z", "2999-01-02T00:00:00.000Z"


def initiate(ask: Ask, body: bytes = days_of("InitiateWormConfiguration")) -> Reply:
    return ask("POST", query=[WORM], body=body)


def lock(ask: Ask) -> str:
    worm_id = initiate(ask).headers["x-oss-worm-id"]
    assert ask("POST", query=[("wormId", worm_id)]).status == 200
    return worm_id


def extend(ask: Ask, worm_id: str, days: object = 2) -> Reply:
    body = days_of("ExtendWormConfiguration").replace(b">1<", f">{days}<".encode())
    return ask("POST", query=[("wormId", worm_id), ("wormExtend", "")], body=body)


def told(ask: Ask) -> list[str]:
    reply = ask("GET", query=[WORM])
    return [reply.element(each) for each in ("WormId", "State", "RetentionPeriodInDays")]


def refusal(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.code


IMMUTABLE = (409, "FileImmutable")


# --- the policy of a bucket ---


@pytest.mark.covers("InitiateBucketWorm")
@pytest.mark.covers("CompleteBucketWorm")
@pytest.mark.covers("ExtendBucketWorm")
@pytest.mark.covers("GetBucketWorm")
@pytest.mark.covers("AbortBucketWorm")
def test_what_a_policy_goes_through(ask: Ask) -> None:
    assert refusal(ask("GET", query=[WORM])) == (404, "NoSuchWORMConfiguration")
    assert refusal(ask("DELETE", query=[WORM])) == (404, "NoSuchWORMConfiguration")
    first = initiate(ask)
    worm_id = first.headers["x-oss-worm-id"]
    assert (first.status, len(worm_id)) == (200, 32)
    assert told(ask) == [worm_id, "InProgress", "1"]
    assert ask("GET", query=[WORM]).element("CreationDate").endswith(".000Z")
    # oss2's test_bucket_worm_illegal; of a second one, buckets.md.
    assert refusal(extend(ask, worm_id)) == (400, "InvalidWORMConfiguration")
    assert refusal(initiate(ask)) == (400, "InvalidWORMConfiguration")
    assert ask("DELETE", query=[WORM]).status == 204
    # Go SDK v2's TestBucketWorm.
    assert refusal(ask("POST", query=[("wormId", worm_id)])) == (404, "NoSuchWORMConfiguration")
    assert refusal(extend(ask, worm_id)) == (404, "NoSuchWORMConfiguration")
    worm_id = lock(ask)
    assert told(ask) == [worm_id, "Locked", "1"]
    assert extend(ask, worm_id).status == 200
    assert told(ask) == [worm_id, "Locked", "2"]
    assert refusal(extend(ask, worm_id, 1)) == (400, "InvalidWORMConfiguration")
    assert refusal(extend(ask, "0" * 32)) == (404, "NoSuchWORMConfiguration")
    # oss2's test_abort_bucket_worm, and of the C++ SDK.
    locked = (403, "WORMConfigurationLocked")
    assert refusal(ask("DELETE", query=[WORM])) == locked
    assert refusal(ask("POST", query=[("wormId", worm_id)])) == locked
    assert ask("DELETE").status == 204


@pytest.mark.parametrize(
    ("days", "code", "ec"),
    [
        ("0", "InvalidWORMConfiguration", "0027-00000002"),
        ("-32", "InvalidWORMConfiguration", "0027-00000002"),
        ("25551", "InvalidWORMConfiguration", "0027-00000002"),
        ("test", "InvalidWORMConfiguration", "0027-00000005"),
        ("", "InvalidWORMConfiguration", "0027-00000005"),
        ("1.5", "InvalidWORMConfiguration", "0027-00000005"),
        ("٣", "InvalidWORMConfiguration", "0027-00000005"),
        ("9" * 30, "InvalidWORMConfiguration", "0027-00000005"),
        (None, "MalformedXML", "0027-00000004"),
    ],
)
def test_days_that_are_none(ask: Ask, days: str | None, code: str, ec: str) -> None:
    """OSS documentation, the pages of the cause numbers."""
    inner = "" if days is None else f"<RetentionPeriodInDays>{days}</RetentionPeriodInDays>"
    worm_id = lock(ask)
    for root, query in (
        ("InitiateWormConfiguration", [WORM]),
        ("ExtendWormConfiguration", [("wormId", worm_id), ("wormExtend", "")]),
    ):
        reply = ask("POST", query=query, body=f"<{root}>{inner}</{root}>".encode())
        assert (refusal(reply), reply.element("EC")) == ((400, code), ec)
    assert told(ask) == [worm_id, "Locked", "1"]


@pytest.mark.parametrize("body", [b"", b"1", b"<Worm/>", days_of("ExtendWormConfiguration")])
def test_a_policy_that_is_none(ask: Ask, body: bytes) -> None:
    assert refusal(initiate(ask, body)) == (400, "MalformedXML")
    assert ask("GET", query=[WORM]).status == 404


def test_days_up_to_seventy_years(ask: Ask) -> None:
    worm_id = lock(ask)
    assert extend(ask, worm_id, 25_550).status == 200
    assert told(ask)[2] == "25550"


def test_what_the_policy_keeps(ask: Ask) -> None:
    assert ask("PUT", "k", body=b"kept").status == 200
    lock(ask)
    refused = [
        ask("PUT", "k", body=b"other"),
        ask("PUT", "k", body=b"other" * 100_000),
        ask("DELETE", "k"),
        ask("DELETE", "k", headers=BYPASS),
    ]
    assert {refusal(each) for each in refused} == {IMMUTABLE}
    assert refused[0].element("Message") == "The object you specified is immutable."
    assert refused[0].element("EC") == "0026-00000005"
    assert ask("GET", "k").body == b"kept"
    assert ask("PUT", "new", body=b"new").status == 200
    assert (
        ask("PUT", "k", query=[("acl", "")], headers={"x-oss-object-acl": "private"}).status == 200
    )
    assert refusal(ask("DELETE")) == (409, "BucketNotEmpty")
    assert refusal(ask("PUT", query=[("versioning", "")], body=versioning("Suspended"))) == (
        400,
        "InvalidRequest",
    )


def versioning(word: str) -> bytes:
    return f"<VersioningConfiguration><Status>{word}</Status></VersioningConfiguration>".encode()


def delete_many(ask: Ask, *named: str, **headers: str) -> Reply:
    objects = "".join(f"<Object>{each}</Object>" for each in named)
    body = f"<Delete>{objects}</Delete>".encode()
    md5 = {"Content-MD5": etag_to_content_md5(md5_hex(body))}
    return ask("POST", query=[("delete", "")], headers={**md5, **headers}, body=body)


def test_several_are_deleted_as_far_as_they_may(ask: Ask) -> None:
    switch(ask, "Enabled")
    enable(ask)
    held, free = put(ask, "held", b"", **{HOLD: "ON"}), put(ask, "free", b"")
    reply = delete_many(
        ask,
        f"<Key>held</Key><VersionId>{held}</VersionId>",
        f"<Key>free</Key><VersionId>{free}</VersionId>",
    )
    assert refusal(reply) == IMMUTABLE
    assert (reply.element("Key"), reply.element("VersionId")) == ("held", held)
    assert ids(ask) == [held]


# --- ObjectWorm ---


def object_worm(default: str = "", enabled: str = "Enabled") -> bytes:
    rule = default and f"<Rule><DefaultRetention>{default}</DefaultRetention></Rule>"
    inner = f"<ObjectWormEnabled>{enabled}</ObjectWormEnabled>{rule}"
    return f"<ObjectWormConfiguration>{inner}</ObjectWormConfiguration>".encode()


def enable(ask: Ask, body: bytes = OBJECT_WORM) -> None:
    assert ask("PUT", query=[("objectWorm", "")], body=body).status == 200


@pytest.fixture
def kept(ask: Ask) -> Ask:
    """``ask`` in a bucket with ObjectWorm."""
    switch(ask, "Enabled")
    enable(ask)
    return ask


@pytest.mark.covers("PutBucketObjectWormConfiguration")
@pytest.mark.covers("GetBucketObjectWormConfiguration")
def test_object_worm_comes_back_as_it_was_put(ask: Ask) -> None:
    query = [("objectWorm", "")]
    assert refusal(ask("GET", query=query)) == (404, "NoSuchWORMConfiguration")
    assert refusal(ask("PUT", query=query, body=OBJECT_WORM)) == (400, "InvalidRequest")
    switch(ask, "Enabled")
    for default in (
        "",
        "<Mode>COMPLIANCE</Mode><Days>1</Days>",
        "<Mode>GOVERNANCE</Mode><Years>100</Years>",
    ):
        enable(ask, object_worm(default))
        assert object_worm(default) in ask("GET", query=query).body
    assert refusal(initiate(ask)) == (400, "InvalidWORMConfiguration")
    assert refusal(ask("PUT", query=[("versioning", "")], body=versioning("Suspended"))) == (
        400,
        "InvalidRequest",
    )
    # It needs no rest to go with its bucket.
    assert ask("DELETE").status == 204


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<ObjectWorm/>",
        b"<ObjectWormConfiguration/>",
        object_worm(enabled="Disabled"),
        object_worm("<Days>1</Days>"),
        object_worm("<Mode>GOVERNANC</Mode><Days>1</Days>"),
        object_worm("<Mode>COMPLIANCE</Mode>"),
        object_worm("<Mode>COMPLIANCE</Mode><Days>1</Days><Years>1</Years>"),
        object_worm("<Mode>COMPLIANCE</Mode><Days>0</Days>"),
        object_worm("<Mode>COMPLIANCE</Mode><Days>36501</Days>"),
        object_worm("<Mode>COMPLIANCE</Mode><Years>101</Years>"),
        object_worm("<Mode>COMPLIANCE</Mode><Days>x</Days>"),
    ],
)
def test_an_object_worm_that_is_none(ask: Ask, body: bytes) -> None:
    switch(ask, "Enabled")
    assert refusal(ask("PUT", query=[("objectWorm", "")], body=body)) == (400, "MalformedXML")
    assert ask("GET", query=[("objectWorm", "")]).status == 404


def retention(mode: str = "COMPLIANCE", until: str = FAR) -> bytes:
    inner = f"<Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate>"
    return f"<Retention>{inner}</Retention>".encode()


def retain(ask: Ask, mode: str, until: str, **more: Any) -> Reply:
    return ask("PUT", "k", query=[("retention", "")], body=retention(mode, until), **more)


def hold(ask: Ask, key: str, word: str) -> Reply:
    body = LEGAL_HOLD.replace(b"ON", word.encode())
    return ask("PUT", key, query=[("legalHold", "")], body=body)


@pytest.mark.covers("PutObjectRetention")
@pytest.mark.covers("GetObjectRetention")
def test_a_version_is_retained(kept: Ask) -> None:
    version = put(kept, "k", b"first")
    second = put(kept, "k", b"second")
    missing = kept("GET", "k", query=[("retention", "")])
    assert refusal(missing) == (404, "NoSuchObjectRetentionConfiguration")
    done = at(kept, "PUT", "k", version, ("retention", ""))
    assert refusal(done) == (400, "MalformedXML")
    query = [("retention", ""), ("versionId", version)]
    done = kept("PUT", "k", query=query, body=retention("GOVERNANCE"))
    assert (done.status, done.headers["x-oss-version-id"]) == (200, version)
    found = kept("GET", "k", query=query)
    assert [found.element(each) for each in ("Mode", "RetainUntilDate")] == ["GOVERNANCE", FAR]
    for reply in (at(kept, "HEAD", "k", version), at(kept, "GET", "k", version)):
        assert [reply.headers.get(each) for each in (MODE, UNTIL, HOLD)] == [
            "GOVERNANCE",
            FAR,
            None,
        ]
    assert MODE not in kept("HEAD", "k").headers
    assert refusal(at(kept, "DELETE", "k", version)) == IMMUTABLE
    assert at(kept, "DELETE", "k", second).status == 204
    assert kept("DELETE", "k").status == 204
    removed = kept("DELETE", "k", query=[("versionId", version)], headers=BYPASS)
    assert removed.status == 204
    assert version not in ids(kept)


def test_a_retention_is_not_shortened(kept: Ask) -> None:
    put(kept, "k", b"")
    assert retain(kept, "GOVERNANCE", FARTHER).status == 200
    assert refusal(retain(kept, "GOVERNANCE", FAR)) == (403, "AccessDenied")
    assert refusal(retain(kept, "COMPLIANCE", FARTHER, headers=BYPASS)) == IMMUTABLE
    assert retain(kept, "GOVERNANCE", FAR, headers=BYPASS).status == 200
    assert refusal(retain(kept, "GOVERNANCE", "2020-01-01T00:00:00.000Z", headers=BYPASS)) == (
        400,
        "InvalidArgument",
    )


@pytest.mark.slow
def test_a_retention_that_is_over_keeps_nothing(kept: Ask) -> None:
    soon = format_iso(time.time_ns() // 1_000_000 + 5_000)
    version = put(kept, "k", b"", **{MODE: "COMPLIANCE", UNTIL: soon})
    assert refusal(kept("DELETE", "k", query=[("versionId", version)], headers=BYPASS)) == IMMUTABLE
    assert kept("HEAD", "k").headers[UNTIL] == soon
    time.sleep(5)
    assert at(kept, "DELETE", "k", version).status == 204


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Retain/>",
        b"<Retention/>",
        retention("compliance"),
        retention("GOVERNANC"),
        retention(until="tomorrow"),
        retention(until=""),
        retention(until="2999-13-01T00:00:00.000Z"),
    ],
)
def test_a_retention_that_is_none(kept: Ask, body: bytes) -> None:
    put(kept, "k", b"")
    assert refusal(kept("PUT", "k", query=[("retention", "")], body=body)) == (400, "MalformedXML")


@pytest.mark.covers("PutObjectLegalHold")
@pytest.mark.covers("GetObjectLegalHold")
def test_a_version_is_held(kept: Ask) -> None:
    version = put(kept, "k", b"")
    query = [("legalHold", "")]
    assert refusal(kept("GET", "k", query=query)) == (404, "NoSuchObjectLegalHoldConfiguration")
    for word, deleted in (("ON", 409), ("OFF", 204)):
        assert hold(kept, "k", word).status == 200
        assert kept("GET", "k", query=query).element("Status") == word
        assert kept("HEAD", "k").headers.get(HOLD) == ("ON" if word == "ON" else None)
        assert kept("DELETE", "k", query=[("versionId", version)], headers=BYPASS).status == deleted
    assert refusal(hold(kept, "k", "OFF")) == (404, "NoSuchKey")


@pytest.mark.parametrize(
    "body", [b"", b"<Hold/>", b"<LegalHold/>", LEGAL_HOLD.replace(b"ON", b"on")]
)
def test_a_legal_hold_that_is_none(kept: Ask, body: bytes) -> None:
    put(kept, "k", b"")
    assert refusal(kept("PUT", "k", query=[("legalHold", "")], body=body)) == (400, "MalformedXML")


@pytest.mark.parametrize("query", ["retention", "legalHold"])
def test_what_cannot_be_retained(kept: Ask, query: str) -> None:
    body = retention() if query == "retention" else LEGAL_HOLD
    marker = kept("DELETE", "gone").headers["x-oss-version-id"]
    for key, version, code in (
        ("absent", None, "NoSuchKey"),
        ("gone", None, "NoSuchKey"),
        ("gone", marker, "NoSuchKey"),
        ("gone", marker.swapcase(), "NoSuchVersion"),
    ):
        named = [] if version is None else [("versionId", version)]
        for method in ("PUT", "GET"):
            reply = kept(
                method, key, query=[(query, ""), *named], body=body if method == "PUT" else b""
            )
            assert refusal(reply) == (404, code)


# --- what uploads say ---


def test_uploads_say_how_long_they_have_to_stay(kept: Ask, bucket: str) -> None:
    asked = {MODE: "COMPLIANCE", UNTIL: FAR, HOLD: "ON"}
    made = [
        put(kept, "k", b"put", **asked),
        kept("PUT", "k", headers={"x-oss-copy-source": f"/{bucket}/k", **asked}).headers[
            "x-oss-version-id"
        ],
        kept(
            "PUT", "k", query=[("symlink", "")], headers={"x-oss-symlink-target": "k", **asked}
        ).headers["x-oss-version-id"],
        in_parts(kept, asked),
    ]
    for version in made:
        if version == made[2]:
            # Read through a link that points to itself nothing is told.
            found = kept("GET", "k", query=[("retention", ""), ("versionId", version)])
            assert found.element("RetainUntilDate") == FAR
        else:
            told = at(kept, "HEAD", "k", version).headers
            assert {name: told.get(name) for name in asked} == asked
        assert refusal(at(kept, "DELETE", "k", version)) == IMMUTABLE
    # A copy does not take it along.
    copied = kept("PUT", "copy", headers={"x-oss-copy-source": f"/{bucket}/k"})
    assert copied.status == 200
    assert MODE not in kept("HEAD", "copy").headers


def in_parts(ask: Ask, headers: dict[str, str]) -> str:
    upload = ask("POST", "k", query=[("uploads", "")], headers=headers).element("UploadId")
    part = ask("PUT", "k", query=[("uploadId", upload), ("partNumber", "1")], body=b"part")
    chosen = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{chosen}</CompleteMultipartUpload>".encode()
    done = ask("POST", "k", query=[("uploadId", upload)], body=body)
    assert done.status == 200
    return done.headers["x-oss-version-id"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({MODE: "COMPLIANCE"}, "InvalidArgument"),
        ({UNTIL: FAR}, "InvalidArgument"),
        ({MODE: "compliance", UNTIL: FAR}, "InvalidArgument"),
        ({MODE: "COMPLIANCE", UNTIL: "tomorrow"}, "InvalidArgument"),
        ({MODE: "COMPLIANCE", UNTIL: "2020-01-01T00:00:00.000Z"}, "InvalidArgument"),
        ({HOLD: "YES"}, "InvalidArgument"),
    ],
)
def test_uploads_that_say_something_else(kept: Ask, headers: dict[str, str], code: str) -> None:
    for query in ([], [("uploads", "")]):
        method = "POST" if query else "PUT"
        assert refusal(kept(method, "k", query=query, headers=headers)) == (400, code)
    assert kept("HEAD", "k").status == 404


def test_uploads_where_nothing_can_be_retained(ask: Ask) -> None:
    for headers in ({MODE: "COMPLIANCE", UNTIL: FAR}, {HOLD: "ON"}):
        assert refusal(ask("PUT", "k", headers=headers)) == (400, "InvalidRequest")
    # An empty one counts as not given.
    assert ask("PUT", "k", headers={MODE: "", UNTIL: "", HOLD: ""}).status == 200


def test_nothing_is_appended_where_versions_are_retained(kept: Ask) -> None:
    reply = kept("POST", "log", query=[("append", ""), ("position", "0")], body=b"x")
    assert refusal(reply) == (400, "OperationNotSupported")


def test_a_form_says_it_as_well(kept: Ask, client: SigningClient, bucket: str) -> None:
    place = Place(client, bucket, "", "", "")
    fields = {**signed_form(client, place), HOLD: "ON"}
    assert send_form(client, place, fields).status == 204
    assert kept("HEAD", "posted").headers[HOLD] == "ON"
