"""When a worker has taken on enough."""

import asyncio
from collections.abc import Callable

import pytest

from ossia.http.body import Body, FixedBody
from ossia.http.load import Load, Reason, is_whole
from ossia.http.message import Request


class Loop:
    """Calls what is called soon when the next turn begins."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], object]] = []

    def call_soon(self, call: Callable[[], object]) -> None:
        self.soon.append(call)

    def turn(self) -> None:
        calls, self.soon = self.soon, []
        for call in calls:
            call()


class World:
    """A load whose clock is moved."""

    def __init__(self, in_work: int) -> None:
        self.now_s = 1000.0
        self.used_s = 5.0
        self.loop = Loop()
        self.refused: list[str] = []
        self.load = Load(
            self.loop,  # type: ignore[arg-type]  # all that is asked of one
            in_work=in_work,
            note=self.refused.append,
            monotonic=lambda: self.now_s,
            used=lambda: self.used_s,
        )

    def takes(self, request: Request | None = None, took_s: float = 0.0) -> bool:
        """Offer a request, whose first part then takes so long."""
        taken = self.load.takes(request or asked())
        self.now_s += took_s
        return taken

    def turn(self, requests: int, lasts_s: float, used_s: float | None = None) -> None:
        """A turn of which the load hears, and in which so many requests are done."""
        self.now_s += 0.03
        held = [asked() for _ in range(requests)]
        assert sum(map(self.takes, held))
        self.loop.turn()
        self.now_s += lasts_s
        self.used_s += lasts_s if used_s is None else used_s
        for each in held:
            self.load.leave(each)
        self.loop.turn()

    def is_busy(self) -> None:
        """Turns are long, and much is done in them."""
        for _ in range(3):
            self.turn(requests=100, lasts_s=0.2)
        self.now_s += 0.03

    def room(self) -> int:
        """How many are taken on."""
        held = []
        while self.takes(request := asked()):
            held.append(request)
        for each in held:
            self.load.leave(each)
        return len(held)


def asked(target: bytes = b"/bucket/key", body: Body | None = None, **headers: bytes) -> Request:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return Request(b"PUT", target, named, body or FixedBody(b""), "", secure=False)


def test_so_many_are_in_work() -> None:
    world = World(in_work=2)
    first = asked()
    assert [world.takes(first), world.takes(), world.takes()] == [True, True, False]
    assert world.refused == [Reason.IN_WORK]
    assert world.load.is_tight
    world.load.leave(first)
    assert world.takes()
    assert not world.load.is_tight


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(asked(body=Body(100_000)), id="a body that is still to come"),
        pytest.param(asked(x_oss_callback=b"e30="), id="an application that is told by a header"),
        pytest.param(asked(b"/b/k?callback=e30%3D"), id="an application that is told by the URL"),
        pytest.param(asked(content_type=b"multipart/form-data; boundary=x"), id="a form"),
    ],
)
def test_who_waits_for_others_is_no_queue(request_: Request) -> None:
    world = World(in_work=1)
    assert all(map(world.takes, (request_, request_, asked())))
    assert not world.takes(), "but there must be room for him"
    assert not world.takes(request_)


def test_what_takes_long_makes_room() -> None:
    world = World(in_work=1)
    copying = asked()
    assert world.takes(copying)
    world.now_s += 4.9
    assert not world.takes()
    world.now_s += 0.2
    assert world.takes()
    assert not world.takes()
    world.load.leave(copying)
    assert not world.takes(), "it has made room once, not twice"


def test_who_gets_his_turn_late_is_refused() -> None:
    world = World(in_work=1000)
    world.is_busy()
    answers = [world.takes(took_s=0.0013) for _ in range(120)]
    assert answers == [True] * 77 + [False] * 43
    assert set(world.refused) == {Reason.TURN}
    world.loop.turn()
    assert world.takes()


def test_few_are_no_crowd_however_long_they_take() -> None:
    world = World(in_work=1000)
    world.is_busy()
    assert [world.takes(took_s=0.024) for _ in range(66)] == [True] * 65 + [False]


def test_one_turn_that_is_held_up_is_no_crowd() -> None:
    world = World(in_work=1000)
    assert all(world.takes(took_s=0.02) for _ in range(100))


def test_a_loop_without_rest_takes_on_what_it_does_in_a_moment() -> None:
    world = World(in_work=100)
    for _ in range(30):
        world.turn(requests=10, lasts_s=0.05)
    assert 36 <= world.room() <= 44, "5 ms each, a fifth of a second in all"
    for _ in range(30):
        world.turn(requests=1, lasts_s=1)
    assert world.room() == 32, "so many there may always be"
    for _ in range(20):
        world.turn(requests=1, lasts_s=0.001)
    assert world.room() == 100


def test_what_few_ask_for_says_what_many_will_cost() -> None:
    world = World(in_work=100)
    for _ in range(50):
        world.turn(requests=1, lasts_s=0.005)
    for _ in range(2):
        world.turn(requests=10, lasts_s=0.05)
    assert 36 <= world.room() <= 44


def test_refusals_make_nothing_dearer() -> None:
    world = World(in_work=100)
    for _ in range(20):
        world.turn(requests=10, lasts_s=0.05)
        held = [asked() for _ in range(1100)]
        taken = [each for each in held if world.takes(each)]
        refused = len(held) - len(taken)
        assert refused >= 1000
        world.used_s += refused * 0.00008
        for each in taken:
            world.load.leave(each)
        # Those that were taken on cost what the others do.
        world.used_s += len(taken) * 0.005
    assert 36 <= world.room() <= 44


def test_a_processor_that_others_use_too_does_less() -> None:
    world = World(in_work=1000)
    for _ in range(20):
        world.turn(requests=100, lasts_s=0.2, used_s=0.1)
    assert 90 <= world.room() <= 110, "1 ms each, which takes 2"


def test_a_disk_that_stands_still_makes_nothing_dearer() -> None:
    world = World(in_work=1000)
    for _ in range(20):
        world.turn(requests=100, lasts_s=0.1)
    before = world.room()
    world.now_s += 2
    world.turn(requests=100, lasts_s=0.1)
    assert world.room() >= before


def test_one_long_turn_is_none_too_many() -> None:
    world = World(in_work=40)
    world.turn(requests=1, lasts_s=0.03)
    assert world.room() == 40


def test_who_asks_seldom_is_taken_for_no_long_turn() -> None:
    world = World(in_work=40)
    for _ in range(20):
        request = asked()
        assert world.takes(request)
        world.loop.turn()
        world.loop.turn()
        world.load.leave(request)
        world.now_s += 0.1
    assert world.room() == 40


def test_turns_that_are_short_are_never_late() -> None:
    world = World(in_work=10_000)
    for _ in range(50):
        for _ in range(20):
            world.takes(took_s=0.001)
        world.loop.turn()
    assert Reason.TURN not in world.refused


def test_what_is_beside_objects_is_answered_always() -> None:
    world = World(in_work=1)
    assert world.takes()
    assert not world.takes()
    assert world.takes(asked(b"/-/health"))
    assert world.load.in_work == 1


def test_no_turn_is_marked_twice() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    world = World(in_work=1000)
    for _ in range(20):
        world.takes(took_s=0.02)
    assert len(world.loop.soon) == 1


HEAD = b"PUT /b/k?x=1 HTTP/1.1\r\nHost: h\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n",
        HEAD + b"Content-Length: 3\r\n\r\nabc",
        HEAD + b"content-length:3\r\nConnection: keep-alive\r\n\r\nabc",
        HEAD + b"Content-Length: 0\r\n\r\n",
    ],
)
def test_what_is_certainly_one_request(data: bytes) -> None:
    assert is_whole(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n", id="beside objects"),
        pytest.param(HEAD + b"Content-Length: 3\r\n\r\nab", id="a part of the body"),
        pytest.param(HEAD + b"Content-Length: 3\r\n\r\nabcG", id="and the next one"),
        pytest.param(HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", id="two lengths"),
        pytest.param(
            HEAD + b"Content-Length: 3\r\nX: y\r\nContent-Length: 3\r\n\r\nabc",
            id="two lengths apart",
        ),
        pytest.param(HEAD + b"X: y\nZ: w\r\n\r\n", id="a bare line feed alone"),
        pytest.param(HEAD + b"Content-Length : 3\r\n\r\n", id="a space before the colon"),
        pytest.param(HEAD + b"Content-Length:\r\n 3\r\n\r\n", id="a folded length"),
        pytest.param(HEAD + b"Content-Length: +3\r\n\r\nabc", id="a sign"),
        pytest.param(HEAD + b"Content-Length: 3, 3\r\n\r\nabc", id="a list"),
        pytest.param(HEAD + b"X: y\nContent-Length: 3\r\n\r\nabc", id="a bare line feed"),
        pytest.param(HEAD + b"X: y\rContent-Length: 3\r\n\r\nabc", id="a bare carriage return"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", id="chunks"),
        pytest.param(HEAD + b"Expect: 100-continue\r\n\r\n", id="somebody who waits"),
        pytest.param(HEAD + b"Connection: close\r\n\r\n", id="the last one"),
        pytest.param(HEAD + b"Origin: http://a\r\n\r\n", id="of a page"),
        pytest.param(HEAD + b"Upgrade: h2c\r\n\r\n", id="another protocol"),
        pytest.param(b"HEAD /b/k HTTP/1.1\r\nHost: h\r\n\r\n", id="an answer without a body"),
        pytest.param(b"GET /b/k HTTP/1.0\r\nHost: h\r\n\r\n", id="an old client"),
        pytest.param(b"GET /b/k HTTP/1.1\r\nHost: h\r\n", id="half a head"),
        pytest.param(b"GET http://h/b HTTP/1.1\r\nHost: h\r\n\r\n", id="an absolute target"),
        pytest.param(b"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", id="an empty line before"),
    ],
)
def test_what_a_parser_has_to_look_at(data: bytes) -> None:
    assert not is_whole(data)
