"""A slow application takes no more than its share of what a server can have under way."""

import base64
import json
import threading
import time
from pathlib import Path

from ossia.client.signing_client import Reply, SigningClient
from ossia.testing.inbox import Inbox
from running import running_server

FLAGS = ("--workers", "1", "--callback-limit", "3", "--callback-limit-per-bucket", "2")


def put(client: SigningClient, bucket: str, key: str, url: str) -> Reply:
    fields = {"callbackUrl": url, "callbackBody": "o=${object}"}
    header = base64.b64encode(json.dumps(fields).encode()).decode()
    return client.request("PUT", bucket, key, body=b"x", headers={"x-oss-callback": header})


def test_more_than_the_limit_is_refused_at_once_and_stored(tmp_path: Path) -> None:
    with running_server(tmp_path, *FLAGS) as server, Inbox() as slow, Inbox() as quick:
        client = SigningClient(server.endpoint, server.access_key_id, server.access_key_secret)
        for bucket in ("slow-bucket", "other-bucket"):
            assert client.request("PUT", bucket).status == 200
        slow.answer(delay_s=2)
        replies: list[Reply] = []
        threads = [
            threading.Thread(
                target=lambda n=n: replies.append(put(client, "slow-bucket", f"k{n}", slow.url))
            )
            for n in range(2)
        ]
        for thread in threads:
            thread.start()
        slow.wait(2)
        begun = time.monotonic()
        refused = put(client, "slow-bucket", "k2", slow.url)
        assert refused.status == 203
        assert refused.element("Message") == "Too many callback requests."
        assert time.monotonic() - begun < 1.5
        assert client.request("GET", "slow-bucket", "k2").body == b"x"
        # Another bucket has room, and one without a callback needs none.
        assert put(client, "other-bucket", "k", quick.url).status == 200
        for thread in threads:
            thread.join(20)
        assert [reply.status for reply in replies] == [200, 200]
        assert put(client, "slow-bucket", "k3", quick.url).status == 200
