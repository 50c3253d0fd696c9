"""W3C Trace Context: examples of the recommendation, and what is not well formed."""

import pytest

from ossia.protocol.trace import trace_headers

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_trace_is_read() -> None:
    headers = {b"traceparent": PARENT, b"tracestate": b"rojo=00f067aa0ba902b7,congo=t61"}
    assert trace_headers(headers) == {
        "traceparent": PARENT.decode(),
        "tracestate": "rojo=00f067aa0ba902b7,congo=t61",
    }
    assert trace_headers({b"traceparent": PARENT}) == {"traceparent": PARENT.decode()}


@pytest.mark.parametrize("state", [b"", b"a\r\nb", "é".encode(), b"x" * 513])
def test_a_bad_state_is_left_out(state: bytes) -> None:
    found = trace_headers({b"traceparent": PARENT, b"tracestate": state})
    assert found == {"traceparent": PARENT.decode()}


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        PARENT.upper(),
        b"ff" + PARENT[2:],
        b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-" + b"0" * 16 + b"-01",
        PARENT + b"\r\nx: y",
        PARENT[:-1],
    ],
)
def test_a_bad_parent_is_no_trace(parent: bytes) -> None:
    assert trace_headers({b"traceparent": parent, b"tracestate": b"a=b"}) == {}
