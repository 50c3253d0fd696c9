"""The callback keys in the data folder: ``callback_key.pem``, ``callback_key_2.pem``, ….

Files are added whole and never changed, readable by their owner only.  `ossia callbacks key` adds
to them while servers run; every worker looks once a second at most.
"""

import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ossia.adapters.data_folder import DataFolder, DataFolderError, FolderInUseError
from ossia.adapters.folder_sync import sync_folder
from ossia.domain.callbacks.keys import original_path, own_path
from ossia.protocol.callback_signature import CallbackKey

log = logging.getLogger("ossia")

FIRST_FILE: Final = "callback_key.pem"
MIN_BITS: Final = 512
_FILE: Final = re.compile(r"callback_key(?:_(?P<number>[2-9]|[1-9][0-9]{1,8}))?\.pem")
_LOOK_EVERY_S: Final = 1.0

_Seen = frozenset[tuple[int, int, int]]
"""Number, inode and time of change of every file: another set means that something changed."""


class KeyFilesError(Exception):
    """A key that cannot be used or added; the message is one line with the remedy."""


class KeyFiles:
    """The keys of one data folder; a `domain.callbacks.keys.KeyRing`."""

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._now = now
        self._seen: _Seen = frozenset()
        self._keys: dict[int, CallbackKey] = {}
        self._looked_at = float("-inf")

    def open(self) -> None:
        """Read every key, and make the first one where there is none.  Raises `KeyFilesError`."""
        if not self._look():
            self.add(CallbackKey.generate())
        self._seen = self._look()
        self._keys, faults = self._read(self._seen)
        self._looked_at = self._now()
        if faults:
            raise KeyFilesError(
                f"The callback key {faults[0]}: restore it from a backup, or remove it."
            )

    def keys(self, *, fresh: bool = False) -> Mapping[int, CallbackKey]:
        """Every key by its number.

        A file that cannot be read is left out and logged: uploads go on with the other keys.
        """
        now = self._now()
        if fresh or now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            self._follow()
        return self._keys

    def add(self, key: CallbackKey) -> int:
        """Keep *key* under the next number, which signs from now on.  Raises `KeyFilesError`."""
        present, _ = self._read(self._look())
        public = key.public_pem()
        if bits_of(key) < MIN_BITS:
            raise KeyFilesError(f"The key has fewer than {MIN_BITS} bits: make a longer one.")
        for number, other in present.items():
            if other.public_pem() == public:
                raise KeyFilesError(f"This key is kept already, as number {number}.")
        number = max(key_files(self._folder), default=0) + 1
        while not self._put(number, key.private_pem()):
            number += 1
        return number

    def _follow(self) -> None:
        try:
            seen = self._look()
        except OSError as error:
            log.error("callback_keys_unreadable folder=%s reason=%s", self._folder, error)  # noqa: TRY400 - a fact, not a fault of ours
            return
        if seen == self._seen:
            return
        self._seen = seen
        keys, faults = self._read(seen)
        for fault in faults:
            log.error("callback_key_unusable reason=%s", fault)
        if keys:
            self._keys = keys

    def _look(self) -> _Seen:
        found = set()
        for number, path in key_files(self._folder).items():
            about = path.stat()
            found.add((number, about.st_ino, about.st_mtime_ns))
        return frozenset(found)

    def _read(self, seen: _Seen) -> tuple[dict[int, CallbackKey], list[str]]:
        keys, faults = {}, []
        for number, _, _ in sorted(seen):
            path = self._folder / file_name(number)
            try:
                keys[number] = CallbackKey.load(path.read_bytes())
            except (OSError, ValueError) as error:
                faults.append(f"{path} cannot be used ({error})")
        return keys, faults

    def _put(self, number: int, pem: bytes) -> bool:
        """Put a file in place whole; False if somebody else has just taken the number."""
        temporary = self._folder / f".{FIRST_FILE}.{secrets.token_hex(8)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            if os.geteuid() == 0:
                # The server may run as another user, who owns the folder.
                owner = self._folder.stat()
                os.chown(temporary, owner.st_uid, owner.st_gid)
            # A link, unlike a rename, never replaces what is there.
            os.link(temporary, self._folder / file_name(number))
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        sync_folder(self._folder)
        return True


def add_key(folder: Path, key: CallbackKey) -> int:
    """Keep *key* in a data folder, which is made where it is missing; a server may be running.

    Gives the key's number.  Raises `KeyFilesError`, and `OSError` where the folder is another's.
    """
    try:
        with suppress(FolderInUseError):
            DataFolder.open(folder).close()
    except DataFolderError as error:
        raise KeyFilesError(str(error)) from error
    return KeyFiles(folder).add(key)


def paths_of(number: int) -> tuple[str, str]:
    """Where receivers find the public half: here, and at gosspublic.alicdn.com."""
    return own_path(number), original_path(number)


def key_files(folder: Path) -> dict[int, Path]:
    """The files of keys in *folder* by their numbers, in order; none where there is no folder."""
    try:
        found = [(_FILE.fullmatch(path.name), path) for path in folder.iterdir()]
    except FileNotFoundError:
        return {}
    numbered = {int(match["number"] or 1): path for match, path in found if match}
    return dict(sorted(numbered.items()))


def file_name(number: int) -> str:
    """The file of the key of that number."""
    return FIRST_FILE if number == 1 else f"callback_key_{number}.pem"


def bits_of(key: CallbackKey) -> int:
    """The length of the key."""
    public = serialization.load_pem_public_key(key.public_pem())
    assert isinstance(public, RSAPublicKey)
    return public.key_size
