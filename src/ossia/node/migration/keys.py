"""The keys of a deployment, from where one form keeps them to where the other does."""

import json
from pathlib import Path
from typing import Any

from ossia.node.callback_key_files import file_name, key_files
from ossia.node.keys import KEYS_FILE, WEBHOOK_KEY_FILE
from ossia.private_files import write_private


def keys_in_folder(folder: Path) -> dict[str, Any]:
    """What `node.shared_keys` would keep in a database."""
    return {
        **json.loads((folder / KEYS_FILE).read_text()),
        "callback_keys": {
            str(number): path.read_text() for number, path in key_files(folder).items()
        },
        "webhook_key": (folder / WEBHOOK_KEY_FILE).read_text(),
    }


def put_keys_into_folder(folder: Path, kept: dict[str, Any]) -> None:
    """The same as files."""
    for number, pem in kept["callback_keys"].items():
        write_private(folder / file_name(int(number)), pem.encode())
    write_private(folder / WEBHOOK_KEY_FILE, kept["webhook_key"].encode())
    root = {name: kept[name] for name in kept if name not in {"callback_keys", "webhook_key"}}
    write_private(folder / KEYS_FILE, json.dumps(root, indent=2).encode())
