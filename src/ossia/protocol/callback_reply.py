"""The application's answer, and whether OSS accepts it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn
from xml.parsers import expat

from ossia.protocol.callback_parameter import no_constant
from ossia.protocol.callback_template import BodyType
from ossia.protocol.decimals import is_decimal

MAX_REPLY_BYTES: Final = 1024 * 1024
_MAX_LENGTH_DIGITS: Final = 19


@dataclass(frozen=True, slots=True)
class Accepted:
    """The application said yes; the client receives this body with this Content-Type."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The application's answer is no answer that OSS accepts."""

    message: str
    ec: str


def judge_reply(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    max_bytes: int = MAX_REPLY_BYTES,
) -> Accepted | Rejected:
    """Decide whether the application's answer is a success.

    *headers* have lower-case names; *body* may stop short once it exceeds *max_bytes*.
    Documentation, "response rules": exactly 200, a Content-Length of at most 1 MB, and a JSON
    body without BOM, or XML where the Content-Type is application/xml (since 2025-09).
    """
    if status != 200:  # noqa: PLR2004 - the one good status
        return Rejected(f"Error status : {status}.", "0007-00000203")
    length = declared_length(headers)
    if length is None or max(length, len(body)) > max_bytes:
        return Rejected(
            "Error Status : 400.User server return too long content-length value", "0007-00000203"
        )
    content_type = headers.get("content-type", "") or BodyType.JSON.value
    is_xml = content_type.split(";", 1)[0].strip().lower() == "application/xml"
    if not (_is_xml(body) if is_xml else _is_json(body)):
        return Rejected("Response body is not valid json format.", "0007-00000205")
    return Accepted(body, content_type)


def declared_length(headers: Mapping[str, str]) -> int | None:
    """The length that an answer declares; None if it declares none that OSS accepts."""
    text = headers.get("content-length", "")
    return int(text) if is_decimal(text, _MAX_LENGTH_DIGITS) else None


def _is_json(body: bytes) -> bool:
    try:
        # Numbers are not converted: a long one costs quadratic time or is refused by Python.
        _JSON.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return True


_JSON: Final = json.JSONDecoder(parse_constant=no_constant, parse_int=len, parse_float=len)


def _is_xml(body: bytes) -> bool:
    parser = expat.ParserCreate()
    # Without a document type there are no entities to expand.
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat takes it by position
    except (expat.ExpatError, ValueError):
        return False
    return True


def _no_doctype(*_: object) -> NoReturn:
    raise ValueError("a document type is not accepted")
