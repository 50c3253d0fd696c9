"""PostgreSQL: three copies, and Patroni, which makes one of them the primary.

A commit waits for the one copy that may become the primary (``synchronous_mode``); where there is
none, nothing is committed (strict).  Not for whichever of the two is first (``quorum``): when a new
primary is there, the third still follows an old one whose Patroni hangs, and would confirm for it
what is lost then.
"""

import json
import os
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cluster import etcd
from cluster.errors import ClusterError
from cluster.place import CHECKOUT, PORTS, Place
from cluster.processes import Daemon, Process

NODES: Final = ("db1", "db2", "db3")
USER: Final = "ossia"
DATABASE: Final = "ossia"
_SCOPE: Final = "ossia"
_LEAST_VERSION: Final = 15


def newest_programs() -> Path:
    """Where Debian keeps the programs of the newest PostgreSQL.  Raises `ClusterError`."""
    found = [
        (int(each.name), each / "bin")
        for each in Path("/usr/lib/postgresql").glob("*")
        if each.name.isdigit() and (each / "bin" / "postgres").exists()
    ]
    if not found or max(found)[0] < _LEAST_VERSION:
        raise ClusterError(
            f"PostgreSQL {_LEAST_VERSION} or newer is missing: make cluster-packages"
        )
    return max(found)[1]


PATRONI: Final = CHECKOUT / ".cache" / "patroni" / "bin" / "patroni"
"""In an environment of its own (`make cluster-packages`): Debian's 3.0.2 loses what it has said."""


def _name(node: str) -> str:
    return node.replace("db", "postgres")


def _data(place: Place, node: str) -> Path:
    # Not the disk itself: Patroni may remove it and begin again.
    return place.disk(node) / "data"


def _configuration(place: Place, node: str) -> dict[str, Any]:
    address = place.network.address(node)
    rest, database = place.address(node, "patroni"), place.address(node, "postgres")
    password = place.database_password
    return {
        "scope": _SCOPE,
        "name": _name(node),
        "restapi": {"listen": rest, "connect_address": rest},
        "etcd3": {"hosts": [place.address(each, "etcd") for each in etcd.MEMBERS]},
        "bootstrap": {
            "dcs": {
                # As short as Patroni allows: what a primary that vanishes costs is mostly this.
                "ttl": 20,
                "loop_wait": 2,
                "retry_timeout": 6,
                "primary_start_timeout": 0,
                "maximum_lag_on_failover": 1024 * 1024,
                "synchronous_mode": True,
                "synchronous_mode_strict": True,
                "synchronous_node_count": 1,
                "postgresql": {
                    "use_pg_rewind": True,
                    "remove_data_directory_on_rewind_failure": True,
                    "remove_data_directory_on_diverged_timelines": True,
                    "parameters": {
                        "max_connections": 120,
                        "shared_buffers": "64MB",
                        "wal_keep_size": "128MB",
                        "wal_log_hints": "on",
                        # A connection whose other end is cut off or frozen is given up.
                        "wal_sender_timeout": "5s",
                        "wal_receiver_timeout": "5s",
                        "tcp_user_timeout": "5s",
                        # Leaves nothing in /dev/shm, whoever is killed.
                        "dynamic_shared_memory_type": "mmap",
                    },
                },
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
        },
        "postgresql": {
            "listen": database,
            "connect_address": database,
            "data_dir": str(_data(place, node)),
            "bin_dir": str(newest_programs()),
            "pgpass": str(place.folder / "patroni" / f"{node}.pgpass"),
            "authentication": {
                "superuser": {"username": "postgres", "password": password},
                "replication": {"username": "replicator", "password": password},
                "rewind": {"username": "rewinder", "password": password},
            },
            "pg_hba": [
                f"host replication all {place.network.subnet} scram-sha-256",
                f"host all all {place.network.subnet} scram-sha-256",
                f"host all all {address}/32 scram-sha-256",
            ],
            "parameters": {
                "unix_socket_directories": "",
                "password_encryption": "scram-sha-256",
            },
        },
        "watchdog": {"mode": "off"},
    }


def daemons(place: Place) -> list[Daemon]:
    """The Patronis; each starts its PostgreSQL and stops it."""
    return [
        place.daemon(
            node.replace("db", "patroni"),
            node,
            [str(PATRONI), str(place.folder / "patroni" / f"{node}.yml")],
            unprivileged=True,
        )
        for node in NODES
    ]


@dataclass(frozen=True)
class Postmaster(Process):
    """A PostgreSQL, which belongs to its Patroni: that starts it again when it is killed."""

    name: str
    data: Path

    def pid(self) -> int | None:
        """See `Process`."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self.data) in words else None

    def segment(self) -> str | None:
        """The id of its segment of shared memory, which one that is killed leaves behind."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()[6].split()[1]
        except (OSError, IndexError):
            return None

    def release_memory(self) -> None:
        """Give the system back what a killed one has left."""
        if (segment := self.segment()) is not None:
            subprocess.run(["ipcrm", "--shmem-id", segment], capture_output=True, check=False)


def postmasters(place: Place) -> list[Postmaster]:
    """The databases themselves."""
    return [Postmaster(_name(node), _data(place, node)) for node in NODES]


def start(place: Place) -> None:
    """Start the copies, wait until one is the primary and the others follow; make the database."""
    place.make_folder("patroni", unprivileged=True)
    for node in NODES:
        text = json.dumps(_configuration(place, node), indent=2)
        place.write(f"patroni/{node}.yml", text, unprivileged=True)
    everybody = daemons(place)
    for each in everybody:
        each.start()
    for each in everybody:
        each.wait_until(lambda: is_healthy(place), 180, "has no primary with two copies")
    make_database(place, DATABASE)


def members(place: Place) -> dict[str, dict[str, Any]]:
    """What Patroni says of each PostgreSQL that it knows; nothing if none answers."""
    for node in NODES:
        try:
            url = f"http://{place.address(node, 'patroni')}/cluster"
            with urllib.request.urlopen(url, timeout=2) as said:
                return {each["name"]: each for each in json.load(said)["members"]}
        except (OSError, ValueError, KeyError):
            continue
    return {}


def primary(place: Place) -> str | None:
    """The node whose Patroni says that it is the primary; only it knows for sure."""
    for node in NODES:
        try:
            url = f"http://{place.address(node, 'patroni')}/primary"
            with urllib.request.urlopen(url, timeout=2):
                return node
        except OSError:
            continue
    return None


def is_healthy(place: Place) -> bool:
    """Whether there is a primary, every copy follows it, and one counts for its commits."""
    known = members(place).values()
    roles = [each["role"] for each in known if each["state"] in {"running", "streaming"}]
    return sorted(roles) == ["leader", "replica", "sync_standby"]


def run_sql(place: Place, sql: str, *, database: str = "postgres") -> str:
    """Run statements on the primary as its superuser; the rows as text.  Raises `ClusterError`."""
    node = primary(place)
    if node is None:
        raise ClusterError("No PostgreSQL is the primary.")
    done = subprocess.run(
        [str(newest_programs() / "psql"), "-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PGHOST": place.network.address(node),
            "PGPORT": str(PORTS["postgres"]),
            "PGUSER": "postgres",
            "PGPASSWORD": place.database_password,
            "PGDATABASE": database,
            "PGCONNECT_TIMEOUT": "5",
        },
    )
    if done.returncode:
        raise ClusterError(f"{sql!r}: {done.stderr.strip()}")
    return done.stdout.strip()


def make_database(place: Place, name: str) -> None:
    """Make a database of that name, and the role that owns it, where they are missing."""
    password = place.database_password
    if not run_sql(place, f"select 1 from pg_roles where rolname = '{USER}'"):
        run_sql(place, f"create role {USER} login password '{password}'")
    if not run_sql(place, f"select 1 from pg_database where datname = '{name}'"):
        run_sql(place, f"create database {name} owner {USER}")


def url(place: Place, database: str) -> str:
    """What ``ossia serve --metadata`` is given."""
    hosts = ",".join(place.address(node, "postgres") for node in NODES)
    return f"postgresql://{USER}:{place.database_password}@{hosts}/{database}"


def patroni_urls(place: Place) -> list[str]:
    """What ``ossia serve --patroni`` is given."""
    return [f"http://{place.address(node, 'patroni')}" for node in NODES]
