"""Grants: what a hook may give, and what becomes of it in tokens and forms."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from world import CONFIG, LENT, NOW_MS, TOKENS_ONLY

from ossia.appserver.answers import Answers, session_name
from ossia.appserver.config import ConfigError
from ossia.appserver.grant import Grant, GrantError, bounds_of, load_hook
from ossia.client import Credentials
from ossia.errors import AccessDenied
from ossia.protocol.callback import decode_callback
from ossia.protocol.policy_document import PolicyDocument, Verdict
from ossia.protocol.post_policy import PostPolicy

ALL = '{"Version":"1","Statement":{"Effect":"Allow","Action":["oss:*"],"Resource":["*"]}}'
ALICE = Grant(user="alice", prefix="users/alice/")


class Sts:
    """Notes what is asked for."""

    def __init__(self) -> None:
        self.policy = ""
        self.name = ""
        self.duration_s = 0

    def lend(self, policy: str, name: str, duration_s: int) -> Credentials:
        self.policy, self.name, self.duration_s = policy, name, duration_s
        return LENT


@pytest.fixture
def sts() -> Sts:
    return Sts()


def answers_of(sts: Sts, session_policy: str = ALL) -> Answers:
    config = replace(CONFIG, keys=replace(CONFIG.keys, session_policy=session_policy))
    return Answers(config, lend=sts.lend, now_ms=lambda: NOW_MS)


def conditions_of(form: dict[str, Any]) -> list[Any]:
    found: list[Any] = json.loads(base64.b64decode(form["policy"]))["conditions"]
    return found


# --- grants that cannot be given


@pytest.mark.parametrize(
    "grant",
    [
        pytest.param(Grant(prefix="users/*/"), id="star"),
        pytest.param(Grant(prefix="users/?/"), id="question-mark"),
        pytest.param(Grant(prefix="users/${filename}"), id="placeholder"),
        pytest.param(Grant(prefix="users/../"), id="dots"),
        pytest.param(Grant(prefix="users//"), id="user-without-a-name"),
        pytest.param(Grant(prefix=""), id="empty"),
        pytest.param(Grant(prefix="/"), id="slash"),
        pytest.param(Grant(prefix="a\nb/"), id="line-break"),
        pytest.param(Grant(prefix="a\\b/"), id="backslash"),
        pytest.param(Grant(prefix="a" * 600), id="too-long"),
        pytest.param(Grant(prefix="a/", key="b/c"), id="key-elsewhere"),
        pytest.param(Grant(prefix="a/", key="a/${filename}"), id="key-with-placeholder"),
        pytest.param(Grant(min_size=2, max_size=1), id="sizes"),
        pytest.param(Grant(duration_s=899), id="too-short"),
        pytest.param(Grant(duration_s=43_201), id="too-long-a-session"),
        pytest.param(Grant(form_lifetime_s=0), id="form-lifetime"),
        pytest.param(Grant(content_types=("image",)), id="no-type"),
        pytest.param(Grant(content_types=("image/*", "text/plain")), id="types-and-family"),
        pytest.param(Grant(callback_variables={"user": "a"}), id="variable-name"),
        pytest.param(Grant(callback_variables={"x:user": 7}), id="variable-value"),  # type: ignore[dict-item]
    ],
)
def test_grant_that_cannot_be_given(grant: Grant) -> None:
    with pytest.raises(GrantError):
        bounds_of(CONFIG, grant)


def test_what_a_grant_leaves_out_is_the_servers() -> None:
    bounds = bounds_of(CONFIG, Grant())
    assert (bounds.prefix, bounds.max_size) == (CONFIG.directory, CONFIG.max_size)
    assert (bounds.duration_s, bounds.form_lifetime_s) == (900, 60)
    assert bounds.callback_url == CONFIG.callback_url


def test_a_prefix_ends_with_a_slash() -> None:
    """``users/al`` must not be the beginning of ``users/alice/``."""
    assert bounds_of(CONFIG, Grant(prefix="users/al")).prefix == "users/al/"


def test_users_without_a_bucket_are_refused() -> None:
    with pytest.raises(ConfigError, match="--bucket"):
        Answers(TOKENS_ONLY)


# --- tokens


def may(sts: Sts, action: str, resource: str, **context: str) -> bool:
    policy = PolicyDocument.parse(sts.policy)
    given = {f"oss:{name}": [value] for name, value in context.items()}
    arn = f"acs:oss:cn-hangzhou:1234567890123456:{resource}"
    return policy.decide(action, arn, given).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("action", "resource", "context", "allowed"),
    [
        ("oss:PutObject", "examplebucket/users/alice/a", {}, True),
        ("oss:GetObject", "examplebucket/users/alice/a/b", {}, True),
        ("oss:PutObject", "examplebucket/users/alicea", {}, False),
        ("oss:PutObject", "examplebucket/users/bob/a", {}, False),
        ("oss:PutObject", "examplebucket/a", {}, False),
        ("oss:PutObject", "otherbucket/users/alice/a", {}, False),
        ("oss:ListObjects", "examplebucket", {}, False),
        ("oss:ListObjects", "examplebucket", {"Prefix": ""}, False),
        ("oss:ListObjects", "examplebucket", {"Prefix": "users/"}, False),
        ("oss:ListObjects", "examplebucket", {"Prefix": "users/alice"}, False),
        ("oss:ListObjects", "examplebucket", {"Prefix": "users/alice/"}, True),
        ("oss:ListObjects", "otherbucket", {"Prefix": "users/alice/"}, False),
        ("oss:ListObjectVersions", "examplebucket", {"Prefix": "users/alice/"}, False),
        ("oss:ListMultipartUploads", "examplebucket", {"Prefix": "users/alice/"}, False),
        ("oss:PutBucketAcl", "examplebucket", {}, False),
        ("oss:DeleteBucket", "examplebucket", {}, False),
        ("oss:ListBuckets", "*", {}, False),
    ],
)
def test_a_token_is_for_its_prefix_whatever_the_file_says(
    sts: Sts, action: str, resource: str, context: dict[str, str], *, allowed: bool
) -> None:
    answers_of(sts).token(ALICE)
    assert may(sts, action, resource, **context) is allowed


def test_a_policy_file_is_filled_in_for_each_user(sts: Sts) -> None:
    samples = Path(__file__).parents[3] / "src/ossia/appserver/samples/policy"
    text = (samples / "user_prefix_policy.txt").read_text()
    policy = text.replace("$BUCKET_NAME", CONFIG.bucket)
    for user in ("alice", "bob"):
        answers_of(sts, policy).token(Grant(prefix=f"users/{user}/"))
        assert may(sts, "oss:PutObject", f"examplebucket/users/{user}/a")
        assert not may(sts, "oss:PutObject", "examplebucket/users/carol/a")
        assert may(sts, "oss:ListObjects", "examplebucket", Prefix=f"users/{user}/")


def test_a_policy_that_sts_would_not_take_is_told(sts: Sts) -> None:
    with pytest.raises(GrantError, match="shorten"):
        answers_of(sts, ALL.replace("oss:*", "oss:" + "a" * 1900)).token(ALICE)


def test_a_session_is_named_after_its_user(sts: Sts) -> None:
    answers_of(sts).token(replace(ALICE, duration_s=1800))
    assert (sts.name, sts.duration_s) == ("alice", 1800)


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("alice@example.com", "alice@example.com"),
        ("", "ossia-appserver"),
        ("a", "a-ca978112"),
        ("a/b", "a-b-c14cddc0"),
        ("李", "--c16667ca"),
    ],
)
def test_session_names(user: str, name: str) -> None:
    assert session_name(user) == name
    assert len(session_name(user * 80)) <= 64


# --- forms


def test_the_session_of_a_form_may_put_below_the_prefix_only(sts: Sts) -> None:
    answers_of(sts).form_v4(ALICE)
    assert may(sts, "oss:PutObject", "examplebucket/users/alice/a")
    assert not may(sts, "oss:PutObject", "examplebucket/users/bob/a")
    assert not may(sts, "oss:GetObject", "examplebucket/users/alice/a")
    public = {"x-oss-object-acl": "public-read"}
    assert not may(sts, "oss:PutObject", "examplebucket/users/alice/a", **public)


def test_a_form_may_be_for_one_key(sts: Sts) -> None:
    form = answers_of(sts).form_v4(replace(ALICE, key="users/alice/avatar"))
    assert form["key"] == "users/alice/avatar"
    assert ["eq", "$key", "users/alice/avatar"] in conditions_of(form)
    assert may(sts, "oss:PutObject", "examplebucket/users/alice/avatar")
    assert not may(sts, "oss:PutObject", "examplebucket/users/alice/avatar2")


@pytest.mark.parametrize("version", [1, 4])
def test_everything_that_is_granted_is_bound(sts: Sts, version: int) -> None:
    grant = replace(
        ALICE,
        min_size=1,
        max_size=10,
        content_types=("image/png", "image/jpeg"),
        fields={"x-oss-forbid-overwrite": "true"},
        form_lifetime_s=120,
    )
    answers = answers_of(sts)
    form = (answers.form_v1 if version == 1 else answers.form_v4)(grant)
    assert (form["dir"], form["expire"]) == ("users/alice/", NOW_MS // 1000 + 120)
    assert form["fields"] == {"x-oss-forbid-overwrite": "true"}
    bound = conditions_of(form)
    for condition in (
        {"bucket": "examplebucket"},
        ["starts-with", "$key", "users/alice/"],
        ["content-length-range", 1, 10],
        ["eq", "$callback", form["callback"]],
        ["in", "$content-type", ["image/png", "image/jpeg"]],
        ["eq", "$x-oss-forbid-overwrite", "true"],
        ["not-in", "$x-oss-object-acl", ["public-read", "public-read-write"]],
    ):
        assert condition in bound


def test_a_family_of_types_is_a_prefix(sts: Sts) -> None:
    form = answers_of(sts).form_v1(replace(ALICE, content_types=("image/*",)))
    assert ["starts-with", "$content-type", "image/"] in conditions_of(form)


def test_a_grant_may_make_objects_public(sts: Sts) -> None:
    form = answers_of(sts).form_v4(replace(ALICE, fields={"x-oss-object-acl": "public-read"}))
    policy = PostPolicy.parse(form["policy"])
    with pytest.raises(AccessDenied, match="x-oss-object-acl"):
        policy.check(
            {
                "key": "users/alice/a",
                "callback": form["callback"],
                "success_action_status": "200",
                "x-oss-signature-version": form["version"],
                "x-oss-credential": form["x_oss_credential"],
                "x-oss-date": form["x_oss_date"],
                "x-oss-security-token": form["security_token"],
                "x-oss-object-acl": "private",
            },
            "examplebucket",
            NOW_MS,
        )


def test_a_form_has_no_say_in_what_the_server_vouches_for(sts: Sts) -> None:
    grant = replace(ALICE, callback_variables={"x:user": "al&x:user=bob${x:name}"})
    form = answers_of(sts).form_v1(grant)
    callback = decode_callback(form["callback"], form_variables={"x:user": "bob", "x:name": "n"})
    assert "&x:user=al%26x%3Auser%3Dbob%24%7Bx%3Aname%7D&x:name=${x:name}" in callback.body


def test_a_variable_is_either_the_servers_or_the_forms(sts: Sts) -> None:
    form = answers_of(sts).form_v1(replace(ALICE, callback_variables={"x:name": "fixed"}))
    body = json.loads(base64.b64decode(form["callback"]))["callbackBody"]
    assert body.endswith("&x:name=fixed")


# --- where hooks come from


def test_a_hook_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_uploads.py").write_text("class A:\n    def may(request): return 5\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    hook: Any = load_hook("my_uploads:A.may")
    assert hook(None) == 5


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("json", "not MODULE:FUNCTION"),
        ("json:", "not MODULE:FUNCTION"),
        ("gone_module:f", "No module named"),
        ("json:gone", "json has no gone"),
        ("json:__name__", "not a function"),
        ("broken_hook:f", "fails when imported: ZeroDivisionError"),
    ],
)
def test_a_hook_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    (tmp_path / "broken_hook.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=said):
        load_hook(name)
