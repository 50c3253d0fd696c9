import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ossia.protocol.callback import decode_callback
from ossia.protocol.callback_request import outgoing_headers, string_to_sign
from ossia.protocol.callback_signature import CallbackKey
from ossia.receiver.verify import (
    OSS_KEY_URLS,
    CallbackNotVerified,
    Fetch,
    KeyCache,
    VerifiedCallback,
    verify,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "callback"
REAL_KEY = (VECTORS / "real_key.pem").read_bytes()
REAL_URL = "https://gosspublic.alicdn.com/callback_pub_key_v1.pem"
REAL_URL_BASE64 = "aHR0cHM6Ly9nb3NzcHVibGljLmFsaWNkbi5jb20vY2FsbGJhY2tfcHViX2tleV92MS5wZW0="
OWN_URL = "http://oss.internal:9000/-/callback/public_key.pem"
KEY = CallbackKey.load((VECTORS / "test_key.pem").read_bytes())


class Keys:
    """Serves keys by URL and keeps what was asked for."""

    def __init__(self) -> None:
        self.table = {REAL_URL: REAL_KEY, OWN_URL: KEY.public_pem()}
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.table:
            raise OSError("no such key")
        return self.table[url]


def sent(
    target: str = "/cb", body: bytes = b"a=b", *, key_url: str = OWN_URL, as_json: bool = False
) -> dict[str, Any]:
    """A callback as our server sends it, cut up as frameworks hand it on."""
    path, mark, query = target.partition("?")
    fields = {"callbackUrl": "a.b", "callbackBody": "x"}
    if as_json:
        fields["callbackBodyType"] = "application/json"
    config = decode_callback(base64.b64encode(json.dumps(fields).encode()).decode())
    headers = outgoing_headers(
        config,
        config.urls[0],
        body,
        authorization=KEY.sign(string_to_sign(path, mark + query, body)),
        key_url=key_url,
        date="",
        request_id="5C0A",
        bucket="examplebucket",
        requester="1",
    )
    return {"path": path, "query": query, "headers": headers, "body": body}


def verified(
    callback: Mapping[str, Any], *trusted: str, fetch: Fetch | None = None
) -> VerifiedCallback:
    return verify(**callback, trusted_key_urls=trusted or (OWN_URL,), fetch=fetch or Keys())


def test_callback_of_our_server() -> None:
    found = verified(sent("/%E4%B8%AD?x=%2F", b"object=a%2Fb&size=5&e="))
    assert found == VerifiedCallback(
        body=b"object=a%2Fb&size=5&e=",
        content_type="application/x-www-form-urlencoded",
        key_url=OWN_URL,
        bucket="examplebucket",
        request_id="5C0A",
    )
    assert found.values() == {"object": "a/b", "size": "5", "e": ""}


def test_json_callback() -> None:
    assert verified(sent(body=b'{"size":5}', as_json=True)).values() == {"size": 5}


@pytest.mark.parametrize("number", range(1, 8))
def test_captured_callbacks_of_the_real_service(number: int) -> None:
    vector = json.loads((VECTORS / f"capture_{number}.json").read_text("utf-8"))
    path, _, query = vector["target"].partition("?")
    headers = {"Authorization": vector["authorization"], "X-Oss-Pub-Key-Url": REAL_URL_BASE64}
    found = verify(
        path=path, query=query, headers=headers, body=vector["body"].encode(), fetch=Keys()
    )
    assert found.key_url == REAL_URL


@pytest.mark.parametrize("query", ["", "?"])
def test_empty_query_is_not_told_from_none(query: str) -> None:
    # The Ruby SDK's URLs always end in "?" (callback.md, 6); frameworks lose it.
    for target in ("/cb", "/cb?"):
        verified(sent(target) | {"query": query})


@pytest.mark.parametrize("query", ["x=1", "?x=1"])
def test_query_with_or_without_its_mark(query: str) -> None:
    verified(sent("/cb?x=1") | {"query": query})


@pytest.mark.parametrize(
    "change",
    [{"path": "/other"}, {"query": "x=1"}, {"body": b"a=c"}, {"body": b""}],
    ids=["path", "query", "body", "no-body"],
)
def test_what_was_signed_must_be_what_is_received(change: dict[str, Any]) -> None:
    with pytest.raises(CallbackNotVerified) as refused:
        verified(sent() | change)
    assert "signature does not match" in refused.value.reason
    assert refused.value.signed
    assert ("the body is not" in refused.value.reason) is ("body" in change)


@pytest.mark.parametrize("name", ["authorization", "x-oss-pub-key-url"])
def test_missing_headers(name: str) -> None:
    callback = sent()
    del callback["headers"][name]
    with pytest.raises(CallbackNotVerified, match=f"{name} is missing"):
        verified(callback)


@pytest.mark.parametrize("name", ["authorization", "x-oss-pub-key-url"])
@pytest.mark.parametrize("value", ["%%%", "é", "gA", "OSS gA=="])
def test_headers_that_are_not_base64(name: str, value: str) -> None:
    callback = sent()
    callback["headers"][name] = value
    with pytest.raises(CallbackNotVerified, match=f"{name} is not base64"):
        verified(callback)


def test_key_url_that_is_not_text() -> None:
    callback = sent()
    callback["headers"]["x-oss-pub-key-url"] = "gA=="
    with pytest.raises(CallbackNotVerified, match="is not trusted"):
        verified(callback, "http://oss.internal/")


@pytest.mark.parametrize("change", [{"path": "/cb\xe9"}, {"query": "a=\xe9"}])
def test_what_no_request_line_has(change: dict[str, Any]) -> None:
    # "é" must not pass for the "?" that was signed.
    with pytest.raises(CallbackNotVerified, match="not those of a request line"):
        verified(sent("/cb?a=?") | change)


UNTRUSTED = [
    "http://gosspublic.alicdn.com.evil/k.pem",
    "http://gosspublic.alicdn.com@evil/k.pem",
    "http://evil#http://gosspublic.alicdn.com/k.pem",
    "http://evil\\@gosspublic.alicdn.com/k.pem",
    "http://evil/http://gosspublic.alicdn.com/k.pem",
    "https://gosspublic.alicdn.com:8443/k.pem",
    "https://gosspublic.alicdn.com:x/k.pem",
    "https://gosspublic.alicdn.com:99999/k.pem",
    "ftp://gosspublic.alicdn.com/k.pem",
    "file:///etc/passwd",
    "//gosspublic.alicdn.com/k.pem",
    "gosspublic.alicdn.com/k.pem",
    "https://xgosspublic.alicdn.com/k.pem",
    "https://gosspublic.alicdn.com\n.evil/k.pem",
    "https://gosspublic.alicdn.com /k.pem",
    "https://[gosspublic.alicdn.com/k.pem",
    "http://",
    "",
]


@pytest.mark.parametrize("url", UNTRUSTED)
def test_untrusted_keys_are_not_even_fetched(url: str) -> None:
    keys = Keys()
    with pytest.raises(CallbackNotVerified, match=r"is not trusted|is missing"):
        verified(sent(key_url=url), *OSS_KEY_URLS, OWN_URL, fetch=keys)
    assert keys.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://oss.internal:9000/bucket/key.pem",
        "http://oss.internal:9000/-/callback/public_key.pem.evil",
        "http://oss.internal:9000/-/callback/public_key.pem?x=1",
        "http://oss.internal:9000/-/callback/../../bucket/key.pem",
        "https://oss.internal:9000/-/callback/public_key.pem",
        "http://oss.internal/-/callback/public_key.pem",
    ],
)
def test_an_exact_url_trusts_nothing_beside_it(url: str) -> None:
    with pytest.raises(CallbackNotVerified, match="is not trusted"):
        verified(sent(key_url=url))


@pytest.mark.parametrize(
    "path",
    ["../bucket/k.pem", "%2e%2e/bucket/k.pem", "a/%2E./../k.pem", "..%2fbucket", "..%5Cbucket"],
)
def test_a_place_is_not_left_by_dots(path: str) -> None:
    with pytest.raises(CallbackNotVerified, match="is not trusted"):
        verified(sent(key_url=f"http://oss.internal/keys/{path}"), "http://oss.internal/keys/")


def test_a_place_trusts_what_lies_in_it() -> None:
    keys = Keys()
    url = "http://OSS.internal:80/keys/v2.pem"
    keys.table[url] = KEY.public_pem()
    assert verified(sent(key_url=url), "http://oss.internal/keys/", fetch=keys).key_url == url


def test_keys_are_remembered() -> None:
    keys = Keys()
    for _ in range(3):
        verified(sent(), fetch=keys)
    with pytest.raises(CallbackNotVerified):
        verified(sent() | {"body": b"forged"}, fetch=keys)
    # A key fetched a moment ago is not fetched again for a bad signature.
    assert keys.asked == [OWN_URL]


def test_replaced_key_is_fetched_again() -> None:
    now = [1000.0]
    cache = KeyCache(lambda: now[0])
    keys = Keys()
    keys.table[OWN_URL] = REAL_KEY
    with pytest.raises(CallbackNotVerified):
        verify(**sent(), trusted_key_urls=[OWN_URL], fetch=keys, keys=cache)
    keys.table[OWN_URL] = KEY.public_pem()
    for pause_s in (61, 3601):
        now[0] += pause_s
        verify(**sent(), trusted_key_urls=[OWN_URL], fetch=keys, keys=cache)
    assert keys.asked == [OWN_URL] * 3


def test_memory_of_keys_is_bounded() -> None:
    cache = KeyCache()
    keys = Keys()
    place = "http://oss.internal/keys/"
    for number in range(200):
        url = f"{place}{number}"
        keys.table[url] = KEY.public_pem()
        verify(**sent(key_url=url), trusted_key_urls=[place], fetch=keys, keys=cache)
    assert len(cache) <= 64


def test_key_that_cannot_be_fetched() -> None:
    with pytest.raises(CallbackNotVerified, match="cannot be fetched"):
        verified(sent(key_url="http://oss.internal/keys/none"), "http://oss.internal/keys/")


def test_key_that_is_none() -> None:
    keys = Keys()
    keys.table[OWN_URL] = b"<html>"
    with pytest.raises(CallbackNotVerified, match="cannot be used"):
        verified(sent(), fetch=keys)


# Runs in an interpreter of its own, where only the standard library and what is named can be imported.
_ISOLATED = """
import sys

def may_load(name):
    top = name.partition(".")[0]
    # The standard library's own build settings have a name for each platform.
    return top in allowed or top.startswith("_sysconfigdata")

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if not may_load(name):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

allowed = {*sys.stdlib_module_names, "ossia", "cryptography", "cffi", "_cffi_backend", *sys.argv[2:]}
# What the environment itself loads at start does not count.
for name in [name for name in sys.modules if name != "__main__" and not may_load(name)]:
    del sys.modules[name]
sys.meta_path.insert(0, Blocker())
print(__import__(sys.argv[1], fromlist=["verify"]).__name__)
"""

_FLASK = ["flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "blinker", "click"]
_STARLETTE = ["starlette", "anyio", "idna", "typing_extensions"]


def imported_alone(module: str, *allowed: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", _ISOLATED, module, *allowed]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        pytest.param("ossia.receiver.verify", [], id="verify"),
        pytest.param("ossia.receiver.flask", _FLASK, id="flask"),
        pytest.param("ossia.receiver.django", ["django", "asgiref", "sqlparse"], id="django"),
        pytest.param("ossia.receiver.starlette", _STARLETTE, id="starlette"),
    ],
)
def test_receivers_need_nothing_of_the_server(module: str, allowed: list[str]) -> None:
    found = imported_alone(module, *allowed)
    assert (found.stdout, found.stderr) == (f"{module}\n", "")


@pytest.mark.parametrize("module", ["ossia.adapters.callback_sender", "ossia.receiver.flask"])
def test_isolation_blocks_what_is_not_named(module: str) -> None:
    found = imported_alone(module)
    assert found.returncode == 1
    assert "is blocked" in found.stderr
