"""The template ``callbackBody``: its variables, and what is sent when they are filled in.

It is checked when it is decoded, filled once, in one pass, and never parsed: OSS does not care
whether the result is JSON or a form.  What documentation leaves open is in
docs/decisions/2026-11-21-callback-template.md.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from ossia.errors import CallbackFailed, InvalidArgument

MAX_FILLED_BYTES: Final = 256 * 1024
"""Our bound on a filled template: ``${x:a}`` repeated would turn one form field into gigabytes."""

Value = str | int | None
"""What a variable stands for: text, a number written bare, or nothing."""


class BodyType(StrEnum):
    """The two values of ``callbackBodyType``; each is the Content-Type of the request."""

    FORM = "application/x-www-form-urlencoded"
    JSON = "application/json"


_VARIABLE: Final = re.compile(r"\$\{([^${}]*)\}")
_NUMBERS: Final = frozenset(("size", "crc64", "imageInfo.width", "imageInfo.height"))


def check_template(body: str) -> None:
    """Refuse a template with a ``$`` that does not begin ``${name}``.

    Message, ArgumentName and EC for ``$x:my_var}`` are quoted in the Java SDK's issues; the
    text for a missing right brace is ours.
    """
    rest = _VARIABLE.sub(" ", body)
    if "$" not in rest:
        return
    is_unclosed = "${" in rest and not re.search(r"\$(?!\{)", rest)
    raise InvalidArgument(
        "Right brace is missing." if is_unclosed else "Left brace must be adjacent to dollar sign.",
        ec="0007-00000105",
        ArgumentName="ReplaceKeyPrefix",
        ArgumentValue=body,
    )


def fill(template: str, values: Mapping[str, Value], body_type: BodyType) -> bytes:
    """Replace every ``${name}`` in *template* by its value, in one pass.

    A form receives percent-encoded text.  A JSON body receives JSON strings, quotes included,
    so a template does not quote its placeholders; ``size``, ``crc64`` and the pixel numbers are
    bare digits.  Nothing is the empty text, but ``null`` where JSON would expect a string.
    A value that itself contains ``${size}`` stays as it is.

    Source: seven captured callbacks (callback.md, 12.1); the page that shows ``"size":"9"``
    contradicts all of them.
    """
    pieces = _split(template)
    encoded = _encoded(pieces[1::2], values, body_type)
    if _size(pieces, encoded) > MAX_FILLED_BYTES:
        raise CallbackFailed("The callback body is too large.")
    filled = list(pieces)
    filled[1::2] = [encoded[name] for name in pieces[1::2]]
    return "".join(filled).encode("utf-8", "replace")


def check_filled_size(template: str, variables: Mapping[str, str], body_type: BodyType) -> None:
    """Refuse, before anything is stored, variables that would overflow the filled template."""
    pieces = _split(template)
    if _size(pieces, _encoded(pieces[1::2], variables, body_type)) > MAX_FILLED_BYTES:
        raise InvalidArgument(
            "The callback body is too large.",
            ec="0007-00000105",
            ArgumentName="callback-var",
            ArgumentValue="",
        )


def _encoded(
    names: Iterable[str], values: Mapping[str, Value], body_type: BodyType
) -> dict[str, str]:
    """What stands for each name, encoded once however often the template has it."""
    encode = _ENCODERS[body_type]
    return {name: encode(name, values.get(name)) for name in dict.fromkeys(names)}


def _size(pieces: Sequence[str], encoded: Mapping[str, str]) -> int:
    return sum(map(len, pieces[::2])) + sum(len(encoded[name]) for name in pieces[1::2])


@lru_cache(1024)
def _split(template: str) -> tuple[str, ...]:
    """Text and names of variables in turn, beginning and ending with text."""
    return tuple(_VARIABLE.split(template))


@lru_cache(1024)
def names(template: str) -> frozenset[str]:
    """The variables that *template* names."""
    return frozenset(_split(template)[1::2])


@lru_cache(1024)
def names_image(template: str) -> bool:
    """Whether it names a variable that takes a look at the image."""
    return any(name.startswith("imageInfo.") for name in names(template))


_QUOTED: Final = [quote(chr(code), safe="") for code in range(128)]
"""What each ASCII character is in a form."""


def _encode_for_form(_name: str, value: Value) -> str:
    if isinstance(value, str):
        if value.isascii():
            return value.translate(_QUOTED)  # a quarter of what `quote` takes
        return quote(value, safe="", errors="replace")
    return "" if value is None else str(value)


def _encode_for_json(name: str, value: Value) -> str:
    if value is None:
        return "" if name in _NUMBERS else "null"
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)


_ENCODERS: Final[dict[BodyType, Callable[[str, Value], str]]] = {
    BodyType.FORM: _encode_for_form,
    BodyType.JSON: _encode_for_json,
}
