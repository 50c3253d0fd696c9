"""Where the parts of a cluster are: an address for each node, and how to run something there.

`Loopback` needs no rights: every address of 127.0.0.0/8 is this machine.  `Namespaces` gives each
node a network of its own behind a bridge, so that it can be cut off; only root can.  The host is a
node, too: HAProxy, the application server and tests run there and reach everybody.
"""

import os
from collections.abc import Sequence
from typing import Final, Protocol

from cluster.commands import must, run, works
from cluster.errors import ClusterError

HOST: Final = "host"
NUMBERS: Final = {
    HOST: 1,
    **{f"db{each}": 10 + each for each in (1, 2, 3)},
    **{f"etcd{each}": 20 + each for each in (1, 2, 3)},
    "mon": 30,
    **{f"osd{each}": 31 + each for each in (0, 1, 2)},
    "rgw": 40,
    **{f"gw{each}": 50 + each for each in (1, 2, 3)},
}
"""The last byte of each node's address."""


class Network(Protocol):
    """What both kinds offer."""

    kind: str
    subnet: str

    def address(self, node: str) -> str:
        """The node's IPv4 address."""

    def prefix(self, node: str) -> Sequence[str]:
        """Words before a command that run it on the node."""

    def up(self) -> None:
        """Make what is missing."""

    def down(self) -> None:
        """Remove everything.  Nothing happens if it is gone."""

    def cut(self, node: str) -> None:
        """Let no packet to or from the node through."""

    def heal(self, node: str) -> None:
        """The opposite."""

    def is_cut(self, node: str) -> bool:
        """Whether the node is cut off."""


class Loopback:
    """Every node on the loopback interface."""

    kind = "loopback"
    subnet = "127.0.0.0/8"

    def address(self, node: str) -> str:
        """See `Network`."""
        return f"127.77.0.{NUMBERS[node]}"

    def prefix(self, node: str) -> Sequence[str]:
        """See `Network`."""
        del node
        return ()

    def up(self) -> None:
        """See `Network`."""

    def down(self) -> None:
        """See `Network`."""

    def cut(self, node: str) -> None:
        """See `Network`."""
        raise ClusterError(
            f"{node} is on the loopback interface, which cannot be cut: make down-cluster, then "
            "as root: make up-cluster ARGS=--network=namespaces"
        )

    heal = cut

    def is_cut(self, node: str) -> bool:
        """See `Network`."""
        del node
        return False


_BRIDGE: Final = "ossia-br"
_PORT: Final = "ossia-{}"
_KEEPALIVE: Final = {"time": 5, "intvl": 2, "probes": 3}
"""Who only waits for bytes, as pg_rewind does, notices after so many seconds that nobody is there;
by default it takes two hours, and a cut during pg_rewind costs a standby for so long."""


class Namespaces:
    """Each node in a network namespace; the bridge and the host's end are in the host's own."""

    kind = "namespaces"
    subnet = "10.77.0.0/24"

    def address(self, node: str) -> str:
        """See `Network`."""
        return f"10.77.0.{NUMBERS[node]}"

    def prefix(self, node: str) -> Sequence[str]:
        """See `Network`."""
        return () if node == HOST else ("ip", "netns", "exec", _PORT.format(node))

    def up(self) -> None:
        """See `Network`."""
        if os.geteuid() != 0:
            raise ClusterError("Network namespaces need root: leave --network=namespaces out.")
        if works("ip", "link", "show", _BRIDGE):
            return
        _ip("link", "add", _BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{self.address(HOST)}/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        for node in NUMBERS:
            if node != HOST:
                self._add(node)

    def _add(self, node: str) -> None:
        name = _PORT.format(node)
        _ip("netns", "add", name)
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", name, "master", _BRIDGE, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "addr", "add", f"{self.address(node)}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        for what, value in _KEEPALIVE.items():
            setting = f"/proc/sys/net/ipv4/tcp_keepalive_{what}"
            must(*self.prefix(node), "sh", "-c", f"echo {value} >{setting}")

    def down(self) -> None:
        """See `Network`."""
        for node in NUMBERS:
            if node != HOST:
                # The veth pair goes with the namespace.
                works("ip", "link", "del", _PORT.format(node))
                works("ip", "netns", "del", _PORT.format(node))
        works("ip", "link", "del", _BRIDGE)

    def cut(self, node: str) -> None:
        """See `Network`."""
        _ip("link", "set", _PORT.format(node), "down")

    def heal(self, node: str) -> None:
        """See `Network`."""
        _ip("link", "set", _PORT.format(node), "up")

    def is_cut(self, node: str) -> bool:
        """See `Network`."""
        if node == HOST:
            return False
        shown = run("ip", "-o", "link", "show", _PORT.format(node)).stdout
        return ",UP" not in shown.partition("<")[2].partition(">")[0]


KINDS: Final[dict[str, type[Loopback] | type[Namespaces]]] = {
    each.kind: each for each in (Loopback, Namespaces)
}


def _ip(*arguments: str) -> None:
    must("ip", *arguments)
