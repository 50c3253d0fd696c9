"""Keys with control characters on the wire (witnessed.md, W9, W10, W11)."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import oss2
import pytest
from asking import Ask

from ossia.client.signing_client import Reply
from running import Server

CONTROLS = "".join(chr(code) for code in range(1, 0x20))
KEYS = [
    *(f"c{one}k" for one in CONTROLS),
    "all-" + CONTROLS,
    "n\ufffe\uffffn",
    "p\ue000#x01;\ue101",
]


def delete(ask: Ask, content: bytes) -> Reply:
    digest = base64.b64encode(hashlib.md5(content).digest()).decode()
    return ask("POST", query=[("delete", "")], body=content, headers={"Content-MD5": digest})


def _raw(key: str) -> str:
    # A raw carriage return is a line end to every XML parser; SDKs write it as a reference.
    return key.replace("&", "&amp;").replace("\r", "&#13;")


def _decimal(key: str) -> str:
    return "".join(f"&#{ord(one)};" for one in key)


def _hexadecimal(key: str) -> str:
    return "".join(f"&#x{ord(one):02x};" for one in key)


WRITINGS = [
    pytest.param(_raw, id="raw"),
    pytest.param(_decimal, id="decimal"),
    pytest.param(_hexadecimal, id="hexadecimal"),
    pytest.param(lambda key: _hexadecimal(key).upper().replace("X", "x"), id="hexadecimal-upper"),
    pytest.param(lambda key: f"<![CDATA[{key}]]>".replace("\r", "]]>&#13;<![CDATA["), id="cdata"),
]


@pytest.mark.covers("DeleteMultipleObjects")
@pytest.mark.parametrize("write", WRITINGS)
def test_w9_keys_with_control_characters_are_deleted(ask: Ask, write: Callable[[str], str]) -> None:
    for key in [*KEYS, "bystander"]:
        assert ask("PUT", key, body=b"x").status == 200
    objects = "".join(f"<Object><Key>{write(key)}</Key></Object>" for key in KEYS)
    reply = delete(ask, f"<Delete>{objects}</Delete>".encode())
    assert reply.status == 200
    assert reply.body.count(b"<Deleted>") == len(KEYS)
    left = ET.fromstring(ask("GET").body).findall("Contents/Key")  # noqa: S314 - our own answer
    assert [each.text for each in left] == ["bystander"]


@pytest.mark.covers("DeleteMultipleObjects")
def test_w9_oss2_deletes_such_keys(server: Server, bucket: str) -> None:
    auth = oss2.Auth(server.access_key_id, server.access_key_secret)
    store = oss2.Bucket(auth, server.endpoint, bucket)
    key = "k\x01\x0b\x1f"
    store.put_object(key, b"x")
    assert [each.key for each in store.list_objects().object_list] == [key]
    assert store.batch_delete_objects([key]).deleted_keys == [key]
    assert store.list_objects().object_list == []


@pytest.mark.covers("ListObjects")
@pytest.mark.covers("ListObjectsV2")
@pytest.mark.covers("ListObjectVersions")
@pytest.mark.covers("ListMultipartUploads")
@pytest.mark.parametrize(
    "query", [[], [("list-type", "2")], [("versions", "")], [("uploads", "")]], ids=str
)
def test_w10_listings_name_control_characters_by_reference(
    ask: Ask, query: list[tuple[str, str]]
) -> None:
    key = "a\x01\x1f\r\n\ufffe"
    ask("PUT", key, body=b"x")
    ask("POST", key, query=[("uploads", "")])
    body = ask("GET", query=[*query, ("prefix", "a\x01")]).body
    assert b"<Key>a&#x1;&#x1F;&#13;&#10;&#xFFFE;</Key>" in body
    assert b"<Prefix>a&#x1;</Prefix>" in body
    assert "\ufffd".encode() not in body
    assert re.search(rb"[\x00-\x09\x0b-\x1f]", body) is None


@pytest.mark.covers("DeleteMultipleObjects")
def test_w11_white_space_may_precede_the_declaration(ask: Ask) -> None:
    content = b'\n  <?xml version="1.0" encoding="UTF-8"?>\n<Delete><Object><Key>k</Key></Object></Delete>'
    assert delete(ask, content).status == 200
