"""Any one part of the cluster is killed, frozen or cut off, and is well again afterwards."""

from collections.abc import Callable
from typing import Final

import pytest

from cluster import postgres
from cluster.processes import wait_until
from cluster.whole import Cluster

VICTIMS: Final = ("gateway2", "osd1", "rgw", "primary", "patroni", "etcd1")
HOW: Final = ("kill", "freeze", "cut")
_HELD_S: Final = {"kill": 3.0, "freeze": 10.0, "cut": 10.0}
"""A killed part is started again soon, as systemd does; what hangs is noticed by somebody."""
_LONG_HELD_S: Final = 27.0
"""A primary that vanishes is replaced when its lease has run out (20 s)."""


def skip_impossible(whole: Cluster, name: str, how: str) -> None:
    """Skip what cannot be done here, or is done already."""
    if how == "cut" and whole.place.network.kind == "loopback":
        pytest.skip("only root can cut a node off")
    if how == "cut" and name == "patroni":
        pytest.skip("is cut off with its primary")


def held_s(name: str, how: str) -> float:
    """How long it lasts."""
    return _LONG_HELD_S if name in {"primary", "patroni"} and how != "kill" else _HELD_S[how]


def victim_of(whole: Cluster, name: str) -> str:
    """*name*, or the Patroni of whoever is the primary, which takes time to say on a busy machine."""
    wait_until(lambda: postgres.primary(whole.place) is not None, 60, "Nobody is the primary")
    if name == "patroni":
        return whole.find("primary").name.replace("postgres", "patroni")
    return whole.find(name).name


def injure(whole: Cluster, how: str, victim: str) -> Callable[[], None]:
    """Do it; the result undoes it."""
    if how == "cut":
        node = whole.node_of(victim)
        whole.place.network.cut(node)
        return lambda: whole.place.network.heal(node)
    process = whole.find(victim)
    if how == "freeze":
        process.freeze()
        return process.thaw
    process.kill()
    return lambda: whole.restart(victim)
