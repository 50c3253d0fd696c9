"""Bytes of objects and what they count against: the arithmetic, without a clock."""

import asyncio
from types import SimpleNamespace

import pytest

from ossia.domain.identity.identities import ANONYMOUS, Caller, CallerKind
from ossia.domain.objects.paced_source import PacedSource
from ossia.errors import (
    DownloadTrafficRateLimitExceeded,
    OssError,
    UploadTrafficRateLimitExceeded,
)
from ossia.gateway import flow as flows
from ossia.gateway.flow import PATIENCE_S, Coming, Flow, Going, Share, Way, begin
from ossia.gateway.limits import Limit, Limits, Tables
from ossia.gateway.sketch import Counts, Rates
from ossia.http.body import NO_BODY, FixedBody
from ossia.http.load import Load
from ossia.http.message import Request, Response
from ossia.protocol.limit_terms import Speed, Terms
from ossia.protocol.pace import Pace, Pacing, Slowest, slowest

RATE = 1_000_000
TURN = RATE // 50


def way(rate: int = RATE, burst: int = 0, refused: list[str] | None = None) -> Way:
    note = (refused if refused is not None else []).append
    return Way("key", Speed(rate, burst), Rates(), DownloadTrafficRateLimitExceeded, note)


def begun(share: Share, length: int, now_s: float) -> Going:
    return Going(share, *begin(share, length, now_s))


# --- the cells ---


def test_bytes_are_due_one_behind_the_other_whoever_asks() -> None:
    rates = Rates()
    assert rates.reserve_s("a", 1000, 0, 500, 10.0) == pytest.approx(0.5)
    assert rates.reserve_s("a", 1000, 0, 500, 10.0) == pytest.approx(1.0)
    assert rates.reserve_s("b", 1000, 0, 500, 10.0) == pytest.approx(0.5)
    assert rates.backlog_s("a", 1000, 0, 10.25) == pytest.approx(0.75)
    assert rates.backlog_s("a", 1000, 0, 20.0) == 0
    assert rates.reserve_s("a", 1000, 0, 500, 20.0) == pytest.approx(0.5)


def test_a_burst_comes_at_once_and_again_when_it_was_made_good() -> None:
    rates = Rates()
    assert rates.reserve_s("a", 1000, 2000, 2000, 10.0) == 0
    assert rates.backlog_s("a", 1000, 2000, 10.0) == 0
    assert rates.reserve_s("a", 1000, 2000, 1, 10.0) == pytest.approx(0.001)
    assert rates.reserve_s("a", 1000, 2000, 2000, 13.0) == 0


def test_others_in_a_cell_are_not_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each name has two cells of its own, and shares one with the others.
    places = {"a": (0, 1, 2), "b": (0, 3, 4), "c": (5, 3, 6)}
    monkeypatch.setattr("ossia.gateway.sketch._places", places.__getitem__)
    rates = Rates()
    for _ in range(5):
        assert not rates.wait_s("a", 1, 10, 50.0)
    assert not rates.wait_s("b", 1, 10, 50.0)
    # b has used one: what it shares with a stays at a's five, what it shares with c is at one.
    assert [rates._due[place] for place in range(7)] == [55.0, 55.0, 55.0, 51.0, 51.0, 0.0, 0.0]
    assert not rates.wait_s("c", 1, 10, 50.0)
    assert [rates._due[place] for place in (3, 5, 6)] == [51.0, 51.0, 51.0]
    for _ in range(3):
        assert not rates.reserve_s("c", 1, 10, 1, 50.0)
    assert [rates._due[place] for place in (3, 4, 5)] == [54.0, 51.0, 54.0]


@pytest.mark.parametrize("free", [0, 1, 2])
def test_who_meets_others_in_two_cells_has_used_what_the_third_says(
    monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    others = (0, 1, 2)
    one = tuple(7 if row == free else place for row, place in enumerate(others))
    monkeypatch.setattr("ossia.gateway.sketch._places", {"a": others, "b": one}.__getitem__)
    rates, counts = Rates(), Counts(2)
    rates.reserve_s("a", 1, 0, 100, 50.0)
    assert rates.backlog_s("b", 1, 0, 50.0) == 0
    assert rates.reserve_s("b", 1, 0, 1, 50.0) == pytest.approx(1.0)
    assert not rates.wait_s("b", 1, 2, 50.0)
    for worker in (0, 1):
        counts.change(worker, "a", 1)
    assert [counts.count(name) for name in "ab"] == [2, 0]
    counts.change(1, "b", 1)
    assert [counts.count(name) for name in "ab"] == [2, 1]


# --- the paces of a request ---


class Line:
    """A clock and those that send on it, each as soon as its pace lets it."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def send(self, lengths: list[int], paces: list[Pacing]) -> list[float]:
        """When the last byte of each has gone."""
        left = list(lengths)
        due = [self.now_s + pace.delay_s(0, self.now_s) for pace in paces]
        ended = [0.0] * len(left)
        while any(left):
            at, which = min((at, which) for which, at in enumerate(due) if left[which])
            self.now_s = max(self.now_s, at)
            count = min(left[which], paces[which].turn)
            left[which] -= count
            ended[which] = self.now_s
            due[which] = self.now_s + paces[which].delay_s(count, self.now_s)
        return ended


def test_two_downloads_of_a_name_take_as_long_as_their_sum() -> None:
    shared, line = way(), Line()
    lengths = [RATE, RATE]
    paces: list[Pacing] = [begun((shared, "a"), length, line.now_s) for length in lengths]
    ended = line.send(lengths, paces)
    assert max(ended) == pytest.approx(102.0, abs=0.05)
    # Alike: neither was done when the other had half.
    assert min(ended) > 101.9


def test_many_at_a_time_share_alike_whatever_their_sizes() -> None:
    shared, line = way(), Line()
    lengths = [RATE, RATE // 10, RATE // 10]
    paces: list[Pacing] = [begun((shared, "a"), length, line.now_s) for length in lengths]
    ended = line.send(lengths, paces)
    # The short ones have a third each until they are done, and the long one what is left.
    assert ended[1:] == pytest.approx([100.3, 100.3], abs=0.05)
    assert ended[0] == pytest.approx(101.2, abs=0.05)


def test_names_do_not_wait_for_each_other() -> None:
    shared, line = way(), Line()
    paces: list[Pacing] = [begun((shared, name), RATE, line.now_s) for name in "ab"]
    assert max(line.send([RATE, RATE], paces)) == pytest.approx(101.0, abs=0.05)


def test_a_download_reserves_what_it_sends_and_no_more() -> None:
    shared, line = way(), Line()
    length = 3 * TURN + 7
    line.send([length], [begun((shared, "a"), length, line.now_s)])
    assert shared.used.backlog_s("a", RATE, 0, 100.0) == pytest.approx(length / RATE)


def test_an_upload_waits_for_every_piece_that_has_come() -> None:
    waits: list[str] = []
    shared = way(burst=TURN)
    pace = Coming((shared, "a"), lambda: waits.append("waits"))
    assert (pace.delay_s(TURN, 5.0), waits) == (0, [])
    assert pace.delay_s(TURN, 5.0) == pytest.approx(TURN / RATE)
    assert waits == ["waits"]
    assert pace.waited_s == pytest.approx(TURN / RATE)


@pytest.mark.parametrize(
    ("rate", "turn"), [(1024, 4096), (RATE, TURN), (1 << 40, 1 << 20)], ids=str
)
def test_pieces_are_small_but_not_too_small(rate: int, turn: int) -> None:
    assert way(rate).turn == turn


def test_of_several_the_slowest_counts() -> None:
    quick, slow = Pace(100_000, 0.0), Pace(10_000, 0.0)
    both = Slowest([quick, slow])
    assert both.turn == slow.turn
    assert both.delay_s(1000, 0.0) == pytest.approx(0.1)
    assert both.waited_s == pytest.approx(0.1)
    assert slowest([]) is None
    assert slowest([quick]) is quick


# --- who is let in ---


def test_who_would_wait_for_long_is_refused_and_told_when_to_come() -> None:
    refused: list[str] = []
    shared = way(refused=refused)
    shared.reserve_s("a", round(RATE * PATIENCE_S), 50.0)
    shared.admit("a", 50.0)
    shared.reserve_s("a", round(RATE * 2.5), 50.0)
    with pytest.raises(DownloadTrafficRateLimitExceeded) as caught:
        shared.admit("a", 50.0)
    assert caught.value.headers == {"Retry-After": "3"}
    assert caught.value.details == {"Limit": "key"}
    assert refused == ["key"]
    shared.admit("b", 50.0)
    shared.admit("a", 52.6)


def limits_of(whose: str, **terms: Speed) -> Limits:
    limit = Limit(whose, Terms(**terms), Tables(), 0, str)  # type: ignore[arg-type]  # speeds only
    return Limits(**{whose: limit})  # type: ignore[arg-type]  # one of three names


def request(peer: str = "192.0.2.1") -> Request:
    return Request(b"GET", b"/b/k", {}, NO_BODY, peer, secure=False)


USER = Caller(CallerKind.USER, id="1", access_key_id="first")


@pytest.mark.parametrize("whose", ["peer", "key", "bucket"])
def test_bytes_count_for_peer_key_and_bucket(whose: str) -> None:
    limits = limits_of(whose, upload=Speed(1024, 1024))
    found = limits.flow(request(), USER, "b", None)
    assert found is not None
    assert len(found.upload()) == 1
    found.download()
    response = Response(200, body=b"x" * 9999)
    found.slow(response)
    assert response.pace is None


@pytest.mark.parametrize("way", ["upload", "download"])
def test_who_is_anonymous_has_no_key_and_a_service_no_bucket(way: str) -> None:
    slow = {way: Speed(1024, 1024)}
    assert limits_of("key", **slow).flow(request(), ANONYMOUS, "b", None) is None
    assert limits_of("bucket", **slow).flow(request(), USER, "", None) is None
    assert Limits().flow(request(), USER, "b", None) is None


def test_a_limit_of_the_bucket_itself_comes_on_top() -> None:
    own = limits_of("bucket", upload=Speed(1024, 1024)).bucket
    limits = limits_of("bucket", upload=Speed(2048, 2048))
    for found in (limits.flow(request(), USER, "b", own), Limits().flow(request(), USER, "b", own)):
        assert found is not None
        assert found.upload()[-1].turn == 4096
    both = limits.flow(request(), USER, "b", own)
    assert both is not None
    assert len(both.upload()) == 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(flows, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def going(limits: Limits, size: int) -> Response:
    found = limits.flow(request(), USER, "b", None)
    assert found is not None
    found.download()
    response = Response(200, body=b"x" * size)
    found.slow(response)
    return response


def test_a_small_answer_that_is_due_goes_the_way_of_all_small_ones(clock: list[float]) -> None:
    limits = limits_of("bucket", download=Speed(10_000, 10_000))
    assert [going(limits, 4000).is_plain() for _ in range(4)] == [True, True, False, False]
    clock[0] += 10
    assert going(limits, 4000).is_plain()
    # What has more than one piece is sent in pieces, due or not.
    clock[0] += 10
    assert going(limits, 5000).pace is not None


@pytest.mark.usefixtures("clock")
def test_what_is_no_object_counts_nothing() -> None:
    limits = limits_of("bucket", download=Speed(1024, 1024))
    found = limits.flow(request(), USER, "b", None)
    assert found is not None
    response = Response(200, body=b"x" * 100_000)
    found.slow(response)
    assert response.is_plain()
    assert going(limits, 0).is_plain()


def test_uploads_are_refused_with_their_own_code(clock: list[float]) -> None:
    limits = limits_of("key", upload=Speed(1024, 1024))
    found = limits.flow(request(), USER, "b", None)
    assert found is not None
    [pace] = found.upload()
    pace.delay_s(1024 * 12, clock[0])
    with pytest.raises(UploadTrafficRateLimitExceeded) as caught:
        found.upload()
    assert caught.value.headers == {"Retry-After": "1"}


def test_who_waits_for_his_turn_keeps_nobody_else_out() -> None:
    async def run() -> None:
        load = Load(asyncio.get_running_loop(), in_work=1)
        small = Request(b"PUT", b"/b/k", {}, FixedBody(b"x" * 5000), "", secure=False)
        assert load.takes(small)
        assert not load.takes(request())
        held = Flow([(way(burst=5000), "a")], [], lambda: load.set_aside(small))
        [pace] = held.upload()
        assert not pace.delay_s(5000, 0.0)
        assert load.in_work == 1
        assert pace.delay_s(1, 0.0)
        assert load.in_work == 0
        assert load.takes(request())
        load.leave(small)
        assert load.in_work == 1

    asyncio.run(run())


# --- the source ---


def test_a_small_body_is_reserved_in_pieces() -> None:
    counts: list[int] = []

    class Noting:
        turn = 4096
        waited_s = 0.0

        def delay_s(self, count: int, now_s: float) -> float:
            del now_s
            counts.append(count)
            return 0.0

    async def run() -> bytes:
        return await PacedSource(FixedBody(b"x" * 10_000), Noting()).read_all(1 << 20, OssError)

    assert len(asyncio.run(run())) == 10_000
    assert counts == [4096, 4096, 10_000 - 8192]
