"""The master key: a file with one key a line, and what it seals with.

1. The last line seals; every line opens.
2. A line that begins with ``-`` only opens: so a new key can be at every gateway before the first
   of them seals with it.
3. The file is read again where it has changed: before anything is sealed, and where something does
   not open.
"""

import logging
from pathlib import Path
from typing import Final

from ossia.adapters.sqlite.source import kms_key_records
from ossia.private_files import write_private
from ossia.protocol.seal import BrokenSealError, Seal, make_key, read_keys
from ossia.settings import SettingsError

log = logging.getLogger("ossia")

MASTER_KEY_FILE: Final = "master.key"
"""Its name in a data folder."""
_LOST: Final = (
    "There is no master key in {}, and the keys of encrypted objects are sealed under it: restore "
    "the file from a backup. If it is lost for good, so is what was encrypted: then put a new one "
    "there (ossia kms master-key new), start, and rotate each key (ossia kms key list)."
)


class FileSeal(Seal):
    """The keys of a file."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError`, and `ValueError` where the file holds something else."""
        self.path = path
        self._seen = _mark(path)
        super().__init__(*read_keys(path.read_text()))

    def close(self, content: bytes, purpose: str) -> bytes:
        """*content*, sealed with what the file says now."""
        self._read_again()
        return super().close(content, purpose)

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Undo `close`.  Raises `BrokenSealError`."""
        try:
            return super().open(sealed, purpose)
        except BrokenSealError:
            if not self._read_again():
                raise
            return super().open(sealed, purpose)

    def renew(self) -> str:
        """Add a key, which seals from now on."""
        added = make_key()
        self._write([*self._lines(), added])
        return added

    def retire(self, added: str) -> None:
        """Forget every key but *added*, unless somebody else has added one meanwhile."""
        if self._lines()[-1] == added:
            self._write([added])

    @property
    def has_others(self) -> bool:
        """Whether there is more than one key."""
        return len(self._lines()) > 1

    def _lines(self) -> list[str]:
        return self.path.read_text().split()

    def _write(self, lines: list[str]) -> None:
        # The file may be a link to another disk, and stays one.
        write_private(self.path.resolve(), "".join(f"{line}\n" for line in lines).encode())
        self._read_again()

    def _read_again(self) -> bool:
        """Whether there was anything new to be read."""
        try:
            mark = _mark(self.path)
            if mark == self._seen:
                return False
            self._use(*read_keys(self.path.read_text()))
        except (OSError, ValueError) as error:
            # What is known goes on; `ossia doctor` tells of it, too.
            log.warning("master_key_not_read file=%s reason=%s", self.path, error)
            return False
        self._seen = mark
        return True


def _mark(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size


def folder_seal(folder: Path) -> FileSeal:
    """The seal of a data folder, made where nothing is sealed yet.  Raises `SettingsError`."""
    path = folder / MASTER_KEY_FILE
    try:
        if not path.exists():
            if kms_key_records(folder):
                raise SettingsError(_LOST.format(path))
            write_private(path.resolve(), f"{make_key()}\n".encode())
        return FileSeal(path)
    except OSError as error:
        raise SettingsError(f"The master key {path} cannot be used: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"The master key {path} cannot be used: {error}.") from error
