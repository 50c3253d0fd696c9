"""Gateways: the Ossia of this checkout, on the two engines.

What they are started with stands in `Group.command`, and nowhere else.
"""

import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster import ceph, postgres
from cluster.errors import ClusterError
from cluster.place import Place
from cluster.processes import Daemon

DRAIN_S: Final = 3
"""HAProxy notices within 1.5 s (`haproxy`) that a gateway is leaving."""
_NODES: Final = ("gw1", "gw2", "gw3")
_OK: Final = 200


@dataclass(frozen=True)
class Gateway:
    """One of a group: its name, where it runs and where it listens."""

    name: str
    node: str
    address: str

    def is_ready(self) -> bool:
        """Whether it says so."""
        return answers_ok(f"http://{self.address}/-/ready")


@dataclass(frozen=True, kw_only=True)
class Group:
    """Gateways that serve the same: one database, one prefix in the bucket, one public address."""

    place: Place
    public: str
    gateways: Sequence[Gateway]
    database: str = postgres.DATABASE
    flags: Sequence[str] = ()
    source: Path | None = None
    """The Python sources of another version; those of this checkout if there are none."""

    def command(self, gateway: Gateway) -> list[str]:
        """How one is started.  Secrets are in the environment: everybody sees a command."""
        place = self.place
        return [
            *(sys.executable, "-m", "ossia", "serve", "--workers=1"),
            f"--listen={gateway.address}",
            f"--public-url=http://{self.public}",
            f"--proxies={place.balancer}",
            f"--drain-seconds={DRAIN_S}",
            f"--blobs=s3://{ceph.BUCKET}/{self.database}?endpoint={ceph.endpoint(place)}",
            f"--blobs-access-key-id={ceph.ACCESS_KEY}",
            # The disks are small, and the tests overwrite all the time: bytes must not stay long.
            "--blobs-grace=300",
            *(f"--patroni={each}" for each in postgres.patroni_urls(place)),
            f"--master-key-file={place.folder / f'{self.database}.master-key'}",
            *self.flags,
        ]

    def _environment(self, gateway: Gateway) -> dict[str, str]:
        place = self.place
        return {
            "OSSIA_ROOT_ACCESS_KEY_ID": place.access_key_id,
            "OSSIA_ROOT_ACCESS_KEY_SECRET": place.access_key_secret,
            "OSSIA_ACCOUNT_ID": place.account_id,
            # `cluster clock` moves the time that this gateway sees.
            "OSSIA_TEST_CLOCK_FILE": str(_clock_file(place, gateway.name)),
            "TMPDIR": str(place.disk(gateway.node)),
            "OSSIA_METADATA": postgres.url(place, self.database),
            **({} if self.source is None else {"PYTHONPATH": str(self.source)}),
            "OSSIA_BLOBS_ACCESS_KEY_SECRET": place.s3_secret,
        }

    def daemons(self) -> list[Daemon]:
        """The processes, in the order of the gateways."""
        return [
            self.place.daemon(
                each.name, each.node, self.command(each), environment=self._environment(each)
            )
            for each in self.gateways
        ]

    def start(self) -> None:
        """Start them and wait until each is ready.

        The first is ready before the others start: it makes tables and the master key.
        """
        for gateway, daemon in zip(self.gateways, self.daemons(), strict=True):
            daemon.start()
            daemon.wait_until(gateway.is_ready, 60, "is not ready")

    def are_ready(self) -> bool:
        """Whether every one says so."""
        return all(each.is_ready() for each in self.gateways)


def own(place: Place) -> Group:
    """The gateways of the cluster itself, behind its endpoint."""
    found = [
        Gateway(node.replace("gw", "gateway"), node, place.address(node, "gateway"))
        for node in _NODES
    ]
    allowed = ("loopback", "private")
    flags = [f"--{what}-allow={each}" for what in ("callback", "oidc") for each in allowed]
    return Group(place=place, public=place.listen, gateways=found, flags=flags)


def _clock_file(place: Place, name: str) -> Path:
    return place.folder / "run" / f"{name}.clock"


def move_clock(place: Place, name: str, seconds: float) -> None:
    """Let a gateway see a time that is *seconds* ahead.  Raises `ClusterError`."""
    if name not in {each.name for each in own(place).gateways}:
        raise ClusterError(f"{name!r} is no gateway: only theirs are clocks that can be moved.")
    _clock_file(place, name).write_text(str(seconds))


def answers_ok(url: str) -> bool:
    """Whether there is a 200 at *url*."""
    try:
        with urllib.request.urlopen(url, timeout=5) as said:
            return bool(said.status == _OK)
    except OSError:
        return False
