"""Keep what a version of Ossia writes, so that later ones prove that they read it.

::

    export PYTHONPATH=tests
    python -m formats.keep sqlite-8                         # what this checkout writes
    python -m formats.keep postgres-3 --source OTHER/src    # what another one does

A server of that source is started in a process of its own and filled by signed requests; what it
does not offer is left out.  What lies in its data folder then goes into ``NAME.tar.xz`` beside this,
with ``expected.json``: what a client must find there.  Of PostgreSQL there is `DUMP` among it, and
the master key.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ossia.client.signing_client import SigningClient
from postgres_server import PostgresServer, new_folder, run, running_postgres

HERE = Path(__file__).parent
DUMP = "dump.sql"
MASTER_KEY = "master.key"
BUCKET = "kept"
LARGE, PART = 20_000, 102_400
NOBODY = b64encode(b'{"callbackUrl":"http://127.0.0.1:1/","callbackBody":"k=${object}"}').decode()
KEY = ("LTAIformats", "secretofformats")
OWN = {"--root-access-key-id": KEY[0], "--root-access-key-secret": KEY[1]}
_VERSIONED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
_TAGS = b"<Tagging><TagSet><Tag><Key>colour</Key><Value>green</Value></Tag></TagSet></Tagging>"
_RULES = (
    b"<LifecycleConfiguration><Rule><ID>old</ID><Prefix>old/</Prefix><Status>Enabled</Status>"
    b"<Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>"
)


class Filling:
    """Fills one server; remembers what it must tell later."""

    def __init__(self, client: SigningClient) -> None:
        self._client = client
        self._chance = random.Random(5)
        self.expected: dict[str, Any] = {"objects": {}, "versions": {}, "offered": []}

    def _offers(self, what: str, *request: Any, **more: Any) -> Any:
        """The answer to a request that older versions refuse; None if it was."""
        reply = self._client.request(*request, **more)
        if reply.status not in (200, 203, 204):
            print(f"  {what}: {reply.status}")
            return None
        self.expected["offered"].append(what)
        return reply

    def _bytes(self, size: int) -> bytes:
        """So many, unlike others, that take little room here."""
        return (self._chance.randbytes(50) * (size // 50 + 1))[:size]

    def put(self, key: str, size: int, **headers: str) -> None:
        """Store an object that must be there later."""
        body = self._bytes(size)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = self._client.request("PUT", BUCKET, key, headers=named, body=body)
        assert reply.status == 200, reply.body
        about = {"sha256": hashlib.sha256(body).hexdigest(), "headers": named}
        self.expected["objects"][key] = about

    def fill(self) -> None:
        """Store something of every kind that there is."""
        assert self._client.request("PUT", BUCKET).status == 200
        self.put("empty", 0)
        self.put("small", 900, content_type="text/x-kept", x_oss_meta_note="kept for years")
        self.put("large", LARGE)
        self.put("ключ ключей/🔑", 10)
        self._assemble("pieces")
        upload = self._begin("unfinished")
        tag, part = self._part("unfinished", upload, 1)
        self.expected["upload"] = {
            "id": upload, "etag": tag, "sha256": hashlib.sha256(part).hexdigest(),
        }  # fmt: skip
        self._append()
        if self._offers("tags", "PUT", BUCKET, "small", query=[("tagging", "")], body=_TAGS):
            self.expected["tags"] = "small"
        self._offers(
            "symlink", "PUT", BUCKET, "link", query=[("symlink", "")],
            headers={"x-oss-symlink-target": "large"},
        )  # fmt: skip
        sealed = {"x-oss-server-side-encryption": "AES256"}
        if self._offers("encryption", "PUT", BUCKET, "sealed", headers=sealed, body=b"try"):
            self.put("sealed", LARGE, **{"x-oss-server-side-encryption": "AES256"})
        cold = {"x-oss-storage-class": "IA"}
        if self._offers("classes", "PUT", BUCKET, "cold", headers=cold, body=b"try"):
            self.put("cold", 5000, **cold)
        self._offers("lifecycle", "PUT", BUCKET, query=[("lifecycle", "")], body=_RULES)
        self._offers(
            "owed", "PUT", BUCKET, "owed", headers={"x-oss-callback": NOBODY}, body=b"owed"
        )
        self._versions()

    def _append(self) -> None:
        body = b""
        for _ in range(2):
            piece = self._bytes(700)
            query = [("append", ""), ("position", str(len(body)))]
            if not self._offers("append", "POST", BUCKET, "grown", query=query, body=piece):
                return
            body += piece
        about = {"sha256": hashlib.sha256(body).hexdigest(), "headers": {}}
        self.expected["objects"]["grown"] = about

    def _versions(self) -> None:
        if self._offers("versions", "PUT", BUCKET, query=[("versioning", "")], body=_VERSIONED):
            for _ in range(2):
                body = self._bytes(LARGE)
                reply = self._client.request("PUT", BUCKET, "versioned", body=body)
                version = reply.headers["x-oss-version-id"]
                self.expected["versions"][version] = hashlib.sha256(body).hexdigest()
            assert self._client.request("DELETE", BUCKET, "versioned").status == 204

    def _begin(self, key: str) -> str:
        reply = self._client.request("POST", BUCKET, key, query=[("uploads", "")])
        return str(reply.body.partition(b"<UploadId>")[2].partition(b"<")[0].decode())

    def _part(self, key: str, upload: str, number: int) -> tuple[str, bytes]:
        body = self._bytes(PART)
        query = [("partNumber", str(number)), ("uploadId", upload)]
        reply = self._client.request("PUT", BUCKET, key, query=query, body=body)
        assert reply.status == 200, reply.body
        return str(reply.headers["etag"]), body

    def _assemble(self, key: str) -> None:
        upload = self._begin(key)
        parts = [self._part(key, upload, number) for number in (1, 2)]
        reply = complete(self._client, key, upload, [tag for tag, _ in parts])
        assert reply.status == 200, reply.body
        whole = b"".join(body for _, body in parts)
        about = {"sha256": hashlib.sha256(whole).hexdigest(), "headers": {}}
        self.expected["objects"][key] = about


def complete(client: SigningClient, key: str, upload: str, tags: list[str]) -> Any:
    """Make an object of the parts."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
        for number, tag in enumerate(tags, 1)
    )
    document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    return client.request("POST", BUCKET, key, query=[("uploadId", upload)], body=document)


def flags_of(database: str, data: Path) -> list[str]:
    """Those of a server whose rows are in a shared database, and its bytes in *data*."""
    return ["--metadata", database, "--master-key-file", str(data / MASTER_KEY)]


@contextmanager
def _dumped(name: str, data: Path) -> Iterator[list[str]]:
    """The engine's flags; what PostgreSQL has at the end goes into `DUMP`."""
    if name.startswith("sqlite"):
        yield []
        return
    with running_postgres() as postgres:
        url = postgres.fresh()
        yield flags_of(url, data)
        # Its programs run as another user, who sees no more than a folder of his own.
        with new_folder() as folder:
            run("pg_dump", "--no-owner", "--no-acl", "--file", folder / DUMP, url)
            shutil.copyfile(folder / DUMP, data / DUMP)


def load(postgres: PostgresServer, data: Path) -> str:
    """Put a `DUMP` into a database of its own; the URL of it."""
    url = postgres.fresh()
    with new_folder() as folder:
        shutil.copyfile(data / DUMP, folder / DUMP)
        run("psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file", folder / DUMP, url)
    (data / DUMP).unlink()
    return url


def keep(name: str, source: Path) -> Path:
    """Write what a server of *source* stores into ``NAME.tar.xz``."""
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        data.mkdir(mode=0o700)
        with _dumped(name, data) as flags:
            expected = _filled(source, "--data", str(data), *flags)
        (data / "expected.json").write_text(json.dumps(expected, indent=1))
        kept = HERE / f"{name}.tar.xz"
        with tarfile.open(kept, "w:xz") as archive:
            for path in sorted(data.rglob("*")):
                if path.is_file() and path.name not in {"lock", "metadata.turn"}:
                    archive.add(path, str(path.relative_to(data)))
    return kept


def _filled(source: Path, *flags: str) -> dict[str, Any]:
    """What must be found in what a server of *source* has stored."""
    command = [sys.executable, "-m", "ossia", "serve", "--json", *flags]
    command += ["--listen", "127.0.0.1:0", "--workers", "1"]
    command += [word for pair in OWN.items() for word in pair]
    environment = {**os.environ, "PYTHONPATH": str(source.resolve())}
    environment["OSSIA_CALLBACK_MODE"] = "outbox"
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        ready = json.loads(server.stdout.readline())
        filling = Filling(SigningClient(ready["endpoint"], *KEY, ready["region"]))
        try:
            filling.fill()
        finally:
            server.terminate()
    return filling.expected


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="engine and number of the format, such as sqlite-8")
    parser.add_argument("--source", type=Path, default=HERE.parents[1] / "src")
    asked = parser.parse_args()
    print(keep(asked.name, asked.source))
