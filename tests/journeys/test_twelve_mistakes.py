"""Ways in which people really got their callbacks wrong, and what Ossia tells them.

Each runs through a real server; the explanation is that of ``ossia callbacks show``, found by the
request id that the client's error names, or the HTTP error itself.  At most three lines, and they
name the cause and the fix.  Whose mistake it was stands beside each.
"""

import base64
import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from receivers import Application, self_signed, serving
from uploading import BODY, FORM, JSON, callback, upload

from ossia.receiver.verify import CallbackNotVerified, verify
from ossia.testing.inbox import Inbox, Received
from ports import free_port
from running import Server, running_server

pytestmark = pytest.mark.slow

OK = b'{"Status":"OK"}'
Said = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # OSS waits five seconds; nobody wants to here.
    flags = ("--callback-timeout", "0.7", "--workers", "1")
    with running_server(tmp_path_factory.mktemp("mistakes"), *flags) as running:
        yield running


def explanation(server: Server, request_id: str) -> list[str]:
    """The lines of ``ossia callbacks show`` that explain."""
    answer = subprocess.run(
        [
            sys.executable, "-m", "ossia", "callbacks", "show", request_id,
            "--endpoint", server.endpoint, "--data", str(server.data / "data"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        timeout=30,
        check=True,
    )  # fmt: skip
    _, _, rest = answer.stdout.partition("\n\n")
    block, _, _ = rest.partition("\n\n")
    return [line.strip() for line in block.splitlines()]


def mistaken(server: Server, url: str, *, body: str = BODY, body_type: str = JSON) -> list[str]:
    """Upload with that callback, which must fail, and ask why."""
    reply = upload(server, "mistakes", "photo 1.jpg", callback(url, body, body_type))
    assert (reply.status, reply.code) == (203, "CallbackFailed")
    return explanation(server, reply.element("RequestId"))


def assert_explained(lines: list[str], cause: str, fix: str) -> None:
    assert 2 <= len(lines) <= 3, lines
    assert cause in lines[0]
    assert fix in " ".join(lines[1:])
    assert all(len(line) < 240 for line in lines)


# --- the application cannot be reached


def test_nothing_listens(server: Server) -> None:
    """Cloudreve 1680, oss-go-sdk-v2 142: 203, and no log anywhere."""
    port = free_port()
    lines = mistaken(server, f"http://localhost:{port}/callback")
    assert_explained(lines, f"Nothing listens on 127.0.0.1:{port}", "Start the application")


def test_address_is_private(server: Server) -> None:
    """Cloudreve 1321, 3060, oss-ruby-sdk 30: an application in the same house."""
    reply = upload(server, "mistakes", "x", callback("http://192.168.7.7:8080/callback"))
    assert (reply.status, reply.code) == (400, "InvalidArgument")
    assert reply.element("Message") == "Private address is forbidden to callback."
    message = reply.element("Reason")
    assert "192.168.7.7 is a private address that --callback-allow does not name" in message
    assert "\n" not in message


def test_certificate_is_not_trusted(server: Server, tmp_path: Path) -> None:
    """Cloudreve 448, 2100: https, and OSS says 502."""
    with serving(lambda _: (200, {}, OK), self_signed(tmp_path)) as url:
        lines = mistaken(server, f"{url}/callback")
    assert_explained(lines, "self-signed certificate", "certificate of a known authority")


def test_https_to_a_plain_port(server: Server) -> None:
    """The same threads: https in front of a port that speaks HTTP."""
    with serving(lambda _: (200, {}, OK)) as url:
        lines = mistaken(server, f"{url.replace('http:', 'https:')}/callback")
    assert_explained(lines, "does not speak TLS", "Write http://127.0.0.1")


def test_too_slow(server: Server) -> None:
    """Cloudreve 1680: the work is done before the answer."""

    def slow(_: Received) -> Said:
        time.sleep(1)
        return 200, {}, OK

    with serving(slow) as url:
        lines = mistaken(server, f"{url}/callback")
    assert_explained(lines, "gave no answer for", "Answer first and do the work afterwards")


# --- it answers, but not with 200


@pytest.mark.parametrize(
    ("said", "cause", "fix"),
    [
        pytest.param(
            (301, {"Location": "/callback/"}, b""),
            "answered 301 and points to /callback/",
            "/callback/ (the slash at the end)",
            id="redirect to a slash (callback.md, 7: redirects are not followed)",
        ),
        pytest.param(
            (405, {"Allow": "GET, HEAD"}, b"<title>Method Not Allowed</title>"),
            "not for POST (it allows GET, HEAD)",
            "accept POST",
            id="route for GET only (laravel-filesystem-oss 34)",
        ),
        pytest.param(
            (403, {}, b"<h1>Forbidden</h1><p>CSRF verification failed. Request aborted.</p>"),
            "protection against CSRF",
            "@csrf_exempt",
            id="CSRF protection of Django",
        ),
        pytest.param(
            (201, {}, OK), "201; only 200 counts", "Answer 200", id="201 Created"
        ),
        pytest.param(
            (502, {"Server": "nginx"}, b"<html>502 Bad Gateway</html>"),
            "by ", "Start the application", id="proxy without application (oss-go-sdk-v2 142)",
        ),
    ],
)  # fmt: skip
def test_not_200(server: Server, said: Said, cause: str, fix: str) -> None:
    with serving(lambda _: said) as url:
        assert_explained(mistaken(server, f"{url}/callback"), cause, fix)


# --- it answers 200, and OSS does not understand


@pytest.mark.parametrize(
    ("said", "cause", "fix"),
    [
        pytest.param(
            (200, {}, b"OK"), "not JSON: it begins `OK`", '{"Status":"OK"}',
            id="bare OK (documentation, response rules)",
        ),
        pytest.param(
            (200, {}, b"\xef\xbb\xbf" + OK), "byte order mark", "without BOM",
            id="BOM of a PHP file (callback.md, 13)",
        ),
        pytest.param(
            (200, {"Content-Encoding": "gzip"}, gzip.compress(OK)), "compressed (gzip)",
            "compression off", id="gzip (aliyun-oss-android-sdk 106)",
        ),
        pytest.param(
            (200, {"Content-Type": "text/html"}, b"<!doctype html><title>App</title>"),
            "HTML page", "route that answers JSON", id="page of a single-page app",
        ),
    ],
)  # fmt: skip
def test_not_understood(server: Server, said: Said, cause: str, fix: str) -> None:
    with serving(lambda _: said) as url:
        assert_explained(mistaken(server, f"{url}/callback"), cause, fix)


def test_chunked_answer(server: Server) -> None:
    """Documentation, response rules: Content-Length is required."""
    with Inbox() as inbox:
        inbox.answer(
            b"f\r\n" + OK + b"\r\n0\r\n\r\n",
            headers={"Transfer-Encoding": "chunked"},
            has_length=False,
        )
        lines = mistaken(server, inbox.url)
    assert_explained(lines, "no Content-Length", "send it with its length")


# --- the signature is refused


def verifying(server: Server, *, spoil: str = "") -> Application:
    """A receiver that verifies; *spoil* is what it does wrong."""
    trusted = [] if spoil == "key" else [server.public_key_url]

    def application(received: Received) -> Said:
        headers = dict(received.headers)
        body = received.body
        if spoil == "authorization":
            del headers["authorization"]
        if spoil == "body":
            body = json.dumps(json.loads(body)).encode()
        try:
            verify(
                path=received.path,
                query=received.query,
                headers=headers,
                body=body,
                trusted_key_urls=trusted,
            )
        except CallbackNotVerified as refused:
            return 400, {}, json.dumps({"Status": "verify not ok", "why": refused.reason}).encode()
        return 200, {}, OK

    return application


@pytest.mark.parametrize(
    ("spoil", "cause", "fix"),
    [
        pytest.param(
            "key", "is not trusted", "trust this key URL: http://127.0.0.1",
            id="only gosspublic.alicdn.com is trusted (oss docs 19)",
        ),
        pytest.param(
            "authorization", "authorization is missing", "Apache and CGI drop it",
            id="Authorization dropped (laravel-filesystem-oss 21)",
        ),
        pytest.param(
            "body", "the body is not the one that was sent", 'for example `{"bucket": "mistakes"',
            id="body parsed and written again (aliyun-oss-python-sdk 272)",
        ),
    ],
)  # fmt: skip
def test_signature_is_refused(server: Server, spoil: str, cause: str, fix: str) -> None:
    with serving(verifying(server, spoil=spoil)) as url:
        assert_explained(mistaken(server, f"{url}/callback?from=oss"), cause, fix)


def test_the_same_receiver_without_mistakes_accepts(server: Server) -> None:
    with serving(verifying(server)) as url:
        assert upload(server, "mistakes", "x", callback(f"{url}/cb?from=oss")).status == 200


# --- the callback itself


def reading(received: Received) -> Said:
    """A receiver that reads JSON."""
    try:
        json.loads(received.body)
    except ValueError:
        return 400, {}, b'{"error":"bad request"}'
    return 200, {}, OK


def test_placeholder_in_quotes(server: Server) -> None:
    """aliyun-oss-java-sdk 181: texts bring their quotes along."""
    with serving(reading) as url:
        lines = mistaken(server, url, body='{"object":"${object}"}')
    assert_explained(lines, "has quotes twice", "Write ${object} without quotes")


def test_template_was_percent_encoded(server: Server) -> None:
    """flysystem-oss 104, 113: http_build_query."""
    with serving(lambda _: (400, {}, b'{"error":"no such bucket"}')) as url:
        lines = mistaken(server, url, body="bucket=%24%7Bbucket%7D", body_type=FORM)
    assert_explained(lines, "percent-encoded before they could be filled", "http_build_query")


def test_form_is_announced_as_json(server: Server) -> None:
    """ali-oss 85: the default template with callbackBodyType application/json."""
    with serving(reading) as url:
        lines = mistaken(server, url, body="bucket=${bucket}&size=${size}")
    assert_explained(lines, 'announced as JSON and begins `bucket="mistakes"', "callbackBodyType")


def test_round_brackets(server: Server) -> None:
    """Old documentation showed $(key); aliyun-oss-java-sdk tests it."""
    reply = upload(server, "mistakes", "x", callback("http://127.0.0.1:1/", "key=$(key)", FORM))
    assert reply.status == 400
    assert reply.element("Message") == "Left brace must be adjacent to dollar sign."
    assert reply.element("ArgumentValue") == "key=$(key)"


def test_not_base64(server: Server) -> None:
    """oss-go-sdk-v2 142 and others hand over the bare JSON."""
    plain = base64.b64decode(callback("http://127.0.0.1:1/")).decode()
    reply = upload(server, "mistakes", "x", plain)
    assert reply.status == 400
    assert reply.element("Message") == "The callback configuration is not base64 encoded."
