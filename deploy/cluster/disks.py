"""Disks of their own for what may run full, where root has asked for them: ext4 in a sparse file.

Without them the same folders are there, on the disk of everybody.
"""

import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from cluster.commands import must, works
from cluster.errors import ClusterError
from cluster.place import Place
from cluster.processes import wait_until

_MIB: Final = 1024**2
SIZES: Final = {
    **{f"db{each}": 4096 * _MIB for each in (1, 2, 3)},
    **{f"gw{each}": 256 * _MIB for each in (1, 2, 3)},
}
"""Bytes of each, by node: the folder of PostgreSQL, and temporary files of a gateway."""
_BALLAST: Final = "ballast"


def start(place: Place) -> None:
    """Make every folder, and mount its disk if there is one."""
    for node, size in SIZES.items():
        path = place.make_folder(f"disks/{node}", unprivileged=node.startswith("db"))
        if place.has_disks and not path.is_mount():
            _mount(path, size)
            # What is seen now is the root of the new file system.
            place.make_folder(f"disks/{node}", unprivileged=node.startswith("db"))


def _mount(path: Path, size: int) -> None:
    if os.geteuid() != 0:
        raise ClusterError("Disks of their own need root: leave --disks out.")
    image = path.with_suffix(".img")
    if not image.exists():
        with image.open("wb") as file:
            file.truncate(size)
        must("mkfs.ext4", "-q", "-m", "0", str(image))
    must("mount", "-o", "loop", str(image), str(path))


def stop(place: Place) -> None:
    """Unmount all of them.  Nothing happens if none is mounted."""
    for node in SIZES:
        if place.disk(node).is_mount():
            unmounts = partial(works, "umount", str(place.disk(node)))
            wait_until(unmounts, 20, f"{node} is in use still")


def fill(place: Place, node: str) -> None:
    """Leave no byte.  Raises `ClusterError`."""
    path = place.disk(node)
    if node not in SIZES or not path.is_mount():
        raise ClusterError(f"{node} has no disk of its own: make up-cluster ARGS=--disks, as root")
    with (path / _BALLAST).open("ab") as ballast:
        while free := _free(path):
            _take(ballast.fileno(), free)


def _free(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def _take(descriptor: int, size: int) -> None:
    """As much of *size* as can be had: a file needs some room besides its bytes."""
    while size:
        with suppress(OSError):
            os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, size)
            return
        size //= 2


def empty(place: Place, node: str) -> None:
    """The opposite.  Nothing happens if it is not full."""
    (place.disk(node) / _BALLAST).unlink(missing_ok=True)
