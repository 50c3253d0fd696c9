"""Markers, single values, routes: what an operation's record is compiled into."""

from dataclasses import dataclass, field
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.api.bind import Document, Header, Path, Query, boolean, compile_binder, integer, one_of
from ossia.api.call import Call
from ossia.api.operation import Answer, Registry, Scope, headers_of
from ossia.api.oss.fields import _SAYING_MORE, attributes_from
from ossia.api.route import Router
from ossia.domain.identity.identities import ANONYMOUS
from ossia.errors import InvalidArgument, InvalidTag, MethodNotAllowed, MissingArgument, NotOffered
from ossia.http.body import FixedBody
from ossia.http.message import Request


def _refusing(text: str) -> str:
    if text == "oss":
        raise InvalidTag
    if text == "bare":
        raise ValueError
    return text


@dataclass(frozen=True, kw_only=True)
class Asked:
    bucket: Annotated[str, Path("bucket")]
    key: Annotated[str, Path("key")]
    content: Annotated[bytes, Document(bytes.upper, 10)]
    number: Annotated[int, Query("n", integer(1, 9))]
    word: Annotated[str, Header("x-word", _refusing)] = "none"
    more: Annotated[list[str], Query("more")] = field(default_factory=list)


def call(query: dict[str, str], headers: dict[bytes, bytes] | None = None) -> Call:
    request = Request(b"GET", b"/", headers or {}, FixedBody(b""), "", secure=False)
    return Call(
        services=None,  # type: ignore[arg-type]
        http=request,
        request_id="",
        now_ms=0,
        bucket_name="b",
        key="k",
        query=query,
        caller=ANONYMOUS,
    )


def test_a_request_is_made_of_its_markers() -> None:
    binder = compile_binder(Asked)
    assert binder.document
    assert binder.document.limit == 10
    assert not binder.takes_no_body
    asked = binder.bind(call({"n": "3"}, {b"x-word": b"\xff"}), b"body")
    assert asked == Asked(bucket="b", key="k", content=b"BODY", number=3, word="ÿ", more=[])
    assert binder.bind(call({"n": "3", "more": "x"}), b"").more == "x"


@pytest.mark.parametrize(
    ("query", "word", "error"),
    [
        ({}, b"", MissingArgument),
        ({"n": "0"}, b"", InvalidArgument),
        ({"n": "3"}, b"oss", InvalidTag),
        ({"n": "3"}, b"bare", InvalidArgument),
    ],
)
def test_values_that_are_refused(
    query: dict[str, str], word: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        compile_binder(Asked).bind(call(query, {b"x-word": word}), b"")


def test_a_field_needs_a_marker() -> None:
    @dataclass
    class Odd:
        bucket: Annotated[str, "nothing"]

    with pytest.raises(TypeError, match="not a marker"):
        compile_binder(Odd)


@given(st.text(max_size=25))
def test_integers_are_plain_ascii_digits(text: str) -> None:
    try:
        value = integer(0, 10**17)(text)
    except ValueError:
        assert not (text.isascii() and text.isdigit()) or len(text) > 18 or int(text) > 10**17
    else:
        assert value == int(text)


def test_words() -> None:
    assert one_of("COPY", "REPLACE", fold=True)("copy") == "COPY"
    with pytest.raises(ValueError, match="one of COPY"):
        one_of("COPY")("copy")
    assert [boolean("TRUE"), boolean("false")] == [True, False]


def test_header_fields_of_answers() -> None:
    @dataclass
    class Told(Answer):
        etag: Annotated[str | None, Header("ETag")]
        size: Annotated[int, Header("x-size")]
        other: str = "not a header"

    assert headers_of(Told(None, 3)) == [("x-size", "3")]
    assert headers_of(Told("e", 3)) == [("ETag", "e"), ("x-size", "3")]
    assert Told("e", 3).body(call({})) == b""


def test_text_of_headers() -> None:
    asked = call({}, {b"a": "中".encode(), b"b": b"\xff"})
    assert [asked.header("a"), asked.header("b"), asked.header("c")] == ["中", "ÿ", None]


def registry() -> Registry:
    made = Registry("oss")

    async def handle(call: Call, request: Asked) -> Answer:
        """Do it."""
        return Answer()

    for method, query, header in (
        ("GET", [], None),
        ("GET", ["x"], None),
        ("GET", ["x"], "x-special"),
        ("GET", ["type=2"], None),
        ("PUT", ["a", "b"], None),
    ):
        made.operation(method, Scope.BUCKET, query=query, header=header)(handle)
    made.decline("Declined", "POST", Scope.BUCKET, "d")
    return made


@pytest.mark.parametrize(
    ("method", "query", "header", "found"),
    [
        ("GET", "", b"", 0),
        ("GET", "other", b"", 0),
        ("GET", "type=1", b"", 0),
        ("GET", "x", b"", 1),
        ("GET", "x", b"x-special", 2),
        ("GET", "type=2", b"", 3),
        ("PUT", "a&b", b"", 4),
        ("PUT", "a", b"", InvalidArgument),
        ("PUT", "", b"", MethodNotAllowed),
        ("PUT", "x", b"", MethodNotAllowed),
        ("GET", "a&x", b"", InvalidArgument),
        ("POST", "d", b"", NotOffered),
    ],
)
def test_routes(method: str, query: str, header: bytes, found: int | type[Exception]) -> None:
    made = registry()
    split = [each.partition("=") for each in query.split("&") if each]
    pairs = {name: value for name, _, value in split}
    router, headers = Router(made), {header: b""}
    if isinstance(found, int):
        chosen = router.find(method, Scope.BUCKET, pairs, headers)
        assert chosen is made.operations[found]
    else:
        with pytest.raises(found):
            router.find(method, Scope.BUCKET, pairs, headers)


def test_an_operation_that_needs_its_header() -> None:
    made = Registry("oss")

    async def handle(call: Call, request: Asked) -> Answer:
        return Answer()

    made.operation("GET", Scope.BUCKET, query=["x"], header="x-special")(handle)
    with pytest.raises(MethodNotAllowed):
        Router(made).find("GET", Scope.BUCKET, {"x": ""}, {})


class _Asked(dict[bytes, bytes]):
    """Headers that know what was asked of them."""

    def __init__(self, headers: dict[bytes, bytes]) -> None:
        super().__init__(headers)
        self.asked: set[bytes] = set()

    def get(self, name: bytes, default: bytes | None = None) -> bytes | None:  # type: ignore[override]  # of bytes only
        self.asked.add(name)
        return super().get(name, default)


def test_no_header_of_a_write_is_overlooked_by_the_short_way() -> None:
    """What `attributes_from` reads besides kept headers leads there."""
    headers = _Asked({b"x-oss-tagging": b"a=b"})
    attributes_from(headers)
    assert headers.asked
    for name in headers.asked:
        assert not _SAYING_MORE.isdisjoint({name: b"x"}), name
