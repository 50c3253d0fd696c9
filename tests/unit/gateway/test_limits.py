"""Limits of peers, keys and buckets, and what they count in."""

import math

import pytest

from ossia.domain.identity.identities import ANONYMOUS, Caller, CallerKind
from ossia.errors import ActiveRequestLimitExceeded, TotalQpsLimitExceeded
from ossia.gateway.limits import Hold, Limit, Limits, Tables, network_of
from ossia.gateway.peer_connections import PeerConnections
from ossia.gateway.sketch import Counts, Rates
from ossia.http.message import Response
from ossia.protocol.limit_terms import Speed, Terms, parse_terms


def allowed(rates: Rates, name: str, rate: float, burst: int, times: list[float]) -> list[bool]:
    return [not rates.wait_s(name, rate, burst, now_s) for now_s in times]


def test_so_many_at_once_and_so_many_a_second() -> None:
    rates = Rates()
    assert allowed(rates, "a", 2, 3, [100.0] * 4) == [True, True, True, False]
    assert allowed(rates, "a", 2, 3, [100.5, 100.5, 101.0]) == [True, False, True]
    assert allowed(rates, "a", 2, 3, [200.0] * 4) == [True, True, True, False]


def test_who_is_refused_is_told_when_to_come_again() -> None:
    rates = Rates()
    assert not rates.wait_s("a", 0.5, 1, 10.0)
    wait_s = rates.wait_s("a", 0.5, 1, 10.5)
    assert wait_s == pytest.approx(1.5)
    assert not rates.wait_s("a", 0.5, 1, 10.5 + wait_s)


def test_a_flood_of_names_uses_up_next_to_nothing_of_others() -> None:
    rates = Rates()
    for number in range(200_000):
        assert not rates.wait_s(f"made up {number}", 10, 10, 50.0)
    # At one moment, and three times as many as there are cells.
    assert sum(allowed(rates, "honest", 10, 10, [50.0] * 10)) >= 7


def test_over_time_nobody_gets_more_than_his_rate() -> None:
    rates = Rates()
    times = [number / 997 for number in range(997 * 20)]
    count = sum(allowed(rates, "a", 7, 5, times))
    assert math.isclose(count, 7 * 20 + 5, abs_tol=1)


def test_workers_count_together_and_forget_alone() -> None:
    counts = Counts(2)
    counts.change(0, "a", 1)
    counts.change(1, "a", 1)
    assert (counts.count("a"), counts.count("b")) == (2, 0)
    counts.forget(0)
    assert counts.count("a") == 1


def limit(terms: Terms, refused: list[str] | None = None) -> Limit:
    note = (refused if refused is not None else []).append
    return Limit("bucket", terms, Tables(), 0, note)


def test_so_many_at_a_time() -> None:
    refused: list[str] = []
    bounded, hold, more = limit(Terms(concurrent=1), refused), Hold([]), Hold([])
    bounded.enter("a", hold)
    with pytest.raises(ActiveRequestLimitExceeded) as caught:
        bounded.enter("a", more)
    assert caught.value.headers == {"Retry-After": "1"}
    assert refused == ["bucket"]
    bounded.enter("b", more)
    hold.release()
    hold.release()
    bounded.enter("a", more)


def test_an_answer_counts_until_it_is_sent() -> None:
    bounded, hold = limit(Terms(concurrent=1)), Hold([])
    bounded.enter("a", hold)
    told: list[bool] = []
    response = Response(200, body=b"x", rate=1)
    response.sent = lambda *, is_whole: told.append(is_whole)
    hold.release_when_sent(response)
    with pytest.raises(ActiveRequestLimitExceeded):
        bounded.enter("a", Hold([]))
    response.sent(is_whole=True)
    bounded.enter("a", Hold([]))
    assert told == [True]


def test_who_comes_too_often_is_told_after_how_many_seconds() -> None:
    bounded = limit(Terms(rate=0.25, burst=1))
    bounded.enter("a", Hold([]))
    with pytest.raises(TotalQpsLimitExceeded) as caught:
        bounded.enter("a", Hold([]))
    assert caught.value.headers == {"Retry-After": "4"}


def test_a_key_is_a_key_and_a_role_is_one() -> None:
    limits = Limits(key=limit(Terms(rate=0.001, burst=1)))
    user = Caller(CallerKind.USER, id="1", access_key_id="first")
    limits.enter(user, "b", Hold([]))
    limits.enter(Caller(CallerKind.USER, id="1", access_key_id="second"), "b", Hold([]))
    first, second = (
        Caller(
            CallerKind.SESSION,
            id="role",
            arn=f"acs:ram::1:assumed-role/uploads/{name}",
            access_key_id=f"STS.{name}",
        )
        for name in ("first", "second")
    )
    limits.enter(first, "b", Hold([]))
    with pytest.raises(TotalQpsLimitExceeded):
        limits.enter(second, "b", Hold([]))
    for _ in range(3):
        limits.enter(ANONYMOUS, "b", Hold([]))


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", network_of("2001:db8:1:2::1%eth0")),
        ("", ""),
    ],
)
def test_what_is_one_peer(peer: str, network: str) -> None:
    assert network_of(peer) == network
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")


def test_terms_are_read() -> None:
    assert parse_terms("--x", ["requests=5", "concurrent=3"]) == Terms(5, 5, 3)
    assert parse_terms("--x", ["requests=0.5/9"]) == Terms(0.5, 9, 0)
    assert parse_terms("--x", ["requests=0.1"]).burst == 1


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("1KiB", Speed(1024, 1024)),
        ("10MiB", Speed(10 << 20, 10 << 20)),
        ("1.5GB/1MB", Speed(1_500_000_000, 1_000_000)),
        ("2048/1KB", None),
        ("4096/2KiB", Speed(4096, 2048)),
    ],
)
def test_bytes_are_written_as_sizes(text: str, speed: Speed | None) -> None:
    if speed is None:
        with pytest.raises(ValueError, match="is not a limit"):
            parse_terms("--x", [f"upload={text}"])
        return
    assert parse_terms("--x", [f"upload={text}"]) == Terms(upload=speed)
    assert parse_terms("--x", ["requests=1", f"download={text}"]) == Terms(1, 1, download=speed)


def test_connections_are_those_of_peers() -> None:
    assert parse_terms("--limit-peer", ["connections=7"]) == Terms(connections=7)
    with pytest.raises(ValueError, match=r"connections=7': a connection has no key .*concurrent="):
        parse_terms("--limit-key", ["connections=7"], has_connections=False)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "upload",
            "upload=",
            "upload=0",
            "upload=1023",
            "upload=1.5",
            "upload=-5MiB",
            "upload=1TiB",
        ),
        *("download=10Mib", "download=1MiB/", "download=1MiB/x", "download=nan", "connections=0"),
        *("", "5", "requests", "requests=0", "requests=-1", "requests=nan", "requests=inf"),
        *("requests=5/0", "rate=5", "concurrent=0", "concurrent=1.5"),
    ],
)
def test_what_is_no_limit_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ValueError, match=r"--limit-key '.*' is not a limit: write requests=RATE"):
        parse_terms("--limit-key", [text])


def test_connections_of_a_peer_are_counted_over_all_workers() -> None:
    counts, refused = Counts(2), list[str]()
    one, other = (PeerConnections(2, counts, worker, refused.append) for worker in (0, 1))
    assert [one.enter("192.0.2.1"), other.enter("::ffff:192.0.2.1")] == [-1, 0]
    assert (one.enter("192.0.2.1"), other.enter("192.0.2.2")) == (1, -1)
    other.leave("192.0.2.1")
    assert one.enter("192.0.2.1") == 1
    error = one.refuse_connection()
    assert (error.status, error.headers, error.details) == (
        503,
        {"Retry-After": "1"},
        {"Limit": "peer"},
    )
    assert refused == ["peer"]
    # A worker that begins again has none.
    PeerConnections(2, counts, 0, refused.append)
    assert other.enter("192.0.2.1") == -1
