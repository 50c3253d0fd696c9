"""PostObject by a hand-written client as in seed 003, in V1 and V4 (post-object.md)."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from asking import Ask

from ossia.client.signing_client import Reply, SigningClient
from ossia.protocol import signature_v1, signature_v4
from ossia.protocol.dates import format_basic
from ossia.protocol.post_policy import build
from ossia.testing.inbox import Inbox

BOUNDARY = "9431149156168"


@dataclass(frozen=True)
class Form:
    """A form before it is sent: fields in order, then the file."""

    fields: tuple[tuple[str, str], ...]
    content: bytes = b"hello form"
    filename: str | None = "photo.png"
    content_type: str | None = "image/png"
    after: tuple[tuple[str, str], ...] = (("submit", "Upload"),)

    def encoded(self) -> bytes:
        parts = [_part(name, value.encode()) for name, value in self.fields]
        filename = "" if self.filename is None else f'; filename="{self.filename}"'
        kind = "" if self.content_type is None else f"\r\nContent-Type: {self.content_type}"
        parts.append(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"{filename}{kind}'
            "\r\n\r\n".encode()
            + self.content
            + b"\r\n"
        )
        parts += [_part(name, value.encode()) for name, value in self.after]
        return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()

    def put(self, **fields: str) -> "Form":
        """With fields replaced or added; underscores stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        kept = tuple((name, named.pop(name, value)) for name, value in self.fields)
        return replace(self, fields=(*kept, *named.items()))

    def without(self, name: str) -> "Form":
        return replace(self, fields=tuple(pair for pair in self.fields if pair[0] != name))


def _part(name: str, value: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + value + b"\r\n"


@dataclass
class Poster:
    """Signs policies and sends forms into one bucket."""

    client: SigningClient
    bucket: str
    version: int
    conditions: list[Any] = field(default_factory=list)

    def form(
        self,
        *conditions: Any,
        key: str = "user/eric/${filename}",
        expires_in_s: int = 600,
        **fields: str,
    ) -> Form:
        """A signed form; a policy of *conditions* (more of the version's own)."""
        now_ms = time.time_ns() // 1_000_000
        credential = signature_v4.credential_for(
            self.client.access_key_id, now_ms=now_ms, region=self.client.region
        )
        own: list[tuple[str, str]] = []
        if self.version == 4:
            own = [
                ("x-oss-signature-version", "OSS4-HMAC-SHA256"),
                ("x-oss-credential", signature_v4.credential_text(credential)),
                ("x-oss-date", format_basic(now_ms)),
            ]
        policy = build(
            expires_at_ms=now_ms + expires_in_s * 1000,
            conditions=[{"bucket": self.bucket}, *({n: v} for n, v in own), *conditions],
        )
        if self.version == 4:
            signed = [
                *own,
                (
                    "x-oss-signature",
                    signature_v4.sign_policy(policy, self.client.secret, credential),
                ),
            ]
        else:
            signed = [
                ("OSSAccessKeyId", self.client.access_key_id),
                # The old samples write the name in lower case.
                ("signature", signature_v1.sign_policy(policy, self.client.secret)),
            ]
        named = [(name.replace("_", "-"), value) for name, value in fields.items()]
        return Form((("name", "ignored"), ("key", key), ("policy", policy), *signed, *named))

    def post(self, form: Form | bytes, **headers: str) -> Reply:
        body = form if isinstance(form, bytes) else form.encoded()
        given = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.client.send("POST", f"/{self.bucket}/", given, body)


@pytest.fixture(params=[1, 4], ids=["v1", "v4"])
def poster(request: pytest.FixtureRequest, client: SigningClient, bucket: str) -> Poster:
    return Poster(client, bucket, request.param)


def stored_keys(ask: Ask) -> str:
    return str(ask("GET").element("Key"))


@pytest.mark.covers("PostObject")
def test_a_form_is_stored(poster: Poster, ask: Ask) -> None:
    form = poster.form(
        ["content-length-range", 1, 1000],
        ["starts-with", "$key", "user/eric/"],
        ["in", "$content-type", ["image/jpg", "image/png"]],
        ["not-in", "$cache-control", ["no-cache"]],
        x_oss_meta_who="eric",
        Cache_Control="max-age=5",
    )
    reply = poster.post(form)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["etag"]
    assert reply.headers["x-oss-hash-crc64ecma"]
    got = ask("GET", "user/eric/photo.png")
    assert got.body == b"hello form"
    assert got.headers["content-type"] == "image/png"
    assert got.headers["cache-control"] == "max-age=5"
    assert got.headers["x-oss-meta-who"] == "eric"


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 65_536, 1_000_003])
def test_files_of_any_size(poster: Poster, ask: Ask, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    reply = poster.post(replace(poster.form(), content=content[:size]))
    assert reply.status == 204
    assert ask("GET", "user/eric/photo.png").body == content[:size]


FALSIFIED = [
    pytest.param({"bucket": "another-bucket"}, {}, id="bucket"),
    pytest.param(["eq", "$key", "user/anna/photo.png"], {}, id="eq-key"),
    pytest.param(["starts-with", "$key", "user/anna/"], {}, id="starts-with-key"),
    pytest.param(["eq", "$success_action_status", "201"], {"success_action_status": "200"}, id="status"),
    pytest.param(["eq", "$success_action_status", "201"], {}, id="absent-field"),
    pytest.param({"x-oss-object-acl": "private"}, {"x_oss_object_acl": "public-read"}, id="acl"),
    pytest.param(["in", "$content-type", ["image/jpg"]], {}, id="in"),
    pytest.param(["not-in", "$content-type", ["image/png"]], {}, id="not-in"),
    pytest.param({"callback": "YQ=="}, {}, id="callback-dropped"),
    pytest.param({"A": "a"}, {"A": "b"}, id="extra-field"),
    pytest.param(["starts-with", "$x-oss-meta-who", "e"], {"x_oss_meta_who": "anna"}, id="meta"),
]  # fmt: skip


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize(("condition", "fields"), FALSIFIED)
def test_a_falsified_condition_stores_nothing(
    poster: Poster, ask: Ask, condition: Any, fields: dict[str, str]
) -> None:
    named = {name.replace("success-", "success_"): value for name, value in fields.items()}
    form = poster.form(condition)
    form = replace(
        form,
        fields=(
            *form.fields,
            *((n if n.startswith("success") else n.replace("_", "-"), v) for n, v in named.items()),
        ),
    )
    reply = poster.post(form)
    assert (reply.status, reply.code) == (403, "AccessDenied")
    assert reply.element("Message").startswith(
        "Invalid according to Policy: Policy Condition failed"
    )
    assert stored_keys(ask) == ""


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize(
    ("size", "low", "high", "code"),
    [
        (11, 0, 10, "EntityTooLarge"),
        (9, 10, 20, "EntityTooSmall"),
        (300_000, 0, 200_000, "EntityTooLarge"),
        (300_000, 400_000, 500_000, "EntityTooSmall"),
    ],
)
def test_the_length_range_is_enforced(
    poster: Poster, ask: Ask, size: int, low: int, high: int, code: str
) -> None:
    form = replace(poster.form(["content-length-range", low, high]), content=b"x" * size)
    reply = poster.post(form)
    assert (reply.status, reply.code) == (400, code)
    assert stored_keys(ask) == ""
    fits = replace(form, content=b"x" * low if low else b"x" * high)
    assert poster.post(fits).status == 204


@pytest.mark.covers("PostObject")
def test_an_expired_policy_is_refused(poster: Poster, ask: Ask) -> None:
    reply = poster.post(poster.form(expires_in_s=-1))
    assert (reply.status, reply.element("Message")) == (
        403,
        "Invalid according to Policy: Policy expired.",
    )
    assert stored_keys(ask) == ""


@pytest.mark.covers("PostObject")
def test_a_changed_policy_or_secret_is_refused(poster: Poster, ask: Ask) -> None:
    form = poster.form()
    policy = dict(form.fields)["policy"]
    wider = json.loads(base64.b64decode(policy))
    wider["conditions"].pop()
    changed = base64.b64encode(json.dumps(wider).encode()).decode()
    assert poster.post(form.put(policy=changed)).code == "SignatureDoesNotMatch"
    other = replace(poster, client=replace(poster.client, secret="wrong"))
    reply = poster.post(other.form())
    assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")
    assert reply.element("EC") == "0002-00000705"
    nobody = replace(poster, client=replace(poster.client, access_key_id="nobody"))
    assert poster.post(nobody.form()).code == "InvalidAccessKeyId"
    assert stored_keys(ask) == ""


@pytest.mark.covers("PostObject")
def test_v4_names_its_region(client: SigningClient, bucket: str, ask: Ask) -> None:
    elsewhere = Poster(replace(client, region="cn-mars"), bucket, 4)
    assert elsewhere.post(elsewhere.form()).status == 400
    assert stored_keys(ask) == ""


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize(
    ("name", "ec"),
    [
        ("policy", "0002-00000702"),
        ("signature", "0002-00000703"),
        ("OSSAccessKeyId", "0002-00000706"),
    ],
)
def test_v1_needs_its_three_fields(
    client: SigningClient, bucket: str, ask: Ask, name: str, ec: str
) -> None:
    poster = Poster(client, bucket, 1)
    reply = poster.post(poster.form().without(name))
    assert (reply.status, reply.code, reply.element("EC")) == (400, "InvalidArgument", ec)
    assert stored_keys(ask) == ""


@pytest.mark.covers("PostObject")
def test_key_must_come_before_the_file(poster: Poster, ask: Ask) -> None:
    form = poster.form()
    reply = poster.post(replace(form.without("key"), after=(("key", "late"),)))
    assert (reply.status, reply.code) == (400, "InvalidArgument")
    assert "please check the order of the fields" in reply.element("Message")
    assert poster.post(form.put(key="/lead")).code == "InvalidObjectName"
    assert stored_keys(ask) == ""


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize(
    ("damage", "code"),
    [
        pytest.param(lambda body: body[:-30], "MalformedPOSTRequest", id="cut-off"),
        pytest.param(lambda body: body.replace(b"9431149156168--", b"943114915616"), "MalformedPOSTRequest", id="no-end"),
        pytest.param(lambda _: b"not a form", "MalformedPOSTRequest", id="garbage"),
        pytest.param(lambda body: body.replace(b'name="file"', b'name="data"'), "IncorrectNumberOfFilesInPOSTRequest", id="no-file"),
        pytest.param(lambda body: body.replace(b'name="submit"', b'name="file"; filename="b"'), "IncorrectNumberOfFilesInPOSTRequest", id="two-files"),
    ],
)  # fmt: skip
def test_bad_forms_store_nothing(poster: Poster, ask: Ask, damage: Any, code: str) -> None:
    reply = poster.post(damage(poster.form().encoded()))
    assert (reply.status, reply.code) == (400, code)
    assert stored_keys(ask) == ""


@pytest.mark.covers("PostObject")
def test_bad_content_types(poster: Poster) -> None:
    body = poster.form().encoded()
    assert poster.post(body, Content_Type="multipart/form-data").code == "MalformedPOSTRequest"
    assert poster.post(body, Content_Type="text/plain").status == 405


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize(
    ("asked", "status"), [("200", 200), ("201", 201), ("204", 204), ("418", 204), ("", 204)]
)
def test_success_action_status(poster: Poster, bucket: str, asked: str, status: int) -> None:
    form = poster.form()
    form = replace(form, fields=(*form.fields, ("success_action_status", asked)))
    reply = poster.post(form)
    assert reply.status == status
    if status == 201:
        assert reply.element("Bucket") == bucket
        assert reply.element("Key") == "user/eric/photo.png"
        assert reply.element("Location").endswith(f"/{bucket}/user/eric/photo.png")
        assert reply.headers["content-type"] == "application/xml"
    else:
        assert reply.body == b""


@pytest.mark.covers("PostObject")
def test_success_action_redirect_wins(poster: Poster, bucket: str) -> None:
    form = poster.form()
    extra = (
        ("success_action_status", "201"),
        ("success_action_redirect", "http://app.example.com/done?x=1"),
    )
    reply = poster.post(replace(form, fields=(*form.fields, *extra)))
    assert reply.status == 303
    location = reply.headers["location"]
    assert location.startswith(f"http://app.example.com/done?x=1&bucket={bucket}&key=user%2Feric")
    evil = (("success_action_redirect", "http://a/\r\nSet-Cookie: b"),)
    reply = poster.post(replace(form, fields=(*form.fields, *evil)))
    assert "set-cookie" not in reply.headers


@pytest.mark.covers("PostObject")
def test_forbid_overwrite(poster: Poster, ask: Ask) -> None:
    form = poster.form(x_oss_forbid_overwrite="true")
    assert poster.post(form).status == 204
    reply = poster.post(replace(form, content=b"second"))
    assert (reply.status, reply.code) == (409, "FileAlreadyExists")
    assert ask("GET", "user/eric/photo.png").body == b"hello form"


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize(
    ("filename", "key"),
    [
        ("a b.png", "user/eric/a b.png"),
        ("中文.png", "user/eric/中文.png"),
        ("C:\\photos\\x.png", "user/eric/x.png"),
        ("..", "user/eric/.."),
        (None, "user/eric/"),
    ],
)
def test_filenames(poster: Poster, ask: Ask, filename: str | None, key: str) -> None:
    assert poster.post(replace(poster.form(), filename=filename)).status == 204
    assert ask("GET", key).body == b"hello form"


@pytest.mark.covers("PostObject")
def test_content_type_precedence(poster: Poster, ask: Ask) -> None:
    both = poster.form(x_oss_content_type="text/first", Content_Type="text/last")
    poster.post(both)
    assert ask("HEAD", "user/eric/photo.png").headers["content-type"] == "text/first"
    field_only = replace(poster.form(Content_Type="text/last"), content_type=None)
    poster.post(field_only)
    assert ask("HEAD", "user/eric/photo.png").headers["content-type"] == "text/last"


IMAGES = ["in", "$content-type", ["image/png", "image/jpg"]]


@pytest.mark.covers("PostObject")
def test_a_bound_type_is_the_type_that_is_stored(poster: Poster, ask: Ask) -> None:
    # The page may say image/jpg and the browser image/jpeg: what was checked is what counts.
    form = replace(poster.form(IMAGES, Content_Type="image/jpg"), content_type="text/html")
    assert poster.post(form).status == 204
    assert ask("HEAD", "user/eric/photo.png").headers["content-type"] == "image/jpg"


@pytest.mark.covers("PostObject")
def test_no_other_field_gets_around_a_bound_type(poster: Poster, ask: Ask) -> None:
    form = poster.form(IMAGES, Content_Type="image/png", x_oss_content_type="text/html")
    assert poster.post(form).code == "AccessDenied"
    for part in ("text/html", None):
        assert poster.post(replace(poster.form(IMAGES), content_type=part)).code == "AccessDenied"
    assert stored_keys(ask) == ""
    # C3: a condition on the type is about the type that is stored, whichever field says it.
    both = poster.form(IMAGES, {"x-oss-content-type": "text/a"}, x_oss_content_type="text/a")
    assert poster.post(replace(both, content_type="image/png")).code == "AccessDenied"
    good = poster.form(IMAGES, x_oss_content_type="image/png")
    assert poster.post(replace(good, content_type="text/html")).status == 204
    assert ask("HEAD", "user/eric/photo.png").headers["content-type"] == "image/png"


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize("field", ["", None])
@pytest.mark.parametrize("part", ["text/html", "TEXT/HTML", "text/html; charset=utf-8"])
def test_an_empty_type_does_not_hide_that_of_the_part(
    poster: Poster, ask: Ask, field: str | None, part: str
) -> None:
    """C3: what is stored is what was checked."""
    given = {} if field is None else {"Content_Type": field}
    form = replace(poster.form(["not-in", "$content-type", [part]], **given), content_type=part)
    assert poster.post(form).code == "AccessDenied"
    assert stored_keys(ask) == ""
    starts = replace(
        poster.form(["starts-with", "$content-type", "image/"], **given), content_type=part
    )
    assert poster.post(starts).code == "AccessDenied"
    assert poster.post(replace(starts, content_type="image/png")).status == 204
    assert ask("HEAD", "user/eric/photo.png").headers["content-type"] == "image/png"


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize("name", ["content-type", "x-oss-content-type"])
@pytest.mark.parametrize("part", ["text/html", "Text/HTML", "text/html; charset=utf-8"])
def test_c3_the_type_has_two_names_and_many_spellings(
    poster: Poster, ask: Ask, name: str, part: str
) -> None:
    """Whichever field a condition names, it is about the type that is stored."""
    form = poster.form(["not-in", f"${name}", ["text/html"]])
    assert poster.post(replace(form, content_type=part)).code == "AccessDenied"
    assert stored_keys(ask) == ""
    assert poster.post(replace(form, content_type="image/png")).status == 204


@pytest.mark.covers("PostObject")
def test_an_empty_acl_field_does_not_hide_that_of_the_header(poster: Poster, ask: Ask) -> None:
    """C3, the same kind: of field and header one counts, for the check and for the object."""
    form = poster.form(["not-in", "$x-oss-object-acl", ["public-read"]], x_oss_object_acl="")
    poster.post(form, x_oss_object_acl="public-read")
    acl = ask("GET", "user/eric/photo.png", query=[("acl", "")]).element("Grant")
    assert acl in {"", "default"}


@pytest.mark.covers("PostObject")
def test_no_header_gets_around_a_bound_acl(poster: Poster, ask: Ask) -> None:
    form = poster.form(["not-in", "$x-oss-object-acl", ["public-read", "public-read-write"]])
    assert poster.post(form, x_oss_object_acl="public-read").code == "AccessDenied"
    assert stored_keys(ask) == ""
    assert poster.post(form, x_oss_object_acl="private").status == 204


@pytest.mark.covers("PostObject")
def test_anonymous_forms_need_a_public_bucket(poster: Poster, ask: Ask) -> None:
    form = Form((("key", "anyone/${filename}"),))
    reply = poster.post(form)
    assert (reply.status, reply.code) == (403, "AccessDenied")
    ask("PUT", query=[("acl", "")], headers={"x-oss-acl": "public-read-write"})
    assert poster.post(form).status == 204
    assert ask("GET", "anyone/photo.png").body == b"hello form"


@pytest.mark.covers("PostObject")
def test_the_authorization_header_is_ignored(poster: Poster) -> None:
    assert poster.post(poster.form(), Authorization="OSS nobody:bad").status == 204


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as opened:
        yield opened


def callback(url: str, **more: str) -> str:
    text = json.dumps({"callbackUrl": url, **more})
    return base64.b64encode(text.encode()).decode()


@pytest.mark.covers("PostObject")
def test_the_callback_answers_in_place_of_the_store(poster: Poster, inbox: Inbox, ask: Ask) -> None:
    inbox.answer(b'{"Status":"OK"}')
    asked = callback(
        inbox.url,
        callbackBody="o=${object}&s=${size}&t=${mimeType}&v=${x:var1}&w=${imageInfo.width}",
    )
    form = poster.form({"callback": asked}, callback=asked)
    form = replace(form, fields=(*form.fields, ("x:var1", "a b"), ("success_action_status", "201")))
    reply = poster.post(form)
    assert (reply.status, reply.body) == (200, b'{"Status":"OK"}')
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.headers["etag"]
    received = inbox.wait(1)[0]
    assert received.body == b"o=user%2Feric%2Fphoto.png&s=10&t=image%2Fpng&v=a%20b&w="


@pytest.mark.covers("PostObject")
def test_a_failed_callback_is_203_and_the_object_stays(
    poster: Poster, inbox: Inbox, ask: Ask
) -> None:
    inbox.answer(b"no", status=500)
    asked = callback(inbox.url, callbackBody="a=1")
    reply = poster.post(poster.form(callback=asked))
    assert (reply.status, reply.code) == (203, "CallbackFailed")
    assert reply.element("Message") == "Error status : 500."
    assert reply.headers["etag"]
    assert ask("GET", "user/eric/photo.png").body == b"hello form"


@pytest.mark.covers("PostObject")
def test_a_bad_callback_stores_nothing(poster: Poster, ask: Ask) -> None:
    reply = poster.post(poster.form(callback="%%%"))
    assert (reply.status, reply.code, reply.element("EC")) == (
        400,
        "InvalidArgument",
        "0007-00000002",
    )
    assert stored_keys(ask) == ""
