"""The engines by themselves: they come up, and do what they are there for."""

import os
import time

import pytest

from cluster import ceph, etcd, postgres
from cluster.processes import wait_until
from cluster.whole import Cluster

pytestmark = pytest.mark.slow


def test_everything_runs_and_is_well(whole: Cluster) -> None:
    assert [each.name for each in whole.processes() if not each.is_running()] == []
    assert whole.is_up()
    wait_until(lambda: not whole.unwell(), 60, "not well")


def test_s3_keeps_what_it_is_given(whole: Cluster) -> None:
    content = os.urandom(3_000_000)
    path = f"/{ceph.BUCKET}/probe/{os.urandom(8).hex()}"
    assert ceph.request(whole.place, "PUT", path, content)[0] == 200
    assert ceph.request(whole.place, "GET", path) == (200, content)
    assert ceph.request(whole.place, "DELETE", path)[0] == 204
    assert ceph.request(whole.place, "GET", path)[0] == 404


def test_a_row_outlives_its_primary(whole: Cluster) -> None:
    place = whole.place
    postgres.run_sql(place, "create table if not exists outlives (id bigint primary key)")
    rows = 0
    for _ in range(3):
        for _ in range(10):
            rows += 1
            postgres.run_sql(place, f"insert into outlives values ({rows})")  # noqa: S608 - a number
        before = postgres.primary(place)
        whole.find("primary").kill()
        wait_until(
            lambda old=before: postgres.primary(place) not in {None, old}, 40, "nobody takes over"
        )
        assert postgres.run_sql(place, "select count(*) from outlives") == str(rows)
        whole.mend()


def test_two_members_of_etcd_are_enough(whole: Cluster) -> None:
    member = whole.find("etcd1")
    member.kill()
    wait_until(lambda: etcd.is_healthy(whole.place, "etcd2"), 10, "the others do not agree")
    assert postgres.primary(whole.place) is not None
    whole.mend()
    assert member.is_running()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can cut a node off")
def test_a_node_that_is_cut_off_is_reached_by_nobody(whole: Cluster) -> None:
    place = whole.place
    place.network.cut("osd1")
    assert place.network.is_cut("osd1")
    wait_until(lambda: ceph.osds_up(place) == 2, 30, "the OSD is not given up")
    path = f"/{ceph.BUCKET}/probe/while-cut"
    begun = time.monotonic()
    assert ceph.request(place, "PUT", path, b"two of three")[0] == 200
    assert time.monotonic() - begun < 10
    whole.mend()
    assert not place.network.is_cut("osd1")
    assert ceph.request(place, "GET", path) == (200, b"two of three")
