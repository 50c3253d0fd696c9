import asyncio
from pathlib import Path

import pytest

from certificates import Issuer
from ossia.gateway.readiness import Readiness
from ossia.node.metrics import state
from ossia.node.metrics.state import StateWatch
from ossia.ports import Unavailable
from ossia.settings import Settings
from ossia.tables.callbacks import Owed
from storing import SetClock


class SaidDatabase:
    """Answers what it is told to."""

    def __init__(self) -> None:
        self.says: Owed | Exception = Owed(2, 1, 1000)
        self.asked = 0
        self.hangs = False

    async def together(self, _question: object) -> Owed:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def one(self, _sql: str, *_values: object) -> None:
        """Nothing was read through yet."""


async def ill() -> None:
    raise Unavailable("gone")


async def well() -> None:
    pass


def watch(database: SaidDatabase, folder: Path | None = None, **settings: str) -> StateWatch:
    clock = SetClock()
    clock.at = 61_000
    readiness = Readiness({"metadata": well, "blobs": ill})
    return StateWatch(Settings(**settings), folder, database, readiness, clock)  # type: ignore[arg-type]  # as much of one as is asked


async def test_it_tells_which_engines_answer_and_what_is_owed(tmp_path: Path) -> None:
    seen = await watch(SaidDatabase(), tmp_path).look()
    assert seen.engines == {"metadata": True, "blobs": False}
    assert seen.owed == Owed(2, 1, 1000)
    assert seen.oldest_owed_s == 60
    assert seen.disk_size is not None
    assert seen.disk_free is not None
    assert 0 < seen.disk_free < seen.disk_size


async def test_what_is_owed_is_counted_once_in_a_while() -> None:
    database = SaidDatabase()
    one = watch(database)
    await asyncio.gather(one.look(), one.look())
    await one.look()
    assert database.asked == 1


async def test_a_database_that_is_not_there_leaves_the_rest() -> None:
    database = SaidDatabase()
    database.says = Unavailable("gone")
    one = watch(database)
    assert (await one.look()).owed is None
    database.says = Owed(0, 0, None)
    seen = await one.look()
    assert seen.owed == Owed(0, 0, None)
    assert seen.oldest_owed_s is None


async def test_a_database_that_hangs_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_PATIENCE_S", 0.01)
    database = SaidDatabase()
    database.hangs = True
    one = watch(database)
    assert (await one.look()).owed is None
    assert (await one.look()).owed is None
    assert database.asked == 1


async def test_it_tells_when_the_first_certificate_of_a_file_ends(tmp_path: Path) -> None:
    issuer, file = Issuer("A"), tmp_path / "server.pem"
    file.write_bytes(issuer.issue("127.0.0.1", age_days=3) + issuer.pem)
    seen = await watch(SaidDatabase(), tls_certificate=str(file), tls_key=str(file)).look()
    own = await watch(SaidDatabase(), blobs_ca=str(file)).look()
    assert seen.certificates["server"] == own.certificates["blobs_ca"]
    assert set(seen.certificates) == {"server"}
