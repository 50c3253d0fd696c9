from collections.abc import Mapping
from pathlib import Path

import pytest

from ossia.domain.callbacks.keys import CallbackKeys, OneKey, original_path, own_path
from ossia.protocol.callback_signature import CallbackKey, verify

VECTORS = Path(__file__).parents[3] / "vectors" / "callback"
SHORT = CallbackKey.load((VECTORS / "test_key.pem").read_bytes())
LONG = CallbackKey.generate()


class Ring:
    """Shows a key that others added only when asked to look."""

    def __init__(self, *numbers: int, late: int = 0) -> None:
        self.numbers = numbers
        self.late = late
        self.looked = 0

    def keys(self, *, fresh: bool = False) -> Mapping[int, CallbackKey]:
        self.looked += fresh
        known = {number: SHORT if number == 1 else LONG for number in self.numbers}
        return known | ({self.late: LONG} if fresh and self.late else {})


@pytest.mark.parametrize(
    ("numbers", "original_url", "url"),
    [
        ((1,), "", "https://oss.test/-/callback/public_key.pem"),
        ((1, 2), "", "https://oss.test/-/callback/public_key_2.pem"),
        ((9, 10), "", "https://oss.test/-/callback/public_key_10.pem"),
        (
            (1,),
            "http://gosspublic.alicdn.com/",
            "http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
        ),
        (
            (1, 2),
            "https://gosspublic.alicdn.com/",
            "https://gosspublic.alicdn.com/callback_pub_key_v2.pem",
        ),
    ],
)
async def test_the_newest_key_signs_under_its_own_url(
    numbers: tuple[int, ...], original_url: str, url: str
) -> None:
    keys = CallbackKeys(Ring(*numbers), own_url="https://oss.test", original_url=original_url)
    current = keys.current()
    assert current.url == url
    newest = SHORT if numbers == (1,) else LONG
    assert verify(newest.public_pem(), await current.sign(b"text"), b"text")


@pytest.mark.parametrize("number", [1, 2, 10])
def test_every_key_is_found_under_both_its_paths(number: int) -> None:
    keys = CallbackKeys(Ring(1, 2, 10), own_url="http://oss.test")
    expected = (SHORT if number == 1 else LONG).public_pem()
    assert keys.public_pem(own_path(number)) == expected
    assert keys.public_pem(original_path(number)) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/-/callback/public_key_3.pem",
        "/callback_pub_key_v3.pem",
        "/-/callback/public_key_1.pem",
        "/-/callback/public_key_02.pem",
        "/-/callback/public_key_0.pem",
        "/callback_pub_key_v0.pem",
        "/callback_pub_key_v01.pem",
        "/callback_pub_key_v.pem",
        "/-/callback/public_key_9999999999.pem",
        "/-/callback/public_key_\u0662.pem",
        "/-/callback/public_key.pem/",
        "/-/callback/public_key.pem\n",
        "/-/callback/",
        "",
    ],
)
def test_other_paths_are_no_keys(path: str) -> None:
    assert CallbackKeys(Ring(1, 2), own_url="http://oss.test").public_pem(path) is None


def test_a_key_that_another_worker_signs_with_is_looked_for_at_once() -> None:
    ring = Ring(1, late=2)
    keys = CallbackKeys(ring, own_url="http://oss.test")
    assert keys.public_pem(own_path(1)) == SHORT.public_pem()
    assert ring.looked == 0
    assert keys.public_pem(own_path(2)) == LONG.public_pem()


def test_a_node_that_keeps_nothing_has_one_key() -> None:
    ring = OneKey(SHORT)
    assert ring.keys() == ring.keys(fresh=True) == {1: SHORT}
    assert OneKey().keys().keys() == {1}
