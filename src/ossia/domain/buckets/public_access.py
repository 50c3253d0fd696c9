"""Blocking public access: of everything, or of one bucket.

Where it is blocked, what makes anything public is neither in force nor accepted.  Source: OSS
documentation, "Block public access".
"""

from typing import Final

from ossia import tables
from ossia.errors import AccessDenied
from ossia.ports import Clock, Database
from ossia.records import Bucket

DOCUMENT: Final = "public-access-block"
"""The name of the bucket's document, and of the account's setting."""
_FRESH_MS: Final = 1000
_PUBLIC_ACLS: Final = frozenset({"public-read", "public-read-write"})
_BLOCKED: Final = b"1true"
_OPEN: Final = b"1false"


class PublicAccess:
    """Knows where public access is blocked.

    The setting of the account is remembered as buckets are (`remembered`): who has changed it
    answers when no worker and no gateway believes the old one any more.
    """

    def __init__(self, database: Database, clock: Clock, *, blocks_new: bool = False) -> None:
        """*blocks_new*: buckets are made with their own block."""
        self._database = database
        self._clock = clock
        self._blocks_new = blocks_new
        self._remembered = False
        self._stamp = b""
        self._read_at = -_FRESH_MS

    async def is_blocked_everywhere(self) -> bool:
        """Whether the account blocks it."""
        stamp = await self._database.stamp(tables.buckets.CHANGED)
        now_ms = self._clock.now_ms()
        if stamp != self._stamp or not 0 <= now_ms - self._read_at < _FRESH_MS:
            stored = await tables.buckets.find_setting(self._database, DOCUMENT)
            self._remembered = stored == _BLOCKED
            self._stamp, self._read_at = stamp, now_ms
        return self._remembered

    async def block_everywhere(self, *, is_blocked: bool) -> None:
        """Block it in the account, or no longer."""
        stored = _BLOCKED if is_blocked else _OPEN
        await self._database.change(tables.buckets.put_setting, DOCUMENT, stored)

    async def is_blocked(self, bucket: Bucket | None) -> bool:
        """Whether it is blocked in *bucket*, be it by the account."""
        return (bucket is not None and is_blocked_in(bucket)) or await self.is_blocked_everywhere()

    async def refuse_acl(self, bucket: Bucket | None, acl: str) -> None:
        """Raise `AccessDenied` if *acl* is public and must not be; None is a bucket to be made."""
        if acl not in _PUBLIC_ACLS:
            return
        if (bucket is None and self._blocks_new) or await self.is_blocked(bucket):
            raise AccessDenied(f"Public access is blocked: the ACL {acl} cannot be set.")

    async def refuse_policy(self, bucket: Bucket, *, is_public: bool) -> None:
        """Raise `AccessDenied` if a bucket policy is public and must not be."""
        if is_public and await self.is_blocked(bucket):
            raise AccessDenied("Public access is blocked: a public bucket policy cannot be set.")


def is_blocked_in(bucket: Bucket) -> bool:
    """Whether the bucket itself blocks it."""
    return bucket.documents.get(DOCUMENT) == _BLOCKED


def stored_block(*, is_blocked: bool) -> bytes:
    """What the bucket's document holds."""
    return _BLOCKED if is_blocked else _OPEN
