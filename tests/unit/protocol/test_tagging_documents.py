"""Tags of objects: header and document."""

from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import BadRequest, InvalidArgument, InvalidTag, MalformedXML, OssError
from ossia.protocol.bucket_tags import render_tags
from ossia.protocol.object_tags import parse_tagging, parse_tags

TEXT = "abcXYZ019 +-=._:/"
TAGS = st.dictionaries(
    st.text(TEXT, min_size=1, max_size=128), st.text(TEXT, max_size=256), max_size=10
)


@given(TAGS)
def test_what_is_written_is_read(tags: dict[str, str]) -> None:
    assert parse_tagging(render_tags(tags)) == tags
    header = "&".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in tags.items())
    assert parse_tags(header) == tags


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("a=1&a=2", InvalidArgument),
        ("aa=bb=cc", InvalidArgument),  # the page 0010-00000219
        ("=1", InvalidTag),
        (f"{'k' * 129}=1", InvalidTag),
        ("a=%3C", InvalidTag),
        ("a%0Ab=1", InvalidTag),
        ("a=1%09", InvalidTag),
        ("a=1%0A", InvalidTag),
        ("a=%C2%A0", InvalidTag),
        ("&".join(f"k{n}" for n in range(11)), BadRequest),
    ],
)
def test_headers_that_are_refused(header: str, error: type[OssError]) -> None:
    with pytest.raises(error):
        parse_tags(header)


def _one(key: str, value: str) -> str:
    return f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"


@pytest.mark.parametrize(
    ("document", "error", "ec"),
    [
        ("<Tagging>", MalformedXML, "0010-00000101"),
        ("<Other></Other>", MalformedXML, "0010-00000102"),
        ("<Tagging></Tagging>", MalformedXML, None),
        ("<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>", MalformedXML, "0010-00000107"),
        (f"<Tagging><TagSet>{_one('a', '1')}{_one('a', '1')}</TagSet></Tagging>", InvalidTag, "0010-00000210"),
        (f"<Tagging><TagSet>{_one('', '1')}</TagSet></Tagging>", InvalidTag, "0010-00000208"),
        (f"<Tagging><TagSet>{_one('a b', '1&#10;2')}</TagSet></Tagging>", InvalidTag, "0010-00000217"),
        (f"<Tagging><TagSet>{_one('a', 'v' * 257)}</TagSet></Tagging>", InvalidTag, "0010-00000217"),
    ],
)  # fmt: skip
def test_documents_that_are_refused(document: str, error: type[OssError], ec: str | None) -> None:
    with pytest.raises(error) as refused:
        parse_tagging(document.encode())
    assert refused.value.ec == ec
