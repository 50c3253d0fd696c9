from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.protocol.address import Addressing, host_name, parse_query

ADDRESSING = Addressing(["localhost", "oss.example.com"])


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key", "in_host"),
    [
        ("127.0.0.1:9000", "/", "", "", False),
        ("127.0.0.1:9000", "/b", "b", "", False),
        ("127.0.0.1:9000", "/b/", "b", "", False),
        ("127.0.0.1", "/b/k/l", "b", "k/l", False),
        ("127.0.0.1", "/b//k/../l", "b", "/k/../l", False),
        ("127.0.0.1", "/b%2Fk%2Bl+m", "b", "k+l+m", False),
        ("localhost:9000", "/b/k", "b", "k", False),
        ("b.localhost:9000", "/k", "b", "k", True),
        ("B.LOCALHOST", "/k", "b", "k", True),
        ("b.oss.example.com", "/", "b", "", True),
        ("oss.example.com", "/b/k", "b", "k", False),
        ("b.oss-cn-hangzhou.aliyuncs.com", "/k", "b", "k", True),
        ("b.oss-cn-hangzhou-internal.aliyuncs.com:80", "/k", "b", "k", True),
        ("oss-cn-hangzhou.aliyuncs.com", "/b/k", "b", "k", False),
        # ali-oss asks for the service like this.
        ("undefined.oss-cn-hangzhou.aliyuncs.com", "/", "", "", False),
        ("[::1]:9000", "/b/k", "b", "k", False),
        ("unknown.host", "/b/k", "b", "k", False),
        ("", "/b/k", "b", "k", False),
    ],
)
def test_resolve(host: str, path: str, bucket: str, key: str, in_host: bool) -> None:
    found = ADDRESSING.resolve(host.encode(), path.encode())
    assert (found.bucket, found.key, found.in_host) == (bucket.encode(), key.encode(), in_host)


@given(st.binary(max_size=50))
def test_any_key_comes_back_decoded_once(key: bytes) -> None:
    path = b"/b/" + quote_from_bytes(key, safe="").encode()
    assert ADDRESSING.resolve(b"127.0.0.1", path).key == key


@pytest.mark.parametrize(
    ("host", "name"),
    [(b"A:80", "a"), (b"a", "a"), (b"[::1]:80", "[::1]"), (b"[::1]", "[::1]"), (b"::1", "::1")],
)
def test_host_name(host: bytes, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        (b"a=1&b=2", [(b"a", b"1"), (b"b", b"2")]),
        (b"acl", [(b"acl", b"")]),
        (b"a=b=c&&", [(b"a", b"b=c")]),
        (b"a=%2B+%20&%61=x", [(b"a", b"+  "), (b"a", b"x")]),
        (b"a=%zz%f", [(b"a", b"%zz%f")]),
    ],
)
def test_parse_query(query: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
    assert parse_query(query) == pairs


@given(st.binary(max_size=80))
def test_any_query_parses(query: bytes) -> None:
    parse_query(query)
