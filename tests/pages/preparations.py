"""What pages take for granted: a server that runs, a file to upload.

One context manager for each page that needs one; it gets the `Reader` before anything is read, and may
let it read a part (``reader.read(until="A heading")``) and act in between.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from android import an_android_app
from following import Reader
from fronting import proxies
from guides import a_browser, go, maven, node, terraform
from many_machines import many_machines
from moving import an_s3_server, another_store
from reading import ROOT
from workflows import workflow

from ossia.logs.lines import read_lines

Preparation = Callable[[Reader], AbstractContextManager[None]]

_BUCKET: Final = """
import json, oss2

keys = json.load(open("ossia-data/keys.json"))
auth = oss2.Auth(keys["root_access_key_id"], keys["root_access_key_secret"])
bucket = oss2.Bucket(auth, "http://127.0.0.1:9000", "photos")
bucket.create_bucket()
photo = b"..."
"""
"""What an application has that stores photos."""

_UNHEARD: Final = """
import base64

told = {"callbackUrl": "http://localhost:8999/callback", "callbackBody": "object=${object}"}
callback = base64.b64encode(json.dumps(told).encode()).decode()
bucket.put_object("sea.jpg", photo, headers={"x-oss-callback": callback})
"""

_HEARD_TWICE: Final = """
import base64, http.server, threading, time

answered = []


class Application(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        answered.append(200 if answered else 500)
        self.send_response(answered[-1])
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *about):
        pass


application = http.server.HTTPServer(("127.0.0.1", 8000), Application)
threading.Thread(target=application.serve_forever, daemon=True).start()
told = {"callbackUrl": "http://127.0.0.1:8000/callback", "callbackBody": "object=${object}"}
callback = base64.b64encode(json.dumps(told).encode()).decode()
stored = bucket.put_object("cat.jpg", bytes(50_000), headers={"x-oss-callback": callback})
while len(answered) < 2:
    time.sleep(0.1)
time.sleep(0.5)
print(stored.request_id)
"""

_CAUGHT: Final = """
import base64, http.server, threading


def upload(callback_url):
    told = {"callbackUrl": callback_url, "callbackBody": "object=${object}"}
    callback = base64.b64encode(json.dumps(told).encode()).decode()
    stored = bucket.put_object("sea.jpg", photo, headers={"x-oss-callback": callback})
    text = stored.resp.read()
    return json.loads(text) if stored.status == 200 else text


class Anything(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global path, query, headers, body
        path, _, query = self.path.partition("?")
        headers = dict(self.headers)
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *about):
        pass


server = http.server.HTTPServer(("127.0.0.1", 8080), Anything)
threading.Thread(target=server.handle_request, daemon=True).start()
assert upload(callback_url="http://127.0.0.1:8080/anything?a=1") == {}
"""

_DJANGO: Final = """
from django.conf import settings
from django.core.management import execute_from_command_line
from django.urls import path

import views

urlpatterns = [path("callback", views.uploaded)]
settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    DEBUG=True,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
if __name__ == "__main__":
    execute_from_command_line()
"""

_APPLICATION: Final = """\
ossia user create app && ossia key create app --json >key.json
ossia policy attach AliyunOSSFullAccess --user app
ossia policy attach AliyunSTSAssumeRoleAccess --user app
ossia role create uploader --trust-user app --json >role.json
field() { python -c "import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])" $1 $2; }
export OSSIA_APP_ACCESS_KEY_ID=$(field key.json AccessKeyId)
export OSSIA_APP_ACCESS_KEY_SECRET=$(field key.json AccessKeySecret)
export OSSIA_APP_ROLE_ARN=$(field role.json Arn)
"""

_ACCOUNTS: Final = """
from types import SimpleNamespace


async def user_of(authorization):
    return SimpleNamespace(name="ann", id="7") if authorization == "ann" else None
"""


def serve(reader: Reader, flags: str = "") -> None:
    """Job 1: a server in ``ossia-data``."""
    reader.type_beside(f"ossia serve {flags}", "Ossia … is ready.\n…")


@contextmanager
def a_server(reader: Reader) -> Iterator[None]:
    serve(reader)
    yield


@contextmanager
def an_account(reader: Reader) -> Iterator[None]:
    """A server, and the number of its account."""
    serve(reader)
    found = re.search(r"account +(\d+)", reader.printed[-1])
    assert found is not None, reader.printed[-1]
    reader.names["ACCOUNT"] = found[1]
    yield


@contextmanager
def a_bucket(reader: Reader) -> Iterator[None]:
    serve(reader)
    reader.paste(_BUCKET)
    yield


@contextmanager
def nobody_listens(reader: Reader) -> Iterator[None]:
    """An upload whose callback reaches nobody."""
    serve(reader)
    reader.paste(_BUCKET + _UNHEARD)
    yield


@contextmanager
def an_old_folder(reader: Reader) -> Iterator[None]:
    """At the end one from before there were checksums."""
    serve(reader)
    reader.paste(_BUCKET)
    reader.read(until="Data folders of before")
    reader.type("kill %1; wait %1; rm -r ossia-data; mkdir -m 700 ossia-data")
    reader.type(f"tar -xf {ROOT}/tests/formats/sqlite-8.tar.xz -C ossia-data")
    yield


@contextmanager
def a_failure_and_a_retry(reader: Reader) -> Iterator[None]:
    """An upload whose callback is accepted at the second attempt; the page knows its request."""
    application = reader.here("http://127.0.0.1:8000/callback")
    reader.names["https://app.example.com/callback"] = application
    serve(reader, "--access-log --log-file /var/log/ossia/ossia.log --callback-mode outbox")
    reader.paste(_BUCKET + _HEARD_TWICE)
    reader.names["6B0B7C05B6AC6000348E3BA1"] = reader.printed[-1].strip()
    reader.paste("time.sleep(1); bucket.put_object('cat.jpg', bytes(50_000))")
    yield
    log = Path(reader.here("/var/log/ossia/ossia.log")).read_bytes()
    stored, failed, as_json = (
        each
        for fence in reader.page.fences
        if fence.heading == "Lines"
        for each in read_lines(fence.text.encode().splitlines(keepends=True))
    )
    *_, seen = (
        each
        for each in read_lines(log.splitlines(keepends=True))
        if each.get("operation") == "PutObject"
    )
    assert set(seen) == set(stored), seen
    differs = {name for name in seen if seen[name] != stored[name]}
    times = {name for name in seen if name.endswith("us") and name != "status"}
    assert differs <= {"time", "caller", "arn", "peer", "request_id"} | times, seen
    assert as_json == failed


@contextmanager
def receivers(reader: Reader) -> Iterator[None]:
    """The three applications of the page: each believes what it should, and nothing else."""
    serve(reader)
    reader.paste(_BUCKET + _CAUGHT)
    yield
    (reader.folder / "project.py").write_text(_DJANGO)
    reader.type_beside(
        "python project.py runserver --noreload 3000", "…\nQuit the server with CONTROL-C.\n…"
    )
    for port in (5000, 8000, 3000):
        url = f"http://127.0.0.1:{port}/callback"
        reader.paste(
            f"assert upload(callback_url={url!r}) == {{'Status': 'OK', 'object': 'sea.jpg'}}"
        )
        told = reader.type(f"curl --silent --data object=sea.jpg {url}")
        assert "verify not ok" in told, (url, told)


@contextmanager
def an_application_with_users(reader: Reader) -> Iterator[None]:
    """Keys in the environment, and whoever the application knows."""
    serve(reader)
    reader.paste(_BUCKET)
    for command in _APPLICATION.splitlines():
        reader.type(command)
    (reader.folder / "accounts.py").write_text(_ACCOUNTS)
    yield
    signed = reader.type("curl --silent --header 'authorization: ann' http://127.0.0.1:7081/policy")
    assert json.loads(signed)["dir"] == "users/7/"
    mounted = reader.type(
        "curl --silent --header 'authorization: ann' http://127.0.0.1:8000/oss/policy"
    )
    assert json.loads(mounted)["dir"] == "users/7/"


@contextmanager
def the_root_key(reader: Reader) -> Iterator[None]:
    """What `make up` prints, a photo, and a bucket for everybody."""
    serve(reader)
    keys = json.loads((reader.folder / "ossia-data" / "keys.json").read_text())
    reader.names["ACCESS_KEY_ID"] = keys["root_access_key_id"]
    reader.names["ACCESS_KEY_SECRET"] = keys["root_access_key_secret"]
    (reader.folder / "photo.jpg").write_bytes(b"...")
    reader.paste(
        _BUCKET.replace("photos", "my-bucket") + "bucket.put_bucket_acl('public-read-write')"
    )
    yield
    assert """b'{"Status": "OK"}'\n""" in reader.printed, reader.printed


PREPARATIONS: Final[dict[str, Preparation]] = {
    "README.md": the_root_key,
    "docs/access.md": a_server,
    "docs/app-server.md": an_application_with_users,
    "docs/backup.md": a_bucket,
    "docs/callbacks.md": nobody_listens,
    "docs/checking.md": an_old_folder,
    "docs/encryption.md": a_bucket,
    "docs/guides/cloudreve.md": go,
    "docs/guides/django.md": a_browser,
    "docs/guides/express.md": node,
    "docs/guides/fastapi.md": a_browser,
    "docs/guides/from-minio.md": an_s3_server,
    "docs/guides/from-oss.md": another_store,
    "docs/guides/github-actions.md": workflow,
    "docs/guides/mobile.md": an_android_app,
    "docs/guides/nginx-caddy.md": proxies,
    "docs/guides/spring.md": maven,
    "docs/guides/terraform.md": terraform,
    "docs/logs.md": a_failure_and_a_retry,
    "docs/receivers.md": receivers,
    "docs/scale.md": many_machines,
    "docs/sts-ram.md": an_account,
}
"""By the page's name, such as ``docs/clients.md``."""

ELSEWHERE: Final[dict[str, str]] = {"docs/tutorial.md": "tests/pages/test_tutorial.py"}
"""Pages that a test of their own follows, and the file that has it."""


def prepared(reader: Reader) -> AbstractContextManager[None]:
    """What *reader*'s page needs."""
    prepare = PREPARATIONS.get(reader.page.name)
    return nullcontext() if prepare is None else prepare(reader)
