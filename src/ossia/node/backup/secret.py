"""The key of a repository: from a file of its own, or made of a passphrase."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ossia.private_files import write_private
from ossia.protocol.seal import KEY_BYTES, make_key, read_key
from ossia.settings import SettingsError

SALT_BYTES: Final = 16
BY_FILE: Final = "key-file"
BY_WORDS: Final = "passphrase"
_COST: Final = 2**17
"""With blocks of 8: 128 MiB, some tenths of a second."""
_NEEDS_FILE: Final = (
    "The key of this repository is in a file: give it with --key-file (OSSIA_BACKUP_KEY_FILE)."
)
_NEEDS_WORDS: Final = (
    "The key of this repository is made of a passphrase: give it in OSSIA_BACKUP_PASSPHRASE."
)
_NEEDS_ONE: Final = (
    "Say where the key is to be kept, away from the repository: --key-file FILE "
    "(OSSIA_BACKUP_KEY_FILE); or give a passphrase in OSSIA_BACKUP_PASSPHRASE."
)


@dataclass(frozen=True, slots=True)
class Secret:
    """What an operator gives to open repositories."""

    key_file: Path | None
    passphrase: str = field(repr=False)

    def made(self, repository: Path) -> tuple[str, bytes, bytes]:
        """Kind, salt and key for a new repository.  Raises `SettingsError`.

        A file that is not there is made.
        """
        salt = secrets.token_bytes(SALT_BYTES)
        if self.key_file is not None:
            if self.key_file.absolute().is_relative_to(repository.absolute()):
                raise SettingsError(
                    "Keep the key away from the repository: whoever takes one must not have both."
                )
            _make(self.key_file)
            return BY_FILE, salt, _read(self.key_file)
        if not self.passphrase:
            raise SettingsError(_NEEDS_ONE)
        return BY_WORDS, salt, _derived(self.passphrase, salt)

    def key(self, kind: str, salt: bytes) -> bytes:
        """That of a repository which says so.  Raises `SettingsError`."""
        if kind == BY_FILE:
            if self.key_file is None:
                raise SettingsError(_NEEDS_FILE)
            return _read(self.key_file)
        if not self.passphrase:
            raise SettingsError(_NEEDS_WORDS)
        return _derived(self.passphrase, salt)


def _make(path: Path) -> None:
    try:
        if not path.exists():
            write_private(path, f"{make_key()}\n".encode())
    except OSError as error:
        raise SettingsError(f"The key {path} cannot be written: {error.strerror}.") from error


def _read(path: Path) -> bytes:
    try:
        return read_key(path.read_text())
    except OSError as error:
        raise SettingsError(f"The key {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"{path} is no key of a backup: {error}.") from error


def _derived(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt, KEY_BYTES, _COST, 8, 1).derive(passphrase.encode())
