"""One cluster for the whole run, below a folder of its own; nothing of it may be left at the end."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from histories import ANSWERS_S, Endpoint, Teams
from load import Load
from owed import Receiver, receiving

from cluster import demonstration, postgres
from cluster.errors import ClusterError
from cluster.network import HOST
from cluster.place import CHECKOUT, Place
from cluster.whole import Cluster, check_addresses, check_machine, marked
from ossia.client.signing_client import SigningClient
from ports import free_port

_LOGS: Final = CHECKOUT / ".cache" / "cluster-log"
_KIND: Final = os.environ.get(
    "OSSIA_CLUSTER_NETWORK", "namespaces" if os.geteuid() == 0 else "loopback"
)
"""Root may choose loopback, too: two clusters on one machine."""


@pytest.fixture(scope="session")
def whole(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A running cluster; in namespaces where we are root, so that nodes can be cut off."""
    # Not pytest's own folder, which the user postgres may not enter.
    folder = Path(tempfile.mkdtemp(prefix="ossia-cluster-", dir="/var/tmp"))
    folder.chmod(0o755)
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    try:
        check_machine(folder)
        place = Place.make(
            folder,
            network_kind=_KIND,
            listen=addresses[0],
            appserver=addresses[1],
            has_disks=os.geteuid() == 0,
        )
        check_addresses(place)
    except ClusterError as error:
        shutil.rmtree(folder)
        pytest.fail(str(error))
    running = Cluster(place)
    try:
        running.up(print)
        yield running
    finally:
        if request.session.testsfailed:
            shutil.copytree(folder / "log", _LOGS, dirs_exist_ok=True)
            print(f"What the processes said is kept in {_LOGS}")
        segments = {each.segment() for each in postgres.postmasters(place)}
        running.down()
    assert not folder.exists()
    assert not list(marked(folder))
    if _KIND == "namespaces":
        assert "ossia-" not in _said("ip", "-br", "link") + _said("ip", "netns")
    assert not segments & {
        line.split()[1] for line in _said("ipcs", "-m").splitlines() if line[:2] == "0x"
    }


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="session")
def root(whole: Cluster) -> SigningClient:
    """Signs with the root key, at the endpoint."""
    client = demonstration.client(whole.place)
    client.timeout_s = 30
    return client


@pytest.fixture
def bucket(request: pytest.FixtureRequest, root: SigningClient) -> str:
    """A bucket of this test."""
    name = f"b-{abs(hash(request.node.nodeid)):x}"[:40]
    assert root.request("PUT", name).status == 200
    return name


@pytest.fixture
def teams(whole: Cluster, root: SigningClient, bucket: str) -> Teams:
    """Clients for the bucket of this test, at every gateway and at the endpoint."""
    hosts = [whole.place.listen, *(each.address for each in whole.group.gateways)]
    endpoints = [replace(root, endpoint=f"http://{each}", timeout_s=ANSWERS_S) for each in hosts]
    made = Teams([Endpoint(each) for each in endpoints], bucket)
    made.prepare()
    return made


@pytest.fixture(scope="session")
def receiver(whole: Cluster) -> Iterator[Receiver]:
    """An application server that every gateway reaches."""
    with receiving(whole.place.network.address(HOST)) as running:
        yield running


@pytest.fixture
def load(whole: Cluster, root: SigningClient, bucket: str, receiver: Receiver) -> Load:
    """Writers for the bucket of this test, whose callbacks are owed until they are delivered."""
    place = whole.place
    words = ["callbacks", "terms", bucket, "--mode", "outbox", "--endpoint", place.endpoint]
    keys = {
        "OSSIA_ACCESS_KEY_ID": place.access_key_id,
        "OSSIA_ACCESS_KEY_SECRET": place.access_key_secret,
    }
    subprocess.run([sys.executable, "-m", "ossia", *words], check=True, env={**os.environ, **keys})
    return Load(root, bucket, receiver)
