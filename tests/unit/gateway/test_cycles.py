"""B2: what a request has made goes with it; nothing waits for the garbage collector.

The collector looks seldom (`ossia.node.memory_watch`), and what waits for it may be large.
"""

import gc
from collections.abc import Awaitable, Callable, Iterator

import pytest
from gateway_world import World

from ossia.http.message import Response

BOUNDARY = "b"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
RPC = {"content-type": "application/x-www-form-urlencoded"}
TIMES = 20


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.ingest.close()


def form(*fields: str, end: str = "") -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, _, value in (each.partition("=") for each in fields)
    ]
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--{BOUNDARY}--\r\n'
    return ("".join(parts) + (end or file)).encode()


Ask = Callable[[World], Awaitable[Response]]

REQUESTS: dict[str, Ask] = {
    "put": lambda w: w.ask("PUT", "bucket", "k", body=b"x"),
    "get": lambda w: w.ask("GET", "bucket", "k"),
    "list": lambda w: w.ask("GET", "bucket"),
    "no-such-key": lambda w: w.ask("GET", "bucket", "absent"),
    "no-such-bucket": lambda w: w.ask("GET", "absent-bucket"),
    "not-offered": lambda w: w.ask("GET", "bucket", query=[("inventory", "")]),
    "denied": lambda w: w.ask("GET", "bucket", "k", by=w.anonymous),
    "unknown-key": lambda w: w.ask("GET", "bucket", by=w.signer("NONE", "x")),
    "unknown-key-at-no-bucket": lambda w: w.ask("GET", "absent-bucket", by=w.signer("NONE", "x")),
    "wrong-secret": lambda w: w.ask("GET", "bucket", by=w.signer("ROOT", "x")),
    "malformed-xml": lambda w: w.ask("PUT", "bucket", query=[("cors", "")], body=b"<a><b></a>"),
    "good-xml": lambda w: w.ask(
        "PUT",
        "bucket",
        query=[("tagging", "")],
        body=b"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>",
    ),
    "control-characters": lambda w: w.ask(
        "PUT",
        "bucket",
        query=[("tagging", "")],
        body=b"<Tagging><TagSet><Tag><Key>k&#x1;</Key><Value/></Tag></TagSet></Tagging>",
    ),
    "form-refused": lambda w: w.ask(
        "POST", "bucket", headers=FORM, body=form("key=k"), by=w.anonymous
    ),
    "form-without-key": lambda w: w.ask(
        "POST", "bucket", headers=FORM, body=form("a=k"), by=w.anonymous
    ),
    "form-too-long": lambda w: w.ask(
        "POST", "bucket", headers=FORM, body=form("key=" + "k" * 9000), by=w.anonymous
    ),
    "form-malformed": lambda w: w.ask(
        "POST", "bucket", headers=FORM, body=form("key=k", end="nonsense"), by=w.anonymous
    ),
    "form-by-nobody": lambda w: w.ask(
        "POST",
        "bucket",
        headers=FORM,
        body=form("key=k", "OSSAccessKeyId=x", "policy=e30=", "Signature=x"),
        by=w.anonymous,
    ),
    "rpc-refused": lambda w: w.ask(
        "POST", headers=RPC, body=b"Action=AssumeRole&Version=2015-04-01", by=w.anonymous
    ),
    "rpc-unknown": lambda w: w.ask(
        "POST", headers=RPC, body=b"Action=No&Version=1", by=w.anonymous
    ),
    "preflight": lambda w: w.ask("OPTIONS", "bucket", "k", by=w.anonymous),
}


@pytest.mark.parametrize("kind", REQUESTS)
async def test_a_request_leaves_no_cycle(world: World, kind: str) -> None:
    await world.ask("PUT", "bucket")
    ask = REQUESTS[kind]
    for _ in range(3):
        await ask(world)
    gc.collect()
    gc.disable()
    try:
        for _ in range(TIMES):
            await ask(world)
        found = gc.collect()
    finally:
        gc.enable()
    assert found < TIMES, f"{found} objects were left by {TIMES} requests"
