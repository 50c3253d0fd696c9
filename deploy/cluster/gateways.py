"""Three gateways: the Ossia of this checkout, on the two engines.

What they are started with stands in `command`, and nowhere else.
"""

import sys
import urllib.request
from functools import partial
from pathlib import Path
from typing import Final

from cluster import ceph, postgres
from cluster.errors import ClusterError
from cluster.place import Place
from cluster.processes import Daemon
from ossia.settings import rows

DRAIN_S: Final = 3
"""HAProxy notices within 1.5 s (`haproxy`) that a gateway is leaving."""
_NODES: Final = ("gw1", "gw2", "gw3")
_OK: Final = 200


def offers_engines() -> bool:
    """Whether this Ossia runs on PostgreSQL and S3; one that does not makes a single gateway."""
    return "--patroni" in {row.flag for row in rows()}


def nodes() -> tuple[str, ...]:
    """The gateways that there are."""
    return _NODES if offers_engines() else _NODES[:1]


def command(place: Place, node: str) -> list[str]:
    """How one gateway is started."""
    words = [
        *(sys.executable, "-m", "ossia", "serve"),
        f"--listen={place.address(node, 'gateway')}",
        f"--public-url={place.endpoint}",
        "--workers=1",
        f"--drain-seconds={DRAIN_S}",
        "--callback-allow=loopback",
        "--callback-allow=private",
        "--oidc-allow=loopback",
        "--oidc-allow=private",
    ]
    if not offers_engines():
        return [*words, f"--data={place.folder / node}"]
    return [
        *words,
        f"--metadata={postgres.url(place)}",
        *(f"--patroni={each}" for each in postgres.patroni_urls(place)),
        f"--blobs=s3://{ceph.BUCKET}/gateways?endpoint={ceph.endpoint(place)}",
        f"--master-key-file={place.folder / 'master.key'}",
    ]


def _environment(place: Place, node: str) -> dict[str, str]:
    return {
        "OSSIA_ROOT_ACCESS_KEY_ID": place.access_key_id,
        "OSSIA_ROOT_ACCESS_KEY_SECRET": place.access_key_secret,
        "OSSIA_ACCOUNT_ID": place.account_id,
        "AWS_ACCESS_KEY_ID": ceph.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": place.s3_secret,
        # `cluster clock` moves the time that this gateway sees.
        "OSSIA_TEST_CLOCK_FILE": str(_clock_file(place, _name(node))),
    }


def _clock_file(place: Place, name: str) -> Path:
    return place.folder / "run" / f"{name}.clock"


def move_clock(place: Place, name: str, seconds: float) -> None:
    """Let a gateway see a time that is *seconds* ahead.  Raises `ClusterError`."""
    if name not in map(_name, nodes()):
        raise ClusterError(f"{name!r} is no gateway: only theirs are clocks that can be moved.")
    _clock_file(place, name).write_text(str(seconds))


def _name(node: str) -> str:
    return node.replace("gw", "gateway")


def daemons(place: Place) -> list[Daemon]:
    """The gateways."""
    return [
        place.daemon(_name(node), node, command(place, node), environment=_environment(place, node))
        for node in nodes()
    ]


def start(place: Place) -> None:
    """Start them and wait until each is ready.

    The first is ready before the others start: it makes tables and the master key.
    """
    for node, each in zip(nodes(), daemons(place), strict=True):
        each.start()
        each.wait_until(partial(is_ready, place, node), 60, "is not ready")


def is_ready(place: Place, node: str) -> bool:
    """Whether a gateway says so."""
    return answers_ok(f"http://{place.address(node, 'gateway')}/-/ready")


def answers_ok(url: str) -> bool:
    """Whether there is a 200 at *url*."""
    try:
        with urllib.request.urlopen(url, timeout=5) as said:
            return bool(said.status == _OK)
    except OSError:
        return False
