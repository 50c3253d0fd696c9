"""What ``ossia doctor`` sees of the master key: whether it opens what is sealed under it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ossia.adapters.sqlite.source import kms_key_records
from ossia.domain.encryption.kms_keys import material
from ossia.domain.identity.store import SEALING_KEYS, decode
from ossia.node.finding import Finding
from ossia.node.master_key import MASTER_KEY_FILE, FileSeal
from ossia.node.shared_keys import NODE_KEYS, opened, seal_of
from ossia.private_files import is_open_to_others
from ossia.protocol.seal import BrokenSealError, Seal
from ossia.records import KmsKey, SealingKeys
from ossia.settings import Settings, SettingsError

SEALED: Final = (NODE_KEYS, SEALING_KEYS)
"""The names of what is sealed under it, besides the keys of encrypted objects."""

_CHECK: Final = "master key"
LOSS: Final = (
    "copy the file from a gateway that serves, or from its backup; if it is lost for good, the "
    "callback, webhook, root and session keys must be made anew (docs/scale.md), and what is "
    "encrypted is lost (docs/encryption.md); no other object is"
)
_LOSS_HERE: Final = (
    "restore it from a backup; if it is lost for good, what is encrypted is lost, and no other "
    "object (docs/encryption.md)"
)


def master_key_finding(settings: Settings, sealed: Mapping[str, bytes] | None) -> Finding:
    """Whether the file is there, private, and right for *sealed*; None: that is not known."""
    path = Path(settings.master_key_file)
    if not path.exists():
        return _missing(path, sealed)
    try:
        seal = seal_of(settings, may_make=False)
    except SettingsError as error:
        return Finding(_CHECK, ok=False, seen=str(error), remedy=LOSS)
    if is_open_to_others(path):
        seen = f"{path} can be read by others"
        return Finding(_CHECK, ok=False, seen=seen, remedy=f"chmod 600 {path}")
    if sealed is None:
        return Finding(_CHECK, ok=True, seen=f"{path} is private; whether it is right is not known")
    if not sealed:
        return Finding(_CHECK, ok=True, seen=f"{path} is private; nothing is sealed under it yet")
    if not all(_opens(seal, name, each) for name, each in sealed.items()):
        seen = f"{path} is not the key under which the keys in the database are sealed"
        return Finding(_CHECK, ok=False, seen=seen, remedy=LOSS)
    seen = f"{path} opens the keys in the database; keep a copy apart from the database's backups"
    return Finding(_CHECK, ok=True, seen=seen)


def folder_master_key_finding(settings: Settings) -> Finding:
    """The same of a data folder."""
    path = settings.data / MASTER_KEY_FILE
    try:
        records = kms_key_records(settings.data)
        if not records and not path.exists():
            return Finding(_CHECK, ok=True, seen="will be made at the first start")
        seal = FileSeal(path)
    except (OSError, ValueError) as error:
        seen = f"{path} cannot be used: {error}"
        return Finding(_CHECK, ok=False, seen=seen, remedy=_LOSS_HERE)
    if not all(_opens(seal, name, each) for name, each in records.items()):
        seen = f"{path} is not the key under which the keys of encrypted objects are sealed"
        return Finding(_CHECK, ok=False, seen=seen, remedy=_LOSS_HERE)
    seen = f"{path} is in order; keep a copy apart from the folder's backups"
    return Finding(_CHECK, ok=True, seen=seen)


def _missing(path: Path, sealed: Mapping[str, bytes] | None) -> Finding:
    if sealed:
        seen = f"{path} is missing, and the keys in the database are sealed under it"
        return Finding(_CHECK, ok=False, seen=seen, remedy=LOSS)
    if sealed is None:
        seen = f"{path} is missing; whether the database has keys under it is not known"
        return Finding(_CHECK, ok=True, seen=seen)
    seen = f"{path} will be made at the first start; copy it to every gateway and into a safe place"
    return Finding(_CHECK, ok=True, seen=seen)


def _opens(seal: Seal, name: str, record: bytes) -> bool:
    try:
        if name == NODE_KEYS:
            opened(record, seal)
        elif name == SEALING_KEYS:
            decode(SealingKeys, record, seal)
        else:
            material(decode(KmsKey, record), seal)
    except BrokenSealError:
        return False
    return True
