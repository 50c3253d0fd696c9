"""Names that resolve slowly keep nobody else waiting (issue 10, D12).

The kind: a pool that all share and that a stranger's input can hold for long.
"""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from ossia.adapters.callback_sender import CallbackClient
from ossia.adapters.resolvers import Resolvers
from ossia.ports import CallbackAttempt, CallbackFailure, CallbackFault
from ossia.protocol.address_policy import AddressPolicy

MANY = 200


class NameServer:
    """Knows fast names; for all others it keeps who asks until it is released."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.release = threading.Event()

    def look_up(self, host: str) -> list[str]:
        self.asked.append(host)
        if host.startswith("slow"):
            self.release.wait(30)
            raise OSError("no such name")
        return ["192.0.2.1"]


@pytest.fixture
def server() -> Iterator[NameServer]:
    made = NameServer()
    yield made
    made.release.set()


def attempt(host: str, bucket: str) -> CallbackAttempt:
    return CallbackAttempt(
        scheme="http", host=host, port=80, target="/", headers={}, body=b"", bucket=bucket
    )


async def test_slow_names_hold_up_their_own_bucket_only(server: NameServer) -> None:
    resolvers = Resolvers(server.look_up)
    waiting = [
        asyncio.create_task(resolvers.addresses(f"slow{number}.example", "hostile"))
        for number in range(MANY)
    ]
    await asyncio.sleep(0.05)
    assert len(server.asked) == 4
    found = await asyncio.wait_for(resolvers.addresses("app.example", "other"), 5)
    assert found == ["192.0.2.1"]
    # Those who give up leave their threads at work: no others take their turns.
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    late = asyncio.create_task(resolvers.addresses("app.example", "hostile"))
    await asyncio.sleep(0.05)
    assert not late.done()
    server.release.set()
    assert await asyncio.wait_for(late, 5) == ["192.0.2.1"]
    assert len(server.asked) == 6
    resolvers.close()


async def test_one_name_is_asked_for_once_at_a_time(server: NameServer) -> None:
    resolvers = Resolvers(server.look_up)
    waiting = [
        asyncio.create_task(resolvers.addresses(f"slow{number % 4}.example", "bucket"))
        for number in range(50)
    ]
    await asyncio.sleep(0.05)
    assert len(server.asked) == 4
    server.release.set()
    for each in waiting:
        with pytest.raises(OSError, match="no such name"):
            await each
    assert sorted(server.asked) == [f"slow{number}.example" for number in range(4)]
    # Nothing is remembered: neither names nor buckets.
    await resolvers.addresses("app.example", "bucket")
    await resolvers.addresses("app.example", "bucket")
    assert server.asked.count("app.example") == 2
    await asyncio.sleep(0)
    assert not resolvers._turns
    assert not resolvers._under_way
    resolvers.close()


async def test_callbacks_of_a_bucket_with_slow_names_time_out(server: NameServer) -> None:
    resolvers = Resolvers(server.look_up)
    policy = AddressPolicy.parse(["192.0.2.0/24"])
    client = CallbackClient(policy, timeout_s=0.3, resolve=resolvers.addresses)
    outcomes = await asyncio.gather(
        *(client.send(attempt(f"slow{number}.example", "hostile")) for number in range(MANY))
    )
    assert {each.fault for each in outcomes if isinstance(each, CallbackFailure)} == {
        CallbackFault.CONNECT_TIMEOUT
    }
    assert len(server.asked) == 4
    await client.close()
    resolvers.close()


async def test_who_waits_for_a_closed_client_is_told(server: NameServer) -> None:
    resolvers = Resolvers(server.look_up)
    waiting = [
        asyncio.create_task(resolvers.addresses(f"slow{number}.example", "bucket"))
        for number in range(5)
    ]
    await asyncio.sleep(0.05)
    resolvers.close()
    server.release.set()
    with pytest.raises(OSError, match="closed"):
        await asyncio.wait_for(waiting[-1], 5)
    await asyncio.gather(*waiting, return_exceptions=True)
