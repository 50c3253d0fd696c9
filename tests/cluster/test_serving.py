"""Gateways behind the balancer: SDKs reach them, and none is missed when it is restarted."""

import http.client
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import oss2
import pytest
from load import Load
from PIL import Image
from remains import rows

from browsing import needs_browser, running_browser
from cluster.gateways import Group
from cluster.place import CHECKOUT
from cluster.whole import Cluster
from ossia.adapters.postgres.schema import KNOWN_VERSION

pytestmark = pytest.mark.slow

BEFORE: Final = "cb7e0553e2a0"
"""The last commit before the last change of the tables."""


def test_the_official_sdk_works_through_the_balancer(whole: Cluster, bucket: str) -> None:
    place = whole.place
    auth = oss2.AuthV4(place.access_key_id, place.access_key_secret)
    client = oss2.Bucket(auth, place.endpoint, bucket, region="cn-hangzhou")
    for size in (0, 5_000, 3_000_000):
        content = bytes(range(256)) * (size // 256)
        client.put_object(f"k{size}", content)
        assert client.get_object(f"k{size}").read() == content
    assert len(client.list_objects_v2().object_list) == 3
    client.delete_object("k0")
    assert not client.object_exists("k0")


def test_every_gateway_says_that_it_is_ready(whole: Cluster) -> None:
    for gateway in whole.group.gateways:
        with urlopen(f"http://{gateway.address}/-/ready", timeout=5) as answer:
            assert json.load(answer)["status"] == "ready"


@needs_browser
def test_a_photo_dropped_on_the_page_is_stored_and_the_application_told(
    whole: Cluster, tmp_path: Path
) -> None:
    photo = tmp_path / "cluster.png"
    Image.linear_gradient("L").save(photo)
    with running_browser(tmp_path / "profile", 1000, 1100) as browser:
        browser.get(f"http://{whole.place.appserver}/")
        browser.find_element("css selector", "#files").send_keys(str(photo))
        until = time.monotonic() + 30
        while not (done := browser.find_elements("css selector", '.item[data-state="done"]')):
            assert time.monotonic() < until, browser.find_element("css selector", "#queue").text
            time.sleep(0.1)
        assert "cluster.png" in done[0].text


@pytest.fixture(scope="module")
def version_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the version that knew the tables before their last change."""
    folder = tmp_path_factory.mktemp("before")
    packed = subprocess.run(
        ["git", "archive", BEFORE, "src"], cwd=CHECKOUT, capture_output=True, check=False
    )
    if packed.returncode:
        pytest.skip(f"the commit {BEFORE} is not in this clone: {packed.stderr.decode().strip()}")
    subprocess.run(["tar", "x"], cwd=folder, input=packed.stdout, check=True)
    return folder / "src"


def restart_one_by_one(group: Group) -> None:
    for each in group.daemons():
        each.stop()
        each.start()
        each.wait_until(group.are_ready, 30, "is not ready")
        time.sleep(2)


def beating(whole: Cluster) -> set[str]:
    """The processes that say of themselves that they know the tables of this version."""
    return set(rows(whole, f"select id from gateway where knows >= {KNOWN_VERSION}"))  # noqa: S608 - a number


def as_before_upgrade(whole: Cluster) -> None:
    """Let the version before start, as it may until `ossia upgrade` has come to its end."""
    rows(whole, "update schema_version set least = 0 returning least")


def test_rolling_restarts_to_the_version_before_and_to_this_one_fail_no_request(
    whole: Cluster, load: Load, version_before: Path
) -> None:
    stayed = Stayed(whole)
    older = replace(whole.group, source=version_before)
    with load.running(), stayed.running():
        time.sleep(2)
        load.begin_round()
        known = beating(whole)
        as_before_upgrade(whole)
        restart_one_by_one(older)
        assert beating(whole) <= known
        restart_one_by_one(whole.group)
        assert len(beating(whole) - known) == len(whole.group.gateways)
    print(f"{load.longest.count} changes, slowest {load.slowest_s:.2f} s")
    assert load.longest.count > 100
    assert not load.failures
    assert load.verify() == []
    assert stayed.failures == []
    assert stayed.answered > 100


class Stayed:
    """A client that keeps its connection for as long as it may."""

    def __init__(self, whole: Cluster) -> None:
        self._address = whole.place.listen
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.failures: list[str] = []
        self.answered = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            self._thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        while not self._stopped.wait(0.01):
            try:
                connection.request("GET", "/-/health")
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            self.answered += 1
            if answer.status != 200:
                self.failures.append(str(answer.status))
        connection.close()
