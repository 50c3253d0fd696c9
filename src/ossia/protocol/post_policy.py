"""POST policies: parse the document of a form upload, check a form against it, build one.

1. A document that is not a policy is `InvalidPolicyDocument`; a form that does not fit it is
   `AccessDenied`, which echoes the first condition that fails.
2. Fields that no condition mentions are allowed; that differs from S3 [PostObject
   documentation, "Policy"].
3. A field that is not submitted counts as empty: ``starts-with`` of ``""`` holds for it.
4. ``not-in`` on the type refuses what is the same media type, written otherwise.
5. ``content-length-range`` is only read here; the caller counts the bytes of the file.

ECs are pages of the OSS error-code reference (post-object.md, 6).
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn

from ossia.errors import AccessDenied, InvalidPolicyDocument
from ossia.protocol.header_text import media_type_of

MAX_POLICY_BYTES: Final = 64 * 1024
"""Our bound; real policies have a few hundred bytes."""

_V4_FIELDS: Final = ("x-oss-signature-version", "x-oss-credential", "x-oss-date")

Condition = Sequence[object] | Mapping[str, str]
"""A condition as it is written: ``["eq", "$key", "v"]`` or ``{"key": "v"}``."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One condition: mode, the field as it is echoed, and what it is compared with."""

    mode: str
    field: str
    expected: tuple[str, ...]
    echo: str

    def holds(self, fields: Mapping[str, str]) -> bool:
        name = self.field.removeprefix("$").lower()
        given = fields.get(name, "")
        if self.mode == "not-in" and name in _TYPES and _is_media_type_of(given, self.expected):
            return False
        return _MODES[self.mode](given, self.expected)


def _starts_with(given: str, expected: tuple[str, ...]) -> bool:
    return given.startswith(expected[0])


def _is_one_of(given: str, expected: tuple[str, ...]) -> bool:
    return given in expected


def _is_none_of(given: str, expected: tuple[str, ...]) -> bool:
    return given not in expected


_TYPES: Final = frozenset({"content-type", "x-oss-content-type"})


def _is_media_type_of(given: str, expected: tuple[str, ...]) -> bool:
    """Whether *given* is, by case or parameters aside, one of *expected*: browsers see no other."""
    return media_type_of(given) in map(media_type_of, expected)


_MODES: Final[dict[str, Callable[[str, tuple[str, ...]], bool]]] = {
    "eq": _is_one_of,
    "starts-with": _starts_with,
    "in": _is_one_of,
    "not-in": _is_none_of,
}
_LENGTH_RANGE: Final = "content-length-range"


@dataclass(frozen=True, slots=True)
class PostPolicy:
    """A parsed policy.  ``length_range`` is (min, max) of the file's bytes, both included."""

    expires_at_ms: int
    length_range: tuple[int, int] | None
    _rules: tuple[_Rule, ...]

    @classmethod
    def parse(cls, text: str) -> "PostPolicy":
        """Parse the form field ``policy``: Base64 of JSON.  Raises `InvalidPolicyDocument`."""
        document = _parse_json(_decode(text))
        if not isinstance(document, dict):
            _refuse("Invalid JSON: the policy must be an object.", "0006-00000201")
        expires_at_ms = _parse_expiration(document)
        rules: list[_Rule] = []
        length_range: tuple[int, int] | None = None
        for item in _conditions_of(document):
            mode, arguments = _split(item)
            if mode == _LENGTH_RANGE:
                length_range = _narrow(length_range, _parse_range(arguments))
            else:
                rules.append(_parse_rule(mode, arguments))
        return cls(expires_at_ms, length_range, tuple(rules))

    def binds(self, field: str) -> bool:
        """Whether a condition is about that field (in lower case)."""
        return any(rule.field.removeprefix("$").lower() == field for rule in self._rules)

    def check(
        self,
        fields: Mapping[str, str],
        bucket: str,
        now_ms: int,
        *,
        require_v4_fields: bool = False,
    ) -> None:
        """Raise `AccessDenied` unless the form fits.

        *fields* have lower-case names and the values submitted: ``key`` before ``${filename}``
        is replaced.  *bucket* comes from the host.  *require_v4_fields* demands that the policy
        itself names version, credential and date of a V4 signature, as documentation does.
        """
        if now_ms >= self.expires_at_ms:
            raise AccessDenied("Invalid according to Policy: Policy expired.", ec="0006-00000213")
        given = {**fields, "bucket": bucket}
        for rule in self._rules:
            if not rule.holds(given):
                _deny(rule.echo)
        if require_v4_fields:
            for name in _V4_FIELDS:
                if not self.binds(name):
                    _deny(_echo("eq", f"${name}", given.get(name, "")))


def build(*, expires_at_ms: int, conditions: Sequence[Condition]) -> str:
    """The Base64 text of a policy, as it goes into the form and is signed."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=expires_at_ms)
    document = {
        "expiration": f"{moment:%Y-%m-%dT%H:%M:%S}.{expires_at_ms % 1000:03d}Z",
        "conditions": list(conditions),
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _refuse(reason: str, ec: str) -> NoReturn:
    raise InvalidPolicyDocument(f"Invalid Policy: {reason}", ec=ec)


def _deny(echo: str) -> NoReturn:
    raise AccessDenied(
        f"Invalid according to Policy: Policy Condition failed: {echo}", ec="0006-00000227"
    )


def _echo(*parts: object) -> str:
    return json.dumps(parts, ensure_ascii=False)


# --- text → JSON ------------------------------------------------------------


def _decode(text: str) -> str:
    if len(text) > MAX_POLICY_BYTES:
        _refuse("the policy is too long.", "0006-00000201")
    try:
        return base64.b64decode(text.strip().encode("ascii"), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeError):
        _refuse("the policy is not base64 encoded UTF-8.", "0006-00000201")


_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def _parse_json(text: str) -> Any:
    r"""Parse JSON in which ``\$`` is an escape too [documentation: a literal dollar]."""
    plain = _ESCAPE.sub(lambda found: "$" if found[1] == "$" else found[0], text)
    try:
        found = json.loads(plain, parse_constant=_no_constant, parse_float=_Fraction)
        json.dumps(found, ensure_ascii=False, default=str).encode("utf-8")
    except json.JSONDecodeError as exc:
        _refuse(f"Invalid JSON: {_fault_of(exc)}", "0006-00000201")
    except (ValueError, RecursionError):
        _refuse("Invalid JSON: value out of range", "0006-00000201")
    return found


class _Fraction(str):
    """A number with point or exponent, which no condition accepts."""

    __slots__ = ()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _fault_of(exc: json.JSONDecodeError) -> str:
    """The wording of the real service where samples show it."""
    if exc.pos >= len(exc.doc):
        return "unexpected end"
    if exc.msg.startswith("Expecting ','"):
        # Which bracket is open is told by the text before: the last one not closed.
        return f", or {_open_bracket(exc.doc[: exc.pos])} expected"
    return f"unknown char {exc.doc[exc.pos]}"


def _open_bracket(text: str) -> str:
    """The bracket that would close what is open at the end of *text*, a prefix of JSON."""
    closing: list[str] = []
    for char in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        if char in "[{":
            closing.append("]" if char == "[" else "}")
        elif char in "]}":
            closing.pop()
    return closing[-1]


# --- JSON → rules -----------------------------------------------------------

_EXPIRATION: Final = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z", re.ASCII)


def _parse_expiration(document: Mapping[str, Any]) -> int:
    if "expiration" not in document:
        _refuse("the policy has no expiration.", "0006-00000208")
    text = document["expiration"]
    if not isinstance(text, str) or isinstance(text, _Fraction):
        _refuse("the expiration is not a string.", "0006-00000210")
    if not text:
        _refuse("the expiration is empty.", "0006-00000211")
    found = _EXPIRATION.fullmatch(text)
    try:
        moment = datetime.fromisoformat(f"{found[1]}+00:00") if found else None
    except ValueError:
        moment = None
    if found is None or moment is None:
        _refuse("the expiration is not an ISO 8601 time in GMT.", "0006-00000201")
    millis = int((found[2] or "0").ljust(3, "0")[:3])
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) + millis


def _conditions_of(document: Mapping[str, Any]) -> list[Any]:
    if "conditions" not in document:
        _refuse("the policy has no conditions.", "0006-00000207")
    conditions = document["conditions"]
    if not isinstance(conditions, list):
        _refuse("the conditions are not a list.", "0006-00000214")
    return conditions


def _split(item: object) -> tuple[str, list[Any]]:
    """Mode and arguments of one condition; an object is an ``eq``."""
    if isinstance(item, dict):
        if len(item) != 1:
            _refuse(
                "Invalid Simple-Condition: Simple-Conditions must have exactly one property "
                "specified.",
                "0006-00000201",
            )
        ((name, value),) = item.items()
        return "eq", [name, value]
    if not isinstance(item, list):
        _refuse("Invalid Condition: a condition is a map or a list.", "0006-00000222")
    if not item or not isinstance(item[0], str):
        _refuse("Invalid Condition: a condition begins with its mode.", "0006-00000216")
    mode = item[0].lower()
    if mode != _LENGTH_RANGE and mode not in _MODES:
        _refuse(f"Invalid Condition: unknown mode {item[0]}.", "0006-00000216")
    if len(item) != 3:  # noqa: PLR2004 - the mode and two arguments
        _refuse(f"Invalid Condition: {item[0]} takes two arguments.", "0006-00000218")
    return mode, item[1:]


def _parse_range(arguments: Sequence[Any]) -> tuple[int, int]:
    for bound, ec in zip(arguments, ("0006-00000220", "0006-00000221"), strict=True):
        if type(bound) is not int:
            _refuse("Invalid content-length-range: bounds are integers.", ec)
        if bound < 0:
            _refuse("Invalid content-length-range: bounds are not negative.", "0006-00000223")
    low, high = arguments
    if high < low:
        _refuse("Invalid content-length-range: max is less than min.", "0006-00000219")
    return low, high


def _narrow(one: tuple[int, int] | None, other: tuple[int, int]) -> tuple[int, int]:
    """Every range holds, hence their intersection; it may be empty."""
    return other if one is None else (max(one[0], other[0]), min(one[1], other[1]))


def _parse_rule(mode: str, arguments: Sequence[Any]) -> _Rule:
    name, value = arguments
    if not isinstance(name, str):
        _refuse("Invalid Condition: a field's name is a string.", "0006-00000201")
    # The "$" may be missing and is reported back with it.
    field = name if name.startswith("$") else f"${name}"
    if mode in ("in", "not-in"):
        if not isinstance(value, list):
            _refuse(f"Invalid Condition: {mode} takes a list.", "0006-00000224")
        expected = tuple(_text(one) for one in value)
    else:
        expected = (_text(value),)
    return _Rule(mode, field, expected, _echo(mode, field, value))


def _text(value: object) -> str:
    """A comparison value; form fields are text, so ``200`` means ``"200"``."""
    if isinstance(value, str) and not isinstance(value, _Fraction):
        return value
    if type(value) is int:
        return str(value)
    _refuse("Invalid Condition: values are strings.", "0006-00000201")
