"""A database that is reached over TLS, as the URL of ``--metadata`` asks for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certificates import Issuer
from ossia.adapters.postgres import Place
from ossia.adapters.postgres.primary import UNREACHED, connect_to
from postgres_server import PostgresServer, running_postgres

pytestmark = pytest.mark.slow

ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class World:
    """A server that lets nobody in without TLS, and who certified it, or did not."""

    server: PostgresServer
    right: Path
    wrong: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("tls")
    right, wrong = Issuer("right"), Issuer("wrong")
    for name, issuer in (("right", right), ("wrong", wrong)):
        (folder / f"{name}.pem").write_bytes(issuer.pem)
    with running_postgres() as server:
        server.encrypt(right.issue(ADDRESS))
        yield World(server, folder / "right.pem", folder / "wrong.pem")


async def is_encrypted(world: World, query: str) -> bool:
    url = world.server.url("postgres") + f"?{query}"
    connection = await connect_to(Place.of(url), 0, within_s=5)
    try:
        found = await connection.fetchval(
            "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
        )
        return bool(found)
    finally:
        await connection.close()


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
async def test_a_certified_server_is_reached(world: World, mode: str) -> None:
    assert await is_encrypted(world, f"sslmode={mode}&sslrootcert={world.right}")


async def test_it_is_used_without_being_asked_for(world: World) -> None:
    assert await is_encrypted(world, "")


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_server_that_somebody_else_certified_is_not(world: World, mode: str) -> None:
    with pytest.raises(UNREACHED, match="certificate verify failed"):
        await is_encrypted(world, f"sslmode={mode}&sslrootcert={world.wrong}")


async def test_another_name_is_refused_where_names_count(world: World) -> None:
    query = f"?sslmode={{}}&sslrootcert={world.right}"
    url = world.server.url("postgres").replace(ADDRESS, "localhost") + query
    connection = await connect_to(Place.of(url.format("verify-ca")), 0, within_s=5)
    await connection.close()
    with pytest.raises(UNREACHED, match="localhost"):
        await connect_to(Place.of(url.format("verify-full")), 0, within_s=5)


async def test_who_wants_none_is_not_let_in(world: World) -> None:
    with pytest.raises(UNREACHED, match="no encryption"):
        await is_encrypted(world, "sslmode=disable")
