"""A gateway gathers uploads in files when its memory is used up; those need a disk that is not full."""

import http.client
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

import pytest

from cluster.gateways import Gateway
from cluster.whole import Cluster
from ossia.client.signing_client import SigningClient
from pieces import piece

pytestmark = pytest.mark.slow

UPLOADS: Final = 30
"""At a time: more than there is memory for chunks (24 in a gateway, some kept back)."""
SIZE: Final = 2_400_000
"""Half of it is more than a gateway keeps before it begins a chunk (a buffer of 1 MiB)."""

_BROKEN_OFF: Final = (BrokenPipeError, ConnectionResetError)
"""By a gateway that has answered before it had everything."""


@pytest.fixture
def gateway(whole: Cluster) -> Iterator[Gateway]:
    """One whose disk may run full."""
    if not whole.place.has_disks:
        pytest.skip("only root can give a gateway a disk that runs full")
    yield whole.group.gateways[1]
    whole.mend()


def test_who_finds_neither_memory_nor_room_is_told_so(
    whole: Cluster, root: SigningClient, bucket: str, gateway: Gateway
) -> None:
    # Python looks once where temporary files go: while there is room.
    assert Counter(upload_together(root, gateway, bucket, "before")) == {200: UPLOADS}
    whole.fill(gateway.name)
    answers = upload_together(root, gateway, bucket, "full")
    assert set(answers) == {200, 503}
    for number, status in enumerate(answers):
        found = root.request("GET", bucket, f"full{number}")
        assert found.status == (200 if status == 200 else 404)
        assert status != 200 or found.body == piece(f"full{number}", SIZE)
    whole.empty()
    assert Counter(upload_together(root, gateway, bucket, "after")) == {200: UPLOADS}


def upload_together(root: SigningClient, gateway: Gateway, bucket: str, name: str) -> list[int]:
    """Upload all, none of which ends before each has begun; the status of each."""
    with lines(gateway) as connections:
        for number, each in enumerate(connections):
            key = f"{name}{number}"
            url = urlsplit(root.url("PUT", bucket, key))
            each.putrequest("PUT", f"{url.path}?{url.query}", skip_accept_encoding=True)
            each.putheader("Content-Length", str(SIZE))
            with suppress(*_BROKEN_OFF):
                each.endheaders(piece(key, SIZE)[: SIZE // 2])
        return [
            finish(each, piece(f"{name}{number}", SIZE)[SIZE // 2 :])
            for number, each in enumerate(connections)
        ]


@contextmanager
def lines(gateway: Gateway) -> Iterator[list[http.client.HTTPConnection]]:
    opened = [http.client.HTTPConnection(gateway.address, timeout=30) for _ in range(UPLOADS)]
    try:
        yield opened
    finally:
        for each in opened:
            each.close()


def finish(connection: http.client.HTTPConnection, rest: bytes) -> int:
    """Send *rest*; the status, which may be there already."""
    with suppress(*_BROKEN_OFF):
        connection.send(rest)
    answer = connection.getresponse()
    answer.read()
    return answer.status
