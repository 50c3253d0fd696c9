import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.protocol.callback_reply import Accepted, Rejected, judge_reply

JSON_ERROR = Rejected("Response body is not valid json format.", "0007-00000205")
LENGTH_ERROR = Rejected(
    "Error Status : 400.User server return too long content-length value", "0007-00000203"
)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"Status":"OK"}', "application/json"),
        (b"[]", "text/html"),
        (b"1" * 5000, "application/json"),
        (b"1e999", "application/json"),
        (b'"\xe4\xb8\xad"', "application/json; charset=utf-8"),
        (b" \n{}\r\n", "application/json"),
        (b"<a>x</a>", "application/xml"),
        (b'<?xml version="1.0"?><a/>', "Application/XML; charset=utf-8"),
    ],
)
def test_accepted_replies(body: bytes, content_type: str) -> None:
    headers = {"content-length": str(len(body)), "content-type": content_type}
    assert judge_reply(200, headers, body) == Accepted(body, content_type)


def test_reply_without_content_type_is_json() -> None:
    assert judge_reply(200, {"content-length": "2"}, b"{}") == Accepted(b"{}", "application/json")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"OK", "application/json"),
        (b"\xef\xbb\xbf{}", "application/json"),
        (b"\xff", "application/json"),
        (b"{'a':1}", "application/json"),
        (b"NaN", "application/json"),
        (b"{} {}", "application/json"),
        (b"[" * 200_000, "application/json"),
        (b"<html>not found</html>", "text/html"),
        (b"<a>x</a>", "text/xml"),
        (b"{}", "application/xml"),
        (b"", "application/xml"),
        (b"<a>", "application/xml"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "application/xml"),
    ],
)
def test_replies_that_are_not_json(body: bytes, content_type: str) -> None:
    headers = {"content-length": str(len(body)), "content-type": content_type}
    assert judge_reply(200, headers, body) == JSON_ERROR


@pytest.mark.parametrize(
    "status", [100, 201, 204, 206, 301, 302, 400, 403, 404, 405, 500, 502, 599]
)
def test_any_other_status_is_a_failure(status: int) -> None:
    verdict = judge_reply(status, {"content-length": "2"}, b"{}")
    assert verdict == Rejected(f"Error status : {status}.", "0007-00000203")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"transfer-encoding": "chunked"},
        {"content-length": ""},
        {"content-length": "-1"},
        {"content-length": "1e3"},
        {"content-length": "٣"},
        {"content-length": "9" * 5000},
        {"content-length": "1048577"},
    ],
)
def test_reply_needs_a_modest_content_length(headers: dict[str, str]) -> None:
    assert judge_reply(200, headers, b"{}") == LENGTH_ERROR


def test_reply_limit_is_inclusive_and_configurable() -> None:
    body = b" " * (1024 * 1024 - 1) + b"1"
    assert isinstance(judge_reply(200, {"content-length": str(len(body))}, body), Accepted)
    assert judge_reply(200, {"content-length": "3"}, b"123", max_bytes=2) == LENGTH_ERROR
    assert judge_reply(200, {"content-length": "1"}, b"123", max_bytes=2) == LENGTH_ERROR


@given(
    st.integers(),
    st.dictionaries(st.sampled_from(["content-length", "content-type"]), st.text()),
    st.binary(),
)
def test_judging_never_raises(status: int, headers: dict[str, str], body: bytes) -> None:
    judge_reply(status, headers, body)
    judge_reply(200, {"content-length": "1", "content-type": "application/xml"}, body)
