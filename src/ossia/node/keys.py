"""What a node is identified by and signs with: from settings, or made at the first start and kept.

On one machine it is kept in files of the data folder; where gateways share a database, in the
database, sealed under the master key (`shared_keys`).
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ossia.adapters.crypto_mb import CryptoMb
from ossia.adapters.sqlite.source import identity_records
from ossia.domain.callbacks.keys import CallbackKeys, KeyRing, OneKey
from ossia.node.callback_key_files import KeyFiles, KeyFilesError
from ossia.node.master_key import folder_seal
from ossia.private_files import write_private
from ossia.protocol.callback_signature import CallbackKey
from ossia.protocol.seal import KEY_BYTES, Seal
from ossia.protocol.webhook_signature import WebhookKey
from ossia.settings import Settings, SettingsError

KEYS_FILE: Final = "keys.json"
WEBHOOK_KEY_FILE: Final = "webhook_key.pem"
MIGRATION: Final = ("setting", "migration")
"""The identity of what a migration or a restore is not finished into."""


def _seal_in_memory() -> Seal:
    return Seal(secrets.token_bytes(KEY_BYTES))


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """What a node is identified by and signs with.

    ``is_generated`` tells that the secret was made just now: nobody knows it yet.  ``seal`` is
    that of gateways which share a database; ``master`` is what keys of encrypted objects are sealed
    under.
    """

    account_id: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    callback_keys: CallbackKeys
    webhook_key: WebhookKey
    is_generated: bool
    seal: Seal | None = None
    master: Seal = field(default_factory=_seal_in_memory, repr=False)


def load_keys(
    settings: Settings, folder: Path | None, spare: CallbackKey | None = None
) -> NodeKeys:
    """The node's keys: from settings, from the data folder, or generated and kept there.

    *folder* is None for a node that stores nothing, which signs with *spare* where it is given.
    Raises `SettingsError`.
    """
    if folder is not None:
        _check_is_finished(folder)
    kept: dict[str, str] = {}
    path = None if folder is None else folder / KEYS_FILE
    if path is not None and path.exists():
        kept = json.loads(path.read_text())
    merged, is_generated = root_keys(settings, kept)
    if path is not None and not kept:
        write_private(path, json.dumps(merged, indent=2).encode())
    return NodeKeys(
        merged["account_id"],
        merged["root_access_key_id"],
        merged["root_access_key_secret"],
        callback_keys(settings, OneKey(spare) if folder is None else _key_files(folder)),
        _webhook_key(folder),
        is_generated,
        master=_seal_in_memory() if folder is None else folder_seal(folder),
    )


def _check_is_finished(folder: Path) -> None:
    kind, name = MIGRATION
    try:
        records = identity_records(folder, kind)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be used: {error.strerror}.") from error
    if name in records:
        raise SettingsError(
            f"A migration or a restore into {folder} is not finished: run ossia migrate with "
            "--last, or ossia restore, again."
        )


def root_keys(settings: Settings, kept: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Account and root key: given, *kept* or made; whether the secret was made."""
    given_or_kept = str(settings.root_access_key_secret) or kept.get("root_access_key_secret")
    merged = {
        "account_id": settings.account_id or kept.get("account_id") or _account_id(),
        "root_access_key_id": settings.root_access_key_id
        or kept.get("root_access_key_id")
        or f"LTAI5t{secrets.token_hex(9)}",
        "root_access_key_secret": given_or_kept
        or secrets.token_urlsafe(30).replace("-", "x").replace("_", "y")[:30],
    }
    return merged, not given_or_kept


def _account_id() -> str:
    return str(10**15 + secrets.randbelow(9 * 10**15))


def callback_keys(settings: Settings, ring: KeyRing) -> CallbackKeys:
    """The keys of *ring*, served and signed with as the settings say."""
    library = None if settings.callback_sign_singly else CryptoMb.find()
    return CallbackKeys(
        ring,
        own_url=settings.url,
        original_url=settings.callback_key_url,
        batching=None if library is None else library.signer,
    )


def _key_files(folder: Path) -> KeyFiles:
    files = KeyFiles(folder)
    try:
        files.open()
    except (KeyFilesError, OSError) as error:
        raise SettingsError(str(error)) from error
    return files


def _webhook_key(folder: Path | None) -> WebhookKey:
    path = None if folder is None else folder / WEBHOOK_KEY_FILE
    if path is not None and path.exists():
        return WebhookKey.load(path.read_bytes())
    key = WebhookKey.generate()
    if path is not None:
        write_private(path, key.private_pem())
    return key
