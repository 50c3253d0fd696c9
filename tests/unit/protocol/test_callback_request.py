import pytest
from callback_texts import decode

from ossia.protocol.callback import CallbackConfig
from ossia.protocol.callback_request import outgoing_headers, string_to_sign


@pytest.mark.parametrize(
    ("path", "query", "body", "expected"),
    [
        ("/a%2Fb", "?x=%2F", b"z", b"/a/b?x=%2F\nz"),
        ("/%E4%B8%AD", "", b"", "/中\n".encode()),
        ("/cb", "?", b"", b"/cb?\n"),
        ("/a+b", "", b"\xff", b"/a+b\n\xff"),
        ("/%zz", "", b"", b"/%zz\n"),
    ],
)
def test_string_to_sign(path: str, query: str, body: bytes, expected: bytes) -> None:
    assert string_to_sign(path, query, body) == expected


def headers_of(config: CallbackConfig) -> dict[str, str]:
    return outgoing_headers(
        config,
        config.urls[0],
        b"body",
        authorization="sig",
        key_url="https://gosspublic.alicdn.com/callback_pub_key_v1.pem",
        date="Tue, 01 Jan 2030 00:00:00 GMT",
        request_id="5C0A",
        bucket="b",
        requester="1",
    )


def test_headers_of_the_request() -> None:
    assert headers_of(decode(callbackUrl="http://app.example.com:8080/cb")) == {
        "Host": "app.example.com:8080",
        "Connection": "close",
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-MD5": "hBotaJrYa9FhFEdFPCLG/A==",
        "Date": "Tue, 01 Jan 2030 00:00:00 GMT",
        "User-Agent": "aliyun-oss-callback",
        "authorization": "sig",
        # callback.md, 6: the value of all real traffic since 2018.
        "x-oss-pub-key-url": "aHR0cHM6Ly9nb3NzcHVibGljLmFsaWNkbi5jb20vY2FsbGJhY2tfcHViX2tleV92MS5wZW0=",
        "x-oss-request-id": "5C0A",
        "x-oss-bucket": "b",
        "x-oss-requester": "1",
        "x-oss-signature-version": "1.0",
        "x-oss-tag": "CALLBACK",
        "x-oss-additional-headers": "",
    }


def test_host_and_additional_headers() -> None:
    headers = headers_of(
        decode(
            callbackHost="other",
            additionalHeaders={"X-B": "2", "x-a": "1"},
            callbackBodyType="application/json",
        )
    )
    assert headers["Host"] == "other"
    assert headers["Content-Type"] == "application/json"
    assert headers["x-oss-additional-headers"] == "x-a;x-b"
    assert headers["X-B"] == "2"
