"""Issue 10, D7: what a server that only this machine reaches may itself reach."""

import pytest

from ossia.node.reach import callback_targets, is_for_this_machine, oidc_issuers
from ossia.settings import Settings

PROXIED = [
    "https://oss.example.com", "http://192.0.2.1:9000", "https://localhost.example.com", "http://[2001:db8::1]",
    "https://127.0.0.1.nip.io", "http://localhost@oss.example.com", "oss.example.com", "http://[", "https://", "http://0.0.0.0:9000",
    "http://localhost.", "http://[::ffff:192.0.2.1]",
]  # fmt: skip
OWN = ["", "http://localhost:9000", "http://127.0.0.1", "https://127.9.9.9:1/", "http://[::1]:9000"]


@pytest.mark.parametrize("listen", ["127.0.0.1:9000", "localhost:9000", "[::1]:9000"])
@pytest.mark.parametrize(
    ("public_url", "reaches"),
    [*((url, False) for url in PROXIED), *((url, True) for url in OWN)],
)
def test_d7_behind_a_proxy_nothing_on_loopback_is_reached(
    listen: str, public_url: str, reaches: bool
) -> None:
    settings = Settings(listen=listen, public_url=public_url)
    assert is_for_this_machine(settings) is reaches
    for policy in (callback_targets(settings), oidc_issuers(settings)):
        assert (policy.refuse("127.0.0.1") is None) is reaches
        assert (policy.refuse_host("http", "localhost", 8000) is None) is reaches
        assert policy.refuse("203.0.113.5") is None or policy.refuse("8.8.8.8") is None


@pytest.mark.parametrize("listen", ["0.0.0.0:9000", ":9000", "192.0.2.1:9000", "[::]:9000"])
def test_d7_a_loopback_url_does_not_make_a_public_server_private(listen: str) -> None:
    settings = Settings(listen=listen, public_url="http://localhost:9000")
    assert callback_targets(settings).refuse("127.0.0.1") is not None


@pytest.mark.parametrize("console", ["0.0.0.0:9001", "192.0.2.1:9001"])
def test_d7_a_console_that_others_reach_counts(console: str) -> None:
    assert is_for_this_machine(Settings(console_listen="127.0.0.1:9001"))
    assert not is_for_this_machine(Settings(console_listen=console))


def test_d7_what_the_operator_allows_counts() -> None:
    settings = Settings(
        public_url="https://oss.example.com",
        callback_allow=("loopback",),
        oidc_allow=("http://127.0.0.1:8080",),
    )
    assert callback_targets(settings).refuse("127.0.0.1") is None
    assert oidc_issuers(settings).refuse_host("http", "127.0.0.1", 8080) is None
