"""Ceph: one monitor, one manager, three OSDs on sparse files, and radosgw, which speaks S3.

Two copies of three make a write good (``min size``); an OSD that answers nobody is given up after
three seconds (twenty by default).
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import uuid
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final

from cluster.errors import ClusterError
from cluster.place import CEPH_PORTS, PORTS, Place
from cluster.processes import Daemon

OSDS: Final = ("osd0", "osd1", "osd2")
ACCESS_KEY: Final = "ossia"
BUCKET: Final = "ossia-blobs"
_CAPABILITIES: Final = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "mgr.x": {"mon": "allow profile mgr", "osd": "allow *"},
    "client.rgw": {"mon": "allow rw", "osd": "allow rwx"},
    **{
        f"osd.{each}": {"mon": "allow profile osd", "osd": "allow *", "mgr": "allow profile osd"}
        for each in range(len(OSDS))
    },
}
_BLOCK_BYTES: Final = 8 * 1024**3
_MEMORY_BYTES: Final = 939_524_096  # the least that an OSD accepts
_FULL_RATIOS: Final = {"nearfull": 0.85, "backfillfull": 0.9, "full": 0.95}
"""What Ceph has by default."""
_OK: Final = 200


def _configuration(place: Place, cluster_id: str) -> str:
    folder, address = place.folder / "ceph", place.network.address
    first, last = CEPH_PORTS
    parts = "\n".join(
        f"[osd.{number}]\npublic addr = {address(node)}\ncluster addr = {address(node)}"
        for number, node in enumerate(OSDS)
    )
    return f"""[global]
fsid = {cluster_id}
mon initial members = a
mon host = v1:{place.address("mon", "mon")}/0
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {folder}/keyring
run dir = {folder}
admin socket =
log file =
log to stderr = true
err to stderr = true
mon cluster log file = {folder}/cluster.log
crash dir = {folder}/crash
ms bind port min = {first}
ms bind port max = {last}
ms bind msgr2 = false
osd pool default size = {len(OSDS)}
osd pool default min size = 2
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 1000
mon allow pool delete = true
mon data avail warn = 2
mon data avail crit = 1
osd heartbeat interval = 1
osd heartbeat grace = 3
osd client watch timeout = 5
# Faults that people make come more often than five in ten minutes.
osd max markdown count = 100000
mon osd min down reporters = 1
mon osd reporter subtree level = osd
mon osd adjust heartbeat grace = false
mon osd adjust down out interval = false
mon osd down out interval = 600
paxos propose interval = 0.1
debug rgw = 0
[mon]
mon data = {folder}/mon.a
public addr = {address("mon")}
[mgr]
mgr data = {folder}/mgr.x
mgr modules =
public addr = {address("mon")}
[osd]
osd data = {folder}/osd.$id
osd objectstore = bluestore
osd memory target = {_MEMORY_BYTES}
bluestore block size = {_BLOCK_BYTES}
bluestore cache autotune = false
bluestore cache size = 67108864
osd op num shards = 2
osd op num threads per shard = 1
osd scrub load threshold = 0.01
osd recovery sleep = 0
osd recovery sleep hdd = 0
osd recovery max active = 8
osd max backfills = 4
{parts}
[client.rgw]
public addr = {address("rgw")}
rgw frontends = beast endpoint={place.address("rgw", "rgw")} tcp_nodelay=1
rgw data = {folder}/rgw
rgw thread pool size = 64
rgw gc obj min wait = 10
rgw gc processor period = 10
rgw max chunk size = 4194304
rgw enable usage log = false
rgw dynamic resharding = false
rgw override bucket index max shards = 11
"""


def daemons(place: Place) -> list[Daemon]:
    """Monitor, manager, OSDs and radosgw, in the order in which they start."""
    folder = place.folder / "ceph"
    config = ["-f", "-c", f"{folder}/ceph.conf"]
    return [
        place.daemon("mon", "mon", ["ceph-mon", "-i", "a", *config]),
        place.daemon("mgr", "mon", ["ceph-mgr", "-i", "x", *config]),
        *(
            place.daemon(node, node, ["ceph-osd", "-i", str(number), *config])
            for number, node in enumerate(OSDS)
        ),
        place.daemon("rgw", "rgw", ["radosgw", "-n", "client.rgw", *config]),
    ]


def start(place: Place) -> None:
    """Make what is missing, start everything, and wait until radosgw stores something."""
    monitor, manager, *osds, gateway = daemons(place)
    if not (place.folder / "ceph" / "ceph.conf").exists():
        _make_monitor(place)
    monitor.start()
    manager.start()
    for number, each in enumerate(osds):
        if not (place.folder / "ceph" / f"osd.{number}" / "ready").exists():
            _make_osd(place, number)
        each.start()
    for each in osds:
        each.wait_until(lambda: osds_up(place) == len(osds), 120, "is not up")
    gateway.start()
    gateway.wait_until(lambda: answers(place), 180, "does not answer")
    _make_user(place)
    gateway.wait_until(lambda: _makes_bucket(place), 120, "does not make a bucket")


def _tool(place: Place, *command: str) -> str:
    config = str(place.folder / "ceph" / "ceph.conf")
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PATH": os.environ.get("PATH", ""), "CEPH_CONF": config, "HOME": str(place.folder)},
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise ClusterError(f"{' '.join(command[:4])}: {said[-1] if said else done.returncode}")
    return done.stdout


def _make_monitor(place: Place) -> None:
    folder = place.make_folder("ceph")
    for each in ("mon.a", "mgr.x", "rgw", "crash"):
        place.make_folder(f"ceph/{each}")
    cluster_id = str(uuid.uuid4())
    config = place.write("ceph/ceph.conf.new", _configuration(place, cluster_id))
    keyring, monitors = f"{folder}/keyring", f"{folder}/monmap"
    for name, capabilities in _CAPABILITIES.items():
        given = [word for who, what in capabilities.items() for word in ("--cap", who, what)]
        create = [] if (folder / "keyring").exists() else ["-C"]
        _tool(place, "ceph-authtool", *create, keyring, "--gen-key", "-n", name, *given)
    address = f"[v1:{place.address('mon', 'mon')}/0]"
    make = ["monmaptool", "--create", "--clobber", "--fsid", cluster_id, monitors]
    _tool(place, *make, "--addv", "a", address, "--set-min-mon-release", "pacific")
    store = ["ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors, "--keyring", keyring]
    _tool(place, *store, "-c", str(config))
    config.rename(folder / "ceph.conf")


def _make_osd(place: Place, number: int) -> None:
    place.make_folder(f"ceph/osd.{number}")
    osd_id = str(uuid.uuid4())
    _tool(place, "ceph", "osd", "new", osd_id, str(number))
    _tool(place, "ceph-osd", "-i", str(number), "--mkfs", "--osd-uuid", osd_id)
    place_in_map = ["1.0", "root=default", f"host=osd{number}"]
    _tool(place, "ceph", "osd", "crush", "add", f"osd.{number}", *place_in_map)


def osds_up(place: Place) -> int:
    """How many OSDs the monitor believes to be up."""
    try:
        count: int = json.loads(_tool(place, "ceph", "osd", "stat", "-f", "json"))["num_up_osds"]
    except (ClusterError, subprocess.TimeoutExpired):
        return 0
    return count


def is_clean(place: Place) -> bool:
    """Whether every group of objects has all its copies."""
    try:
        said = json.loads(_tool(place, "ceph", "pg", "stat", "-f", "json"))
    except (ClusterError, subprocess.TimeoutExpired):
        return False
    summary = said.get("pg_summary", said)
    states = summary["num_pg_by_state"]
    return all("active+clean" in each["name"] for each in states) and bool(states)


def fill(place: Place) -> None:
    """Let Ceph refuse writes: what may be stored is set to half of what is stored.

    A disk that is filled to the real limit (95 %) costs minutes, and refuses in the same way.
    """
    stored = json.loads(_tool(place, "ceph", "osd", "df", "-f", "json"))["nodes"]
    ratio = min(each["utilization"] for each in stored) / 100 / 2
    _set_ratios(place, {name: usual * ratio for name, usual in _FULL_RATIOS.items()})


def empty(place: Place) -> None:
    """The opposite.  Nothing happens if it is not full."""
    if _map(place)["full_ratio"] < _FULL_RATIOS["full"] / 2:
        _set_ratios(place, _FULL_RATIOS)


def _set_ratios(place: Place, ratios: Mapping[str, float]) -> None:
    # All three, each more than the one before it: otherwise the monitor heeds another.
    for name, ratio in ratios.items():
        _tool(place, "ceph", "osd", f"set-{name}-ratio", f"{ratio:.6f}")


def is_full(place: Place) -> bool:
    """Whether it refuses writes: the OSDs have told the monitor, and that one everybody."""
    return any("full" in each["flags_names"].split(",") for each in _map(place)["pools"])


def _map(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_tool(place, "ceph", "osd", "dump", "-f", "json"))
    return found


def _make_user(place: Place) -> None:
    make = ["user", "create", "--uid=ossia", "--display-name=ossia"]
    keys = [f"--access-key={ACCESS_KEY}", f"--secret-key={place.s3_secret}"]
    try:
        _tool(place, "radosgw-admin", "-n", "client.rgw", "user", "info", "--uid=ossia")
    except ClusterError:
        _tool(place, "radosgw-admin", "-n", "client.rgw", *make, *keys)


def endpoint(place: Place) -> str:
    """Where S3 is."""
    return f"http://{place.address('rgw', 'rgw')}"


def answers(place: Place) -> bool:
    """Whether radosgw answers."""
    try:
        return _ask(place, "GET", "/")[0] == _OK
    except (OSError, http.client.HTTPException):
        return False


def _makes_bucket(place: Place) -> bool:
    try:
        return request(place, "PUT", f"/{BUCKET}/")[0] == _OK
    except (OSError, http.client.HTTPException):
        return False


def request(
    place: Place, method: str, path: str, body: bytes = b"", *, query: str = ""
) -> tuple[int, bytes]:
    """One request to radosgw, signed as S3 had it first: the shortest way to make a bucket.

    *query* names no sub-resource, which would have to be signed.
    """
    date = formatdate(usegmt=True)
    text = f"{method}\n\n\n{date}\n{path}"
    digest = hmac.new(place.s3_secret.encode(), text.encode(), hashlib.sha1).digest()
    signature = base64.b64encode(digest).decode()
    signed = {"Date": date, "Authorization": f"AWS {ACCESS_KEY}:{signature}"}
    return _ask(place, method, path + query, signed, body)


def _ask(
    place: Place,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(place.network.address("rgw"), PORTS["rgw"], timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
