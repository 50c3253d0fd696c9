import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import MalformedXML
from ossia.protocol.xml import document, escape, parse, tag


def test_elements_text_and_namespaces() -> None:
    root = parse(b'<a xmlns="http://x"><b>1</b><b>2</b><c><d> t </d></c></a>', "a")
    assert [child.text for child in root.all("b")] == ["1", "2"]
    assert root.get("b") == "1"
    assert root.get("none", "other") == "other"
    inner = root.find("c")
    assert inner is not None
    assert inner.get("d") == " t "


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<a>",
        b"<b/>",
        b"<a></b>",
        b"<a>&x;</a>",
        b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b"<a>\xff</a>",
        b"<a>" + b"<b>" * 40 + b"</b>" * 40 + b"</a>",
        b"<a/><a/>",
    ],
)
def test_what_is_not_our_document_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedXML):
        parse(content, "a")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_parse_or_are_malformed(content: bytes) -> None:
    with contextlib.suppress(MalformedXML):
        parse(content, "a")


@given(st.text())
def test_written_text_reads_back(text: str) -> None:
    """Characters that XML cannot carry become U+FFFD; every other comes back."""
    back = parse(document("a", tag("b", text)), "a").get("b")
    assert len(back) == len(text)
    assert all(one in (other, "�") for one, other in zip(back, text, strict=True))


def test_booleans_and_markup() -> None:
    assert tag("a", value=True) == "<a>true</a>"
    assert escape('<&">') == "&lt;&amp;&quot;&gt;"
    assert escape("a\x00b") == "a\ufffdb"
