"""Another master key takes the place of the one there is: what it seals is sealed anew."""

import asyncio
from typing import Final

from ossia.domain.encryption.kms_keys import KmsKeys
from ossia.domain.encryption.master_key import Rotated
from ossia.errors import InvalidArgument
from ossia.node.master_key import FileSeal
from ossia.node.shared_keys import reseal_node_keys
from ossia.ports import Database
from ossia.protocol.seal import Seal

_IN_MEMORY: Final = "What is in memory has a master key in memory: there is nothing to rotate."
_ONE_ONLY: Final = (
    "{} has one key only. At every gateway add a second line to the file: a minus sign and a new "
    "key (ossia kms master-key new). Then take the minus sign away, at every gateway, and run this "
    "again."
)
_NEXT_SHARED: Final = "Now remove the other lines from {}, at every gateway."
_NEXT_HERE: Final = "Put the new file into your backups; those of before need the file of before."
_NEXT_LOST: Final = "The key of before stays in {}, for what could not be opened."


class MasterKeyRotation:
    """Rotates *seal*, a file that this server writes itself unless it *is_shared*."""

    def __init__(self, seal: Seal, kms: KmsKeys, database: Database, *, is_shared: bool) -> None:
        self._seal = seal
        self._kms = kms
        self._database = database
        self._is_shared = is_shared

    async def rotate(self) -> Rotated:
        """Seal everything anew.  Raises `InvalidArgument` where that cannot be."""
        seal = self._seal
        if not isinstance(seal, FileSeal):
            raise InvalidArgument(_IN_MEMORY)
        if self._is_shared:
            return await self._rotate_shared(seal)
        added = await asyncio.to_thread(seal.renew)
        keys, lost = await self._kms.reseal()
        if not lost:
            await asyncio.to_thread(seal.retire, added)
        after = _NEXT_LOST.format(seal.path) if lost else _NEXT_HERE
        return Rotated(keys, lost, str(seal.path), after)

    async def _rotate_shared(self, seal: FileSeal) -> Rotated:
        if not seal.has_others:
            raise InvalidArgument(_ONE_ONLY.format(seal.path))
        await reseal_node_keys(self._database, seal)
        keys, lost = await self._kms.reseal()
        after = (_NEXT_LOST if lost else _NEXT_SHARED).format(seal.path)
        return Rotated(keys, lost, str(seal.path), after)
