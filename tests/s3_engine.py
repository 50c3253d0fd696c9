"""A real S3-speaking engine for tests: a small Ceph on loopback, in a folder that goes with it.

One monitor, one OSD that keeps everything in memory, one radosgw.  They are up within a few
seconds, so there is no need of a lighter engine.  ``make engine`` installs what Debian has of it.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.request import Request, urlopen
from uuid import uuid4

import obstore
import pytest
from obstore.store import S3Store

from ports import free_port

PROGRAMS = (
    "ceph",
    "ceph-authtool",
    "ceph-mon",
    "ceph-osd",
    "monmaptool",
    "radosgw",
    "radosgw-admin",
)
STARTS_WITHIN_S = 60
KEY_ID, SECRET = "enginekey", "enginesecret"


def lacks_engine() -> bool:
    """Whether there is no Ceph here."""
    return any(shutil.which(each) is None for each in PROGRAMS)


needs_engine = pytest.mark.skipif(
    lacks_engine(),
    reason="no real S3 engine: apt-get install ceph-mon ceph-osd ceph-common radosgw (make engine)",
)


@dataclass(frozen=True, slots=True)
class S3Engine:
    """A running engine and the key that may do everything in it."""

    endpoint: str
    access_key_id: str = KEY_ID
    access_key_secret: str = SECRET
    pids: Sequence[int] = ()
    """Its processes."""
    tls_endpoint: str = ""
    """The same over TLS, where it has a certificate."""

    def store(self, bucket: str) -> S3Store:
        """A client of one bucket, which needs not be there yet."""
        return S3Store(
            bucket,
            endpoint=self.endpoint,
            access_key_id=self.access_key_id,
            secret_access_key=self.access_key_secret,
            region="us-east-1",
            client_options={"allow_http": True},
        )

    def new_bucket(self) -> str:
        """A bucket of one's own."""
        name = f"b-{uuid4().hex[:20]}"
        self.make_bucket(name)
        return name

    def make_bucket(self, name: str) -> None:
        """A bucket of that name."""
        # The library makes no buckets, but signs.
        url = obstore.sign(self.store(name), "PUT", "", timedelta(minutes=1))
        with urlopen(Request(url, data=b"", method="PUT")) as answer:
            assert answer.status == 200

    def url(self, bucket: str, prefix: str = "ossia") -> str:
        """What ``--blobs`` says of a bucket."""
        return f"s3://{bucket}/{prefix}?endpoint={self.endpoint}"

    def new_url(self, prefix: str = "ossia") -> str:
        """The same of a bucket of one's own."""
        return self.url(self.new_bucket(), prefix)

    def new_flags(self) -> list[str]:
        """What a server is started with that keeps its bytes in a bucket of its own."""
        key = ["--blobs-access-key-id", KEY_ID, "--blobs-access-key-secret", SECRET]
        return ["--blobs", self.new_url(), *key]

    @property
    def environment(self) -> Mapping[str, str]:
        """What a server has to know besides."""
        return {
            "OSSIA_BLOBS_ACCESS_KEY_ID": self.access_key_id,
            "OSSIA_BLOBS_ACCESS_KEY_SECRET": self.access_key_secret,
        }


@contextmanager
def running_ceph(folder: Path, certificate: bytes = b"") -> Iterator[S3Engine]:
    """A Ceph in *folder*, gone afterwards with whatever it stored.

    *certificate* and its key, as PEM, are for 127.0.0.1.
    """
    ceph = _Ceph(folder, certificate)
    with ExitStack() as stack:
        stack.callback(ceph.stop)
        ceph.start()
        yield S3Engine(ceph.endpoint, pids=ceph.pids, tls_endpoint=ceph.tls_endpoint)


class _Ceph:
    def __init__(self, folder: Path, certificate: bytes) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._monitor = f"v1:127.0.0.1:{free_port()}/0"
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        listens = f"endpoint=127.0.0.1:{port}"
        self.tls_endpoint = ""
        if certificate:
            self._file("rgw.pem").write_bytes(certificate)
            tls = f"127.0.0.1:{free_port()}"
            self.tls_endpoint = f"https://{tls}"
            listens += f" ssl_endpoint={tls} ssl_certificate={self._file('rgw.pem')}"
        self._fsid = str(uuid4())
        self._file("ceph.conf").write_text(
            CONFIGURATION.format(
                folder=folder, fsid=self._fsid, monitor=self._monitor, listens=listens
            )
        )
        self._environment = {
            **os.environ,
            "CEPH_CONF": str(self._file("ceph.conf")),
            "CEPH_ARGS": f"--conf {self._file('ceph.conf')}",
        }

    def _file(self, name: str) -> Path:
        return self._folder / name

    @property
    def pids(self) -> list[int]:
        return [each.pid for each in self._processes]

    def start(self) -> None:
        for name in ("run", "mon", "osd", "rgw"):
            self._file(name).mkdir()
        keyring = str(self._file("keyring"))
        for user, *caps in USERS:
            given = [word for cap in caps for word in ("--cap", *cap.split(" ", 1))]
            create = [] if self._file("keyring").exists() else ["--create-keyring"]
            self._run("ceph-authtool", keyring, *create, "--gen-key", "-n", user, *given)
        monmap = str(self._file("monmap"))
        self._run(
            "monmaptool", "--create", "--addv", "a", f"[{self._monitor}]", "--fsid", self._fsid,
            "--set-min-mon-release", "pacific", monmap,
        )  # fmt: skip
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        self._begin("ceph-mon", "-i", "a")
        osd_id = str(uuid4())
        self._run("ceph", "osd", "new", osd_id, "0")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd_id)
        self._run("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=lab")
        self._begin("ceph-osd", "-i", "0")
        self._begin("radosgw", "-n", "client.rgw")
        self._until(self._answers)
        self._run(
            "radosgw-admin", "-n", "client.rgw", "user", "create", "--uid=ossia",
            "--display-name=ossia", f"--access-key={KEY_ID}", f"--secret-key={SECRET}",
        )  # fmt: skip

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            check=False,
            env=self._environment,
            capture_output=True,
            timeout=STARTS_WITHIN_S,
        )
        assert done.returncode == 0, f"{command}: {done.stderr.decode()}"

    def _begin(self, *command: str) -> None:
        with self._file(f"run/{command[0]}.out").open("wb") as output:
            process = subprocess.Popen(
                [*command, "--foreground"],
                env=self._environment,
                stdout=output,
                stderr=output,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one call of the system, no locks
            )
        self._processes.append(process)

    def _until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + STARTS_WITHIN_S
        while not holds():
            assert time.monotonic() < end, "the engine does not answer"
            assert all(each.poll() is None for each in self._processes), "a part of it has ended"
            time.sleep(0.05)

    def _answers(self) -> bool:
        with suppress(OSError), urlopen(self.endpoint, timeout=2) as answer:
            return bool(answer.status == 200)
        return False


def _die_with_parent() -> None:
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


USERS = (
    ("mon.", "mon allow *"),
    ("client.admin", "mon allow *", "osd allow *", "mgr allow *"),
    ("client.rgw", "mon allow rw", "osd allow rwx"),
    ("osd.0", "mon allow profile osd", "osd allow *", "mgr allow profile osd"),
)

CONFIGURATION = """
[global]
fsid = {fsid}
mon initial members = a
mon host = {monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {folder}/keyring
run dir = {folder}/run
pid file = {folder}/run/$name.pid
admin socket = {folder}/run/$name.asok
log file = {folder}/run/$name.log
log to stderr = false
mon cluster log file = {folder}/run/cluster.log
crash dir = {folder}/run
ms bind msgr2 = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 1000
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail crit = 1
paxos propose interval = 0.05
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 17179869184
osd op num shards = 2
osd op num threads per shard = 1
[mon]
mon data = {folder}/mon
[client.rgw]
rgw frontends = beast {listens} tcp_nodelay=1
rgw data = {folder}/rgw
rgw thread pool size = 64
rgw enable usage log = false
rgw gc obj min wait = 5
rgw gc processor period = 5
rgw dynamic resharding = false
rgw override bucket index max shards = 1
debug rgw = 0
"""
