"""A user who wants more than the application server gave him: every field changed or dropped.

The application server runs with a hook, as an operator's does; attacks go to the real object
storage.  Nothing that is refused may leave an object or reach an application.
"""

import base64
import http.client
import json
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import oss2  # type: ignore[import-untyped]
import pytest
from forms import Answer, Fields, multipart, post_form, replaced, v1_fields, v4_fields

from ossia.appserver.config import write_samples
from ossia.client.ram import RamClient
from ossia.client.signing_client import SigningClient
from ossia.testing.inbox import Inbox
from running import Demo, running_demo

HOOK = """
from ossia.appserver import Grant, Refused

async def may_upload(request):
    user = request.headers.get("x-user")
    if user is None:
        raise Refused(401, "Sign in first.")
    query = request.query_params
    return Grant(
        user=user,
        prefix=f"users/{user}/",
        min_size=1,
        max_size=100,
        content_types=("text/plain", "image/png"),
        callback_variables={"x:user": user},
        key=f"users/{user}/avatar" if "avatar" in query else None,
        fields={"x-oss-forbid-overwrite": "true"} if "once" in query else {},
        form_lifetime_s=1 if "short" in query else 60,
    )
"""
VICTIM = "users/bob/"
KEY = "users/alice/a.txt"


@dataclass(frozen=True, slots=True)
class Place:
    """An application server with users, beside the demonstration's storage."""

    demo: Demo
    url: str

    def get(self, path: str, user: str = "alice") -> Any:
        request = Request(self.url + path, headers={"x-user": user})
        with urlopen(request, timeout=10) as response:
            return json.load(response)

    @property
    def root(self) -> oss2.Bucket:
        server = self.demo.server
        auth = oss2.Auth(server.access_key_id, server.access_key_secret)
        return oss2.Bucket(auth, server.endpoint, self.demo.bucket)

    def stored(self) -> set[str]:
        return {each.key for each in oss2.ObjectIteratorV2(self.root)}

    def told(self) -> list[dict[str, Any]]:
        request = Request(self.url + "uploads?limit=1000", headers={"x-user": "alice"})
        with urlopen(request, timeout=10) as response:
            found: list[dict[str, Any]] = json.load(response)["uploads"]
        return found


@contextmanager
def serving(demo: Demo, folder: Path, *flags: str) -> Iterator[Place]:
    (folder / "uploads_hook.py").write_text(HOOK)
    keys = json.loads((demo.server.data / "data" / "appserver" / "config.json").read_text())
    config = write_samples(folder / "app")
    # The most generous file: the prefix must hold nevertheless.
    config.write_text(json.dumps({**keys, "PolicyFile": "policy/all_policy.txt"}))
    command = [sys.executable, "-m", "ossia", "appserver", "--json", "--listen", "127.0.0.1:0"]
    command += ["--endpoint", demo.endpoint, "--bucket", demo.bucket, "--config", str(config)]
    command += ["--hook", "uploads_hook:may_upload", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder)
    assert process.stdout is not None
    try:
        yield Place(demo, json.loads(process.stdout.readline())["url"])
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def allow_everything(demo: Demo) -> None:
    """Let role and user do anything, so that only what the application server gives holds."""
    server = demo.server
    ram = RamClient(server.endpoint, server.access_key_id, server.access_key_secret)
    full = {"PolicyType": "System", "PolicyName": "AliyunOSSFullAccess"}
    ram.call("AttachPolicyToRole", RoleName="ossia-demo-uploader", **full)
    ram.call("AttachPolicyToUser", UserName="ossia-demo-app", **full)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    # A demonstration of its own, whose rights are changed.
    folder = tmp_path_factory.mktemp("attacked")
    with running_demo(folder / "demo") as demo, serving(demo, folder) as running:
        running.root.put_object(VICTIM + "secret", b"secret")
        allow_everything(demo)
        yield running


Made = tuple[dict[str, Any], list[tuple[str, str]]]
Make = Callable[..., Made]


def v1(place: Place, key: str = KEY, query: str = "", **own: str) -> Made:
    form = place.get("policy?" + query)
    return form, v1_fields(form, key, **own)


def v4(place: Place, key: str = KEY, query: str = "", **own: str) -> Made:
    form = place.get("get_post_signature_for_oss_upload?" + query)
    return form, v4_fields(form, key, **own)


both = pytest.mark.parametrize("make", [v1, v4], ids=["v1", "v4"])


def post(form: dict[str, Any], fields: Fields, content: bytes = b"hello", **more: Any) -> Answer:
    return post_form(form["host"], fields, content, **more)


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


# --- what is granted works


@both
def test_the_form_as_it_stands(place: Place, make: Make) -> None:
    key = f"users/alice/{make.__name__}.txt"
    form, fields = make(place, key, name="a.txt")
    answer = post(form, fields)
    assert answer.status == 200, answer.body
    assert answer.json()["object"] == key
    assert answer.json()["vars"] == {"x:user": "alice", "x:name": "a.txt"}
    assert place.told()[0]["vars"]["x:user"] == "alice"


def test_the_token_as_it_stands(place: Place) -> None:
    bucket = lent(place)
    assert bucket.put_object("users/alice/token.txt", b"x").status == 200


def test_nobody_in_particular_gets_nothing(place: Place) -> None:
    for path in ("token", "policy", "policy?version=v4"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urlopen(place.url + path, timeout=10)
        with refused.value as response:
            assert response.code == 401


def test_a_user_may_not_be_called_star(place: Place) -> None:
    for user in ("*", "?", "..", ""):
        with pytest.raises(urllib.error.HTTPError) as refused:
            place.get("token", user)
        with refused.value as response:
            assert response.code == 500


# --- forms: one field changed or dropped

CHANGES: dict[str, Callable[[list[tuple[str, str]]], list[tuple[str, str]]]] = {
    "callback-dropped": lambda f: replaced(f, "callback", None),
    "callback-empty": lambda f: replaced(f, "callback", ""),
    "callback-twice": lambda f: [*f, ("callback", encoded({"callbackUrl": "http://127.0.0.1:1/"}))],
    "callback-body": lambda f: replaced(f, "callback", with_body(f, "object=forged")),
    "callback-body-type": lambda f: replaced(
        f, "callback", with_body(f, None, callbackBodyType="application/json")
    ),
    "another-prefix": lambda f: replaced(f, "key", VICTIM + "secret"),
    "prefix-of-the-prefix": lambda f: replaced(f, "key", "users/a"),
    "no-prefix": lambda f: replaced(f, "key", "${filename}"),
    "key-twice": lambda f: [*f, ("key", VICTIM + "twice")],
    "key-twice-first": lambda f: [("Key", VICTIM + "twice"), *f],
    "key-dropped": lambda f: replaced(f, "key", None),
    "status-dropped": lambda f: replaced(f, "success_action_status", None),
    "status": lambda f: replaced(f, "success_action_status", "204"),
    "public": lambda f: [*f, ("x-oss-object-acl", "public-read")],
    "public-write": lambda f: [*f, ("X-Oss-Object-Acl", "public-read-write")],
    "policy-dropped": lambda f: replaced(f, "policy", None),
    "policy-wider": lambda f: replaced(
        f, "policy", encoded({"expiration": "2099-01-01T00:00:00Z", "conditions": []})
    ),
    "policy-empty": lambda f: replaced(f, "policy", ""),
}


def with_body(fields: Fields, body: str | None, **more: str) -> str:
    known = json.loads(base64.b64decode(dict(fields)["callback"]))
    return encoded({**known, **({"callbackBody": body} if body else {}), **more})


@both
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_form_is_refused(
    place: Place, make: Make, change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]
) -> None:
    before, told = place.stored(), len(place.told())
    form, fields = make(place, "users/alice/changed.txt")
    answer = post(form, change(fields))
    assert 400 <= answer.status < 500, answer.body
    assert place.stored() == before
    assert len(place.told()) == told


@pytest.mark.parametrize(
    "name",
    [
        "x-oss-signature",
        "x-oss-signature-version",
        "x-oss-credential",
        "x-oss-date",
        "x-oss-security-token",
    ],
)
@pytest.mark.parametrize("value", [None, "", "other"], ids=["dropped", "empty", "other"])
def test_what_signs_a_v4_form_is_refused_when_changed(
    place: Place, name: str, value: str | None
) -> None:
    form, fields = v4(place)
    assert post(form, replaced(fields, name, value)).status in (400, 403)


@pytest.mark.parametrize("name", ["OSSAccessKeyId", "signature"])
@pytest.mark.parametrize("value", [None, "", "other"], ids=["dropped", "empty", "other"])
def test_what_signs_a_v1_form_is_refused_when_changed(
    place: Place, name: str, value: str | None
) -> None:
    form, fields = v1(place)
    assert post(form, replaced(fields, name, value)).status in (400, 403)


@both
def test_a_callback_cannot_be_redirected(place: Place, make: Make) -> None:
    form, fields = make(place)
    with Inbox() as inbox:
        other = encoded({"callbackUrl": inbox.url, "callbackBody": "x"})
        assert post(form, replaced(fields, "callback", other)).status == 403
        # Nor by the ways of other operations.
        for headers in (
            {"x-oss-callback": other},
            {"x-oss-callback-var": encoded({"x:user": "b"})},
        ):
            assert post_with_headers(form, fields, headers).status in (200, 400, 403)
        # Nor by a second field before the genuine one, which then counts.
        assert post(form, [("Callback", other), *fields]).status == 200
        assert inbox.received == []
    assert {upload["vars"]["x:user"] for upload in place.told()} == {"alice"}


@both
def test_a_form_has_no_say_in_who_uploads(place: Place, make: Make) -> None:
    """The value that matters is text of the signed callback, so the field is nobody's variable."""
    form, fields = make(place, "users/alice/who.txt", user="bob", name="&x:user=bob")
    told = post(form, fields).json()["vars"]
    assert told == {"x:user": "alice", "x:name": "&x:user=bob"}


@both
def test_sizes_are_bound(place: Place, make: Make) -> None:
    key = f"users/alice/size-{make.__name__}"
    form, fields = make(place, key)
    assert post(form, fields, b"x" * 101).error("Code") == "EntityTooLarge"
    assert post(form, fields, b"").error("Code") == "EntityTooSmall"
    assert key not in place.stored()
    assert post(form, fields, b"x" * 100).status == 200


@both
@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "TEXT/PLAIN;a=b"])
def test_types_are_bound(place: Place, make: Make, content_type: str) -> None:
    form, fields = make(place, "users/alice/type.txt")
    answer = post(form, fields, content_type=content_type)
    assert (answer.status, answer.error("Code")) == (403, "AccessDenied")


@both
def test_dots_lead_nowhere(place: Place, make: Make) -> None:
    """Keys are text: what is below the prefix stays below it, whatever it is called."""
    before = place.root.get_object(VICTIM + "secret").read()
    for key in ("users/alice/../bob/secret", "users/alice/..%2fbob/secret", "users/alice/%2e%2e/x"):
        form, fields = make(place, key)
        answer = post(form, fields)
        assert answer.status != 200 or answer.json()["object"] == key
    form, fields = make(place, "users/alice/${filename}")
    answer = post(form, fields, file_name="../../bob/secret")
    assert answer.json()["object"] == "users/alice/secret"
    assert place.root.get_object(VICTIM + "secret").read() == before


@both
def test_a_form_is_for_one_bucket(place: Place, make: Make) -> None:
    server = place.demo.server
    auth = oss2.Auth(server.access_key_id, server.access_key_secret)
    oss2.Bucket(auth, server.endpoint, "attacked-elsewhere").create_bucket()
    _, fields = make(place)
    answer = post_form(server.endpoint + "/attacked-elsewhere", fields, b"x")
    assert (answer.status, answer.error("Code")) == (403, "AccessDenied")


@both
def test_a_form_for_one_key_is_for_no_other(place: Place, make: Make) -> None:
    form, fields = make(place, "users/alice/avatar", query="avatar")
    assert post(form, fields).status == 200
    for other in ("users/alice/avatar2", "users/alice/", "users/alice/${filename}"):
        assert post(form, replaced(fields, "key", other)).status in (400, 403)


@both
def test_a_form_that_counts_once_counts_once(place: Place, make: Make) -> None:
    key = f"users/alice/once-{make.__name__}"
    form, fields = make(place, key, query="once")
    assert post(form, fields).error("Code") == "AccessDenied"
    once = [*fields, *form["fields"].items()]
    assert post(form, once).status == 200
    assert post(form, once, b"again").error("Code") == "FileAlreadyExists"


@both
@pytest.mark.slow
def test_an_expired_form_is_refused(place: Place, make: Make) -> None:
    form, fields = make(place, query="short")
    until_over(form["expire"])
    answer = post(form, fields)
    assert (answer.status, answer.error("Code")) == (403, "AccessDenied")
    assert "expired" in answer.error("Message")


def until_over(expire_s: int) -> None:
    """The storage is another process, whose clock no test moves."""
    time.sleep(max(0.0, expire_s - time.time()) + 0.05)


def test_a_header_makes_no_object_of_a_v4_form_public(place: Place) -> None:
    form, fields = v4(place, "users/alice/header.txt")
    answer = post_with_headers(form, fields, {"x-oss-object-acl": "public-read"})
    assert (answer.status, answer.error("Code")) == (403, "AccessDenied")


def post_with_headers(form: dict[str, Any], fields: Fields, headers: dict[str, str]) -> Answer:
    media_type, body = multipart(fields, "a.txt", b"hello", "text/plain")
    url = urlsplit(form["host"])
    connection = http.client.HTTPConnection(url.netloc, timeout=10)
    try:
        connection.request("POST", url.path, body, {"Content-Type": media_type, **headers})
        response = connection.getresponse()
        return Answer(response.status, {}, response.read())
    finally:
        connection.close()


# --- tokens


def lent(place: Place, user: str = "alice") -> oss2.Bucket:
    token = place.get("token", user)
    auth = oss2.StsAuth(token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"])
    return oss2.Bucket(auth, place.demo.endpoint, place.demo.bucket)


TOKEN_ATTACKS: dict[str, Callable[[oss2.Bucket], object]] = {
    "list-everything": lambda b: b.list_objects(),
    "list-above": lambda b: b.list_objects(prefix="users/"),
    "list-beside": lambda b: b.list_objects(prefix=VICTIM),
    "list-without-slash": lambda b: b.list_objects(prefix="users/alice"),
    "list-v2": lambda b: b.list_objects_v2(prefix="users/"),
    "list-versions": lambda b: b.list_object_versions(prefix="users/"),
    "list-uploads": lambda b: b.list_multipart_uploads(),
    "write-beside": lambda b: b.put_object(VICTIM + "secret", b"x"),
    "write-above": lambda b: b.put_object("users/x", b"x"),
    "write-longer-name": lambda b: b.put_object("users/alice2/x", b"x"),
    "append": lambda b: b.append_object(VICTIM + "log", 0, b"x"),
    "multipart": lambda b: b.init_multipart_upload(VICTIM + "parts"),
    "copy-in": lambda b: b.copy_object(b.bucket_name, VICTIM + "secret", "users/alice/stolen"),
    "copy-out": lambda b: b.copy_object(b.bucket_name, "users/alice/token.txt", VICTIM + "x"),
    "read": lambda b: b.get_object(VICTIM + "secret"),
    "head": lambda b: b.get_object_meta(VICTIM + "secret"),
    "delete": lambda b: b.delete_object(VICTIM + "secret"),
    "delete-many": lambda b: b.batch_delete_objects([VICTIM + "secret"]),
    "object-acl": lambda b: b.put_object_acl(VICTIM + "secret", "public-read"),
    "bucket-acl": lambda b: b.put_bucket_acl("public-read"),
    "bucket-delete": lambda b: b.delete_bucket(),
}


@pytest.mark.parametrize("attack", TOKEN_ATTACKS.values(), ids=TOKEN_ATTACKS.keys())
def test_a_token_is_for_its_prefix(place: Place, attack: Callable[[oss2.Bucket], object]) -> None:
    place.root.put_object(VICTIM + "secret", b"secret")
    before = place.stored()
    with pytest.raises(oss2.exceptions.ServerError) as denied:
        attack(lent(place))
    assert denied.value.status == 403
    assert place.stored() == before
    assert place.root.get_object(VICTIM + "secret").read() == b"secret"


def test_dots_in_a_path_lead_nowhere(place: Place) -> None:
    token = place.get("token")
    client = SigningClient(
        place.demo.endpoint,
        token["AccessKeyId"],
        token["AccessKeySecret"],
        security_token=token["SecurityToken"],
    )
    client.request("PUT", place.demo.bucket, "users/alice/../bob/secret", body=b"forged")
    assert place.root.get_object(VICTIM + "secret").read() == b"secret"
