"""The text of ``callback`` and of ``callback-var``: Base64 of a JSON object.  See `callback`."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ossia.errors import InvalidArgument

MAX_PARAMETER_BYTES: Final = 5 * 1024
"""Limit of the Base64 text of ``callback`` and of ``callback-var`` [EC 0007-00000001, -101]."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of the two, as it is shown to whoever gave it."""

    name: str
    text: str

    def refuse(self, message: str, ec: str | None, *, reason: str | None = None) -> NoReturn:
        """Raise `InvalidArgument` with it."""
        raise InvalidArgument(
            message,
            ec=ec,
            ArgumentName=self.name,
            ArgumentValue=self.text[:MAX_PARAMETER_BYTES],
            **_reason(reason),
        )


def _reason(text: str | None) -> dict[str, Any]:
    return {} if text is None else {"Reason": text}


def object_in(
    parameter: Parameter, codes: tuple[str, str, str, str]
) -> tuple[dict[str, Any], Parameter]:
    """The JSON object in a Base64 text, and the parameter as it is shown in refusals: decoded.

    *codes* are the ECs of: too long, not Base64, not JSON, not an object.
    """
    too_long, not_base64, not_json, not_object = codes
    what = "callback configuration" if parameter.name == "callback" else "callback-var"
    if len(parameter.text) > MAX_PARAMETER_BYTES:
        parameter.refuse(f"The {what} is longer than {MAX_PARAMETER_BYTES} bytes.", too_long)
    try:
        decoded = base64.b64decode(parameter.text.strip().encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        parameter.refuse(f"The {what} is not base64 encoded.", not_base64)
    shown = Parameter(parameter.name, decoded.decode("utf-8", "replace"))
    try:
        found = _parse_json(decoded)
    except ValueError:
        shown.refuse(f"The {what} is not json format.", not_json)
    if not isinstance(found, dict):
        message = f"The {what} is not json format."
        shown.refuse(message if not_object == not_json else f"The {what} is not a map.", not_object)
    return found, shown


def _parse_json(raw: bytes) -> Any:
    """Strict UTF-8 JSON: no BOM, no NaN, no lone surrogate.  Raises `ValueError`."""
    try:
        found = json.loads(raw.decode("utf-8"), parse_constant=no_constant, parse_int=float)
        # "\ud800" is valid JSON for a text that has no UTF-8 form, hence cannot be sent.
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    return found


def no_constant(name: str) -> NoReturn:
    """Refuse what Python alone takes for JSON.  Raises `ValueError`."""
    raise ValueError(f"{name} is not JSON")
