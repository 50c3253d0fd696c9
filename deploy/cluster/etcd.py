"""etcd: three members that agree on who is the primary."""

import urllib.request
from functools import partial
from typing import Final

from cluster.place import Place
from cluster.processes import Daemon

MEMBERS: Final = ("etcd1", "etcd2", "etcd3")


def daemons(place: Place) -> list[Daemon]:
    """The members."""
    everybody = ",".join(f"{each}=http://{place.address(each, 'etcd-peer')}" for each in MEMBERS)
    return [_member(place, each, everybody) for each in MEMBERS]


def _member(place: Place, name: str, everybody: str) -> Daemon:
    client = f"http://{place.address(name, 'etcd')}"
    peer = f"http://{place.address(name, 'etcd-peer')}"
    command = [
        "etcd",
        f"--name={name}",
        f"--data-dir={place.folder / name}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={everybody}",
        # Twice etcd's own: the members share disk and cores with everything else.  A new leader
        # must be there well before a Patroni gives up (``retry_timeout``).
        "--heartbeat-interval=200",
        "--election-timeout=2000",
    ]
    return place.daemon(name, name, command)


def start(place: Place) -> None:
    """Start the members and wait until they agree."""
    members = daemons(place)
    for each in members:
        each.start()
    for each in members:
        each.wait_until(partial(is_healthy, place, each.name), 60, "is not healthy")


def is_healthy(place: Place, name: str) -> bool:
    """Whether a member answers and knows a leader."""
    try:
        with urllib.request.urlopen(
            f"http://{place.address(name, 'etcd')}/health", timeout=2
        ) as said:
            return b'"true"' in said.read()
    except OSError:
        return False
