"""Identities as they are stored: typed, remembered, and changed all at once or not at all.

1. What is stored carries a format version in front; older formats are migrated when read.
2. Every request looks up its key, so records are remembered, and what is made of them (callers)
   with them.  All of it is forgotten when an identity changes in any worker, and after a second in
   any case, lest a worker that was killed at the wrong moment leaves the others with old records.
3. A change reads first and then writes all its rows in one transaction, which fails if any identity
   changed since the reading began; then it is tried again.  So rules that span rows ("no policy
   that is attached is deleted") hold however many workers there are.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import msgspec

from ossia import tables
from ossia.domain.identity.ram.refusals import no_such
from ossia.ports import Clock, Conflict, Database, Unavailable
from ossia.protocol.seal import Seal
from ossia.records import (
    AccessKey,
    Group,
    KmsKey,
    OidcProvider,
    Policy,
    Role,
    SealingKeys,
    User,
)
from ossia.tables.identities import IdentityChange

Record = TypeVar("Record", User, Group, AccessKey, Role, Policy, OidcProvider, SealingKeys, KmsKey)
_P = ParamSpec("_P")
_T = TypeVar("_T")

_KINDS: Final[dict[type, str]] = {
    User: "user",
    Group: "group",
    AccessKey: "access_key",
    Role: "role",
    Policy: "policy",
    OidcProvider: "oidc_provider",
    SealingKeys: "setting",
    KmsKey: "kms_key",
}
_FORMAT: Final = b"2"
_FIRST_FORMAT: Final = b"1"
_SEALED: Final = b"3"
_TRUSTED_MS: Final = 1000
_REMEMBERED: Final = 8192
_PAGE: Final = 500
_ATTEMPTS: Final = 100


class View:
    """Identities as they are stored now."""

    def __init__(self, database: Database, now_ms: int, seal: Seal | None = None) -> None:
        self._database = database
        self._seal = seal
        self.now_ms = now_ms

    async def find(self, record_type: type[Record], name: str) -> Record | None:
        """The record of that name."""
        stored = await tables.identities.find(self._database, _KINDS[record_type], name)
        return None if stored is None else decode(record_type, stored, self._seal)

    async def get(self, record_type: type[Record], name: str) -> Record:
        """The record of that name.  Raises `RpcError` ``EntityNotExist.…``."""
        found = await self.find(record_type, name)
        if found is None:
            raise no_such(record_type)
        return found

    async def page(
        self, record_type: type[Record], after: str, limit: int
    ) -> tuple[list[Record], bool]:
        """Records with names greater than *after*, and whether there are more."""
        rows = await tables.identities.page(self._database, _KINDS[record_type], after, limit + 1)
        return [decode(record_type, stored, self._seal) for _, stored in rows[:limit]], len(
            rows
        ) > limit

    async def all(self, record_type: type[Record]) -> list[Record]:
        """Every record of a kind, by name."""
        found: list[Record] = []
        after, has_more = "", True
        while has_more:
            records, has_more = await self.page(record_type, after, _PAGE)
            found += records
            after = name_of(records[-1]) if records else ""
        return found


class Draft(View):
    """A change in the making.  `find` sees what was put, `page` and `all` do not."""

    def __init__(self, database: Database, now_ms: int, seal: Seal | None = None) -> None:
        super().__init__(database, now_ms, seal)
        self._changed: dict[tuple[type, str], Any] = {}

    async def find(self, record_type: type[Record], name: str) -> Record | None:
        """The record of that name, as this change leaves it."""
        place = (record_type, name)
        if place in self._changed:
            changed: Record | None = self._changed[place]
            return changed
        return await super().find(record_type, name)

    def put(self, record: Record) -> Record:
        """Insert or replace."""
        self._changed[type(record), name_of(record)] = record
        return record

    def remove(self, record: Record) -> None:
        """Remove the record of that name."""
        self._changed[type(record), name_of(record)] = None

    def changes(self) -> list[IdentityChange]:
        """What is to be written."""
        return [
            IdentityChange(
                kind=_KINDS[kind],
                name=name,
                record=None if record is None else encode(record, self._seal),
            )
            for (kind, name), record in self._changed.items()
        ]


class Remembered:
    """Records and callers that are true as long as no identity changes."""

    __slots__ = ("callers", "records", "since_ms", "stamp")

    def __init__(self, stamp: bytes, since_ms: int) -> None:
        self.stamp = stamp
        self.since_ms = since_ms
        self.records: dict[tuple[type, str], Any] = {}
        self.callers: dict[str, Any] = {}


class IdentityStore:
    """The identities of one account.

    With *seal*, the keys that seal session tokens are themselves sealed.
    """

    def __init__(self, database: Database, clock: Clock, seal: Seal | None = None) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock
        self._remembered = Remembered(b"", 0)
        self._turn = asyncio.Lock()

    async def remembered(self) -> Remembered:
        """What is known to be true now.  Keep what you read in the object you had before."""
        stamp = await self._database.stamp(tables.identities.CHANGED)
        now_ms = self._clock.now_ms()
        known = self._remembered
        if stamp != known.stamp or not 0 <= now_ms - known.since_ms < _TRUSTED_MS:
            known = self._remembered = Remembered(stamp, now_ms)
        return known

    async def find(self, record_type: type[Record], name: str) -> Record | None:
        """The record of that name, as it was at most a moment ago."""
        records = (await self.remembered()).records
        place = (record_type, name)
        if place in records:
            known: Record = records[place]
            return known
        found = await self.view().find(record_type, name)
        if found is None:
            # Strangers make up names without end: what is not there is not remembered.
            return None
        if len(records) >= _REMEMBERED:
            records.clear()
        records[place] = found
        return found

    def view(self) -> View:
        """Identities as they are stored now."""
        return View(self._database, self._clock.now_ms(), self._seal)

    async def change(
        self,
        function: Callable[Concatenate[Draft, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """What *function* returns when what it put into its draft is stored.

        It is called again if another worker was faster.
        """
        # Changes of this worker queue up: only those of others can come between.
        async with self._turn:
            for _ in range(_ATTEMPTS):
                epoch = await tables.identities.epoch(self._database)
                draft = Draft(self._database, self._clock.now_ms(), self._seal)
                result = await function(draft, *args, **kwargs)
                changes = draft.changes()
                try:
                    if changes:
                        await self._database.change(tables.identities.change, changes, since=epoch)
                except Conflict:
                    continue
                return result
        raise Unavailable("identities change too often")


def name_of(record: Any) -> str:
    """The name under which a record is stored."""
    if isinstance(record, SealingKeys):
        return SEALING_KEYS
    name: str = record.id if isinstance(record, AccessKey | KmsKey) else record.name
    return name


SEALING_KEYS: Final = "sealing-keys"
"""The one record of its kind."""


def encode(record: Any, seal: Seal | None = None) -> bytes:
    """The stored form of a record."""
    content: bytes = msgspec.json.encode(record)
    if seal is not None and isinstance(record, SealingKeys):
        return _SEALED + seal.close(content, SEALING_KEYS)
    return _FORMAT + content


def decode(record_type: type[Record], stored: bytes, seal: Seal | None = None) -> Record:
    """The record of a stored form."""
    if stored.startswith(_SEALED) and seal is not None:
        return msgspec.json.decode(seal.open(stored[1:], SEALING_KEYS), type=record_type)
    if stored.startswith(_FIRST_FORMAT):
        return _migrate(record_type, msgspec.json.decode(stored[1:]))
    assert stored.startswith(_FORMAT), "stored by a later version"
    return msgspec.json.decode(stored[1:], type=record_type)


def _migrate(record_type: type[Record], fields: dict[str, Any]) -> Record:
    """From the first format: attachments had no time, policies had one version."""
    if "policies" in fields:
        fields["policies"] = dict.fromkeys(fields["policies"], fields.get("created_at", 0))
    if record_type is Policy:
        first = {"id": "v1", "document": fields["document"]}
        fields["versions"] = [{**first, "created_at": fields.get("created_at", 0)}]
    return msgspec.convert(fields, record_type)
