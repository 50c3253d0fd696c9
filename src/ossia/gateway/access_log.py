"""The access log: one line a request.

A request only hands over what is known of it (`Told`); the line is made later, in the thread that
writes (`ossia.logs.outlet`), many at a time.  That is why each form is one f-string here and not
the general way of `ossia.logs.lines`, with which it must agree: measured by bench/logging.py.
"""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from ossia.domain.identity.identities import Caller
from ossia.logs.lines import is_plain, moment, plain, quoted


class Told(msgspec.Struct, frozen=True):
    """A request that is answered: what is known of it.

    ``marks`` are moments of its life by the monotonic clock, the first when it came, the last when
    the answer began; ``spent`` seconds by what they were spent on; ``sending_s`` what sending took
    that had to wait for the client.  ``reference`` is an id that a service beside OSS gave.
    """

    method: str
    target: bytes
    operation: str
    bucket: str
    key: str
    caller: Caller | None
    caller_kind: str
    peer: str
    status: int
    received: int
    sent: int
    marks: Sequence[float]
    spent: Sequence[tuple[str, float]]
    request_id: str
    reference: str = ""
    sending_s: float | None = None
    is_whole: bool = True

    def __repr__(self) -> str:
        # What follows the target's path may be a signature.
        return f"Told({self.request_id})"


_STAGES: Final = ("auth", "permit", "run")
"""What a request does until its second mark, its third, and its last."""


def phases(told: Told) -> dict[str, float]:
    """Seconds by phase; what is told apart within a stage is not counted in it again."""
    if told.caller is None:
        # A service beside OSS has steps of its own.
        return {}
    found: dict[str, float] = {}
    for stage, (begin, end) in zip(_STAGES, pairwise(told.marks), strict=False):
        found[stage] = end - begin
    last = next(reversed(found))
    for name, seconds in told.spent:
        found[name] = found.get(name, 0.0) + seconds
        found[last] -= seconds
    found[last] = max(found[last], 0.0)
    if told.sending_s is not None:
        found["send"] = told.sending_s
    return found


def text_access_line(told: Told) -> str:
    """See `ossia.logs.lines.text_line`."""
    at_s, total_s = _times(told)
    path = _path(told.target)
    caller_id, arn = _who(told.caller)
    method, bucket, key, peer = told.method, told.bucket, told.key, told.peer
    # One look at all that strangers write; most of the time there is nothing to escape.
    if not is_plain(f"{method}{path}{bucket}{key}{caller_id}{arn}{peer}"):
        method, path, bucket, key, caller_id, arn, peer = map(
            plain, (method, path, bucket, key, caller_id, arn, peer)
        )
    spent = "".join([f" {name}_ms={s * 1000:.2f}" for name, s in phases(told).items()])
    return (
        f"{moment(at_s)} INFO access method={method} path={path}"
        f" operation={told.operation or _NONE} bucket={bucket or _NONE} key={key or _NONE}"
        f" caller_kind={told.caller_kind.lower() or _NONE} caller={caller_id or _NONE}"
        f" arn={arn or _NONE} peer={peer or _NONE} status={told.status} received={told.received}"
        f" sent={told.sent} ms={total_s * 1000:.2f}{spent} request_id={told.request_id}"
        f"{f' rpc_request_id={plain(told.reference)}' if told.reference else ''}"
        f"{_ENDS['text'][told.is_whole]}"
    )


_NONE: Final = '""'
_ENDS: Final = {"text": (" cut=true", ""), "json": (', "cut": true', "")}
"""What is said at the end of one that broke off, and of one that is whole."""


def json_access_line(told: Told) -> str:
    """See `ossia.logs.lines.json_line`."""
    at_s, total_s = _times(told)
    caller_id, arn = _who(told.caller)
    spent = "".join([f', "{name}_ms": {s * 1000:.2f}' for name, s in phases(told).items()])
    reference = f', "rpc_request_id": {quoted(told.reference)}' if told.reference else ""
    return (
        f'{{"time": "{moment(at_s)}", "level": "INFO", "event": "access"'
        f', "method": {quoted(told.method)}, "path": {quoted(_path(told.target))}'
        f', "operation": {quoted(told.operation)}, "bucket": {quoted(told.bucket)}'
        f', "key": {quoted(told.key)}, "caller_kind": "{told.caller_kind.lower()}"'
        f', "caller": {quoted(caller_id)}, "arn": {quoted(arn)}, "peer": {quoted(told.peer)}'
        f', "status": {told.status}, "received": {told.received}, "sent": {told.sent}'
        f', "ms": {total_s * 1000:.2f}{spent}, "request_id": "{told.request_id}"{reference}'
        f"{_ENDS['json'][told.is_whole]}}}"
    )


ACCESS_LINES: Final = {"text": text_access_line, "json": json_access_line}
"""Each form by its name."""


def _times(told: Told) -> tuple[float, float]:
    """When the answer was complete, by the clock on the wall, and how long all of it took."""
    ended_s = told.marks[-1] + (told.sending_s or 0.0)
    return time.time() - time.monotonic() + ended_s, ended_s - told.marks[0]


def _path(target: bytes) -> str:
    """The path as it was sent.  What follows it may hold a signature."""
    return target.partition(b"?")[0].decode("ascii", "backslashreplace")


def _who(caller: Caller | None) -> tuple[str, str]:
    return ("", "") if caller is None else (caller.id, caller.arn)
