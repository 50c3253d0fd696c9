import base64
import contextlib
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import InvalidDigest
from ossia.protocol.checksums import (
    combine_crc64,
    crc64,
    etag_to_content_md5,
    md5_hex,
    multipart_etag,
    parse_content_md5,
)
from ossia.protocol.keyed_hash import keyed_hash


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # objects.md, section 2, x-oss-hash-crc64ecma
        (b"", 0),
        (b"123456789", 11051210869376104954),
        (b"hello world", 5981764153023615706),
    ],
)
def test_crc64(content: bytes, expected: int) -> None:
    assert crc64(content) == expected


@given(st.binary(), st.binary())
def test_crc64_continues_and_combines(first: bytes, second: bytes) -> None:
    whole = crc64(first + second)
    assert crc64(second, crc64(first)) == whole
    assert combine_crc64(crc64(first), crc64(second), len(second)) == whole


@pytest.mark.parametrize(
    ("parts", "etag"),
    [
        # The documentation's own sample, objects.md "ETag forms"
        (
            [
                "3349DC700140D7F86A078484278075A9",
                "8EFDA8BE206636A695359836FE0A0E0A",
                "8C315065167132444177411FDA149B92",
            ],
            "B864DB6A936D376F9F8D3ED3BBE540DD-3",
        ),
        (
            [md5_hex(b"a" * 102400), md5_hex(b"b").lower()],
            "8CB0E9C485EDDD0078747AB04DE049E9-2",
        ),
    ],
)
def test_multipart_etag(parts: list[str], etag: str) -> None:
    assert multipart_etag(parts) == etag


@given(st.binary())
def test_content_md5_and_etag_are_the_same_digest(content: bytes) -> None:
    header = base64.b64encode(hashlib.md5(content).digest()).decode()
    assert parse_content_md5(header) == md5_hex(content)
    assert etag_to_content_md5(md5_hex(content)) == header


@given(st.text(max_size=40))
def test_any_other_content_md5_is_refused(header: str) -> None:
    with contextlib.suppress(InvalidDigest):
        assert len(parse_content_md5(header)) == 32


@given(st.binary(max_size=200), st.binary(max_size=300), st.sampled_from(["sha1", "sha256"]))
def test_keyed_hash_is_hmac(key: bytes, text: bytes, algorithm: str) -> None:
    assert keyed_hash(key, text, algorithm) == hmac.digest(key, text, algorithm)
