"""Captured callbacks of the real service, and vectors signed with the test key."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ossia.protocol.callback import CallbackConfig, decode_callback
from ossia.protocol.callback_request import outgoing_headers, string_to_sign
from ossia.protocol.callback_signature import CallbackKey, verify
from ossia.protocol.callback_template import BodyType, Value, fill

VECTORS = Path(__file__).parents[2] / "vectors" / "callback"
REAL_KEY = (VECTORS / "real_key.pem").read_bytes()
TEST_KEY = (VECTORS / "test_key.pem").read_bytes()


def vectors(pattern: str) -> list[Any]:
    return [
        pytest.param(json.loads(path.read_text("utf-8")), id=path.stem)
        for path in sorted(VECTORS.glob(pattern))
    ]


def signed(vector: dict[str, str]) -> bytes:
    path, mark, query = vector["target"].partition("?")
    return string_to_sign(path, mark + query, vector["body"].encode())


def test_there_are_eight_captures() -> None:
    assert len(vectors("capture_*.json")) == 8


@pytest.mark.parametrize("vector", vectors("capture_*.json"))
def test_captured_callbacks_verify_with_the_real_key(vector: dict[str, str]) -> None:
    if vector["authorization"] is None:
        # Capture 8 was published without its signature; its digest proves the body.
        assert content_md5(vector) == vector["content_md5"]
    else:
        assert verify(REAL_KEY, vector["authorization"], signed(vector))


@pytest.mark.parametrize("vector", vectors("capture_*.json"))
def test_captured_callbacks_do_not_verify_when_a_byte_changes(vector: dict[str, str]) -> None:
    if vector["authorization"] is not None:
        assert not verify(REAL_KEY, vector["authorization"], signed(vector) + b" ")


@pytest.mark.parametrize("vector", vectors("*_?.json"))
def test_content_md5_is_that_of_the_body(vector: dict[str, str]) -> None:
    if vector["content_md5"] is not None:
        assert content_md5(vector) == vector["content_md5"]


@pytest.mark.parametrize("vector", vectors("own_*.json"))
def test_own_vectors_sign_alike(vector: dict[str, str]) -> None:
    assert hashlib.md5(signed(vector)).hexdigest() == vector["signed_md5"]
    assert CallbackKey.load(TEST_KEY).sign(signed(vector)) == vector["authorization"]


def content_md5(vector: dict[str, str]) -> str:
    config = CallbackConfig(urls=(), body="x")
    url = decode_callback(
        base64.b64encode(b'{"callbackUrl":"a.b","callbackBody":"x"}').decode()
    ).urls[0]
    headers = outgoing_headers(
        config,
        url,
        vector["body"].encode(),
        authorization="",
        key_url="",
        date="",
        request_id="",
        bucket="",
        requester="",
    )
    return headers["Content-MD5"]


CAPTURED_BODIES: list[Any] = [
    pytest.param(
        "capture_2",
        BodyType.JSON,
        '{"bucket":${bucket},"object":${object},"etag":${etag},"size":${size},'
        '"mimeType":${mimeType},"imageInfo":${imageInfo}}',
        {
            "bucket": "post-test",
            "object": "42cf77bf-2d25-485a-947c-b9216ee079ee",
            "etag": "97E1A27874032FC4B29F007C90DFA372",
            "size": 31,
            "mimeType": "image/jpeg",
        },
        id="unknown-variable-is-null",
    ),
    pytest.param(
        "capture_3",
        BodyType.FORM,
        "filename=${object}&size=${size}&mimeType=${mimeType}"
        "&height=${imageInfo.height}&width=${imageInfo.width}",
        {
            "object": "headSculpture/jikang2.jpg",
            "size": 108904,
            "mimeType": "image/jpeg",
            "imageInfo.height": 278,
            "imageInfo.width": 200,
        },
        id="form",
    ),
    pytest.param(
        "capture_4",
        BodyType.JSON,
        "filename=${object}&size=${size}&mimeType=${mimeType}"
        "&height=${imageInfo.height}&width=${imageInfo.width}",
        {
            "object": "local/var/www/zhuye.png",
            "size": 5385,
            "mimeType": "application/octet-stream",
            "imageInfo.height": 256,
            "imageInfo.width": 256,
        },
        id="form-like-template-of-json-type",
    ),
    pytest.param(
        "capture_5",
        BodyType.JSON,
        '{"mimeType":${mimeType}, "size":${size}, "filename",${object}, "bucket":${bucket}}',
        {
            "bucket": "oss-mixmedia-com",
            "object": "ipa/demo/4c7ccb26-8495-4f46-be10-df2b3296b7f6.png",
            "size": 1081151,
            "mimeType": "image/png",
        },
        id="broken-json-is-sent",
    ),
    pytest.param(
        "capture_6",
        BodyType.FORM,
        "filename=${object}&size=${size}",
        {
            "object": "zmaplex/20210407_14:31:41_286180/20200130021612_pnfqp.jpg",
            "size": 112595,
        },
        id="colon",
    ),
    pytest.param(
        "capture_7",
        BodyType.JSON,
        '{"name":${x:fname},"source_name":${object},"size":${size},'
        '"pic_info":"${imageInfo.width},${imageInfo.height}"}',
        {
            "x:fname": "2f7b2ccf30e9270ea920f1ab8a4037a546a2f0d5.jpg",
            "object": "1/1_hFRtDLgM_2f7b2ccf30e9270ea920f1ab8a4037a546a2f0d5.jpg",
            "size": 114020,
            "imageInfo.width": 810,
            "imageInfo.height": 539,
        },
        id="numbers-within-quotes",
    ),
]


@pytest.mark.parametrize(("capture", "body_type", "template", "values"), CAPTURED_BODIES)
def test_fill_gives_the_captured_body(
    capture: str, body_type: BodyType, template: str, values: dict[str, Value]
) -> None:
    body = json.loads((VECTORS / f"{capture}.json").read_text("utf-8"))["body"]
    assert fill(template, values, body_type).decode() == body


def test_real_key_has_512_bits() -> None:
    # 88 Base64 characters (callback.md, 6).
    key = CallbackKey.load(TEST_KEY)
    assert len(key.sign(b"x")) == 88
    assert verify(key.public_pem(), key.sign(b"x"), b"x")


def test_generated_key_survives_its_pem() -> None:
    key = CallbackKey.generate()
    again = CallbackKey.load(key.private_pem())
    assert again.public_pem() == key.public_pem()
    assert again.public_pem().startswith(b"-----BEGIN PUBLIC KEY-----\n")
    assert verify(key.public_pem(), again.sign(b"message"), b"message")
    assert not verify(REAL_KEY, again.sign(b"message"), b"message")
    assert "PRIVATE" not in repr(key)


@pytest.mark.parametrize("authorization", ["", "=", "AAAA", "no base64!", "é"])
def test_malformed_signature_is_not_a_signature(authorization: str) -> None:
    assert not verify(REAL_KEY, authorization, b"x")


EC_KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9
q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==
-----END PUBLIC KEY-----
"""


# A curve that no library implements: secp112r1, with a point of zeros.
UNKNOWN_CURVE = b"-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n" % base64.b64encode(
    bytes.fromhex("3032301006072a8648ce3d020106052b81040006031e0004") + bytes(28)
)


@pytest.mark.parametrize("pem", [b"", b"nonsense", EC_KEY, TEST_KEY, UNKNOWN_CURVE])
def test_unusable_public_key_is_a_value_error(pem: bytes) -> None:
    with pytest.raises(ValueError):
        verify(pem, "AAAA", b"x")


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"nonsense",
        REAL_KEY,
        private_pem(ec.generate_private_key(ec.SECP256R1()), b""),
        private_pem(rsa.generate_private_key(65537, 2048), b"password"),
    ],
    ids=["empty", "nonsense", "public", "elliptic", "encrypted"],
)
def test_unusable_private_key_is_a_value_error(pem: bytes) -> None:
    with pytest.raises(ValueError):
        CallbackKey.load(pem)
