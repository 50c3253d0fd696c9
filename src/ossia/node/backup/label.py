"""What lies in plain in a repository: which it is, and how its key is found.

The label is authenticated under the key.  It is read only in the one form in which it is written,
so that not a bit of it changes unnoticed.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from typing import Final

from ossia.node.backup.secret import BY_FILE, BY_WORDS, SALT_BYTES
from ossia.settings import SettingsError

FORMAT: Final = 1
_DAMAGED: Final = "ossia-backup.json is damaged: put a copy of it in its place."


@dataclass(frozen=True, slots=True)
class Label:
    """One repository."""

    format: int
    id: str
    key: str
    salt: str
    proof: str

    def text(self) -> str:
        """As it is written."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def is_of(self, key: bytes) -> bool:
        """Whether *key* is that of the repository."""
        return hmac.compare_digest(self.proof, _proof(self, key))


def make(kind: str, salt: bytes, key: bytes) -> Label:
    """That of a new repository."""
    label = Label(FORMAT, secrets.token_hex(8), kind, salt.hex(), "")
    return Label(label.format, label.id, label.key, label.salt, _proof(label, key))


def _proof(label: Label, key: bytes) -> str:
    said = f"ossia backup {label.format} {label.id} {label.key} {label.salt}"
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()


def read(content: bytes) -> Label:
    """What *content* says.  Raises `SettingsError`."""
    try:
        fields = json.loads(content)
        found = int(fields["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(_DAMAGED) from error
    if found > FORMAT:
        raise SettingsError(
            f"The repository has format {found}, this Ossia knows {FORMAT}: use a newer Ossia."
        )
    try:
        label = Label(**fields)
        is_whole = label.text().encode() == content and label.key in {BY_FILE, BY_WORDS}
        sizes = [len(bytes.fromhex(each)) for each in (label.salt, label.proof)]
        is_whole = is_whole and sizes == [SALT_BYTES, hashlib.sha256().digest_size]
    except (TypeError, ValueError) as error:
        raise SettingsError(_DAMAGED) from error
    if not is_whole:
        raise SettingsError(_DAMAGED)
    return label
