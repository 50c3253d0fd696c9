import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import OssError
from ossia.protocol.cors import CorsConfiguration, CorsRule, parse_cors, render_cors, stored_cors

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
ORIGINS = st.sampled_from(["*", "http://a", "http://*.a.com", "*.b", "https://x:8080"])
RULES = st.builds(
    CorsRule,
    origins=st.lists(ORIGINS, min_size=1, max_size=3).map(tuple),
    methods=st.lists(st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]), min_size=1).map(
        tuple
    ),
    headers=st.lists(st.one_of(NAMES, st.just("*"), NAMES.map(lambda n: n + "*"))).map(tuple),
    exposed=st.lists(NAMES).map(tuple),
    max_age_s=st.none() | st.integers(0, 10**9 - 1),
)


@given(st.lists(RULES, min_size=1, max_size=5), st.booleans())
def test_configurations_come_back(rules: list[CorsRule], vary: bool) -> None:
    configuration = CorsConfiguration(tuple(rules), vary)
    assert parse_cors(render_cors(configuration)) == configuration
    assert stored_cors(render_cors(configuration)) == configuration


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(OssError):
        parse_cors(content)


@pytest.mark.parametrize(
    ("pattern", "origin", "allowed"),
    [
        ("*", "http://a", True),
        ("http://a", "http://a", True),
        ("http://a", "http://A", False),
        ("http://*.a.com", "http://x.a.com", True),
        ("http://*.a.com", "http://.a.co", False),
        ("ab*ba", "aba", False),
    ],
)
def test_origins(pattern: str, origin: str, allowed: bool) -> None:
    assert CorsRule((pattern,), ("GET",)).allows(origin, "GET") is allowed


def test_the_first_rule_that_allows_wins() -> None:
    one = CorsRule(("http://a",), ("GET",), ("x-a",))
    two = CorsRule(("*",), ("GET", "PUT"), ("*",))
    configuration = CorsConfiguration((one, two))
    assert configuration.find("http://a", "GET") is one
    assert configuration.find("http://a", "GET", ["X-A"]) is one
    assert configuration.find("http://a", "GET", ["x-b"]) is two
    assert configuration.find("http://a", "DELETE") is None
