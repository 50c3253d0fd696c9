"""The lines of the access log, many at a time.

1. They are those that `ossia.logs.lines` would make of the same fields, in both forms.
2. What they say is worked out in columns, which both forms share: what C does for a whole column
   costs a fraction of what it does line by line (bench/watched.py).
3. What strangers write is looked at all at once.  Only where something in a column has to be
   escaped is each of its values looked at.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import floor
from typing import Final

import msgspec

from ossia.gateway.access_log import Told, phases
from ossia.logs.lines import moments, plain, quoted


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """How a form writes a ``field``, that an answer ``is_cut``, and what is ``escaped`` of a value;
    ``from_json`` makes its numbers of what JSON says of them.
    """

    field: Callable[[str, str], str]
    is_cut: str
    escaped: Callable[[str], str]
    from_json: Callable[[bytes], bytes]


_TEXT: Final = _Form(
    lambda name, value: f" {name}={plain(value)}",
    " cut=true",
    plain,
    lambda lines: lines.translate(bytes.maketrans(b":,", b"= "), b'{"}'),
)
_JSON: Final = _Form(
    lambda name, value: f',"{name}":{quoted(value)}',
    ',"cut":true',
    lambda value: quoted(value)[1:-1],
    lambda lines: lines.translate(None, b"{}"),
)


def _text_lines(told: Sequence[Told]) -> list[str]:
    """See `ossia.logs.lines.text_line`."""
    return [
        f"{at} INFO access{asked} path={path} bucket={bucket} key={key}{asker} peer={peer}"
        f" {numbers} request_id={request_id}{more}"
        for at, asked, path, bucket, key, asker, peer, numbers, request_id, more in _rows(
            told, _TEXT
        )
    ]


def _json_lines(told: Sequence[Told]) -> list[str]:
    """See `ossia.logs.lines.json_line`."""
    return [
        f'{{"time":"{at}","level":"INFO","event":"access"{asked},"path":"{path}"'
        f',"bucket":"{bucket}","key":"{key}"{asker},"peer":"{peer}",{numbers}'
        f',"request_id":"{request_id}"{more}}}'
        for at, asked, path, bucket, key, asker, peer, numbers, request_id, more in _rows(
            told, _JSON
        )
    ]


ACCESS_LINES: Final[Mapping[str, Callable[[Sequence[Told]], list[str]]]] = {
    "text": _text_lines,
    "json": _json_lines,
}
"""What makes a line of each request, by the name of its form."""


def _rows(told: Sequence[Told], form: _Form) -> Iterable[tuple[str, ...]]:
    """What each line consists of."""
    asked, askers = _about(told, form)
    return zip(
        _moments(told),
        asked,
        _escaped(_paths(told), form),
        _escaped([each.bucket for each in told], form),
        _escaped([each.key for each in told], form),
        askers,
        _escaped([each.peer for each in told], form),
        _numbers(told, form),
        [each.request_id for each in told],
        ["" if each.is_whole and not each.reference else _more(each, form) for each in told],
        strict=True,
    )


_PLAIN: Final = bytes(each for each in range(0x21, 0x7F) if each not in b'"\\')
"""What stands for itself in both forms."""


def _escaped(values: list[str], form: _Form) -> list[str]:
    """A column; itself where nothing in it has to be escaped, or is empty."""
    whole = "".join(values)
    if whole.isascii() and not whole.encode().translate(None, _PLAIN) and "" not in values:
        return values
    return [form.escaped(each) for each in values]


def _moments(told: Sequence[Told]) -> list[str]:
    """When each answer was complete, by the clock on the wall."""
    ends_s = [
        each.ended if each.sending_s is None else each.ended + each.sending_s for each in told
    ]
    return moments(ends_s, time.time() - time.monotonic())


def _paths(told: Sequence[Told]) -> list[str]:
    """The paths as they were sent.  What follows them may hold a signature."""
    paths = [each.target.partition(b"?")[0] for each in told]
    found = b"\n".join(paths).decode("ascii", "backslashreplace").split("\n")
    # HTTP has none of more than one line.
    if len(found) == len(paths):
        return found
    return [each.decode("ascii", "backslashreplace") for each in paths]


_REMEMBERED: Final = 1024


def _about(told: Sequence[Told], form: _Form) -> tuple[list[str], list[str]]:
    """What was asked for, and who asked: fields that are alike in many lines."""
    # No two callers have the same id as long as both are there.
    made: dict[tuple[str, str, int, str], tuple[str, str]] = {}
    asked, askers = [], []
    for each in told:
        alike = (each.method, each.operation, id(each.caller), each.beside)
        about = made.get(alike)
        if about is None:
            caller = each.caller
            who, arn = ("", "") if caller is None else (caller.id, caller.arn)
            about = made[alike] = (
                _asked(form, each.method, each.operation),
                _asker(form, each.caller_kind, who, arn),
            )
        what, who = about
        asked.append(what)
        askers.append(who)
    return asked, askers


@lru_cache(_REMEMBERED)
def _asked(form: _Form, method: str, operation: str) -> str:
    return form.field("method", method) + form.field("operation", operation)


@lru_cache(_REMEMBERED)
def _asker(form: _Form, kind: str, who: str, arn: str) -> str:
    return form.field("caller_kind", kind) + form.field("caller", who) + form.field("arn", arn)


class _Usual(msgspec.Struct, gc=False):
    """The numbers of a request that came to its end and had nothing to wait for."""

    status: int
    received: int
    sent: int
    us: int
    auth_us: int
    permit_us: int
    run_us: int


_encoder: Final = msgspec.json.Encoder()


def _numbers(told: Sequence[Told], form: _Form) -> list[str]:
    """What came of each, and how long everything took in microseconds.

    Nothing here writes numbers as fast as the encoder does.
    """
    found: list[_Usual | dict[str, int]] = []
    for each in told:
        came, allowed, ended = each.came, each.allowed, each.ended
        if not allowed or each.spent or each.sending_s is not None:
            found.append(_unusual(each))
            continue
        # `int` costs twice as much.
        usual = _Usual(
            each.status,
            each.received,
            each.sent,
            floor((ended - came) * 1e6),
            floor((each.entered - came) * 1e6),
            floor((allowed - each.entered) * 1e6),
            floor((ended - allowed) * 1e6),
        )
        found.append(usual)
    return form.from_json(_encoder.encode_lines(found)).decode().splitlines()


def _unusual(told: Told) -> dict[str, int]:
    took_s = told.ended + (told.sending_s or 0.0) - told.came
    found = {"status": told.status, "received": told.received, "sent": told.sent}
    found["us"] = floor(took_s * 1e6)
    for name, seconds in phases(told).items():
        found[f"{name}_us"] = floor(seconds * 1e6)
    return found


def _more(told: Told, form: _Form) -> str:
    """What few lines have."""
    more = form.field("rpc_request_id", told.reference) if told.reference else ""
    return more if told.is_whole else more + form.is_cut
