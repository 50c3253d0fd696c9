"""Ids, keys and secrets that nobody can guess."""

import secrets
import string

_ALPHANUMERIC = string.ascii_letters + string.digits


def new_id(first: str) -> str:
    """Eighteen digits, as user and role ids of the real service have."""
    return first + "".join(secrets.choice(string.digits) for _ in range(17))


def random_text(length: int) -> str:
    """Letters and digits."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))
