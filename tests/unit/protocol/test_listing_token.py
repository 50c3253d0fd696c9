import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.protocol.listing_token import decode_token, encode_token


def test_tokens_look_like_the_real_ones() -> None:
    """buckets.md, ListObjectsV2: ``CgJiYw--`` continues behind ``bc``."""
    assert encode_token("bc") == "CgJiYw--"


@given(st.text(max_size=400))
def test_tokens_come_back(name: str) -> None:
    token = encode_token(name)
    assert decode_token(token) == name
    assert not set(token) & set("%+/= ")


@given(st.text(max_size=30))
def test_other_text_is_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(decode_token(text), str)


@pytest.mark.parametrize("token", ["", "AAAA", "CgJiYw", "CgNiYw--", "Cg--", "é"])
def test_bad_tokens(token: str) -> None:
    with pytest.raises(ValueError):
        decode_token(token)
