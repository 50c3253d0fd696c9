"""The vectors that receivers in every language are checked against, checked against our own."""

import base64
import json
from typing import Any

import pytest
from receiver_vectors import CALLBACKS, FILE, UNTRUSTED, signed_bytes, text

from ossia.protocol.callback_signature import verify as is_signature
from ossia.receiver.verify import CallbackNotVerified, KeyCache, verify

VECTORS: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
CASES: list[dict[str, Any]] = VECTORS["cases"]


def fetch(url: str) -> bytes:
    if url not in VECTORS["keys"]:
        raise OSError("no such key")
    return str(VECTORS["keys"][url]).encode()


def test_file_is_what_is_made() -> None:
    # python tests/unit/receiver/receiver_vectors.py
    assert FILE.read_text("utf-8") == text()


def test_names_are_unique() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)


def test_every_captured_and_own_vector_is_there() -> None:
    known = [json.loads(file.read_text()) for file in CALLBACKS.glob("*_?.json")]
    signatures = {it["authorization"] for it in known if it["authorization"]}
    verified = {it["headers"]["authorization"] for it in CASES if it["expect"] == "verified"}
    assert len(signatures) == 11
    assert signatures <= verified


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_verdict(case: dict[str, Any]) -> None:
    path, _, query = case["target"].partition("?")
    reason = ""
    try:
        verify(
            path=path,
            query=query,
            headers=case["headers"],
            body=case["body"].encode(),
            trusted_key_urls=VECTORS["trusted_key_urls"],
            fetch=fetch,
            keys=KeyCache(),
        )
    except CallbackNotVerified as refused:
        reason = refused.reason
    expected = {
        "signature": "the signature does not match",
        "key": "the key cannot be",
        "header": "the header",
        "key-url": "is not trusted",
    }
    if case["expect"] == "verified":
        assert reason == ""
    else:
        assert expected[case["fault"]] in reason


def test_forgeries_lack_nothing_but_trust() -> None:
    """A receiver that does not look at the URL verifies them: the cases can fail."""
    forged = [case for case in CASES if case.get("fault") == "key-url"]
    assert len(forged) == len(UNTRUSTED)
    for case in forged:
        url = base64.b64decode(case["headers"]["x-oss-pub-key-url"]).decode()
        message = signed_bytes(case["target"], case["body"])
        assert is_signature(fetch(url), case["headers"]["authorization"], message)
