"""nginx and Caddy for their guide, and whether they pass a body on before they have all of it."""

import http.client
import json
import shutil
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import oss2  # type: ignore[import-untyped]
import pytest
from following import Reader
from reading import ROOT

_UNPACKED: Final = ROOT / ".cache" / "proxies" / "usr"
_FOLDERS: Final = ("/usr/sbin", str(_UNPACKED / "sbin"), str(_UNPACKED / "bin"))
_MIB: Final = 1 << 20
_SIZE, _SENT, _SEEN = 64 * _MIB, 48 * _MIB, 40 * _MIB
_WITHIN_S: Final = 30


@contextmanager
def proxies(reader: Reader) -> Iterator[None]:
    """Both of them, and what the page says of bodies."""
    on_the_path(reader, "nginx", "caddy")
    reader.read(until="Caddy")
    _is_passed_on_while_it_arrives(reader)
    yield
    _is_passed_on_while_it_arrives(reader)


def on_the_path(reader: Reader, *names: str) -> None:
    """Such proxies, installed or unpacked by ``make proxies``."""
    for name in names:
        if shutil.which(name) is None and shutil.which(name, path=":".join(_FOLDERS)) is None:
            pytest.skip(f"{reader.page.name} IS NOT FOLLOWED: there is no {name}: make proxies")
    reader.type(f"export PATH=$PATH:{':'.join(_FOLDERS)}")


def _is_passed_on_while_it_arrives(reader: Reader) -> None:
    """The store has most of a body before its client has sent the rest."""
    keys = json.loads((reader.folder / "ossia-data" / "keys.json").read_text())
    auth = oss2.Auth(keys["root_access_key_id"], keys["root_access_key_secret"])
    url = oss2.Bucket(auth, reader.here("https://localhost:8443"), "photos").sign_url(
        "PUT", "slow", 60
    )
    trusted = ssl.create_default_context(cafile=str(reader.folder / "certificate.pem"))
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(parts.netloc, context=trusted, timeout=_WITHIN_S)
    before = _stored(reader)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("Content-Length", str(_SIZE))
    connection.endheaders()
    connection.send(bytes(_SENT))
    until = time.monotonic() + _WITHIN_S
    while (arrived := _stored(reader) - before) < _SEEN:
        assert time.monotonic() < until, f"the proxy keeps the body: {arrived} of {_SENT} passed on"
        time.sleep(0.05)
    connection.send(bytes(_SIZE - _SENT))
    assert connection.getresponse().status == 200
    connection.close()


def _stored(reader: Reader) -> int:
    """Bytes that the store's folder takes on the disk."""
    return int(reader.type("du --summarize --block-size=1 ossia-data").split()[0])
