"""A wheel of the last commit, and servers that run from what was packed around it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path
from typing import Final

import release
from ossia.client.signing_client import SigningClient

LARGE = b"x" * 100_000
_WHEELS: Final = release.ROOT / ".cache" / "wheels"


def committed_wheel(folder: Path) -> Path:
    """Built from a copy of what is committed, in *folder*, and kept: several tests pack the same."""
    kept = _WHEELS / _what_is_packed()
    _WHEELS.mkdir(parents=True, exist_ok=True)
    with (_WHEELS / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not kept.exists():
            release.copy_source(folder / "source")
            release.build(folder / "source", folder / "dist")
            for other in _WHEELS.glob("*/"):
                shutil.rmtree(other)
            shutil.move(folder / "dist", _WHEELS / "unfinished").rename(kept)
    return release.wheel_of(list(kept.iterdir()))


def _what_is_packed() -> str:
    """The commit, and the pages, which lie beside it."""
    packed = sha256(release.git("rev-parse", "HEAD"))
    for folder in release.PAGES:
        for file in sorted(each for each in (release.ROOT / folder).rglob("*") if each.is_file()):
            packed.update(file.read_bytes())
    return packed.hexdigest()


@contextmanager
def running(
    command: list[str], environment: Mapping[str, str], data: Path
) -> Iterator[SigningClient]:
    """A server by *command*, whose keys lie in *data*; who speaks to it signs as its root key."""
    process = subprocess.Popen(
        [*command, "--json"], stdout=subprocess.PIPE, env=dict(environment), start_new_session=True,
        cwd=data,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        keys = json.loads((data / "keys.json").read_text())
        yield SigningClient(
            ready["endpoint"], ready["access_key_id"], keys["root_access_key_secret"]
        )
    finally:
        os.killpg(process.pid, 15)
        process.communicate(timeout=60)


def goes_through_the_main_job(client: SigningClient) -> None:
    """Health, a bucket, an object of more than a row's size, there and back."""
    assert client.send("GET", "/-/health", {}, b"").status == 200
    assert client.send("GET", "/-/ready", {}, b"").status == 200
    assert client.send("GET", "/-/console/callbacks", {}, b"").status == 200
    assert client.request("PUT", "bucket").status == 200
    assert client.request("PUT", "bucket", "large", body=LARGE).status == 200
    assert client.request("GET", "bucket", "large").body == LARGE


def plain_user() -> list[str]:
    """How root becomes somebody without rights; who is no root is one already."""
    if os.getuid():
        return []
    return ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "--no-new-privs"]


def own_folder(folder: Path) -> Path:
    """One that the plain user may enter and write to, and nobody else."""
    folder.mkdir(mode=0o700)
    if not os.getuid():
        os.chown(folder, 65532, 65532)
    return folder
