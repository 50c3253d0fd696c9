"""Makes ``examples/receivers/vectors.json``: what every receiver must verify, and what it must refuse.

The cases come from the captures and vectors in ``tests/vectors/callback``, and from forgeries that are
signed with the test keys.  `python tests/unit/receiver/receiver_vectors.py` writes the file.

Each refused case names its fault.  Those of the *key-url* kind carry a good signature and their key is
served, so that a receiver without the check verifies them.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ossia.protocol.callback_request import string_to_sign
from ossia.protocol.callback_signature import CallbackKey

ROOT: Final = Path(__file__).parents[3]
CALLBACKS: Final = ROOT / "tests" / "vectors" / "callback"
FILE: Final = ROOT / "examples" / "receivers" / "vectors.json"

REAL_URL: Final = "https://gosspublic.alicdn.com/callback_pub_key_v1.pem"
OWN_URL: Final = "http://oss.internal:9000/-/callback/public_key.pem"
TEST_URL: Final = "http://gosspublic.alicdn.com/test/512.pem"
HTML_URL: Final = "http://gosspublic.alicdn.com/test/page.html"
CURVE_URL: Final = "http://gosspublic.alicdn.com/test/p256.pem"
CUBE_URL: Final = "http://gosspublic.alicdn.com/test/cube.pem"
TRUSTED: Final = [
    "http://gosspublic.alicdn.com/",
    "https://gosspublic.alicdn.com/",
    OWN_URL,
]

_TEST_PEM: Final = (CALLBACKS / "test_key.pem").read_bytes()
_SMALL: Final = CallbackKey.load(_TEST_PEM)
_LARGE: Final = CallbackKey.load((CALLBACKS / "test_key_2048.pem").read_bytes())

_CURVE_PEM: Final = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9
q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==
-----END PUBLIC KEY-----
"""

UNTRUSTED: Final = {
    "host continues": "http://gosspublic.alicdn.com.evil/callback_pub_key_v1.pem",
    "host is the user of another": "http://gosspublic.alicdn.com@evil.example/k.pem",
    "host and port are the user of another": "http://gosspublic.alicdn.com:80@evil.example/k.pem",
    "backslash ends the host for some": "http://evil.example\\@gosspublic.alicdn.com/k.pem",
    "host within the path": "http://evil.example/http://gosspublic.alicdn.com/k.pem",
    "host in a second line": "http://evil.example/k.pem\nhttp://gosspublic.alicdn.com/k.pem",
    "plain path in a second line": "http://gosspublic.alicdn.com/#\nk.pem",
    "line feed at the end": REAL_URL + "\n",
    "another port": "http://gosspublic.alicdn.com:8080/k.pem",
    "another host": "http://evil.example/k.pem",
    "another scheme": "ftp://gosspublic.alicdn.com/k.pem",
    "no scheme": "gosspublic.alicdn.com/k.pem",
    "no slash after the host": "http://gosspublic.alicdn.com",
    "dot segments": "http://gosspublic.alicdn.com/a/../../k.pem",
    "escaped dot segments": "http://gosspublic.alicdn.com/%2e%2E/k.pem",
    "dot segments with an escaped slash": "http://gosspublic.alicdn.com/..%2fk.pem",
    "fragment": "http://gosspublic.alicdn.com/k.pem#@evil.example/",
    "longer than the one that is trusted": OWN_URL + ".evil",
    "beside the one that is trusted": "http://oss.internal:9000/bucket/key.pem",
    "query behind the one that is trusted": OWN_URL + "?x=1",
    "scheme of the one that is trusted": OWN_URL.replace("http:", "https:"),
}
"""Name → key URL, none of which is trusted."""


def document() -> dict[str, Any]:
    """The whole file."""
    keys = {
        REAL_URL: (CALLBACKS / "real_key.pem").read_text(),
        OWN_URL: _LARGE.public_pem().decode(),
        TEST_URL: _SMALL.public_pem().decode(),
        HTML_URL: "<html><body>404</body></html>\n",
        CURVE_URL: _CURVE_PEM,
        CUBE_URL: _cube_key(),
    }
    keys |= dict.fromkeys(UNTRUSTED.values(), _SMALL.public_pem().decode())
    cases = [*_captured(), *_own(), *_targets(), *_changed(), *_signatures(), *_headers(), *_urls()]
    return {
        "about": "Made by tests/unit/receiver/receiver_vectors.py. 'keys' says what is served at a URL; "
        "anything else is not found. 'target' is that of the request line; 'body' is sent as UTF-8.",
        "trusted_key_urls": TRUSTED,
        "keys": keys,
        "cases": cases,
    }


def text() -> str:
    """The file as it is written."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


def _case(
    name: str,
    target: str,
    body: str,
    authorization: str,
    url: str = TEST_URL,
    fault: str = "",
) -> dict[str, Any]:
    key_url = base64.b64encode(url.encode()).decode()
    headers = {"authorization": authorization, "x-oss-pub-key-url": key_url}
    verdict = {"expect": "refused", "fault": fault} if fault else {"expect": "verified"}
    return {"name": name, **verdict, "target": target, "headers": headers, "body": body}


def signed_bytes(target: str, body: str) -> bytes:
    """What is signed of a request."""
    path, mark, query = target.partition("?")
    return string_to_sign(path, mark + query, body.encode())


def _sign(target: str, body: str, key: CallbackKey = _SMALL) -> str:
    return key.sign(signed_bytes(target, body))


def _captured() -> list[dict[str, Any]]:
    """Of the real service; one was published without its signature."""
    vectors = [json.loads(file.read_text()) for file in sorted(CALLBACKS.glob("capture_*.json"))]
    return [
        _case(it["source"], it["target"], it["body"], it["authorization"], REAL_URL)
        for it in vectors
        if it["authorization"]
    ]


def _own() -> list[dict[str, Any]]:
    vectors = [json.loads(file.read_text()) for file in sorted(CALLBACKS.glob("own_*.json"))]
    return [_case(it["source"], it["target"], it["body"], it["authorization"]) for it in vectors]


_TARGETS: Final = {
    "plus in the path stays": "/a+b",
    "escaped plus": "/a%2Bb",
    "escaped slash": "/a%2Fb%2fc",
    "path is decoded once": "/100%2541",
    "UTF-8 path": "/%E5%9B%9E%E8%B0%83/%C3%A9",
    "path that is not UTF-8": "/%FF%80",
    "escaped question mark": "/a%3Fb?c=d",
    "escaped percent before a query": "/%25?%41=%2B+",
    "bare question mark": "/cb?",
    "question mark within the query": "/cb?a=?&?",
    "two slashes": "//cb//x/",
    "dots in the path": "/a/../b/./c",
    "query is not decoded": "/cb?a=%2F&b=%E4%B8%AD&c=+&a=2",
}


def _targets() -> list[dict[str, Any]]:
    body = '{"object":"一.jpg","size":5}'
    large = _sign("/cb", body, _LARGE)
    multiline = "a=1\r\n\r\nb=2\n\t\u0000é𝄞"
    return [
        *(_case(name, target, body, _sign(target, body)) for name, target in _TARGETS.items()),
        _case("key of 2048 bits, trusted by its exact URL", "/cb", body, large, OWN_URL),
        _case("empty body", "/cb", "", _sign("/cb", "")),
        _case(
            "body with line ends, a null and four-byte characters",
            "/cb",
            multiline,
            _sign("/cb", multiline),
        ),
    ]


def _changed() -> list[dict[str, Any]]:
    """What arrives is not what was signed."""
    signature = _sign("/cb?a=1", "object=a&size=5")
    received = {
        "changed body": ("/cb?a=1", "object=b&size=5"),
        "longer body": ("/cb?a=1", "object=a&size=5 "),
        "no body": ("/cb?a=1", ""),
        "changed path": ("/cd?a=1", "object=a&size=5"),
        "changed query": ("/cb?a=2", "object=a&size=5"),
        "no query": ("/cb", "object=a&size=5"),
        "decoded query": ("/cb?%61=1", "object=a&size=5"),
    }
    return [
        *(_case(name, *it, signature, fault="signature") for name, it in received.items()),
        # Signed "/a b": what a receiver signs that takes "+" for a space.
        _case("plus is not a space", "/a+b", "x", _sign("/a%20b", "x"), fault="signature"),
        _case(
            "path is not decoded twice", "/100%2541", "x", _sign("/100A", "x"), fault="signature"
        ),
        _case("path is decoded", "/a%2Fb", "x", _sign("/a%252Fb", "x"), fault="signature"),
    ]


_BODIES: Final = [f"object=a&size={size}" for size in range(5, 50)]
_SMALL_BITS: Final = 512


def _signatures() -> list[dict[str, Any]]:
    """Signatures that are not the one of the named key."""
    body = next(body for body in _BODIES if _plus_modulus(body).bit_length() <= _SMALL_BITS)
    message = signed_bytes("/cb", body)
    good = base64.b64decode(_SMALL.sign(message))
    tampered = {
        "truncated signature": good[:-1],
        "longer signature": good + b"\x00",
        "signature with a zero in front": b"\x00" + good,
        "signature plus the modulus": _plus_modulus(body).to_bytes(64, "big"),
        "one bit of the signature": good[:-1] + bytes([good[-1] ^ 1]),
        "signature of zeros": bytes(64),
        "signature of one": bytes(63) + b"\x01",
        "signature with SHA-1": _private().sign(message, PKCS1v15(), SHA1()),  # noqa: S303 - a forgery
        "digest of the digest": base64.b64decode(_SMALL.sign(hashlib.md5(message).digest())),
    }
    forged = base64.b64encode(_cube_forgery(message)).decode()
    another = _sign("/cb", body)
    return [
        *(
            _case(name, "/cb", body, base64.b64encode(it).decode(), fault="signature")
            for name, it in tampered.items()
        ),
        _case("padding that ends early, exponent 3", "/cb", body, forged, CUBE_URL, "signature"),
        _case("signature of another key", "/cb", body, another, OWN_URL, "signature"),
        _case("key that is not there", "/cb", body, another, TEST_URL + ".old", "key"),
        _case("key that is a web page", "/cb", body, another, HTML_URL, "key"),
        _case("key of another kind", "/cb", body, another, CURVE_URL, "key"),
    ]


def _headers() -> list[dict[str, Any]]:
    """Headers that are missing or not Base64; decoders that skip the strange character verify those."""
    good = _case("", "/cb", "x", _sign("/cb", "x"), fault="header")
    cases = []
    for name, value in good["headers"].items():
        others = {other: it for other, it in good["headers"].items() if other != name}
        strange = value[:20] + "!" + value[20:]
        cases += [
            {**good, "name": f"{name} is missing", "headers": others},
            {**good, "name": f"{name} is empty", "headers": {**others, name: ""}},
            {**good, "name": f"{name} is not base64", "headers": {**others, name: strange}},
        ]
    scheme = {**good["headers"], "authorization": "OSS " + good["headers"]["authorization"]}
    return [*cases, {**good, "name": "authorization with a scheme", "headers": scheme}]


def _urls() -> list[dict[str, Any]]:
    signature = _sign("/cb", "x")
    return [
        _case(f"key URL: {name}", "/cb", "x", signature, url, "key-url")
        for name, url in UNTRUSTED.items()
    ]


def _private() -> Any:
    return load_pem_private_key(_TEST_PEM, None)


def _plus_modulus(body: str) -> int:
    """A number whose power is that of the signature; it must be refused for its size."""
    numbers: RSAPublicNumbers = _private().public_key().public_numbers()
    signature = base64.b64decode(_sign("/cb", body))
    return int.from_bytes(signature, "big") + numbers.n


def _cube_key() -> str:
    """A key with exponent 3.  Whether its modulus has factors that anyone knows does not matter."""
    large: Any = load_pem_public_key(_LARGE.public_pem())
    key = RSAPublicNumbers(3, large.public_numbers().n).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _cube_forgery(message: bytes) -> bytes:
    """A number whose cube begins like a signed block (Bleichenbacher, 2006); made without any key."""
    info = bytes.fromhex("3020300c06082a864886f70d020505000410") + hashlib.md5(message).digest()
    block = (b"\x00\x01" + b"\xff" * 8 + b"\x00" + info).ljust(256, b"\xff")
    root = _cube_root(int.from_bytes(block, "big"))
    cube = (root**3).to_bytes(256, "big")
    assert cube.startswith(b"\x00\x01" + b"\xff" * 8 + b"\x00" + info)
    return root.to_bytes(256, "big")


def _cube_root(number: int) -> int:
    """The greatest integer whose cube is not above *number*."""
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
