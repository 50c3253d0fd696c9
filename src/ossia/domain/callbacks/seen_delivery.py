"""What advice is made from, and what it is: the parts of a delivery that causes speak about."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from ossia.records import Delivery

_SHOWN: Final = 120
_HTTPS_PORT: Final = 443


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, what to do about it (empty where nothing is to be done), and a note."""

    cause: str
    remedy: str = ""
    note: str = ""

    def lines(self) -> list[str]:
        """One to three lines."""
        return [line for line in (self.cause, self.remedy, self.note) if line]


class SeenDelivery:
    """The parts of a delivery that causes speak about."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.url: SplitResult = urlsplit(delivery.url)
        self.host = self.url.hostname or ""
        self.port = self.url.port or (_HTTPS_PORT if self.url.scheme == "https" else 80)
        self.place = delivery.address or f"{self.host}:{self.port}"
        self.path = self.url.path or "/"
        self.reply = delivery.reply_body
        self.text = self.reply.decode("utf-8", "replace")
        self.status = delivery.status or 0

    def header(self, name: str) -> str:
        """A header of the reply; empty if it is not there."""
        return self.delivery.reply_headers.get(name, "")

    @property
    def said(self) -> str:
        """The reply as a part of a sentence."""
        return f": it says {quoted(self.reply)}" if self.reply.strip() else ""


def quoted(body: bytes, length: int = _SHOWN) -> str:
    """The beginning of *body* on one line, in backticks; bytes that are no text in hex."""
    text = body[: length * 4].decode("utf-8", "replace")
    if "\ufffd" in text[:length] or any(
        ord(char) < ord(" ") and not char.isspace() for char in text[:length]
    ):
        return f"the bytes {body[:12].hex(' ')}"
    flat = " ".join(text.replace("\ufeff", "").split())
    return f"`{flat[:length]}…`" if len(flat) > length or len(body) > length * 4 else f"`{flat}`"


def in_ms(microseconds: int) -> str:
    """A duration as a part of a sentence."""
    return f"{microseconds / 1000:,.0f} ms" if microseconds >= 1000 else "under 1 ms"  # noqa: PLR2004 - a millisecond
