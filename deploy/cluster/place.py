"""What every part must know: the folder, the network, the secrets, and as whom it runs.

Ports are those that everybody knows, plus 10000: `PORTS` is the whole list.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from cluster.errors import ClusterError
from cluster.network import HOST, KINDS, Network
from cluster.processes import Daemon

CHECKOUT: Final = Path(__file__).parents[2]
MARK: Final = "OSSIA_CLUSTER"
"""Every process has it in its environment: none is overlooked at the end."""

PORTS: Final = {
    "etcd": 12379,
    "etcd-peer": 12380,
    "postgres": 15432,
    "patroni": 18008,
    "mon": 16789,
    "rgw": 17480,
    "gateway": 19000,
    "haproxy": 18404,
    "callback": 17080,
}
CEPH_PORTS: Final = (16800, 16999)
_CONFIG: Final = "cluster.json"
_UNPRIVILEGED: Final = "postgres"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One cluster.  Everything that is chosen once is kept in ``cluster.json``."""

    folder: Path
    network_kind: str
    listen: str
    appserver: str
    has_disks: bool
    access_key_id: str
    account_id: str
    access_key_secret: str = field(repr=False)
    s3_secret: str = field(repr=False)
    database_password: str = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> "Place | None":
        """The cluster below *folder*, if there is one."""
        try:
            kept = json.loads((folder / _CONFIG).read_text())
        except FileNotFoundError:
            return None
        return cls(folder=folder, **kept)

    @classmethod
    def make(
        cls,
        folder: Path,
        *,
        network_kind: str,
        listen: str,
        appserver: str,
        has_disks: bool = False,
    ) -> "Place":
        """A new one, with secrets of its own."""
        place = cls(
            folder=folder,
            network_kind=network_kind,
            listen=listen,
            appserver=appserver,
            has_disks=has_disks,
            access_key_id=f"LTAI5t{secrets.token_hex(9)}",
            account_id=str(10**15 + secrets.randbelow(9 * 10**15)),
            access_key_secret=secrets.token_hex(15),
            s3_secret=secrets.token_hex(20),
            database_password=secrets.token_hex(16),
        )
        for each in ("run", "log"):
            (folder / each).mkdir(parents=True, exist_ok=True)
        kept = asdict(place)
        del kept["folder"]
        place.write(_CONFIG, json.dumps(kept, indent=2))
        return place

    @property
    def network(self) -> Network:
        """Where the nodes are."""
        return KINDS[self.network_kind]()

    @property
    def endpoint(self) -> str:
        """The one address of the whole."""
        return f"http://{self.listen}"

    @property
    def balancer(self) -> str:
        """The address from which HAProxy asks gateways."""
        return self.network.address(HOST)

    def address(self, node: str, service: str) -> str:
        """``host:port`` of a service."""
        return f"{self.network.address(node)}:{PORTS[service]}"

    def disk(self, node: str) -> Path:
        """The folder of a node that may run full (`cluster.disks`)."""
        return self.folder / "disks" / node

    def write(self, name: str, text: str, *, unprivileged: bool = False) -> Path:
        """A file that nobody else reads; *unprivileged* gives it to who runs PostgreSQL."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.touch(0o600)
        path.write_text(text)
        if unprivileged:
            self.give_away(path)
        return path

    def make_folder(self, name: str, *, unprivileged: bool = False) -> Path:
        """A folder below ours."""
        path = self.folder / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if unprivileged:
            self.give_away(path)
        return path

    def give_away(self, path: Path) -> None:
        """PostgreSQL refuses to run as root, and reads only what is its own."""
        if os.geteuid() == 0:
            shutil.chown(path, _UNPRIVILEGED, _UNPRIVILEGED)

    def daemon(
        self,
        name: str,
        node: str,
        command: Sequence[str],
        *,
        unprivileged: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Daemon:
        """A program of this cluster on one of its nodes."""
        as_whom = _as_somebody_else() if unprivileged and os.geteuid() == 0 else ()
        return Daemon(
            name,
            command,
            self.folder,
            (*self.network.prefix(node), *as_whom),
            {MARK: str(self.folder), "HOME": str(self.folder), **(environment or {})},
        )


def _as_somebody_else() -> Sequence[str]:
    return (
        "setpriv",
        f"--reuid={_UNPRIVILEGED}",
        f"--regid={_UNPRIVILEGED}",
        "--clear-groups",
    )


def check_reachable(path: Path) -> None:
    """Raise `ClusterError` if who runs PostgreSQL could not enter *path*, or run it."""
    if os.geteuid() != 0:
        return
    path = path.resolve()
    while not path.exists():
        path = path.parent
    # Through a shell: what setpriv starts itself still has some of root's rights at that moment.
    asked = [*_as_somebody_else(), "sh", "-c", 'test -x "$0"', str(path)]
    if subprocess.run(asked, check=False).returncode:
        raise ClusterError(
            f"PostgreSQL does not run as root, and the user {_UNPRIVILEGED} may not enter {path}: "
            "choose another place, such as --folder /var/tmp/ossia-cluster"
        )


def refuse_taken(address: str, remedy: str) -> None:
    """Raise `ClusterError` if somebody listens on *address* already."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_server((host, int(port))):
            pass
    except (OSError, ValueError, OverflowError) as error:
        raise ClusterError(f"{address} cannot be listened on ({error}): {remedy}") from error
