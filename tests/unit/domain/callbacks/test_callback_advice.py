"""Each fault and each refused answer is explained in at most three lines: cause and fix."""

import base64
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.domain.callbacks.advice import explain
from ossia.domain.callbacks.seen_delivery import quoted
from ossia.domain.callbacks.signature_advice import Likelihood, check_signature, signed_string
from ossia.ports import CallbackFault
from ossia.protocol.callback_signature import CallbackKey
from ossia.records import CallbackMessage, Delivery, Timings

KEY_URL = "http://oss.test/-/callback/public_key.pem"
OSS_KEY_URL = "https://gosspublic.alicdn.com/callback_pub_key_v1.pem"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def delivery(
    *,
    url: str = "http://app.test:8000/cb",
    body: bytes = b"bucket=b&object=a.txt",
    body_type: str = FORM,
    key_url: str = KEY_URL,
    authorization: str = "c2ln",
    **more: Any,
) -> Delivery:
    message = CallbackMessage(
        id="msg_1",
        request_id="R1",
        bucket="b",
        key="a.txt",
        operation="PutObject",
        requester="1",
        urls=(url,),
        body=body,
        body_type=body_type,
    )
    headers = {
        "authorization": authorization,
        "x-oss-pub-key-url": base64.b64encode(key_url.encode()).decode(),
    }
    facts: dict[str, Any] = {"accepted": False, "address": "192.0.2.7:8000", "headers": headers}
    return Delivery(id="0123", at=0, message=message, url=url, **{**facts, **more})


def failed(fault: CallbackFault, detail: str, **more: Any) -> Delivery:
    return delivery(fault=fault.value, detail=detail, **more)


def answered(
    status: int, reply: bytes | str = b"", headers: dict[str, str] | None = None, **more: Any
) -> Delivery:
    raw = reply.encode() if isinstance(reply, str) else reply
    given = {"content-length": str(len(raw)), **(headers or {})}
    return delivery(status=status, reply_body=raw, reply_headers=given, **more)


def chunked(**headers: str) -> Delivery:
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return delivery(
        status=200, reply_body=b"{}", reply_headers={"transfer-encoding": "chunked", **found}
    )


def timings(resolve: int, connect: int = 0, tls: int = 0, first: int = 0) -> Timings:
    return Timings(
        resolve_us=resolve,
        connect_us=connect,
        tls_us=tls,
        first_byte_us=first,
        total_us=5_000_000,
    )


FAULT = CallbackFault
SELF_SIGNED = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)"

CASES = [
    # --- no answer
    ("forbidden-origin", failed(FAULT.FORBIDDEN, "10.0.0.5 is a private address that …", url="http://APP.test:8000/cb"),
     "10.0.0.5 is a private address", "--callback-allow http://app.test:8000"),
    ("forbidden-range", failed(FAULT.FORBIDDEN, "169.254.1.1 is a link-local address that …"),
     "a link-local address", "--callback-allow 169.254.1.1"),
    ("forbidden-metadata", failed(FAULT.FORBIDDEN, "100.100.100.200 is a metadata address that …"),
     "credentials", "another callbackUrl"),
    ("name", failed(FAULT.NAME_NOT_FOUND, "[Errno -2] Name or service not known"),
     "app.test has no IPv4", "getent ahostsv4 app.test"),
    ("name-docker", failed(FAULT.NAME_NOT_FOUND, "x", url="http://host.docker.internal/cb"),
     "host.docker.internal", "--add-host"),
    ("name-word", failed(FAULT.NAME_NOT_FOUND, "x", url="http://app:8000/cb"), "app has no", "same network"),
    ("refused", failed(FAULT.NOT_CONNECTED, "[Errno 111] Connect call failed ('127.0.0.1', 8000)", address="127.0.0.1:8000"),
     "Nothing listens on 127.0.0.1:8000", "--port 8000"),
    ("unreachable", failed(FAULT.NOT_CONNECTED, "[Errno 113] No route to host"), "no way to 192.0.2.7", "firewall"),
    ("certificate", failed(FAULT.NOT_CONNECTED, SELF_SIGNED), "self-signed certificate", "authority"),
    ("certificate-old", failed(FAULT.NOT_CONNECTED, "certificate verify failed: certificate has expired (_ssl.c:1)"),
     "has expired", "Renew"),
    ("certificate-name", failed(FAULT.NOT_CONNECTED, "certificate verify failed: Hostname mismatch, certificate is not valid for 'app.test'. (_ssl.c:1)"),
     "mismatch", "instead of app.test"),
    ("certificate-chain", failed(FAULT.BROKEN, "certificate verify failed: unable to get local issuer certificate (_ssl.c:1)"),
     "issuer", "chain"),
    ("tls-to-plain-port", failed(FAULT.NOT_CONNECTED, "[SSL: WRONG_VERSION_NUMBER] wrong version number", url="https://app.test:8000/cb"),
     "does not speak TLS", "http://app.test:8000/cb"),
    ("tls", failed(FAULT.NOT_CONNECTED, "[SSL: TLSV1_ALERT] alert"), "handshake", "openssl s_client"),
    ("slow-name", failed(FAULT.CONNECT_TIMEOUT, "x", timings=timings(0)), "not resolved within 5,000 ms", "resolv.conf"),
    ("slow-connect", failed(FAULT.CONNECT_TIMEOUT, "x", timings=timings(10)), "connection attempt", "firewall"),
    ("slow-tls", failed(FAULT.CONNECT_TIMEOUT, "x", timings=timings(10, 2000)), "TLS handshake", "http://"),
    ("slow-answer", failed(FAULT.REPLY_TIMEOUT, "x", timings=timings(0, 2000)),
     "connected in 2 ms and gave no answer for 4,998 ms", "Answer first"),
    ("slow-body", failed(FAULT.REPLY_TIMEOUT, "x", timings=timings(0, 2000, 0, 8000)), "began to answer after 8 ms", "Content-Length"),
    ("broken-off", failed(FAULT.BROKEN, "the connection was closed before the answer ended"), "before its answer was whole", "log"),
    ("not-http", failed(FAULT.BROKEN, "Expected HTTP/"), "not HTTP", "https://"),
    ("broken", failed(FAULT.BROKEN, "the head of the answer is too large"), "too large", "log"),
    ("unheard-of", delivery(fault="flood", detail="wet"), "flood", "callbackUrl"),
    ("image", delivery(verdict="Get image info failed.", ec="0007-00000301", address=""), "imageInfo", "callbackBody"),
    ("throttled", delivery(verdict="Too many callback requests.", address=""), "under way", "--callback-limit"),
    ("not-sent", delivery(verdict="The callback body is too large.", address=""), "too large", "callbackUrl"),
    # --- redirects
    ("redirect-slash", answered(301, headers={"location": "/cb/"}), "points to /cb/", "http://app.test:8000/cb/ (the slash at the end)"),
    ("redirect-https", answered(308, headers={"location": "https://app.test/cb"}), "308", "https://app.test/cb (https instead of http)"),
    ("redirect-login", answered(302, headers={"location": "/accounts/login/?next=/cb"}), "302", "login page"),
    ("redirect-nowhere", answered(303), "without a Location", "200"),
    # --- refusals
    ("csrf-django", answered(403, "<h1>Forbidden</h1><p>CSRF verification failed.</p>"), "CSRF", "@csrf_exempt"),
    ("csrf-laravel", answered(419, "<title>Page Expired</title>"), "419", "validateCsrfTokens"),
    ("django-host", answered(400, "DisallowedHost at /cb"), "app.test", "ALLOWED_HOSTS"),
    ("host", answered(400, "Invalid host header"), "host name app.test", "callbackHost"),
    ("python-server", answered(501, "Unsupported method ('POST')"), "does not handle POST", "ossia callbacks receive"),
    ("login", answered(401, headers={"www-authenticate": 'Basic realm="x"'}), "wants a login", "out of the login"),
    ("404", answered(404, headers={"server": "nginx"}), "404 by nginx: it has no route for POST /cb", "routes"),
    ("405", answered(405, headers={"allow": "GET, HEAD"}), "not for POST (it allows GET, HEAD)", "GET-only"),
    ("408", answered(408), "408", "proxy"),
    ("411", answered(411), "411", "proxy"),
    ("413", answered(413), "21 bytes", "client_max_body_size"),
    ("415", answered(415), FORM, "callbackBodyType"),
    ("422", answered(422, '{"detail":"field required"}'), "field required", "names and types"),
    ("429", answered(429), "429", "recover"),
    ("500", answered(500, "Traceback (most recent call last)"), "`Traceback", "replay"),
    ("501", answered(501), "501", "POST"),
    ("502", answered(502, headers={"server": "nginx"}), "502 by nginx", "Start the application"),
    ("503", answered(503), "503", "recover"),
    ("504", answered(504), "504", "5 seconds"),
    ("201", answered(201, "{}"), "201; only 200 counts", '{"Status":"OK"}'),
    ("418", answered(418, "short"), "418: it says `short`", "log"),
    ("599", answered(599), "599", "log"),
    ("999", answered(999), "only 200 counts", "Answer 200"),
    # --- the signature
    ("key", answered(400, "no"), "400: it says `no`", f"trust this key URL: {KEY_URL}"),
    ("key-said", answered(403, "the key URL is not trusted", body=b'{"a": 1}', body_type=JSON), "not trusted", KEY_URL),
    ("authorization", answered(400, '{"Reason":"the header authorization is missing"}'), "authorization", "CGIPassAuth"),
    ("body", answered(400, "the body is not the one that was sent"), "the body is not", "as they came"),
    # --- a template that the receiver cannot read
    ("quotes-twice", answered(400, "bad JSON", body=b'{"object":""a.txt"","n":1}', body_type=JSON), "quotes twice", "without quotes"),
    ("empty-number", answered(500, "boom", body=b'{"w":,"n":1}', body_type=JSON), "number is empty", "Quote it"),
    ("form-as-json", answered(422, "no", body_type=JSON), "announced as JSON", "callbackBodyType"),
    ("json-as-form", answered(400, "no", body=b'{"a":1}'), "announced as a form", JSON),
    ("http-build-query", answered(400, "no", body=b"bucket=%24%7Bbucket%7D"), "percent-encoded", "http_build_query"),
    # --- 200, and yet no success
    ("chunked", chunked(), "Transfer-Encoding: chunked", "its length"),
    ("chunked-gzip", chunked(content_encoding="gzip"), "no Content-Length", "compression"),
    ("no-length", delivery(status=200, reply_body=b"{}"), "ends with the connection", "length"),
    ("too-long", answered(200, headers={"content-length": "2000000"}), "2,000,000 bytes", "what the uploader needs"),
    ("length-endless", answered(200, headers={"content-length": "0" * 5000 + "2"}), "no number of bytes", "the framework"),
    ("length-superscript", answered(200, headers={"content-length": "²"}), "no number of bytes", "the framework"),
    ("gzip", answered(200, b"\x1f\x8b\x08x", {"content-encoding": "gzip"}), "compressed (gzip)", "compression off"),
    ("empty", answered(200), "empty", '{"Status":"OK"}'),
    ("bom", answered(200, b"\xef\xbb\xbf{}"), "EF BB BF", "without BOM"),
    ("php", answered(200, "<br />\n<b>Warning</b>:  Undefined variable on line <b>3</b>{}"), "PHP printed", "display_errors"),
    ("html", answered(200, "<!DOCTYPE html><html>"), "HTML page", "name the route"),
    ("xml-undeclared", answered(200, "<a/>", {"content-type": "text/xml"}), "text/xml", "application/xml"),
    ("xml-broken", answered(200, "<a>", {"content-type": "application/xml"}), "not well-formed", "Mend"),
    ("gbk", answered(200, '{"a":"好"}'.encode("gbk")), "not UTF-8", "UTF-8"),
    ("python-repr", answered(200, "{'Status': 'OK'}"), "single quotes", "json.dumps"),
    ("bare-ok", answered(200, "OK"), "it begins `OK`", '{"Status":"OK"}'),
    ("binary", answered(200, b"\x00\x01"), "the bytes 00 01", "JSON"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "cause", "remedy"), [pytest.param(*rest, id=name) for name, *rest in CASES]
)
def test_advice(seen: Delivery, cause: str, remedy: str) -> None:
    advice = explain(seen)
    assert cause in advice.cause
    assert remedy in advice.remedy
    lines = advice.lines()
    assert len(lines) <= 3
    assert not any("\n" in line for line in lines)
    assert all(len(line) < 240 for line in lines), lines


def test_every_fault_has_its_own_words() -> None:
    causes = {fault: explain(failed(fault, "detail")).cause for fault in CallbackFault}
    assert len(set(causes.values())) == len(CallbackFault)
    assert not any("(" + fault.value + ")" in cause for fault, cause in causes.items())


def test_accepted_needs_no_remedy() -> None:
    seen = answered(200, "{}", accepted=True, timings=Timings(total_us=12_345))
    assert explain(seen).lines() == [
        "192.0.2.7:8000 accepted it after 12 ms; its answer went to the uploader."
    ]


def test_nobody_hears_the_answer_to_a_replay() -> None:
    assert "uploader" not in explain(answered(200, "{}", accepted=True, kind="replay")).cause


def test_accepted_and_yet_not_meant() -> None:
    advice = explain(answered(200, "{}", accepted=True, body=b"a=%24%7Bbucket%7D"))
    assert "http_build_query" in advice.note


def test_a_body_that_was_cut_is_not_blamed() -> None:
    seen = answered(500, "boom", body=b'{"a":', body_type=JSON, is_cut=True)
    assert "failed with 500" in explain(seen).cause


def test_forbidden_loopback_does_not_speak_of_loopback_lost() -> None:
    advice = explain(
        failed(FAULT.FORBIDDEN, "127.0.0.1 is a loopback address", url="http://localhost:1/")
    )
    assert advice.remedy.endswith("--callback-allow http://localhost:1")
    assert advice.note == ""


@given(
    st.binary(max_size=300),
    st.sampled_from([200, 400, 403, 422, 500]),
    st.sampled_from([JSON, FORM]),
)
def test_whatever_is_said_there_is_an_answer(body: bytes, status: int, body_type: str) -> None:
    for seen in (
        answered(status, body, body_type=body_type),
        answered(status, "x", body=body, body_type=body_type),
    ):
        lines = explain(seen).lines()
        assert 2 <= len(lines) <= 3
        assert not any("\n" in line or "\r" in line for line in lines)


def test_quoted() -> None:
    assert quoted(b"a\n  b") == "`a b`"
    assert quoted(b"x" * 200) == f"`{'x' * 120}…`"
    assert quoted(b"\xff\xfe") == "the bytes ff fe"


# --- the signature -------------------------------------------------------------


def likelihoods(seen: Delivery) -> dict[str, Likelihood]:
    return {each.name.split()[0]: each.likelihood for each in check_signature(seen).mistakes}


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("http://h/%E4%B8%AD.php?k=%20", "中.php?k=%20"),
        ("http://h/cb?", "cb?"),
        ("http://h", ""),
        ("http://h?x=1", "?x=1"),
    ],
)
def test_signed_string(url: str, signed: str) -> None:
    assert signed_string(delivery(url=url, body=b"B")) == f"/{signed}\nB".encode()


@pytest.mark.parametrize(
    ("seen", "name", "expected"),
    [
        pytest.param(delivery(), "path", Likelihood.NO, id="plain-path"),
        pytest.param(delivery(url="http://h/a+b"), "path", Likelihood.POSSIBLE, id="plus"),
        pytest.param(delivery(url="http://h/a%2520b"), "path", Likelihood.POSSIBLE, id="escape"),
        pytest.param(delivery(url="http://h/a?x=1"), "path", Likelihood.POSSIBLE, id="query"),
        pytest.param(delivery(url="http://h/a?"), "path", Likelihood.POSSIBLE, id="bare-mark"),
        pytest.param(delivery(), "body", Likelihood.NO, id="same-form"),
        pytest.param(delivery(body=b"a=x%20y"), "body", Likelihood.POSSIBLE, id="space"),
        pytest.param(delivery(body=b"a="), "body", Likelihood.POSSIBLE, id="empty-value"),
        pytest.param(
            delivery(body=b'{"a":1}', body_type=JSON), "body", Likelihood.POSSIBLE, id="json"
        ),
        pytest.param(delivery(body=b"[]", body_type=JSON), "body", Likelihood.NO, id="same-json"),
        pytest.param(delivery(body=b"no", body_type=JSON), "body", Likelihood.NO, id="not-json"),
        pytest.param(delivery(), "key", Likelihood.POSSIBLE, id="our-key"),
        pytest.param(delivery(key_url=OSS_KEY_URL), "key", Likelihood.POSSIBLE, id="oss-key"),
        pytest.param(delivery(), "Authorization", Likelihood.NO, id="authorization"),
        pytest.param(
            answered(403, "x", {"server": "Apache/2.4"}),
            "Authorization",
            Likelihood.POSSIBLE,
            id="apache",
        ),
    ],
)
def test_mistakes_are_checked(seen: Delivery, name: str, expected: Likelihood) -> None:
    assert likelihoods(seen)[name] == expected


def test_text_says_what_would_differ() -> None:
    seen = delivery(url="http://h/a+b%2520?x=1", body=b'{"size":1}', body_type=JSON)
    texts = {each.name.split()[0]: each.text for each in check_signature(seen).mistakes}
    assert '{"size": 1}' in texts["body"]
    assert "`+` stays a plus" in texts["path"]
    assert "decoding it twice changes it" in texts["path"]
    assert "`?x=1`" in texts["path"]


def test_key_of_oss_must_be_reached_here() -> None:
    (text,) = [
        each.text
        for each in check_signature(delivery(key_url=OSS_KEY_URL)).mistakes
        if each.name.startswith("key")
    ]
    assert "/etc/hosts" in text


def test_headers_without_a_key_url() -> None:
    assert "trust this key URL" in check_signature(delivery(headers={})).likeliest.text
    assert check_signature(delivery(headers={"x-oss-pub-key-url": "é"})).signed


def test_nothing_to_paste_for_a_cut_body() -> None:
    assert check_signature(delivery(is_cut=True)).command == ""


def test_long_string_is_fetched() -> None:
    command = check_signature(delivery(body=b"x" * 10_000)).command
    assert "ossia callbacks show 0123 --string-to-sign > signed.bin" in command


def test_command_proves_the_signature(tmp_path: Path) -> None:
    """Pasted into a shell; the key comes from a file here instead of the server."""
    key = CallbackKey.generate()
    pem = tmp_path / "it's a key.pem"
    pem.write_bytes(key.public_pem())
    body = json.dumps({"object": "it's 中 $HOME"}).encode()
    plain = delivery(url="http://h/%E4%B8%AD?a=$(id)", body=body, body_type=JSON)
    good = key.sign(signed_string(plain))
    for authorization, said in ((good, "Verified OK"), (good[:-8] + "AAAAAA==", "Verif")):
        seen = delivery(url=plain.url, body=body, key_url=pem.as_uri(), authorization=authorization)
        command = check_signature(seen).command
        assert shlex.split(command)
        ran = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert said in ran.stdout, ran
        assert ("Verified OK" in ran.stdout) == (authorization == good)
