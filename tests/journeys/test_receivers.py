"""Receivers that applications start from: each verifies a real callback, and refuses what is none.

``examples/receivers`` in every language of the machine, and `ossia.receiver` in every framework under a
real web server.  A language that is not there is skipped, loudly; ``make test`` installs what Debian has.
"""

import base64
import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler
from wsgiref.simple_server import make_server as make_wsgiref_server

import pytest
import uvicorn
import werkzeug.serving

from ossia.client.signing_client import Reply, SigningClient
from ossia.protocol.callback_request import string_to_sign
from ossia.protocol.callback_signature import CallbackKey
from ossia.testing.inbox import Inbox
from ports import free_port
from receiver_apps import django_asgi, django_wsgi, fastapi_app, flask_app
from running import Server, signer

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "receivers"
VECTORS = EXAMPLES / "vectors.json"
KEY = CallbackKey.load((ROOT / "tests" / "vectors" / "callback" / "test_key.pem").read_bytes())
STARTS_WITHIN_S = 60

pytestmark = pytest.mark.slow


# --- the languages


@dataclass(frozen=True, slots=True)
class Language:
    """How README.md says to run one; ``{build}`` is a folder for what is built."""

    tools: tuple[str, ...]
    vectors: tuple[str, ...]
    serve: tuple[str, ...]
    build: tuple[str, ...] = ()

    def command(self, of: tuple[str, ...], build: Path, **values: object) -> list[str]:
        found = {tool: shutil.which(tool) or "" for tool in self.tools}
        found["python3"] = sys.executable
        words = [word.format(build=build, file=VECTORS, **values) for word in of]
        return [found.get(words[0], words[0]), *words[1:]]


LANGUAGES = {
    "python": Language(
        tools=("python3",),
        # -IS: without what is installed here, so that nothing but the standard library is there.
        vectors=("python3", "-IS", "receiver.py", "--vectors", "{file}"),
        serve=("python3", "-IS", "receiver.py", "{port}", "KEY_URLS"),
    ),
    "node": Language(
        tools=("node",),
        vectors=("node", "receiver.mjs", "--vectors", "{file}"),
        serve=("node", "receiver.mjs", "{port}", "KEY_URLS"),
    ),
    "java": Language(
        tools=("java", "javac"),
        build=("javac", "-Xlint:all", "-Werror", "-d", "{build}", "Receiver.java", "Vectors.java"),
        vectors=("java", "-cp", "{build}", "Vectors", "{file}"),
        serve=("java", "Receiver.java", "{port}", "KEY_URLS"),
    ),
    "go": Language(
        tools=("go",),
        build=("go", "build", "-o", "{build}/receiver", "."),
        vectors=("{build}/receiver", "--vectors", "{file}"),
        serve=("{build}/receiver", "{port}", "KEY_URLS"),
    ),
    "php": Language(
        tools=("php",),
        vectors=("php", "receiver.php", "--vectors", "{file}"),
        serve=("php", "-S", "127.0.0.1:{port}", "receiver.php"),
    ),
    "ruby": Language(
        tools=("ruby",),
        vectors=("ruby", "-w", "receiver.rb", "--vectors", "{file}"),
        serve=("ruby", "-w", "receiver.rb", "{port}", "KEY_URLS"),
    ),
}


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    for tool in LANGUAGES[name].tools:
        if tool != "python3" and shutil.which(tool) is None:
            pytest.skip(f"THE {name.upper()} RECEIVER IS NOT TESTED: there is no {tool!r} here")
    return name


@pytest.fixture(scope="module")
def built(language: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what was built of the language's receiver."""
    folder = tmp_path_factory.mktemp(language)
    how = LANGUAGES[language]
    if how.build:
        command = how.command(how.build, folder)
        done = subprocess.run(
            command, cwd=EXAMPLES / language, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def check_vectors(language: str, built: Path, file: Path) -> "subprocess.CompletedProcess[str]":
    command = LANGUAGES[language].command(LANGUAGES[language].vectors, built)
    command[-1] = str(file)
    return subprocess.run(
        command, cwd=EXAMPLES / language, capture_output=True, text=True, check=False, timeout=60
    )


def test_vectors(language: str, built: Path) -> None:
    done = check_vectors(language, built, VECTORS)
    cases = json.loads(VECTORS.read_text("utf-8"))["cases"]
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert [
        line[3:].partition(": " + case["expect"])[0]
        for line, case in zip(lines, cases, strict=True)
    ] == [case["name"] for case in cases]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("expect", ["verified", "refused"])
def test_vectors_can_fail(language: str, built: Path, tmp_path: Path, expect: str) -> None:
    """With the opposite verdict, the receiver says which case went wrong, and its status tells."""
    vectors = json.loads(VECTORS.read_text("utf-8"))
    case = next(case for case in vectors["cases"] if case["expect"] == expect)
    opposite = {"verified": "refused", "refused": "verified"}[expect]
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({**vectors, "cases": [{**case, "expect": opposite}]}))
    done = check_vectors(language, built, file)
    assert done.stdout.startswith(f"FAIL {case['name']}: {expect}")
    assert done.returncode == 1


@contextlib.contextmanager
def running_example(language: str, built: Path, key_urls: list[str]) -> Iterator[int]:
    """The receiver as a process; its port."""
    port = free_port()
    command = LANGUAGES[language].command(LANGUAGES[language].serve, built, port=port)
    if command[-1] == "KEY_URLS":
        command[-1:] = key_urls
    cache = built / f"keys-{port}"
    cache.mkdir(mode=0o700)
    more = {"KEY_URLS": " ".join(key_urls), "KEY_CACHE": str(cache), "LISTEN": "127.0.0.1"}
    with (built / "log").open("a+") as log:
        process = subprocess.Popen(
            command,
            cwd=EXAMPLES / language,
            env={**os.environ, **more},
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(port, process)
            yield port
        finally:
            process.kill()
            process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"{process.args!r} does not listen")


# --- the frameworks


@contextlib.contextmanager
def under_wsgiref(app: Any) -> Iterator[int]:
    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            """Say nothing."""

    with (
        make_wsgiref_server("127.0.0.1", 0, app, handler_class=Quiet) as server,
        in_thread(server.serve_forever, server.shutdown),
    ):
        yield server.server_port


@contextlib.contextmanager
def under_werkzeug(app: Any) -> Iterator[int]:
    server = werkzeug.serving.make_server("127.0.0.1", 0, app)
    with in_thread(server.serve_forever, server.shutdown):
        yield server.server_port
    server.server_close()


@contextlib.contextmanager
def under_uvicorn(app: Any) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="error", lifespan="off")
        server = uvicorn.Server(config)

        def stop() -> None:
            server.should_exit = True

        with in_thread(lambda: server.run([listening]), stop):
            yield listening.getsockname()[1]


@contextlib.contextmanager
def in_thread(serve: Callable[[], object], stop: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()


FRAMEWORKS: dict[str, tuple[Callable[[list[str]], Any], Callable[[Any], Any]]] = {
    "flask-wsgiref": (flask_app, under_wsgiref),
    "flask-werkzeug": (flask_app, under_werkzeug),
    "django-wsgiref": (django_wsgi, under_wsgiref),
    "django-werkzeug": (django_wsgi, under_werkzeug),
    "django-uvicorn": (django_asgi, under_uvicorn),
    "fastapi-uvicorn": (fastapi_app, under_uvicorn),
}


# --- what all of them do


@dataclass(frozen=True, slots=True)
class Receiver:
    """A running receiver, which trusts the server's key, and ``key_url``, which ``keys`` serves."""

    name: str
    port: int
    keys: Inbox

    def post(self, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        return self.send("POST", target, body, headers)

    def send(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, target, body, {"Connection": "close", **headers})
            answer = connection.getresponse()
            lower = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, lower, answer.read())
        finally:
            connection.close()

    @property
    def key_url(self) -> str:
        return self.keys.url

    def signed(self, target: str, body: bytes, key_url: str = "") -> dict[str, str]:
        path, mark, query = target.partition("?")
        return {
            "Authorization": KEY.sign(string_to_sign(path, mark + query, body)),
            "x-oss-pub-key-url": base64.b64encode((key_url or self.key_url).encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }


@pytest.fixture(scope="module")
def keys() -> Iterator[Inbox]:
    """Serves the test key under any path."""
    with Inbox("/test_key.pem") as inbox:
        inbox.answer(KEY.public_pem(), content_type="application/x-pem-file")
        yield inbox


@pytest.fixture(scope="module")
def example(server: Server, keys: Inbox, language: str, built: Path) -> Iterator[Receiver]:
    with running_example(language, built, [server.public_key_url, keys.url]) as port:
        yield Receiver(language, port, keys)


@pytest.fixture(scope="module", params=FRAMEWORKS)
def framework(server: Server, keys: Inbox, request: pytest.FixtureRequest) -> Iterator[Receiver]:
    make, under = FRAMEWORKS[request.param]
    with under(make([server.public_key_url, keys.url])) as port:
        yield Receiver(request.param, port, keys)


@pytest.fixture(scope="module")
def client(server: Server) -> SigningClient:
    return signer(server)


@pytest.fixture(scope="module")
def bucket(client: SigningClient) -> str:
    name = f"r-{uuid.uuid4().hex[:20]}"
    assert client.request("PUT", name).status == 200
    return name


TARGETS = [
    pytest.param("/", id="root"),
    pytest.param("/%E5%9B%9E%E8%B0%83/a+b%2Fc?id=%E4%B8%80&x=%2F+&y", id="utf-8-and-query"),
    pytest.param("/callback?", id="bare-question-mark"),
]


def upload(client: SigningClient, bucket: str, url: str, kind: str) -> Reply:
    """Put an object with a callback to *url*."""
    template = {
        "application/json": '{"object":${object},"size":${size},"note":${x:note}}',
        "application/x-www-form-urlencoded": "object=${object}&size=${size}&note=${x:note}",
    }[kind]
    callback = {"callbackUrl": url, "callbackBody": template, "callbackBodyType": kind}
    headers = {
        "x-oss-callback": base64.b64encode(json.dumps(callback).encode()).decode(),
        "x-oss-callback-var": base64.b64encode('{"x:note":"a+b 一&"}'.encode()).decode(),
    }
    return client.request("PUT", bucket, "图/a b.jpg", headers=headers, body=b"photo")


every_type = pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded"], ids=["json", "form"]
)


@every_type
@pytest.mark.parametrize("target", TARGETS)
def test_example_verifies_a_real_callback(
    example: Receiver, client: SigningClient, bucket: str, target: str, kind: str
) -> None:
    reply = upload(client, bucket, f"http://127.0.0.1:{example.port}{target}", kind)
    assert (reply.status, json.loads(reply.body)) == (200, {"Status": "OK"})
    assert reply.headers["content-type"].startswith("application/json")


@every_type
@pytest.mark.parametrize("target", TARGETS)
def test_framework_verifies_a_real_callback(
    framework: Receiver, client: SigningClient, bucket: str, target: str, kind: str
) -> None:
    reply = upload(client, bucket, f"http://127.0.0.1:{framework.port}{target}", kind)
    assert reply.status == 200, reply.body
    told = json.loads(reply.body)
    assert told["framework"] == framework.name.partition("-")[0]
    assert told["bucket"] == bucket
    size = 5 if kind == "application/json" else "5"
    assert told["values"] == {"object": "图/a b.jpg", "size": size, "note": "a+b 一&"}


def refused(reply: Reply) -> bool:
    """Whether it is 400 and the JSON that says so."""
    told = json.loads(reply.body)
    return (
        reply.status == 400
        and told["Status"] == "verify not ok"
        and bool(told["reason"])
        and int(reply.headers["content-length"]) == len(reply.body)
    )


def check_forgeries(receiver: Receiver) -> None:
    body = b"object=forged&size=1"
    good = receiver.signed("/cb?a=1", body)
    assert receiver.post("/cb?a=1", body, good).status == 200
    assert refused(receiver.post("/cb?a=1", body, {"Content-Type": good["Content-Type"]}))
    assert refused(receiver.post("/cb?a=1", b"object=other&size=1", good))
    assert refused(receiver.post("/cb?a=1", b"", good))
    assert refused(receiver.post("/cb?a=2", body, good))
    assert refused(receiver.post("/cd?a=1", body, good))
    assert refused(receiver.post("/cb?a=1", body, {**good, "Authorization": "AAAA"}))
    assert refused(receiver.post("/cb?a=1", body, {**good, "Authorization": "no base64"}))


def check_unusual_requests(receiver: Receiver) -> None:
    """What a framework or a server might tidy up."""
    for target in ("/cb?", "/a+b", "/a%2Fb%2B", "/100%2541", "/cb?a=?&b=?", "/x/%E4%B8%80?%E4"):
        reply = receiver.post(target, b"a=b", receiver.signed(target, b"a=b"))
        assert reply.status == 200, (target, reply.body)
    empty = receiver.post("/cb", b"", receiver.signed("/cb", b""))
    assert empty.status == 200, empty.body


def check_keys(receiver: Receiver) -> None:
    """An untrusted key is not even asked for; a trusted one is kept."""
    inbox = receiver.keys
    target, body = "/cb", b"a=b"
    assert receiver.post(target, body, receiver.signed(target, body)).status == 200
    inbox.clear()
    for _ in range(3):
        assert receiver.post(target, body, receiver.signed(target, body)).status == 200
    place = inbox.url.rpartition("/")[0]
    for url in (place + "/other.pem", inbox.url + "?x=1", f"{place}/x/../test_key.pem"):
        assert refused(receiver.post(target, body, receiver.signed(target, body, url)))
    assert inbox.received == []


def test_example_refuses_forgeries(example: Receiver) -> None:
    check_forgeries(example)


def test_framework_refuses_forgeries(framework: Receiver) -> None:
    check_forgeries(framework)


def test_example_sees_the_request_as_it_was_sent(example: Receiver) -> None:
    check_unusual_requests(example)
    # The JDK's server refuses what is no URI before the receiver sees it.
    malformed = ["/cb?a=%zz"] if example.name != "java" else []
    for target in ("//cb//x", "/a/../b", *malformed):
        assert example.post(target, b"a=b", example.signed(target, b"a=b")).status == 200, target
    binary = bytes(range(256))
    assert example.post("/cb", binary, example.signed("/cb", binary)).status == 200


def test_framework_sees_the_request_as_it_was_sent(framework: Receiver) -> None:
    check_unusual_requests(framework)


def test_example_asks_for_trusted_keys_once(example: Receiver) -> None:
    check_keys(example)


def test_framework_asks_for_trusted_keys_once(framework: Receiver) -> None:
    check_keys(framework)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_example_wants_posts(example: Receiver, method: str) -> None:
    reply = example.send(method, "/cb", b"", {})
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert int(reply.headers["content-length"]) == len(reply.body)


def test_example_wants_a_length_and_not_too_much(example: Receiver) -> None:
    large = bytes(1024 * 1024 + 1)
    try:
        reply = example.post("/cb", large, example.signed("/cb", large))
    except (BrokenPipeError, ConnectionResetError):
        # It answered and closed before it read the rest.
        return
    assert refused(reply)


def test_example_follows_no_redirect(language: str, built: Path) -> None:
    with Inbox("/keys/old.pem") as place, Inbox("/evil.pem") as evil:
        evil.answer(KEY.public_pem())
        place.answer(KEY.public_pem(), status=302, headers={"Location": evil.url})
        with running_example(language, built, [place.url.removesuffix("old.pem")]) as port:
            receiver = Receiver(language, port, place)
            assert refused(receiver.post("/cb", b"a=b", receiver.signed("/cb", b"a=b")))
            assert len(place.received) == 1
            assert evil.received == []
            # The key is fetched when it is there again, from anywhere within the place.
            place.answer(KEY.public_pem())
            assert receiver.post("/cb", b"a=b", receiver.signed("/cb", b"a=b")).status == 200
            another = place.url.replace("old", "2/new")
            headers = receiver.signed("/cb", b"a=b", another)
            assert receiver.post("/cb", b"a=b", headers).status == 200
            dots = place.url.replace("old", "../new")
            assert refused(receiver.post("/cb", b"a=b", receiver.signed("/cb", b"a=b", dots)))
