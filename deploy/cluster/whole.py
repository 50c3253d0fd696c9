"""The whole cluster: start it, look at it, break a part of it, remove it."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster import ceph, demonstration, disks, etcd, gateways, haproxy, postgres
from cluster.errors import ClusterError
from cluster.network import HOST, NUMBERS
from cluster.place import MARK, PORTS, Place, check_reachable, refuse_taken
from cluster.processes import POLL_S, Daemon, Process

_PROGRAMS: Final = {
    "ceph-mon": "ceph-mon",
    "ceph-mgr": "ceph-mgr",
    "ceph-osd": "ceph-osd",
    "radosgw": "radosgw",
    "ceph": "ceph-common",
    "etcd": "etcd-server",
    "haproxy": "haproxy",
    "setsid": "util-linux",
    "ip": "iproute2",
}
_STARTED: Final = "started"
PRIMARY: Final = "primary"
"""Names the PostgreSQL that is the primary now."""
_BUSY: Final = "stop what listens there, or choose another address with "


@dataclass(frozen=True)
class Cluster:
    """One cluster that was started, or is to be."""

    place: Place

    @property
    def group(self) -> gateways.Group:
        """The gateways behind the endpoint."""
        return gateways.own(self.place)

    def up(self, say: Callable[[str], None]) -> None:
        """Start what does not run, and wait until the whole works."""
        place = self.place
        place.network.up()
        disks.start(place)
        with ThreadPoolExecutor(2) as together:
            say("Ceph, etcd and PostgreSQL start: this takes a minute …")
            engines = [together.submit(ceph.start, place), together.submit(_start_database, place)]
            for each in engines:
                each.result()
        say("The gateways start …")
        self.group.start()
        haproxy.start(self.group)
        demonstration.start(place)
        (place.folder / _STARTED).touch()

    def is_up(self) -> bool:
        """Whether it has come up once and everything still runs."""
        return (self.place.folder / _STARTED).exists() and all(
            each.is_running() for each in self.processes()
        )

    def daemons(self) -> list[Daemon]:
        """What is started here, in order."""
        place = self.place
        return [
            *ceph.daemons(place),
            *etcd.daemons(place),
            *postgres.daemons(place),
            *self.group.daemons(),
            haproxy.daemon(self.group),
            demonstration.daemon(place),
        ]

    def processes(self) -> list[Process]:
        """Everything that can be killed or frozen."""
        return [*self.daemons(), *postgres.postmasters(self.place)]

    def find(self, name: str) -> Process:
        """The process of that name.  Raises `ClusterError`."""
        if name == PRIMARY:
            node = postgres.primary(self.place)
            if node is None:
                raise ClusterError("There is no primary now: ask again in a moment.")
            name = node.replace("db", "postgres")
        known = {each.name: each for each in self.processes()}
        if name not in known:
            raise ClusterError(f"There is no {name!r}: there are {', '.join([*known, PRIMARY])}.")
        return known[name]

    def node_of(self, name: str) -> str:
        """Where a process is; the name of a node is one, too."""
        if name not in NUMBERS:
            name = self.find(name).name
        for process, node in (
            ("postgres", "db"),
            ("patroni", "db"),
            ("gateway", "gw"),
            ("mgr", "mon"),
        ):
            name = name.replace(process, node)
        if name == HOST or name not in NUMBERS:
            raise ClusterError(f"{name} is on the host, which cannot be cut off.")
        return name

    def fill(self, name: str) -> None:
        """Let the disk of a process run full; of an OSD, all of Ceph."""
        node = self.node_of(name)
        if node in ceph.OSDS:
            ceph.fill(self.place)
        else:
            disks.fill(self.place, node)

    def empty(self) -> None:
        """Make room on every disk again."""
        for node in disks.SIZES:
            disks.empty(self.place, node)
        ceph.empty(self.place)

    def restart(self, name: str) -> None:
        """Start a daemon that was killed.  PostgreSQL is started by its Patroni."""
        found = self.find(name)
        if isinstance(found, Daemon):
            found.start()

    def stop(self, name: str) -> None:
        """Ask a process to end, and wait until it has."""
        found = self.find(name)
        if not isinstance(found, Daemon):
            raise ClusterError(f"{name} belongs to its Patroni: stop that.")
        found.stop()

    def unwell(self) -> list[str]:
        """What does not run, is not whole, is cut off or frozen."""
        place = self.place
        parts = {
            **{each.name: each.is_running() and not each.is_frozen() for each in self.processes()},
            **{f"network of {node}": not place.network.is_cut(node) for node in NUMBERS},
            **{each: etcd.is_healthy(place, each) for each in etcd.MEMBERS},
        }
        found = [name for name, is_well in parts.items() if not is_well]
        if found:
            return found
        # These ask around, and wait for those that do not answer.
        others = {
            "PostgreSQL": postgres.is_healthy(place),
            "gateways": self.group.are_ready(),
            "Ceph": ceph.is_clean(place) and not ceph.is_full(place),
        }
        return [name for name, is_well in others.items() if not is_well]

    def mend(self, seconds: float = 180) -> None:
        """Undo every fault, and wait until all is well."""
        for node in NUMBERS:
            if self.place.network.is_cut(node):
                self.place.network.heal(node)
        for each in self.processes():
            each.thaw()
        for daemon in self.daemons():
            daemon.start()
        self.empty()
        until = time.monotonic() + seconds
        while unwell := self.unwell():
            if time.monotonic() > until:
                raise ClusterError(f"Not well again after {seconds:g} s: {', '.join(unwell)}.")
            time.sleep(POLL_S)

    def down(self) -> None:
        """Stop everything and leave nothing behind.  A part that is gone is no obstacle."""
        place = self.place
        for node in NUMBERS:
            with suppress(ClusterError):
                if place.network.is_cut(node):
                    place.network.heal(node)
        # From the balancer down to the disks; a Patroni stops its PostgreSQL in order.
        for each in reversed(self.daemons()):
            seconds = 20 if each.name.startswith("patroni") else 3
            each.stop(seconds)
        for postmaster in postgres.postmasters(place):
            postmaster.thaw()
            postmaster.send(signal.SIGQUIT)
            if not postmaster.ends_within(5):
                postmaster.kill()
            postmaster.release_memory()
        for pid in marked(place.folder):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        disks.stop(place)
        place.network.down()
        shutil.rmtree(place.folder)


def _start_database(place: Place) -> None:
    etcd.start(place)
    postgres.start(place)


def marked(folder: Path) -> Iterator[int]:
    """Processes of this cluster that are left, whoever started them."""
    mark = f"{MARK}={folder}".encode()
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (each / "environ").read_bytes().split(b"\0"):
                yield int(each.name)


def check_machine(folder: Path) -> None:
    """Raise `ClusterError`, with the remedy, if something is missing here."""
    for program, package in _PROGRAMS.items():
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            raise ClusterError(f"{program} is missing (Debian: {package}): make cluster-packages")
    postgres.newest_programs()
    if not postgres.PATRONI.exists():
        raise ClusterError(f"{postgres.PATRONI} is missing: make cluster-packages")
    check_reachable(folder)
    check_reachable(postgres.PATRONI.with_name("python"))


def check_addresses(place: Place) -> None:
    """Raise `ClusterError` if an address of the cluster is taken."""
    refuse_taken(place.listen, f"{_BUSY}--listen")
    refuse_taken(place.appserver, f"{_BUSY}--appserver")
    if place.network.kind != "loopback":
        return
    services = {"etcd": "etcd", "db": "postgres", "gw": "gateway", "rgw": "rgw", "mon": "mon"}
    for node in NUMBERS:
        if (service := services.get(node.rstrip("0123456789"))) in PORTS:
            assert service is not None
            remedy = "another cluster runs? make down-cluster where it was started"
            refuse_taken(place.address(node, service), remedy)
