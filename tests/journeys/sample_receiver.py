"""A callback receiver after the Python sample of the OSS documentation ("Upload callbacks").

It knows nothing of Ossia: the prefix of the key's URL is written into it, as into every official
sample, and the key is fetched by name.  Run as ``python sample_receiver.py PORT``.
"""

import base64
import http.server
import sys
import urllib.request
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import MD5
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PREFIXES = ("http://gosspublic.alicdn.com/", "https://gosspublic.alicdn.com/")
key_cache: dict[str, bytes] = {}


def get_pub_key(header: str) -> bytes:
    url = base64.b64decode(header).decode()
    if not url.startswith(PREFIXES):
        raise ValueError(f"pub key addr is not valid: {url}")
    if url not in key_cache:
        with urllib.request.urlopen(url, timeout=5) as answer:
            key_cache[url] = answer.read()
    return key_cache[url]


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        try:
            pub_key = get_pub_key(self.headers["x-oss-pub-key-url"])
        except (OSError, ValueError, TypeError) as error:
            self.answer(400, f'{{"Status":"Get pub key failed: {type(error).__name__}"}}')
            return
        authorization = base64.b64decode(self.headers["authorization"])
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        path, mark, query = self.path.partition("?")
        text = unquote(path) + mark + query + "\n" + body
        key = load_pem_public_key(pub_key)
        assert isinstance(key, RSAPublicKey)
        try:
            key.verify(authorization, text.encode(), PKCS1v15(), MD5())  # noqa: S303 - the protocol's
        except InvalidSignature:
            self.answer(400, '{"Status":"verify not ok"}')
            return
        self.answer(200, '{"Status":"OK"}')

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
