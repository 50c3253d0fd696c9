"""What the parameters of RAM may look like: characters, lengths, values.

Source: RAM documentation, the parameter tables of the operations.
"""

import re
from dataclasses import dataclass
from typing import Final

from ossia.domain.identity.ram.refusals import (
    incorrect,
    invalid_characters,
    malformed,
    missing,
    too_long,
)


@dataclass(frozen=True, slots=True)
class Text:
    """Text of at most *limit* characters; all of *characters*, and of the form *form*."""

    limit: int
    characters: "re.Pattern[str] | None" = None
    form: "re.Pattern[str] | None" = None

    def read(self, name: str, text: str) -> str:
        """The value, or the refusal that names the parameter."""
        if not text:
            raise missing(name)
        if self.characters is not None and not self.characters.fullmatch(text):
            raise invalid_characters(name)
        if len(text) > self.limit:
            raise too_long(name)
        if self.form is not None and not self.form.fullmatch(text):
            raise malformed(name)
        return text


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between *least* and *most*."""

    least: int
    most: int

    def read(self, name: str, text: str) -> int:
        """The value, or the refusal that names the parameter."""
        if re.fullmatch(r"\d{1,9}", text, re.ASCII) and self.least <= int(text) <= self.most:
            return int(text)
        raise incorrect(name, f"It must be between {self.least} and {self.most}.")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    values: tuple[str, ...]

    def read(self, name: str, text: str) -> str:
        """The value, or the refusal that names the parameter."""
        if text in self.values:
            return text
        raise incorrect(name, f"It must be {' or '.join(self.values)}.")


@dataclass(frozen=True, slots=True)
class Flag:
    """``true`` or ``false``."""

    def read(self, name: str, text: str) -> bool:
        """The value, or the refusal that names the parameter."""
        if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        raise incorrect(name, "It must be true or false.")


@dataclass(frozen=True, slots=True)
class Words:
    """Texts with commas between them."""

    each: Text

    def read(self, name: str, text: str) -> tuple[str, ...]:
        """The values without repetitions, or the refusal that names the parameter."""
        parts = [part.strip() for part in text.split(",")]
        return tuple(dict.fromkeys(self.each.read(name, part) for part in parts if part))


Parameter = Text | Whole | Choice | Flag | Words

USER_NAME: Final = Text(64, re.compile(r"[A-Za-z0-9.@_-]+"))
GROUP_NAME: Final = Text(64, re.compile(r"[A-Za-z0-9._-]+"))
ROLE_NAME: Final = Text(64, re.compile(r"[A-Za-z0-9.@-]+"))
POLICY_NAME: Final = Text(128, re.compile(r"[A-Za-z0-9-]+"))
PROVIDER_NAME: Final = Text(
    128, re.compile(r"[A-Za-z0-9._-]+"), re.compile(r"[A-Za-z0-9](.*[A-Za-z0-9])?")
)
DISPLAY_NAME: Final = Text(128)
COMMENTS: Final = Text(128)
DESCRIPTION: Final = Text(1024)
DOCUMENT: Final = Text(6144)
EMAIL: Final = Text(128, form=re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"))
MOBILE_PHONE: Final = Text(64, form=re.compile(r"(\d{1,4}-)?\d{4,20}", re.ASCII))
ACCESS_KEY_ID: Final = Text(128, re.compile(r"[A-Za-z0-9._-]+"))
VERSION_ID: Final = Text(32, form=re.compile(r"v\d+", re.ASCII))
SESSION_SECONDS: Final = Whole(3600, 43_200)
CLIENT_ID: Final = Text(128, re.compile(r"[A-Za-z0-9._:/-]+"), re.compile(r"[A-Za-z0-9].*"))
FINGERPRINT: Final = Text(128, re.compile(r"[A-Za-z0-9]+"))
