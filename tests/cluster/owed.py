"""An application server that notes which callbacks reach it, where the gateways reach the host."""

import base64
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

BODY = "bucket=${bucket}&object=${object}&etag=${etag}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), _Request)
        self.ids: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self.lock = threading.Lock()


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = dict(parse_qsl(body.decode()))
        with self.server.lock:
            write = (said["bucket"], said["object"], said["etag"].strip('"').lower())
            self.server.ids[write].add(self.headers.get("webhook-id", ""))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        pass


class Receiver:
    """What has arrived: the ids under which each write was told."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        host, port = server.server_address[:2]
        fields = {"callbackUrl": f"http://{host!s}:{port}/callback", "callbackBody": BODY}
        self.header = {"x-oss-callback": base64.b64encode(json.dumps(fields).encode()).decode()}

    def ids(self, bucket: str, key: str, md5: str) -> set[str]:
        with self._server.lock:
            return set(self._server.ids.get((bucket, key, md5), ()))


@contextmanager
def receiving(host: str) -> Iterator[Receiver]:
    """A receiver on an address of the host."""
    server = _Server(host)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Receiver(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
