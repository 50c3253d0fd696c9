"""The keys of gateways that share a database: one sealed row, opened with the master key.

The master key is in a file of each gateway and never in the database: who has a dump of the
database can neither sign in as the account nor sign as it.  Who loses the file loses these keys;
nothing that is stored.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ossia import tables
from ossia.domain.callbacks.keys import CallbackKeys
from ossia.node.callback_key_files import MIN_BITS, bits_of
from ossia.node.keys import MIGRATION, NodeKeys, callback_keys, root_keys
from ossia.node.master_key import FileSeal
from ossia.node.shared_database import with_shared
from ossia.ports import Database, Exists, Rows, Transaction, Unavailable
from ossia.private_files import write_private
from ossia.protocol.callback_signature import CallbackKey
from ossia.protocol.seal import BrokenSealError, Seal, make_key
from ossia.protocol.webhook_signature import WebhookKey
from ossia.settings import Settings, SettingsError

log = logging.getLogger("ossia")

NODE_KEYS: Final = "node-keys"
"""The name of the row, and what its seal is for."""
PLACE: Final = ("setting", NODE_KEYS)
_LOOK_EVERY_S: Final = 1.0
_NO_KEYS: Final = "The database has no keys yet: start a gateway first."


class SharedKeyRing:
    """See `domain.callbacks.keys.KeyRing`: those in the database."""

    def __init__(self, sealed: bytes, seal: Seal) -> None:
        self._seal = seal
        self._sealed = b""
        self._keys: dict[int, CallbackKey] = {}
        self.take(sealed)

    def keys(self, *, fresh: bool = False) -> Mapping[int, CallbackKey]:
        """Every key by its number; `follow` brings what others add."""
        del fresh
        return self._keys

    def take(self, sealed: bytes) -> None:
        """Use the keys of the row *sealed*."""
        if sealed != self._sealed:
            kept = opened(sealed, self._seal)
            self._keys = _callback_keys(kept)
            self._sealed = sealed


async def follow(database: Database, keys: CallbackKeys) -> None:
    """Take up what other gateways add, once a second; ends when it is cancelled."""
    ring = keys.ring
    assert isinstance(ring, SharedKeyRing)
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        try:
            sealed = await tables.identities.find(database, *PLACE)
            if sealed is not None:
                ring.take(sealed)
        except (Unavailable, BrokenSealError) as error:
            log.warning("callback_keys_not_read reason=%s", error)


async def add_shared_key(settings: Settings, database: Database, key: CallbackKey) -> int:
    """Keep *key* under the next number, which signs from now on.  Raises `SettingsError`."""
    seal = seal_of(settings, may_make=False)
    number, fault = await database.change(_with_one_more, settings, seal, key)
    if fault:
        raise SettingsError(fault)
    return number


async def _with_one_more(
    tx: Transaction, settings: Settings, seal: Seal, key: CallbackKey
) -> tuple[int, str]:
    """The number of the key that is added, or why it is not."""
    held = await tables.identities.hold(tx, *PLACE)
    if held is None:
        return 0, _NO_KEYS
    kept = _opened_here(settings, held, seal)
    public = key.public_pem()
    for number, other in _callback_keys(kept).items():
        if other.public_pem() == public:
            return 0, f"This key is kept already, as number {number}."
    number = max(map(int, kept["callback_keys"])) + 1
    kept["callback_keys"][str(number)] = key.private_pem().decode()
    await tables.identities.put(tx, *PLACE, seal.close(json.dumps(kept).encode(), NODE_KEYS))
    return number, ""


def add_shared_callback_key(settings: Settings, key: CallbackKey) -> int:
    """`add_shared_key` in the database that the settings name."""
    if bits_of(key) < MIN_BITS:
        raise SettingsError(f"The key has fewer than {MIN_BITS} bits: make a longer one.")
    return asyncio.run(with_shared(settings, lambda at: add_shared_key(settings, at, key)))


def shared_callback_keys(settings: Settings) -> dict[int, CallbackKey]:
    """The callback keys in the database that the settings name.  Raises `SettingsError`."""

    async def read(database: Database) -> dict[int, CallbackKey]:
        seal = seal_of(settings, may_make=False)
        return _callback_keys(await kept_keys(settings, database, seal))

    return asyncio.run(with_shared(settings, read))


async def load_shared_keys(settings: Settings, database: Database) -> NodeKeys:
    """The keys that the gateways share, made by the first of them.  Raises `SettingsError`."""
    if await tables.identities.find(database, *MIGRATION) is not None:
        raise SettingsError(
            "A migration or a restore into this database is not finished: run ossia migrate with "
            "--last, or ossia restore, again."
        )
    sealed = await tables.identities.find(database, *PLACE)
    seal = seal_of(settings, may_make=sealed is None)
    is_first = sealed is None
    if sealed is None:
        try:
            sealed = seal.close(json.dumps(_made(settings)).encode(), NODE_KEYS)
            await database.change(tables.identities.put, *PLACE, sealed, create=True)
        except Exists:
            # Another gateway was faster.
            is_first = False
            sealed = await tables.identities.find(database, *PLACE)
            assert sealed is not None
    kept = _opened_here(settings, sealed, seal)
    ring = SharedKeyRing(sealed, seal)
    merged, _ = root_keys(settings, kept)
    return NodeKeys(
        merged["account_id"],
        merged["root_access_key_id"],
        merged["root_access_key_secret"],
        callback_keys(settings, ring),
        WebhookKey.load(kept["webhook_key"].encode()),
        is_first and not settings.root_access_key_secret,
        seal,
        seal,
    )


def _made(settings: Settings) -> dict[str, Any]:
    merged, _ = root_keys(settings, {})
    return {
        **merged,
        "callback_keys": {"1": CallbackKey.generate().private_pem().decode()},
        "webhook_key": WebhookKey.generate().private_pem().decode(),
    }


def _opened_here(settings: Settings, sealed: bytes, seal: Seal) -> dict[str, Any]:
    try:
        return opened(sealed, seal)
    except BrokenSealError as error:
        raise SettingsError(
            "The keys in the database are sealed under another master key than that in "
            f"{settings.master_key_file}: copy the file from a gateway that serves already."
        ) from error


def opened(sealed: bytes, seal: Seal) -> dict[str, Any]:
    """What a row with keys holds.  Raises `BrokenSealError`."""
    kept: dict[str, Any] = json.loads(seal.open(sealed, NODE_KEYS))
    return kept


def _callback_keys(kept: dict[str, Any]) -> dict[int, CallbackKey]:
    return {
        int(number): CallbackKey.load(pem.encode())
        for number, pem in sorted(kept["callback_keys"].items(), key=lambda item: int(item[0]))
    }


async def kept_keys(settings: Settings, database: Rows, seal: Seal) -> dict[str, Any]:
    """What is kept: account, root key, callback and webhook keys.  Raises `SettingsError`."""
    sealed = await tables.identities.find(database, *PLACE)
    if sealed is None:
        raise SettingsError(_NO_KEYS)
    return _opened_here(settings, sealed, seal)


async def keep_keys(database: Database, seal: Seal, kept: Mapping[str, Any]) -> None:
    """Keep these."""
    sealed = seal.close(json.dumps(kept).encode(), NODE_KEYS)
    await database.change(tables.identities.put, *PLACE, sealed)


async def reseal_node_keys(database: Database, seal: Seal) -> None:
    """Seal them under the key that *seal* seals with now."""
    await database.change(_resealed, seal)


async def _resealed(tx: Transaction, seal: Seal) -> None:
    held = await tables.identities.hold(tx, *PLACE)
    if held is not None:
        await tables.identities.put(tx, *PLACE, seal.close(seal.open(held, NODE_KEYS), NODE_KEYS))


def seal_of(settings: Settings, *, may_make: bool) -> FileSeal:
    """The seal with the master key that the settings name.  Raises `SettingsError`."""
    path = Path(settings.master_key_file)
    try:
        if not path.exists() and may_make:
            write_private(path, f"{make_key()}\n".encode())
        return FileSeal(path)
    except FileNotFoundError as error:
        raise SettingsError(
            f"There is no master key in {path}, and the database holds keys that are sealed under "
            "one: copy the file from a gateway that serves already."
        ) from error
    except OSError as error:
        raise SettingsError(f"The master key {path} cannot be used: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"The master key {path} cannot be used: {error}.") from error
