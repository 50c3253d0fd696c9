"""``ossia migrate``: everything that is stored, from one form to the other and back."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oss2  # type: ignore[import-untyped]
import pytest

from ossia.client.ram import RamClient
from postgres_server import PostgresServer
from running import ROOT_KEY, Server, running_server
from s3_engine import S3Engine, needs_engine

pytestmark = [pytest.mark.slow, needs_engine]

KIB, MIB = 1024, 1024 * 1024
SMALL = int(os.environ.get("OSSIA_MIGRATE_OBJECTS", "600"))
ROOT = ("--root-access-key-id", ROOT_KEY[0], "--root-access-key-secret", ROOT_KEY[1])
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
    return Place(path / "data", ("--metadata", "sqlite", *ROOT), {})


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
    return Place(file, ("--config", str(file), "--metadata", settings["metadata"], *ROOT), {})


def bucket_of(server: Server, name: str = "migrated") -> Any:
    return oss2.Bucket(oss2.Auth(*ROOT_KEY), server.endpoint, name)


def content(number: int, size: int) -> bytes:
    return random.Random(number).randbytes(size)


def fill(server: Server) -> dict[str, Any]:
    """One of everything; what only whoever made it knows."""
    bucket = bucket_of(server)
    bucket.create_bucket()
    for number in range(SMALL):
        bucket.put_object(f"small/{number:05}", content(number, number % 40 * KIB // 2))
    bucket.put_object(
        "named é", b"x", headers={"x-oss-meta-a": "b", "x-oss-object-acl": "public-read",
                                  "x-oss-tagging": "k=v", "Content-Type": "text/weird"},
    )  # fmt: skip
    bucket.put_object("large", content(1, 21 * MIB + 17))
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
    pending = bucket.init_multipart_upload("unfinished").upload_id
    etag = bucket.upload_part("unfinished", pending, 1, content(9, MIB)).etag
    bucket.put_bucket_policy(json.dumps({
        "Version": "1", "Statement": [{"Effect": "Allow", "Principal": ["*"],
        "Action": ["oss:GetObject"], "Resource": ["acs:oss:*:*:migrated/small/*"]}]}))  # fmt: skip
    ram = RamClient(server.endpoint, *ROOT_KEY)
    ram.call("CreateUser", UserName="alice")
    key = ram.call("CreateAccessKey", UserName="alice")["AccessKey"]
    ram.call("CreatePolicy", PolicyName="reading", PolicyDocument=json.dumps(READING))
    ram.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="reading", UserName="alice")
    ram.call("CreateRole", RoleName="reader", AssumeRolePolicyDocument=json.dumps(TRUST))
    ram.call("AttachPolicyToRole", PolicyType="Custom", PolicyName="reading", RoleName="reader")
    return {"upload": pending, "etag": etag, "key": key}


def seen(server: Server) -> dict[str, Any]:
    """Everything that a client sees of the objects."""
    bucket = bucket_of(server)
    found: dict[str, Any] = {}
    for each in oss2.ObjectIterator(bucket):
        answer = bucket.get_object(each.key)
        headers = {
            name.lower(): value
            for name, value in answer.headers.items()
            if not name.lower().startswith(("x-oss-request", "x-oss-server", "date", "connection"))
        }
        found[each.key] = (
            each.etag, each.last_modified, headers, answer.read(),
            bucket.get_object_acl(each.key).acl,
        )  # fmt: skip
    found[""] = (
        bucket.get_bucket_policy().policy,
        bucket.get_bucket_stat().storage_size_in_bytes,
        bucket.get_bucket_stat().object_count,
        [each.upload_id for each in bucket.list_multipart_uploads().upload_list],
        bucket.get_bucket_info().creation_date,
        bucket.get_bucket_info().owner.id,
    )
    return found


def migrate(source: Place, target: Place, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ossia", "migrate", "--json", "--from", str(source.named), "--to",
         str(target.named), *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def migrated(source: Place, target: Place, *more: str) -> dict[str, Any]:
    """The last event of a run that succeeds."""
    process = migrate(source, target, *more)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    event: dict[str, Any] = json.loads(out.splitlines()[-1])
    return event


def carry(source: Place, target: Place, folder: Path) -> None:
    """Pass while the source serves and changes, be killed three times, then the last pass."""
    with source.served(folder) as server:
        bucket = bucket_of(server)
        going = threading.Event()

        def change() -> None:
            number = 0
            while not going.wait(0.02):
                number += 1
                bucket.put_object(f"moving/{number % 40}", content(number, number % 90 * KIB))
                bucket.delete_object(f"moving/{(number * 7) % 40}")

        changing = threading.Thread(target=change)
        changing.start()
        for after_s in (0.9, 1.4, 2.0):
            process = migrate(source, target)
            time.sleep(after_s)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert migrated(source, target)["event"] == "pass"
        assert migrated(source, target)["rows"] > 0
        going.set()
        changing.join()
    with source.served(folder, "--read-only") as server:
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            bucket_of(server).put_object("late", b"x")
        assert refused.value.status == 503
        done = migrated(source, target, "--last")
        assert done["event"] == "done"
        assert done["objects"] >= SMALL


def test_there_and_back(tmp_path: Path, postgres: PostgresServer, s3_engine: S3Engine) -> None:
    forms = (
        a_folder(tmp_path / "old"),
        shared(tmp_path / "new", postgres, s3_engine),
        a_folder(tmp_path / "again"),
    )
    folders = [tmp_path / name for name in ("old", "new", "again")]
    with forms[0].served(folders[0]) as server:
        known = fill(server)
        alice_key = (known["key"]["AccessKeyId"], known["key"]["AccessKeySecret"])
        reader = RamClient(server.endpoint, *alice_key).call(
            "AssumeRole", Version="2015-04-01", RoleSessionName="session", DurationSeconds=3600,
            RoleArn=f"acs:ram::{server.account_id}:role/reader",
        )["Credentials"]  # fmt: skip
        pem, account = _public_key(server), server.account_id
    for at in (0, 1):
        carry(forms[at], forms[at + 1], folders[at])
        with forms[at].served(folders[at], "--read-only") as server:
            before = seen(server)
        with forms[at + 1].served(folders[at + 1]) as server:
            after = seen(server)
            assert after.keys() == before.keys()
            for key, each in before.items():
                assert after[key] == each, key
            assert (_public_key(server), server.account_id) == (pem, account)
            alice = oss2.Auth(*alice_key)
            session = oss2.StsAuth(
                reader["AccessKeyId"], reader["AccessKeySecret"], reader["SecurityToken"]
            )
            for auth in (alice, session):
                got = oss2.Bucket(auth, server.endpoint, "migrated").get_object("small/00003")
                assert got.read() == content(3, 3 * KIB // 2)
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
        process = migrate(source, target)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert "Traceback" not in err
        return err

    assert "is not empty" in refusal(full, a_folder(tmp_path / "other"))
    assert "not a data folder" in refusal(a_folder(tmp_path / "nowhere"), empty)
    with full.served(tmp_path / "full"):
        assert "in use" in refusal(full, full).lower() or "holds" in refusal(full, full).lower()
