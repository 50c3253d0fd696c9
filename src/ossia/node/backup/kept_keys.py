"""The keys of what is backed up, the master key included: without it, what is encrypted is lost."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ossia import tables
from ossia.domain.encryption.kms_keys import material
from ossia.domain.identity.store import decode
from ossia.node.master_key import MASTER_KEY_FILE
from ossia.node.migration.form import Form
from ossia.ports import Rows
from ossia.protocol.seal import KEY_BYTES, BrokenSealError, Seal, read_keys
from ossia.records import KmsKey
from ossia.settings import SettingsError

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class KeptKeys:
    """What lies in files: keys of a data folder, if it is one, and the master key's text."""

    files: dict[str, Any] | None = field(repr=False)
    master_key: str = field(repr=False)


def master_key_of(source: Form) -> str:
    """The text of its file; none where nothing was sealed yet.  Raises `SettingsError`."""
    path = Path(source.settings.master_key_file)
    if not source.settings.is_shared:
        assert source.folder is not None
        path = source.folder / MASTER_KEY_FILE
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsError(f"The master key {path} cannot be read: {error.strerror}.") from error


async def kept_keys_of(source: Form, before: str) -> KeptKeys:
    """The keys, read after the view was taken; *before* is the master key's text before that.

    One that was replaced meanwhile is what the view is sealed under: both are kept.
    """
    after = master_key_of(source)
    lines = [line for line in before.split() if line not in after.split()] + after.split()
    files = None if source.seal is not None else await source.keys()
    return KeptKeys(files, "".join(f"{line}\n" for line in lines))


def seal_from(master_key: str) -> Seal:
    """What seals with the keys of such a text."""
    return Seal(*read_keys(master_key)) if master_key else Seal(bytes(KEY_BYTES))


async def check_master_key(rows: Rows, master_key: str) -> None:
    """Raise `SettingsError` unless every key of encrypted objects opens with it."""
    seal, after = seal_from(master_key), ""
    while found := await tables.identities.page(rows, "kms_key", after, _AT_ONCE):
        after = found[-1][0]
        for name, record in found:
            try:
                material(decode(KmsKey, record), seal)
            except BrokenSealError as error:
                raise SettingsError(
                    f"The key {name} is sealed under another master key than the server has: "
                    "restore its master key, or delete the key (ossia kms key delete)."
                ) from error
