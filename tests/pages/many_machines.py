"""What docs/scale.md takes for granted: a database with copies, an engine, and a certificate for nginx.

The addresses, passwords and keys that the page names stand for those of a real PostgreSQL, primary and
standbys, and of a real radosgw; both are reached over TLS, as the page has it.  Patroni is stood in for:
it says who the primary is.
"""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import oss2  # type: ignore[import-untyped]  # has no types
import pytest
from following import Reader
from fronting import on_the_path
from reading import read_page

from certificates import Issuer
from patroni_stand_in import patroni
from ports import free_port
from postgres_server import copied_postgres, programs, running_postgres
from s3_engine import S3Engine, lacks_engine, running_ceph

_HOST: Final = "127.0.0.1"
_GATEWAY: Final = "10.0.0.11:9000"
_STORE: Final = "127.0.0.1:9000"
_GUIDE: Final = "docs/guides/nginx-caddy.md"
_OBJECTS: Final = {"sea.jpg": bytes(300_000), "small.txt": b"in a row"}
_LETS_IN: Final = f"""\
local all all trust
hostssl ossia ossia {_HOST}/32 scram-sha-256
host all postgres {_HOST}/32 trust
host replication postgres {_HOST}/32 trust
"""
"""pg_hba.conf: who comes for the gateways comes over TLS, and with a password."""

_PATIENT: Final = """\
#!/bin/sh
[ "$1" = doctor ] || exec {ossia} "$@"
for _ in 1 2 3; do
  told=$({ossia} "$@" 2>&1); code=$?
  [ $code = 0 ] && break
done
echo "$told"
exit $code
"""


@contextmanager
def many_machines(reader: Reader) -> Iterator[None]:
    """All of them on this one; at the end of each chapter, what became of what was stored."""
    if programs() is None:
        pytest.skip(f"{reader.page.name} IS NOT FOLLOWED: there is no PostgreSQL: make databases")
    if lacks_engine():
        pytest.skip(f"{reader.page.name} IS NOT FOLLOWED: there is no S3 server: make engine")
    on_the_path(reader, "nginx")
    reader.names["443"] = str(free_port())
    _examine_patiently(reader)
    issuer = Issuer("of the page")
    with ExitStack() as stack:
        _serve_a_database(reader, stack, issuer)
        engine = _serve_an_engine(reader, stack, issuer)
        reader.names[_GATEWAY] = f"{_HOST}:{free_port()}"
        # Where gateways listen stands in their file.
        reader.type("unset OSSIA_LISTEN; export OSSIA_WORKERS=1")
        reader.read(until="The master key")
        _lose_the_master_key(reader)
        reader.read(until="A balancer or proxy in front")
        assert _account(reader) == reader.names["NUMBER"]
        assert _content(_bucket(reader, _GATEWAY, _told(reader))) == _OBJECTS
        reader.type("gateway=$!")
        reader.read(until="Bytes in an S3-speaking engine")
        _pass_on(reader, issuer)
        reader.type(f"export OSSIA_LISTEN={_STORE}")
        reader.read(until="A new version")
        _fill(_bucket(reader, _STORE, _of_folder(reader)))
        assert any(engine.store("bucket").list("prefix")), "no bytes are in the engine"
        reader.type("unset OSSIA_LISTEN; kill $!; wait $!")
        reader.read(until="Moving there, and back")
        _serve_what_moves(reader)
        yield
        moved = _bucket(reader, _GATEWAY, _of_folder(reader))
        assert _content(moved) == _OBJECTS
        reader.type("kill -INT $!; wait $!")


def _examine_patiently(reader: Reader) -> None:
    """``ossia doctor`` finds an engine slow where other tests run beside it: it may look again."""
    program = reader.folder.with_name("bin") / "ossia"
    program.write_text(
        _PATIENT.format(ossia=shutil.which("ossia", path=Path(sys.executable).parent))
    )
    program.chmod(0o755)


def _serve_a_database(reader: Reader, stack: ExitStack, issuer: Issuer) -> None:
    """A primary whose changes wait for one of its two standbys."""
    primary = stack.enter_context(running_postgres(fsync=True))
    primary.offer_tls(issuer.issue(_HOST))
    primary.let_in(_LETS_IN)
    servers = [primary, *(stack.enter_context(copied_postgres(primary)) for _ in range(2))]
    primary.set("synchronous_standby_names", "*")
    primary.await_true("select 1 from pg_stat_replication where sync_state = 'sync'")
    for number, server in enumerate(servers, 1):
        url = stack.enter_context(patroni(200 if server is primary else 503))
        host, address = f"db{number}.example", f"{_HOST}:{server.port}"
        # What is printed has the last of the names that stand for one thing.
        reader.names |= {f"http://{host}:8008": url, host: address, f"{host}:5432": address}
    _write(reader, "/etc/ossia/database-ca.pem", issuer.pem)
    reader.type(f"export PGHOST={primary.folder} PGPORT={primary.port} PGUSER=postgres")


def _serve_an_engine(reader: Reader, stack: ExitStack, issuer: Issuer) -> S3Engine:
    folder = reader.folder.with_name("ceph")
    folder.mkdir()
    engine = stack.enter_context(running_ceph(folder, issuer.issue(_HOST)))
    for bucket in ("ossia", "bucket"):
        engine.make_bucket(bucket)
    reader.names |= {
        "https://rgw.example:7480": engine.tls_endpoint,
        "ENGINE_KEY_ID": engine.access_key_id,
        "ENGINE_KEY_SECRET": engine.access_key_secret,
    }
    _write(reader, "/etc/ossia/engine-ca.pem", issuer.pem)
    return engine


def _lose_the_master_key(reader: Reader) -> None:
    """Of a gateway that has stored something."""
    _fill(_bucket(reader, _GATEWAY, _told(reader)))
    reader.names["NUMBER"] = _account(reader)
    reader.type("kill -INT $!; wait $!; rm /etc/ossia/master.key")


def _pass_on(reader: Reader, issuer: Issuer) -> None:
    """What the page says of nginx holds: keys and signatures get through, and who comes by TLS."""
    certificate = issuer.issue(_HOST)
    for name in ("certificate.pem", "certificate.key"):
        _write(reader, f"/etc/ossia/{name}", certificate)
    _write(reader, "/etc/ossia/of-the-proxy.pem", issuer.pem)
    (around,) = (each for each in read_page(_GUIDE).fences if each.title == "nginx.conf")
    (reader.folder / "nginx.conf").write_text(around.text)
    reader.type("store=$!")
    command = "nginx -p $PWD -e stderr -c $PWD/nginx.conf -g 'daemon off;'"
    reader.type_beside(command, "…\n… start worker process …")
    key = "a folder//ä+b %2F~.txt"
    session = oss2.Session()
    # What the machine of the tests trusts is no matter here.
    session.session.trust_env = False
    session.session.verify = reader.here("/etc/ossia/of-the-proxy.pem")
    auth = oss2.Auth(*_of_folder(reader))
    bucket = oss2.Bucket(auth, f"https://{_HOST}:{reader.names['443']}", "photos", session=session)
    bucket.create_bucket()
    bucket.put_object(key, b"over TLS")
    assert bucket.get_object(key).read() == b"over TLS"
    upload = bucket.init_multipart_upload("parts").upload_id
    part = oss2.models.PartInfo(1, bucket.upload_part("parts", upload, 1, b"one").etag)
    done = bucket.complete_multipart_upload("parts", upload, [part])
    assert b"<Location>https://" in done.resp.response.content, done.resp.response.content
    reader.type("kill $! $store; wait $! $store; rm -r ossia-data")


def _serve_what_moves(reader: Reader) -> None:
    """A store in a folder, and a place for it that is empty."""
    reader.type("kill -INT $gateway; wait $gateway; rm /etc/ossia/master.key; rm -r ossia-data")
    reader.type("unset OSSIA_BLOBS_CA OSSIA_BLOBS_ACCESS_KEY_ID OSSIA_BLOBS_ACCESS_KEY_SECRET")
    reader.type("dropdb ossia; createdb ossia --owner ossia --encoding UTF8 --locale C.UTF-8")
    reader.type_beside(f"ossia serve --listen {_STORE}", "Ossia … is ready.\n…")
    reader.type("source=$!")
    _fill(_bucket(reader, _STORE, _of_folder(reader)))


def _fill(bucket: Any) -> None:
    bucket.create_bucket()
    for key, content in _OBJECTS.items():
        bucket.put_object(key, content)


def _content(bucket: Any) -> dict[str, bytes]:
    keys = [each.key for each in bucket.list_objects_v2().object_list]
    return {key: bucket.get_object(key).read() for key in keys}


def _bucket(reader: Reader, server: str, key: tuple[str, str]) -> Any:
    return oss2.Bucket(oss2.Auth(*key), reader.here(f"http://{server}"), "photos")


def _told(reader: Reader) -> tuple[str, str]:
    """The root key of the gateway that was started last, which it shows once."""
    return _said(r"access key +(\S+)", reader), _said(r"secret +(\S+)", reader)


def _account(reader: Reader) -> str:
    return reader.here(_said(r"account +(\w+)", reader))


def _of_folder(reader: Reader) -> tuple[str, str]:
    keys = json.loads((reader.folder / "ossia-data" / "keys.json").read_text())
    return keys["root_access_key_id"], keys["root_access_key_secret"]


def _said(pattern: str, reader: Reader) -> str:
    found = re.search(pattern, reader.printed[-1])
    assert found is not None, reader.printed[-1]
    return found[1]


def _write(reader: Reader, name: str, content: bytes) -> None:
    Path(reader.here(name)).write_bytes(content)
