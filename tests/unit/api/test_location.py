"""``Location`` is built from what was asked for (witnessed.md, W19)."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ossia.api.call import Call
from ossia.api.oss.location import location_of
from ossia.protocol.address import Addressing


def asked(
    host: str, path: str, *, secure: bool = False, public: str = "http://0.0.0.0:9000"
) -> Call:
    services: Any = SimpleNamespace(endpoint="0.0.0.0:9000", public_url=public)
    address = Addressing(["oss.test"]).resolve(host.encode(), path.encode())
    http = SimpleNamespace(
        headers={b"host": host.encode()} if host else {}, target=path.encode(), secure=secure
    )
    return cast(
        "Call",
        SimpleNamespace(
            services=services,
            http=http,
            bucket_name="bucket",
            key="a/b c~中",
            in_host=address.in_host,
        ),
    )


PLACE = "a/b%20c%7E%E4%B8%AD"


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("bucket.oss.test", "/x?uploadId=1", f"http://bucket.oss.test/{PLACE}"),
        ("bucket.oss.test:9000", "/x", f"http://bucket.oss.test:9000/{PLACE}"),
        ("127.0.0.1:9000", "/bucket/x", f"http://127.0.0.1:9000/bucket/{PLACE}"),
        ("[::1]:9000", "/bucket/x", f"http://[::1]:9000/bucket/{PLACE}"),
        ("oss.test", "/bucket/x", f"http://oss.test/bucket/{PLACE}"),
        ("", "/bucket/x", f"http://0.0.0.0:9000/bucket/{PLACE}"),
    ],
)
def test_host_and_bucket_are_where_the_request_had_them(
    host: str, path: str, expected: str
) -> None:
    assert location_of(asked(host, path)) == expected


@pytest.mark.parametrize(
    ("host", "secure", "scheme"),
    [
        ("oss.test", False, "https"),
        ("bucket.oss.test", False, "https"),
        ("127.0.0.1", False, "http"),
        ("other.oss.test", False, "http"),
        ("127.0.0.1", True, "https"),
    ],
)
def test_a_proxy_that_ends_tls_is_known_by_the_public_url(
    host: str, secure: bool, scheme: str
) -> None:
    call = asked(host, "/bucket/x", secure=secure, public="https://oss.test")
    assert location_of(call).startswith(f"{scheme}://{host}/")
