from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import InvalidArgument
from ossia.protocol.address import MAX_PARAMETERS, Addressing, host_name, parse_query

ADDRESSING = Addressing(["localhost", "oss.example.com"])


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key", "in_host"),
    [
        ("127.0.0.1:9000", "/", "", "", False),
        ("127.0.0.1:9000", "/b", "b", "", False),
        ("127.0.0.1:9000", "/b/", "b", "", False),
        ("127.0.0.1", "/b/k/l", "b", "k/l", False),
        ("127.0.0.1", "/b//k/../l", "b", "/k/../l", False),
        # W1: a plus is a space, wherever it stands.
        ("127.0.0.1", "/b%2Fk%2Bl+m", "b", "k+l m", False),
        ("b.localhost", "/a+b/c%20d", "b", "a b/c d", True),
        ("127.0.0.1", "/b/+", "b", " ", False),
        # W52: the C# SDK lists buckets so.
        ("127.0.0.1", "///", "", "", False),
        ("127.0.0.1", "//", "", "", False),
        ("b.localhost", "//", "b", "/", True),
        ("127.0.0.1", "//b/k", "", "b/k", False),
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
        # W5: of the names there only those of OSS name buckets.
        ("b.oss-accelerate.aliyuncs.com", "/k", "b", "k", True),
        ("b.oss-accelerate-overseas.aliyuncs.com", "/k", "b", "k", True),
        ("b.vpc100-oss-cn-beijing.aliyuncs.com", "/k", "b", "k", True),
        ("b.oss.aliyuncs.com", "/k", "b", "k", True),
        ("b.s3.oss-cn-hangzhou.aliyuncs.com", "/k", "b", "k", True),
        ("sts.cn-hangzhou.aliyuncs.com", "/", "", "", False),
        ("sts-vpc.cn-hangzhou.aliyuncs.com", "/", "", "", False),
        ("sts.aliyuncs.com", "/", "", "", False),
        ("ram.aliyuncs.com", "/", "", "", False),
        ("ims.aliyuncs.com", "/", "", "", False),
        ("kms.cn-hangzhou.aliyuncs.com", "/b/k", "b", "k", False),
        ("a.b.oss-cn-hangzhou.aliyuncs.com", "/b/k", "b", "k", False),
        ("[::1]:9000", "/b/k", "b", "k", False),
        ("unknown.host", "/b/k", "b", "k", False),
        ("", "/b/k", "b", "k", False),
    ],
)
def test_resolve(host: str, path: str, bucket: str, key: str, in_host: bool) -> None:
    found = ADDRESSING.resolve(host.encode(), path.encode())
    assert (found.bucket, found.key, found.in_host) == (bucket.encode(), key.encode(), in_host)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("host", "path", "bucket", "key", "in_host"),
    [
        ("b.oss.localhost", "/k", "b", "k", True),
        ("b.localhost", "/k", "b", "k", True),
        ("oss.localhost", "/b/k", "b", "k", False),
        ("localhost", "/b/k", "b", "k", False),
        ("b.eu.oss.localhost", "/k", "b", "k", True),
        ("a.b.localhost", "/b/k", "b", "k", False),
    ],
)
def test_of_domains_inside_one_another_the_longest_counts(
    order: int, host: str, path: str, bucket: str, key: str, in_host: bool
) -> None:
    """W6."""
    domains = ["localhost", "oss.localhost", "eu.oss.localhost"][::order]
    found = Addressing(domains).resolve(host.encode(), path.encode())
    assert (found.bucket, found.key, found.in_host) == (bucket.encode(), key.encode(), in_host)


@pytest.mark.parametrize("path", [b"/b/%zz", b"/b/%f", b"/b/%", b"/%b", b"/b/a%2", b"/b/%+1"])
def test_a_path_that_is_not_percent_encoded_is_refused(path: bytes) -> None:
    with pytest.raises(InvalidArgument, match="percent-encoded"):
        ADDRESSING.resolve(b"127.0.0.1", path)


def test_what_strangers_call_the_host_is_remembered_within_bounds() -> None:
    """B1."""
    addressing = Addressing(["localhost"])
    for number in range(3000):
        addressing.resolve(b"%d.%b.localhost" % (number, b"a" * 30_000), b"/k")
    assert addressing._remembered.cache_info().currsize == 0


def test_a_query_has_so_many_parameters_and_no_more() -> None:
    assert len(parse_query(b"&".join([b"a"] * MAX_PARAMETERS))) == MAX_PARAMETERS
    with pytest.raises(InvalidArgument, match="parameters"):
        parse_query(b"&".join([b"a"] * (MAX_PARAMETERS + 1)))


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


@given(
    st.lists(
        st.sampled_from(
            [
                b"%",
                b"%2",
                b"%2B",
                b"%e4",
                b"=",
                b"=3D",
                b"\n",
                b"=\n",
                b" ",
                b"a",
                b"\xff",
                b"+",
                b"%25",
            ]
        )
    ).map(b"".join)
)
def test_escapes_are_decoded_as_everywhere(text: bytes) -> None:
    plain = text.replace(b"&", b"")
    expected = unquote_to_bytes(plain.replace(b"+", b" "))
    assert parse_query(b"a=" + plain)[0][1] == expected


@given(st.binary(max_size=80))
def test_any_query_parses(query: bytes) -> None:
    parse_query(query)
