"""Gateways that share a database have the same keys, which nobody reads in it."""

import asyncio
import base64
from dataclasses import replace
from pathlib import Path

import pytest

from ossia.domain.identity.identities import Identities
from ossia.domain.identity.sessions import Sessions
from ossia.node.shared_keys import NodeKeys, add_shared_key, follow, load_shared_keys
from ossia.protocol.callback_signature import CallbackKey
from ossia.settings import Secret, Settings, SettingsError
from stored import Stored, in_memory


class StillClock:
    def now_ms(self) -> int:
        return 1_700_000_000_000


@pytest.fixture
async def database() -> Stored:
    return in_memory(StillClock())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(metadata="postgresql://h/db", master_key_file=str(tmp_path / "master.key"))


def said(keys: NodeKeys) -> tuple[str, str, str, bytes, bytes]:
    return (
        keys.account_id,
        keys.access_key_id,
        keys.access_key_secret,
        keys.callback_keys.current().key.public_pem(),
        keys.webhook_key.private_pem(),
    )


async def test_the_first_makes_them_and_the_others_have_the_same(
    database: Stored, settings: Settings
) -> None:
    first = await load_shared_keys(settings, database)
    second = await load_shared_keys(settings, database)
    assert said(first) == said(second)
    assert (first.is_generated, second.is_generated) == (True, False)
    assert Path(settings.master_key_file).stat().st_mode & 0o777 == 0o600


async def test_of_those_who_start_together_one_makes_them(
    database: Stored, settings: Settings
) -> None:
    keys = await asyncio.gather(*(load_shared_keys(settings, database) for _ in range(5)))
    assert len({said(each) for each in keys}) == 1


async def test_nobody_reads_them_in_the_database(database: Stored, settings: Settings) -> None:
    keys = await load_shared_keys(settings, database)
    identities = Identities(
        database,
        StillClock(),
        account_id=keys.account_id,
        root_access_key_id=keys.access_key_id,
        root_access_key_secret=keys.access_key_secret,
        seal=keys.seal,
    )
    made = await Sessions(identities.store, StillClock())._sealing_key()
    assert await Sessions(identities.store, StillClock())._sealing_key() == made
    stored = b"".join(row[0] for row in await database.all("select record from identity"))
    for secret in (
        keys.access_key_secret.encode(),
        b"PRIVATE KEY",
        b"root_access_key",
        made.key,
        base64.b64encode(made.key),
    ):
        assert secret not in stored


async def test_without_the_master_key_no_gateway_starts(
    database: Stored, settings: Settings, tmp_path: Path
) -> None:
    await load_shared_keys(settings, database)
    other = replace(settings, master_key_file=str(tmp_path / "other.key"))
    with pytest.raises(SettingsError, match="copy the file"):
        await load_shared_keys(other, database)
    assert not Path(other.master_key_file).exists()
    Path(other.master_key_file).write_text("A" * 43 + "=")
    with pytest.raises(SettingsError, match="another master key"):
        await load_shared_keys(other, database)
    Path(other.master_key_file).write_text("nonsense")
    with pytest.raises(SettingsError, match="cannot be used"):
        await load_shared_keys(other, database)


async def test_a_root_key_that_is_given_wins(database: Stored, settings: Settings) -> None:
    given = replace(
        settings, root_access_key_id="LTAIgiven", root_access_key_secret=Secret("given")
    )
    await load_shared_keys(settings, database)
    keys = await load_shared_keys(given, database)
    assert (keys.access_key_id, keys.access_key_secret) == ("LTAIgiven", "given")
    assert not keys.is_generated


async def test_a_key_that_is_added_is_taken_up(
    database: Stored, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossia.node.shared_keys._LOOK_EVERY_S", 0.01)
    keys = await load_shared_keys(settings, database)
    following = asyncio.create_task(follow(database, keys.callback_keys))
    added = CallbackKey.generate()
    assert await add_shared_key(settings, database, added) == 2
    for _ in range(200):
        if keys.callback_keys.current().key.public_pem() == added.public_pem():
            break
        await asyncio.sleep(0.01)
    assert keys.callback_keys.current().url.endswith("/-/callback/public_key_2.pem")
    assert keys.callback_keys.public_pem("/-/callback/public_key.pem") is not None
    with pytest.raises(SettingsError, match="number 2"):
        await add_shared_key(settings, database, added)
    following.cancel()
