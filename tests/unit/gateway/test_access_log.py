"""What the access log is told of requests, and says of them."""

from itertools import permutations
from urllib.parse import quote

import msgspec
import pytest
from gateway_world import World
from told_requests import HOSTILE, TOLD, read

from ossia.gateway.access_lines import ACCESS_LINES
from ossia.gateway.access_log import phases
from ossia.http.body import Body, ClientGone
from ossia.logs.scope import REQUEST_ID, SPENT, Spent, behind
from ossia.node.observed import noting_phase


def test_what_follows_the_path_is_not_told() -> None:
    assert not any("s3cr3t" in make([TOLD])[0] for make in ACCESS_LINES.values())
    assert "s3cr3t" not in repr(TOLD)


def test_phases_add_up_to_all_of_it() -> None:
    found = phases(TOLD)
    assert list(found) == ["auth", "permit", "run", "publish", "commit"]
    assert found["commit"] == pytest.approx(0.023)
    assert found["run"] == pytest.approx(0.098 - 0.033)
    assert sum(found.values()) == pytest.approx(0.1)
    assert phases(msgspec.structs.replace(TOLD, sending_s=2.0))["send"] == 2.0


def test_what_is_done_side_by_side_is_counted_once() -> None:
    """An intent is recorded while bytes come in, are stored, and a callback is sent."""
    spent = [
        ("commit", 10.01, 10.05),
        ("publish", 10.02, 10.03),
        ("commit", 10.04, 10.06),
        ("callback", 10.045, 10.055),
        ("commit", 10.07, 10.08),
    ]
    for order in permutations(spent):
        found = phases(msgspec.structs.replace(TOLD, spent=order))
        assert found["publish"] == pytest.approx(0.01)
        assert found["callback"] == pytest.approx(0.01)
        # From 10 to 20 ms, from 30 to 45, from 55 to 60, and the last.
        assert found["commit"] == pytest.approx(0.04)
        assert sum(found.values()) == pytest.approx(0.1)


async def test_what_is_begun_behind_a_request_is_not_in_its_time() -> None:
    gathered: list[Spent] = []
    SPENT.set(gathered)
    REQUEST_ID.set("6B0B")
    names = []

    async def commit() -> None:
        with noting_phase("commit"):
            names.append(REQUEST_ID.get())

    await behind(commit())
    assert (names, gathered) == (["6B0B"], [])
    await commit()
    assert [name for name, _, _ in gathered] == ["commit"]


def test_a_request_that_was_refused_has_the_phases_that_it_came_to() -> None:
    assert list(
        phases(
            msgspec.structs.replace(TOLD, came=1.0, entered=0.0, allowed=0.0, ended=2.0, spent=())
        )
    ) == ["auth"]
    assert phases(msgspec.structs.replace(TOLD, caller=None)) == {}


def fields(world: World) -> dict[str, object]:
    return read(world.access_lines[-1])


@pytest.mark.parametrize("key", HOSTILE)
async def test_a_hostile_key_is_told_as_it_is(key: str) -> None:
    world = World()
    assert (await world.ask("PUT", "bucket")).status == 200
    # Control characters are refused, and told of even so.
    await world.ask("PUT", "bucket", key, body=b"x")
    assert len(world.access_lines) == 2
    event = fields(world)
    assert event["path"] == f"/bucket/{quote(key)}"
    assert event["key"] in (key, "")
    world.ingest.close()


async def test_what_a_request_was_is_told() -> None:
    world = World()
    await world.ask("PUT", "bucket")
    answer = await world.ask("PUT", "bucket", "k", body=b"hello")
    event = fields(world)
    assert event["request_id"] == dict(answer.headers)["x-oss-request-id"]
    assert (event["operation"], event["bucket"], event["key"]) == ("PutObject", "bucket", "k")
    assert (event["received"], event["sent"], event["status"]) == ("5", "0", "200")
    assert {"auth_us", "permit_us", "run_us"} <= event.keys()
    await world.ask("GET", "bucket", "none")
    assert fields(world)["status"] == "404"
    await world.hand("POST", "/?Action=GetCallerIdentity&Version=2015-04-01", {})
    assert len(str(fields(world)["rpc_request_id"])) == 36
    world.ingest.close()


async def test_a_client_that_has_gone_is_told_of() -> None:
    world = World()
    await world.ask("PUT", "bucket")
    body = Body(10)
    body.fail(ClientGone())
    with pytest.raises(ClientGone):
        await world.ask("PUT", "bucket", "k", headers={"content-length": "10"}, body=body)
    assert fields(world)["status"] == "499"
    world.ingest.close()


async def test_what_takes_time_to_send_is_told_of_when_it_is_sent() -> None:
    world = World()
    await world.ask("PUT", "bucket")
    await world.ask("PUT", "bucket", "big", body=b"x" * 50_000)
    told = len(world.access_lines)
    for is_whole in (True, False):
        answer = await world.ask("GET", "bucket", "big")
        assert len(world.access_lines) == told
        assert answer.sent is not None
        answer.sent(is_whole=is_whole)
        told += 1
        event = fields(world)
        assert "send_us" in event
        assert event["sent"] == "50000"
        assert ("cut" in event) is not is_whole
        for span in answer.spans:
            span.close()
    world.ingest.close()
