import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import InvalidArgument, InvalidBucketName, InvalidObjectName
from ossia.protocol.names import (
    check_bucket_name,
    check_written_key,
    decode_key,
    is_bucket_name,
)


@pytest.mark.parametrize("name", ["abc", "a-b", "0ab", "a" * 63, "1-2"])
def test_good_bucket_names(name: str) -> None:
    check_bucket_name(name)


@pytest.mark.parametrize(
    "name", ["", "ab", "a" * 64, "-ab", "ab-", "Abc", "a_b", "a.b", "abc\n", "äbc", "-", "a b"]
)
def test_bad_bucket_names(name: str) -> None:
    assert not is_bucket_name(name)
    with pytest.raises(InvalidBucketName):
        check_bucket_name(name)


@given(st.binary(max_size=1100))
def test_keys_are_text_or_refused(raw: bytes) -> None:
    try:
        key = decode_key(raw)
    except (InvalidArgument, InvalidObjectName):
        return
    assert key.encode() == raw
    assert len(raw) <= 1023


@pytest.mark.parametrize("raw", [b"a\0b", b"a" * 1024])
def test_bad_keys(raw: bytes) -> None:
    with pytest.raises(InvalidObjectName):
        decode_key(raw)


@pytest.mark.parametrize("raw", [b"\xff", b"\xd6\xd0.txt", b"a/\xed\xa0\x80", b"\xc3"])
def test_a_key_is_utf_8(raw: bytes) -> None:
    """W32, asserted by the PHP suite."""
    with pytest.raises(InvalidArgument, match=r"The characters encoding must be utf-8\."):
        decode_key(raw)


@pytest.mark.parametrize("key", ["/a", "\\a", "/", "//a"])
def test_w50_keys_that_nothing_is_written_to(key: str) -> None:
    assert decode_key(key.encode()) == key
    with pytest.raises(InvalidObjectName):
        check_written_key(key)


def test_keys_that_may_be_written() -> None:
    assert check_written_key("a/b\\c") == "a/b\\c"
