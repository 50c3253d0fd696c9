"""Header values that are kept come back as the bytes that were sent (witnessed.md, W43)."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ossia.protocol.header_text import kept_text, shown_text, wire_text

VALUES = (
    st.binary() | st.text().map(str.encode) | st.text().map(lambda text: f"\uffff{text}".encode())
)


@given(VALUES)
def test_w43_what_is_kept_comes_back(raw: bytes) -> None:
    assert wire_text(kept_text(raw)).encode("latin-1") == raw


@given(VALUES)
def test_w43_what_is_kept_can_be_stored_and_told(raw: bytes) -> None:
    """SQLite's rows hold MessagePack, callbacks and the admin API JSON: both take UTF-8 only."""
    kept = kept_text(raw)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(kept)) == kept
    assert msgspec.json.decode(msgspec.json.encode(kept)) == kept


@given(VALUES, VALUES)
def test_w43_two_values_are_never_kept_as_one(one: bytes, other: bytes) -> None:
    assert (kept_text(one) == kept_text(other)) == (one == other)


def test_w43_what_is_shown_is_readable() -> None:
    assert shown_text(kept_text("文件".encode())) == "文件"
    assert shown_text(kept_text(b"text/plain")) == "text/plain"
    assert shown_text(kept_text(b"caf\xe9")) == "café"
