"""What an upload that asks for a callback carries is what the server reads."""

import json
from base64 import b64decode

from ossia.protocol.callback import decode_callback
from ossia.testing.callback_headers import callback_headers


def test_the_server_understands_the_usual_headers() -> None:
    headers = callback_headers("http://127.0.0.1:1/callback")
    assert list(headers) == ["x-oss-callback"]
    config = decode_callback(headers["x-oss-callback"])
    assert [str(url) for url in config.urls] == ["http://127.0.0.1:1/callback"]
    assert json.loads(b64decode(headers["x-oss-callback"]))["callbackBodyType"] == (
        "application/json"
    )


def test_variables_are_named_as_they_are_used() -> None:
    headers = callback_headers("http://127.0.0.1:1/", "user=${x:user}", {"user": "ann"})
    config = decode_callback(headers["x-oss-callback"], headers["x-oss-callback-var"])
    assert config.variables == {"x:user": "ann"}
    assert config.body_type.value == "application/x-www-form-urlencoded"
