"""Rules of a bucket about what must not be overwritten, on the wire: by whom, what, and when."""

from collections.abc import Iterator

import pytest
from access_world import REQUESTS, Place, World, access_world, delete_keys
from asking import Ask
from test_retention_matrix import DESTROYERS, changed, filled, seen

from ossia.api.operation import Operation
from ossia.api.oss import oss
from ossia.client.signing_client import Reply, SigningClient
from running import Server

OVERWRITE = [("overwriteConfig", "")]
REMOVERS = {"DeleteObject", "DeleteMultipleObjects"}
WRITERS = [
    pytest.param(each, id=each.name)
    for each in oss.operations
    if each.name in DESTROYERS - REMOVERS
]
ATTRIBUTES = {"x-oss-metadata-directive": "REPLACE", "x-oss-meta-a": "b"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with access_world(tmp_path_factory.mktemp("overwriting")) as made:
        yield made


def rule(prefix: str = "", suffix: str = "", *principals: str, name: str = "") -> str:
    listed = "".join(f"<Principal>{each}</Principal>" for each in principals)
    return (
        f"<Rule><ID>{name}</ID><Action>forbid</Action><Prefix>{prefix}</Prefix>"
        f"<Suffix>{suffix}</Suffix><Principals>{listed}</Principals></Rule>"
    )


def rules(*each: str) -> bytes:
    return f"<OverwriteConfiguration>{''.join(each)}</OverwriteConfiguration>".encode()


def protect(ask: Ask, *each: str) -> None:
    assert ask("PUT", query=OVERWRITE, body=rules(*each)).status == 200


def assert_refused(reply: Reply) -> None:
    assert (reply.status, reply.code) == (409, "FileAlreadyExists"), reply


# the configuration


@pytest.mark.covers("PutBucketOverwriteConfig", "GetBucketOverwriteConfig")
@pytest.mark.covers("DeleteBucketOverwriteConfig")
def test_rules_are_replaced_told_and_removed(ask: Ask) -> None:
    none = ask("GET", query=OVERWRITE)
    assert (none.status, none.code) == (404, "NoSuchBucketOverwriteConfig")
    protect(ask, rule("a/", name="gone"))
    put = ask("PUT", query=OVERWRITE, body=rules(rule(name="1"), rule("pre", ".t", "12", name="2")))
    assert (put.status, put.body) == (200, b"")
    got = ask("GET", query=OVERWRITE)
    assert (got.status, got.headers["content-type"]) == (200, "application/xml")
    assert got.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<OverwriteConfiguration>'
        b"<Rule><ID>1</ID><Action>forbid</Action></Rule>"
        b"<Rule><ID>2</ID><Action>forbid</Action><Prefix>pre</Prefix><Suffix>.t</Suffix>"
        b"<Principals><Principal>12</Principal></Principals></Rule></OverwriteConfiguration>"
    )
    for _ in range(2):
        gone = ask("DELETE", query=OVERWRITE)
        assert (gone.status, gone.body) == (204, b"")
    assert ask("GET", query=OVERWRITE).status == 404


@pytest.mark.covers("PutBucketOverwriteConfig")
def test_a_rule_without_an_id_gets_one_that_stays(ask: Ask) -> None:
    protect(ask, rule())
    first = ask("GET", query=OVERWRITE).element("ID")
    assert first
    assert ask("GET", query=OVERWRITE).element("ID") == first


@pytest.mark.covers("PutBucketOverwriteConfig")
@pytest.mark.parametrize(
    "body", [b"", b"<x", rules(), rules("<Rule><Action>allow</Action></Rule>")]
)
def test_what_is_no_configuration_changes_nothing(ask: Ask, body: bytes) -> None:
    protect(ask, rule("a/", name="kept"))
    reply = ask("PUT", query=OVERWRITE, body=body)
    assert (reply.status, reply.code) == (400, "MalformedXML")
    assert ask("GET", query=OVERWRITE).element("ID") == "kept"


@pytest.mark.covers("PutBucketOverwriteConfig", "GetBucketOverwriteConfig")
@pytest.mark.covers("DeleteBucketOverwriteConfig")
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_of_no_bucket(client: SigningClient, method: str) -> None:
    reply = client.request(method, "b-is-not-there", query=OVERWRITE, body=rules(rule()))
    assert (reply.status, reply.code) == (404, "NoSuchBucket")


# what is forbidden: every operation that the server offers


@pytest.mark.slow
@pytest.mark.parametrize("operation", WRITERS)
def test_nothing_overwrites_what_is_protected(world: World, operation: Operation) -> None:
    """Which operations overwrite is seen where nothing is protected: a new one is tried at once."""
    free, protected = filled(world), filled(world)
    send = REQUESTS[operation.name]
    before = seen(free)
    send(world.root, free)
    assert changed(before, free), "this request overwrites nothing: it shows nothing"
    before = seen(protected)
    body = rules(rule("user/"))
    assert world.root.request("PUT", protected.bucket, query=OVERWRITE, body=body).status == 200
    assert_refused(send(world.root, protected))
    assert not changed(before, protected)


def put_link(ask: Ask, key: str) -> Reply:
    return ask("PUT", key, query=[("symlink", "")], headers={"x-oss-symlink-target": "t"})


def append(ask: Ask, position: int) -> Reply:
    return ask("POST", "log", query=[("append", ""), ("position", str(position))], body=b"one")


def test_what_is_not_there_may_come_into_being_once(ask: Ask) -> None:
    protect(ask, rule())
    assert ask("PUT", "k", body=b"first").status == 200
    assert_refused(ask("PUT", "k", body=b"second"))
    assert put_link(ask, "link").status == 200
    assert_refused(put_link(ask, "link"))
    assert append(ask, 0).status == 200
    assert_refused(append(ask, 3))
    # The right position is not what it lacks.
    assert_refused(append(ask, 0))
    assert ask("GET", "k").body == b"first"
    assert ask("GET", "log").body == b"one"


def test_copying_onto_itself_overwrites_and_header_and_rule_differ_there(
    ask: Ask, bucket: str
) -> None:
    ask("PUT", "k", body=b"x")
    headers = {"x-oss-copy-source": f"/{bucket}/k", **ATTRIBUTES}
    by_header = ask("PUT", "k", headers={**headers, "x-oss-forbid-overwrite": "true"})
    assert by_header.status == 200
    protect(ask, rule())
    assert_refused(ask("PUT", "k", headers=headers))


def test_an_upload_is_refused_when_it_begins_and_when_it_ends(ask: Ask) -> None:
    begun = ask("POST", "k", query=[("uploads", "")]).element("UploadId")
    etag = ask("PUT", "k", query=[("uploadId", begun), ("partNumber", "1")], body=b"x")
    ask("PUT", "k", body=b"first")
    protect(ask, rule())
    assert_refused(ask("POST", "k", query=[("uploads", "")]))
    part = f"<Part><PartNumber>1</PartNumber><ETag>{etag.headers['etag']}</ETag></Part>"
    whole = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    complete = [("uploadId", begun)]
    assert_refused(ask("POST", "k", query=complete, body=whole))
    assert ask("GET", "k").body == b"first"
    # A rule of yesterday is not kept with the upload.
    assert ask("DELETE", query=OVERWRITE).status == 204
    assert ask("POST", "k", query=complete, body=whole).status == 200
    assert ask("GET", "k").body == b"x"


def test_what_overwrites_nothing_stays_allowed(ask: Ask) -> None:
    ask("PUT", "k", body=b"x")
    append(ask, 0)
    protect(ask, rule())
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    assert ask("PUT", "k", query=[("tagging", "")], body=tags).status == 200
    acl = {"x-oss-object-acl": "public-read"}
    assert ask("PUT", "k", query=[("acl", "")], headers=acl).status == 200
    assert ask("POST", "log", query=[("seal", ""), ("position", "3")]).status == 200
    assert ask("DELETE", "k").status == 204
    assert ask("PUT", "k", body=b"again").status == 200


def test_only_keys_that_are_meant(ask: Ask) -> None:
    keys = ("in/a.txt", "in/a.gz", "out/a.txt", "out/a.gz")
    for key in keys:
        ask("PUT", key, body=b"first")
    protect(ask, rule("in/", ".txt"))
    refused = [key for key in keys if ask("PUT", key, body=b"second").status == 409]
    assert refused == ["in/a.txt"]
    protect(ask, rule("in/"), rule("", ".txt"))
    refused = [key for key in keys if ask("PUT", key, body=b"third").status == 409]
    assert refused == ["in/a.txt", "in/a.gz", "out/a.txt"]


def test_the_application_is_not_called_back_for_what_is_refused(ask: Ask) -> None:
    ask("PUT", "k", body=b"first")
    protect(ask, rule())
    # To a port where nobody listens: 203 would say that it was tried.
    callback = "eyJjYWxsYmFja1VybCI6Imh0dHA6Ly8xMjcuMC4wLjE6OS8iLCJjYWxsYmFja0JvZHkiOiJ4In0="
    assert_refused(ask("PUT", "k", headers={"x-oss-callback": callback}, body=b"second"))


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_rules_rest_while_there_are_versions(ask: Ask, status: str) -> None:
    ask("PUT", "k", body=b"first")
    protect(ask, rule())
    body = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>".encode()
    assert ask("PUT", query=[("versioning", "")], body=body).status == 200
    assert ask("PUT", "k", body=b"second").status == 200
    assert ask("GET", query=OVERWRITE).status == 200


# who is meant


def putting(client: SigningClient, place: Place, key: str = "k") -> int:
    return client.request("PUT", place.bucket, place.at + key, body=b"again").status


def protect_place(place: Place, *each: str) -> None:
    assert place.root.request("PUT", place.bucket, query=OVERWRITE, body=rules(*each)).status == 200


def test_only_callers_who_are_meant(world: World) -> None:
    place, session = filled(world), world.session()
    account = world.server.account_id
    protect_place(place, rule("", "", f"arn:sts::{account}:assumed-role/full/*"))
    assert (putting(world.root, place), putting(session, place)) == (200, 409)
    protect_place(place, rule("", "", f"arn:sts::{account}:assumed-role/other/*"))
    assert (putting(world.root, place), putting(session, place)) == (200, 200)
    protect_place(place, rule("", "", account))
    assert (putting(world.root, place), putting(session, place)) == (409, 409)
    protect_place(place, rule("", "", "*"))
    assert (putting(world.root, place), putting(session, place)) == (409, 409)
    protect_place(place, rule("", "", "299999999999999999"))
    assert (putting(world.root, place), putting(session, place)) == (200, 200)


def test_strangers_of_a_public_bucket_are_meant_by_rules_for_everybody(server: Server) -> None:
    owner = SigningClient(server.endpoint, server.access_key_id, server.access_key_secret)
    stranger = SigningClient(server.endpoint, version=0)
    bucket = "b-open-to-strangers"
    assert owner.request("PUT", bucket, headers={"x-oss-acl": "public-read-write"}).status == 200
    assert stranger.request("PUT", bucket, "k", body=b"first").status == 200
    owner.request("PUT", bucket, query=OVERWRITE, body=rules(rule("", "", server.account_id)))
    assert stranger.request("PUT", bucket, "k", body=b"second").status == 200
    owner.request("PUT", bucket, query=OVERWRITE, body=rules(rule()))
    assert_refused(stranger.request("PUT", bucket, "k", body=b"third"))


def test_who_may_not_write_hears_that_and_not_what_is_there(world: World) -> None:
    place = filled(world)
    protect_place(place, rule())
    nobody = world.client(world.nobody.id, world.nobody.secret)
    reply = nobody.request("PUT", place.bucket, place.at + "k", body=b"x")
    assert (reply.status, reply.code) == (403, "AccessDenied")


def test_deleting_is_not_overwriting(world: World) -> None:
    place = filled(world)
    protect_place(place, rule())
    assert delete_keys(place.root, place, place.at + "k").status == 200
    assert putting(place.root, place) == 200
