"""``ossia migrate``: everything that is stored, from one form to the other and back.

``OSSIA_MIGRATE_OBJECTS`` and ``OSSIA_MIGRATE_BIG_BYTES`` set how many small objects there are and how
large the one is that is not (the figures of a release: 100 000 and 5 GiB, which take memory, as the
engine of the tests keeps it there, and twice as much disk); ``OSSIA_MIGRATE_KILLED_AFTER_S`` when the
passes are killed.
"""

import asyncio
import base64
import hashlib
import io
import json
import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import oss2  # type: ignore[import-untyped]
import pytest
from migrating import migrating

from fake_engine import BUCKET, fake_engine
from ossia.client.ram import RamClient
from ossia.client.signing_client import SigningClient
from ossia.domain.identity.store import SEALING_KEYS
from ossia.node.migration.form import OWN, open_source, settings_of
from ossia.node.migration.staging import OF_THIS_ONE, all_rows
from ossia.tables import every
from ossia.tables.blob_life import BlobState
from ossia.testing.inbox import Inbox
from postgres_server import PostgresServer
from running import ROOT_KEY, Server, running_server
from s3_engine import S3Engine, needs_engine

pytestmark = [pytest.mark.slow, needs_engine]

KIB, MIB = 1024, 1024 * 1024
SMALL = int(os.environ.get("OSSIA_MIGRATE_OBJECTS", "600"))
BIG = int(os.environ.get("OSSIA_MIGRATE_BIG_BYTES", str(21 * MIB + 17)))
KILLED_AFTER_S = os.environ.get("OSSIA_MIGRATE_KILLED_AFTER_S", "0.9,1.4,2.0").split(",")
WITHIN_S = 300 + SMALL // 50 + BIG // (10 * MIB)
AT_A_TIME = 6
LOOKED_AT = 1 + SMALL // 1000
OUTBOX = ("--callback-mode", "outbox", "--callback-timeout", "2")
ROOT = ("--root-access-key-id", ROOT_KEY[0], "--root-access-key-secret", ROOT_KEY[1])
MONITOR = b"<AccessMonitorConfiguration><Status>Enabled</Status></AccessMonitorConfiguration>"
RULES = b"""<LifecycleConfiguration><Rule><ID>unread</ID><Prefix></Prefix><Status>Enabled</Status>
<Transition><Days>30</Days><StorageClass>IA</StorageClass><IsAccessTime>true</IsAccessTime>
<ReturnToStdWhenVisit>false</ReturnToStdWhenVisit></Transition></Rule></LifecycleConfiguration>"""
READING = {
    "Version": "1",
    "Statement": [{"Effect": "Allow", "Action": ["oss:Get*", "sts:AssumeRole"], "Resource": "*"}],
}
TRUST = {
    "Version": "1",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": "acs:ram::*:root"}}
    ],
}


@dataclass
class Place:
    """One form: what ``--from`` and ``--to`` say of it, and how it is served."""

    named: Path
    flags: tuple[str, ...]
    environment: dict[str, str]

    @contextmanager
    def served(self, folder: Path, *more: str) -> Iterator[Server]:
        with running_server(folder, *self.flags, *more, environment=self.environment) as server:
            yield server


def a_folder(path: Path) -> Place:
    return Place(path / "data", ("--metadata", "sqlite", *ROOT, *OUTBOX), {})


def shared(path: Path, postgres: PostgresServer, engine: S3Engine) -> Place:
    path.mkdir()
    settings = {
        "metadata": postgres.fresh(),
        "master_key_file": str(path / "master.key"),
        "blobs": engine.new_url(),
        "blobs_access_key_id": engine.access_key_id,
        "blobs_access_key_secret": engine.access_key_secret,
    }
    file = path / "gateways.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    return Place(
        file, ("--config", str(file), "--metadata", settings["metadata"], *ROOT, *OUTBOX), {}
    )


def bucket_of(server: Server, name: str = "migrated") -> Any:
    return oss2.Bucket(oss2.Auth(*ROOT_KEY), server.endpoint, name)


def content(number: int, size: int) -> bytes:
    return random.Random(number).randbytes(size)


class Big(io.RawIOBase):
    """The one that is not small, as it is read."""

    def __init__(self) -> None:
        self._at = 0
        self._piece = b""

    def __len__(self) -> int:
        return BIG

    def read(self, size: int = -1) -> bytes:
        if not self._piece:
            self._piece = content(self._at // MIB, MIB)[: BIG - self._at]
            self._at += len(self._piece)
        piece = self._piece if size < 0 else self._piece[:size]
        self._piece = self._piece[len(piece) :]
        return piece


def digest(read: Callable[[int], bytes]) -> str:
    found = hashlib.blake2b()
    while piece := read(MIB):
        found.update(piece)
    return found.hexdigest()


def at_a_time(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        return list(threads.map(work, items))


def put_small(client: SigningClient, number: int) -> None:
    """Every tenth has tags, every eleventh an ACL of its own."""
    headers = {} if number % 10 else {"x-oss-tagging": f"number={number}&a%20b=%C3%A9"}
    headers |= {} if number % 11 else {"x-oss-object-acl": "public-read"}
    body = content(number, number % 40 * KIB // 2)
    reply = client.request("PUT", "migrated", f"small/{number:05}", headers=headers, body=body)
    assert reply.status == 200, reply.body


def fill(server: Server) -> dict[str, Any]:
    """One of everything; what only whoever made it knows."""
    bucket = bucket_of(server)
    bucket.create_bucket()
    at_a_time(partial(put_small, SigningClient(server.endpoint, *ROOT_KEY)), range(SMALL))
    bucket.put_object(
        "named é", b"x", headers={"x-oss-meta-a": "b", "x-oss-object-acl": "public-read",
                                  "x-oss-tagging": "k=v", "Content-Type": "text/weird"},
    )  # fmt: skip
    bucket.put_object("large", Big())
    upload = bucket.init_multipart_upload("parts").upload_id
    parts = [
        oss2.models.PartInfo(n, bucket.upload_part("parts", upload, n, content(n, 3 * MIB)).etag)
        for n in range(1, 5)
    ]
    bucket.complete_multipart_upload("parts", upload, parts)
    bucket.copy_object("migrated", "parts", "copied")
    position = 0
    for number in range(5):
        position = bucket.append_object("grown", position, content(number, 60 * KIB)).next_position
    fill_encrypted(server, bucket)
    pending = bucket.init_multipart_upload("unfinished").upload_id
    etag = bucket.upload_part("unfinished", pending, 1, content(9, MIB)).etag
    bucket.put_bucket_policy(json.dumps({
        "Version": "1", "Statement": [{"Effect": "Allow", "Principal": ["*"],
        "Action": ["oss:GetObject"], "Resource": ["acs:oss:*:*:migrated/small/*"]}]}))  # fmt: skip
    fill_versions(bucket_of(server, "kept"))
    fill_aging(bucket_of(server, "aging"))
    ram = RamClient(server.endpoint, *ROOT_KEY)
    ram.call("CreateUser", UserName="alice")
    key = ram.call("CreateAccessKey", UserName="alice")["AccessKey"]
    ram.call("CreatePolicy", PolicyName="reading", PolicyDocument=json.dumps(READING))
    ram.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="reading", UserName="alice")
    ram.call("CreateRole", RoleName="reader", AssumeRolePolicyDocument=json.dumps(TRUST))
    ram.call("AttachPolicyToRole", PolicyType="Custom", PolicyName="reading", RoleName="reader")
    return {"upload": pending, "etag": etag, "key": key}


def fill_encrypted(server: Server, bucket: Any) -> None:
    """What is encrypted, under every kind of key: in rows and in blobs, whole and in runs."""
    made = SigningClient(server.endpoint, *ROOT_KEY).request(
        "POST", "-", "api/kms/keys", body=b"{}"
    )
    sse = "x-oss-server-side-encryption"
    own = {sse: "KMS", f"{sse}-key-id": json.loads(made.body)["id"]}
    for name, headers in (("aes", {sse: "AES256"}), ("kms", {sse: "KMS"}), ("own", own)):
        for size in (7, 300 * KIB):
            bucket.put_object(f"encrypted/{name}{size}", content(size, size), headers=headers)
        bucket.append_object(f"encrypted/log-{name}", 0, content(1, 90 * KIB), headers=headers)
        bucket.append_object(f"encrypted/log-{name}", 90 * KIB, content(2, 90 * KIB))
    bucket.copy_object("migrated", "encrypted/own7", "encrypted/copied", headers=own)


def fill_aging(bucket: Any) -> None:
    """Rules, and times of access."""
    bucket.create_bucket()
    put = partial(SigningClient(bucket.endpoint, *ROOT_KEY).request, "PUT", bucket.bucket_name)
    assert put(query=[("accessmonitor", "")], body=MONITOR).status == 200
    assert put(query=[("lifecycle", "")], body=RULES).status == 200
    bucket.put_object("read", b"once")
    bucket.get_object("read").read()


def fill_versions(bucket: Any) -> None:
    """Versions of each kind, markers, a null version behind others."""
    bucket.create_bucket()
    bucket.put_object("k", b"before versioning")
    versioning = oss2.models.BucketVersioningConfig()
    versioning.status = "Enabled"
    bucket.put_bucket_versioning(versioning)
    for number in range(3):
        bucket.put_object("k", content(number, number * 100 * KIB))
    bucket.put_symlink("k", "link")
    bucket.put_object("cold", b"frozen", headers={"x-oss-storage-class": "Archive"})
    for key in ("link", "cold", "never"):
        bucket.delete_object(key)


def change_versions(bucket: Any, number: int) -> None:
    """One more version, now and then a marker, and a few are removed wherever they are."""
    key = f"moving/{number % 5}"
    bucket.put_object(key, content(number, number % 60 * KIB))
    if number % 3 == 0:
        bucket.delete_object(key)
    if number % 4 == 0:
        listed = bucket.list_object_versions(prefix="moving/", max_keys=8)
        for each in (*listed.versions[1:3], *listed.delete_marker[:1]):
            bucket.delete_object(each.key, params={"versionId": each.versionid})


def versions_seen(bucket: Any) -> list[Any]:
    """Every version as a client sees it."""
    listed = bucket.list_object_versions(max_keys=1000)
    assert not listed.is_truncated
    stat = bucket.get_bucket_stat()
    return [
        (stat.storage_size_in_bytes, stat.object_count),
        [(each.key, each.versionid, each.is_latest) for each in listed.delete_marker],
        [
            (
                each.key,
                each.versionid,
                each.is_latest,
                each.type,
                each.storage_class,
                digest(bucket.get_object(each.key, params={"versionId": each.versionid}).read)
                if each.storage_class == "Standard"
                else each.etag,
            )
            for each in listed.versions
        ],
    ]


def seen(server: Server) -> dict[str, Any]:
    """What a client sees: of small objects some hundreds, if there are more; `stored` has all."""
    bucket = bucket_of(server)
    listed = oss2.ObjectIterator(bucket, max_keys=1000)
    some = [each for at, each in enumerate(listed) if at % LOOKED_AT == 0 or each.size > 20 * KIB]
    found = dict(at_a_time(partial(seen_of, bucket), some))
    found[""] = (
        bucket.get_bucket_policy().policy,
        bucket.get_bucket_stat().storage_size_in_bytes,
        bucket.get_bucket_stat().object_count,
        [each.upload_id for each in bucket.list_multipart_uploads().upload_list],
        bucket.get_bucket_info().creation_date,
        bucket.get_bucket_info().owner.id,
    )
    found["versions"] = versions_seen(bucket_of(server, "kept"))
    return found


def seen_of(bucket: Any, each: Any) -> tuple[str, Any]:
    answer = bucket.get_object(each.key)
    headers = {
        name.lower(): value
        for name, value in answer.headers.items()
        if not name.lower().startswith(("x-oss-request", "x-oss-server", "date", "connection"))
    }
    acl = bucket.get_object_acl(each.key).acl
    return each.key, (each.etag, each.last_modified, headers, digest(answer.read), acl)


def stored(place: Place) -> dict[str, list[Any]]:
    """Every row, also what no operation tells; the last pass compares bytes with the CRC-64 there.

    Without what each place seals for itself, and what is garbage at one of them.
    """
    found = {table.name: rows_of(place, table) for table in every.EVERY}
    sealed = {*OWN, ("setting", SEALING_KEYS)}
    of_one = {*OF_THIS_ONE, "kms_key"}
    used = {
        row[table.at("content_id")]
        for table in (*every.VERSIONS, every.PART)
        for row in found[table.name]
    }
    found["identity"] = [
        row for row in found["identity"] if row[:2] not in sealed and row[0] not in of_one
    ]
    found["blob"] = [row for row in found["blob"] if row[1] == BlobState.LIVE]
    found["content"] = [row for row in found["content"] if row[0] in used]
    return found


def rows_of(place: Place, table: every.Table) -> list[Any]:
    """All rows of one table."""

    async def read() -> list[Any]:
        async with AsyncExitStack() as held:
            source = await open_source(settings_of(place.named), held)
            return [tuple(row) async for page in all_rows(source.rows, table) for row in page]

    return asyncio.run(read())


def migrated(source: Place, target: Place, *more: str) -> dict[str, Any]:
    """The last event of a run that succeeds."""
    with migrating(source.named, target.named, *more) as run:
        assert run.wait(WITHIN_S)
        assert run.process.returncode == 0, run.said()
        return run.last_event()


def session_of(server: Server, key: dict[str, str]) -> Any:
    """What somebody signs with who has taken the role on."""
    given = RamClient(server.endpoint, key["AccessKeyId"], key["AccessKeySecret"]).call(
        "AssumeRole", Version="2015-04-01", RoleSessionName="session", DurationSeconds=3600,
        RoleArn=f"acs:ram::{server.account_id}:role/reader",
    )["Credentials"]  # fmt: skip
    return oss2.StsAuth(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"])


def owe(server: Server, inbox: Inbox, key: str) -> str:
    """Store an object whose application says no; the id under which it is told since then."""
    inbox.clear()
    inbox.answer(status=500)
    callback = {"callbackUrl": inbox.url, "callbackBody": "object=${object}"}
    header = base64.b64encode(json.dumps(callback).encode()).decode()
    stored = bucket_of(server).put_object(key, b"told later", headers={"x-oss-callback": header})
    assert stored.status == 203
    return inbox.wait()[0].headers["webhook-id"]


def carry(source: Place, target: Place, folder: Path, meanwhile: Callable[[Server], Any]) -> Any:
    """Pass while the source serves and changes, be killed three times, then the last pass.

    What *meanwhile* returns, which is called when the source still takes changes.
    """
    with source.served(folder) as server:
        bucket, kept = bucket_of(server), bucket_of(server, "kept")
        going = threading.Event()

        def change() -> None:
            number = 0
            while not going.wait(0.02):
                number += 1
                bucket.put_object(f"moving/{number % 40}", content(number, number % 90 * KIB))
                bucket.delete_object(f"moving/{(number * 7) % 40}")
                change_versions(kept, number)

        changing = threading.Thread(target=change)
        changing.start()
        for after_s in map(float, KILLED_AFTER_S):
            with migrating(source.named, target.named) as run:
                run.wait(after_s)
                run.last_event()
        assert migrated(source, target)["event"] == "pass"
        assert migrated(source, target)["rows"] > 0
        going.set()
        changing.join()
        known = meanwhile(server)
    with source.served(folder, "--read-only") as server:
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            bucket_of(server).put_object("late", b"x")
        assert refused.value.status == 503
        done = migrated(source, target, "--last")
        assert done["event"] == "done"
        assert done["objects"] >= SMALL
        there, here = stored(source), stored(target)
        for name, rows in there.items():
            assert here[name] == rows, name
        assert here["access"]
        assert there["pending"]
    return known


def test_there_and_back(tmp_path: Path, postgres: PostgresServer, s3_engine: S3Engine) -> None:
    forms = (
        a_folder(tmp_path / "old"),
        shared(tmp_path / "new", postgres, s3_engine),
        a_folder(tmp_path / "again"),
    )
    folders = [tmp_path / name for name in ("old", "new", "again")]
    with forms[0].served(folders[0]) as server:
        known = fill(server)
        pem, account = _public_key(server), server.account_id
    alice = oss2.Auth(known["key"]["AccessKeyId"], known["key"]["AccessKeySecret"])
    with Inbox() as inbox:
        for at in (0, 1):

            def meanwhile(server: Server, at: int = at) -> tuple[Any, str]:
                return session_of(server, known["key"]), owe(server, inbox, f"owed/{at}")

            session, owed = carry(forms[at], forms[at + 1], folders[at], meanwhile)
            with forms[at].served(folders[at], "--read-only") as server:
                before = seen(server)
            assert {each.headers["webhook-id"] for each in inbox.received} == {owed}
            inbox.clear()
            inbox.answer()
            with forms[at + 1].served(folders[at + 1]) as server:
                inbox.wait(timeout_s=60)
                after = seen(server)
                assert after.keys() == before.keys()
                for key, each in before.items():
                    assert after[key] == each, key
                assert (_public_key(server), server.account_id) == (pem, account)
                for auth in (alice, session):
                    got = oss2.Bucket(auth, server.endpoint, "migrated").get_object("small/00003")
                    assert got.read() == content(3, 3 * KIB // 2)
            (told,) = inbox.received
            assert told.headers["webhook-id"] == owed
            assert not rows_of(forms[at + 1], every.PENDING)
    with forms[2].served(folders[2]) as server:
        bucket = bucket_of(server)
        part = oss2.models.PartInfo(1, known["etag"])
        bucket.complete_multipart_upload("unfinished", known["upload"], [part])
        assert bucket.get_object("unfinished").read() == content(9, MIB)
        bucket.put_object("fresh", b"ids go on behind those that were carried over")
        oss2.Bucket(oss2.Auth(*ROOT_KEY), server.endpoint, "another").create_bucket()


def _public_key(server: Server) -> bytes:
    bucket = bucket_of(server)
    answer = bucket.session.do_request(
        oss2.http.Request("GET", f"{server.endpoint}/-/callback/public_key.pem"), 10
    )
    return bytes(answer.read())


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    full, empty = a_folder(tmp_path / "full"), a_folder(tmp_path / "empty")
    for folder in (tmp_path / "full", tmp_path / "other"):
        with a_folder(folder).served(folder) as server:
            bucket_of(server).create_bucket()

    def refusal(source: Place, target: Place) -> str:
        with migrating(source.named, target.named) as run:
            assert run.wait(60)
            assert run.process.returncode == 2
            assert "Traceback" not in run.said()
            return run.said()

    assert "is not empty" in refusal(full, a_folder(tmp_path / "other"))
    assert "not a data folder" in refusal(a_folder(tmp_path / "nowhere"), empty)
    with full.served(tmp_path / "full"):
        assert "in use" in refusal(full, full).lower() or "holds" in refusal(full, full).lower()


def test_an_engine_that_fails_is_told_in_one_line(tmp_path: Path) -> None:
    full = a_folder(tmp_path / "full")
    with full.served(tmp_path / "full") as server:
        bucket_of(server).create_bucket()
        bucket_of(server).put_object("in a blob", content(1, 64 * KIB))
    with fake_engine() as fake:
        target = tmp_path / "target.toml"
        target.write_text(
            f'data = "{tmp_path / "other"}"\nblobs = "s3://{BUCKET}/x?endpoint={fake.endpoint}"\n'
            'blobs_access_key_id = "key"\nblobs_access_key_secret = "s"\nblobs_timeout = 1\n'
        )
        fake.always("500", "PUT")
        with migrating(full.named, target) as run:
            assert run.wait(60)
            assert run.process.returncode == 2
            assert "Traceback" not in run.said()
            assert "run it again" in run.said()
        fake.always("")
        with migrating(full.named, target, "--last") as run:
            assert run.wait(60)
            assert run.last_event()["objects"] == 1, run.said()
