"""The access log: one line a request.

A request only hands over what is known of it (`Told`); the line is made later, in the thread that
writes (`ossia.logs.outlet`), many at a time.  That is why each form is one f-string here and not
the general way of `ossia.logs.lines`, with which it must agree: measured by bench/log_lines.py.
"""

import time
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import msgspec

from ossia.domain.identity.identities import Caller
from ossia.logs.lines import is_plain, moment, plain, quoted


class Told(msgspec.Struct, frozen=True, gc=False):
    """A request that is answered: what is known of it.

    ``beside`` is the kind of caller that a service beside OSS has found, ``reference`` the id that
    it gave.  ``came``, ``entered`` (it is known who asks, of which bucket), ``allowed`` and
    ``ended`` (the answer began) are moments by the monotonic clock, 0 where it did not come to
    that; ``spent`` are seconds by what they were spent on; ``sending_s`` is what sending took that
    had to wait for the client.

    Thousands wait to be written: nothing here is looked at by the garbage collector.
    """

    method: str
    target: bytes
    operation: str
    bucket: str
    key: str
    caller: Caller | None
    beside: str
    peer: str
    status: int
    received: int
    sent: int
    came: float
    entered: float
    allowed: float
    ended: float
    spent: Sequence[tuple[str, float]]
    request_id: str
    reference: str = ""
    sending_s: float | None = None
    is_whole: bool = True

    @property
    def caller_kind(self) -> str:
        """Who asked, in a word; empty where nobody knows."""
        return (self.beside if self.caller is None else self.caller.kind.name).lower()

    def __repr__(self) -> str:
        # What follows the target's path may be a signature.
        return f"Told({self.request_id})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("request_id", self.request_id)]


_STAGES: Final = ("auth", "permit", "run")
"""What a request does until it has entered, is allowed, and has ended."""


def phases(told: Told) -> dict[str, float]:
    """Seconds by phase; what is told apart within a stage is not counted in it again."""
    if told.caller is None:
        # A service beside OSS has steps of its own.
        return {}
    reached = [at for at in (told.came, told.entered, told.allowed, told.ended) if at]
    found = {
        stage: end - begin for stage, (begin, end) in zip(_STAGES, pairwise(reached), strict=False)
    }
    last = next(reversed(found))
    for name, seconds in told.spent:
        found[name] = found.get(name, 0.0) + seconds
        found[last] -= seconds
    found[last] = max(found[last], 0.0)
    if told.sending_s is not None:
        found["send"] = told.sending_s
    return found


def _microseconds(told: Told, form: str, usual: str) -> str:
    """The phases, each as *form* has it; all stages at once, where there is nothing else."""
    allowed = told.allowed
    if allowed and not told.spent and told.sending_s is None:
        entered = told.entered
        return usual % (
            (entered - told.came) * 1e6,
            (allowed - entered) * 1e6,
            (told.ended - allowed) * 1e6,
        )
    return "".join([form % (name, seconds * 1e6) for name, seconds in phases(told).items()])


def text_access_line(told: Told) -> str:
    """See `ossia.logs.lines.text_line`."""
    at_s, total_s = _times(told)
    path, bucket, key = _path(told.target), told.bucket or _NONE, told.key or _NONE
    # One look at all that strangers write; most of the time there is nothing to escape.
    if not is_plain(path + told.bucket + told.key):
        path, bucket, key = plain(path), plain(told.bucket), plain(told.key)
    spent = _microseconds(told, " %s_us=%d", " auth_us=%d permit_us=%d run_us=%d")
    more = f" rpc_request_id={plain(told.reference)}" if told.reference else ""
    if not told.is_whole:
        more += " cut=true"
    return (
        f"{moment(at_s)} INFO access{_text_head(told.method, told.operation)} path={path}"
        f" bucket={bucket} key={key}{_text_who(*_who(told), told.peer)} status={told.status}"
        f" received={told.received} sent={told.sent} us={int(total_s * 1e6)}{spent}"
        f" request_id={told.request_id}{more}"
    )


_NONE: Final = '""'
_REMEMBERED: Final = 1024


@lru_cache(_REMEMBERED)
def _text_head(method: str, operation: str) -> str:
    return f" method={plain(method)} operation={plain(operation)}"


@lru_cache(_REMEMBERED)
def _text_who(kind: str, caller: str, arn: str, peer: str) -> str:
    return (
        f" caller_kind={plain(kind.lower())} caller={plain(caller)} arn={plain(arn)}"
        f" peer={plain(peer)}"
    )


def json_access_line(told: Told) -> str:
    """See `ossia.logs.lines.json_line`."""
    at_s, total_s = _times(told)
    usual = ', "auth_us": %d, "permit_us": %d, "run_us": %d'
    spent = _microseconds(told, ', "%s_us": %d', usual)
    more = f', "rpc_request_id": {quoted(told.reference)}' if told.reference else ""
    if not told.is_whole:
        more += ', "cut": true'
    return (
        f'{{"time": "{moment(at_s)}", "level": "INFO", "event": "access"'
        f'{_json_head(told.method, told.operation)}, "path": {quoted(_path(told.target))}'
        f', "bucket": {quoted(told.bucket)}, "key": {quoted(told.key)}'
        f'{_json_who(*_who(told), told.peer)}, "status": {told.status}'
        f', "received": {told.received}, "sent": {told.sent}, "us": {int(total_s * 1e6)}{spent}'
        f', "request_id": "{told.request_id}"{more}}}'
    )


@lru_cache(_REMEMBERED)
def _json_head(method: str, operation: str) -> str:
    return f', "method": {quoted(method)}, "operation": {quoted(operation)}'


@lru_cache(_REMEMBERED)
def _json_who(kind: str, caller: str, arn: str, peer: str) -> str:
    return (
        f', "caller_kind": {quoted(kind.lower())}, "caller": {quoted(caller)}'
        f', "arn": {quoted(arn)}, "peer": {quoted(peer)}'
    )


ACCESS_LINES: Final = {"text": text_access_line, "json": json_access_line}
"""Each form by its name."""


def _times(told: Told) -> tuple[float, float]:
    """When the answer was complete, by the clock on the wall, and how long all of it took."""
    ended_s = told.ended + (told.sending_s or 0.0)
    return time.time() - time.monotonic() + ended_s, ended_s - told.came


def _path(target: bytes) -> str:
    """The path as it was sent.  What follows it may hold a signature."""
    return target.partition(b"?")[0].decode("ascii", "backslashreplace")


def _who(told: Told) -> tuple[str, str, str]:
    """Kind, id and ARN."""
    caller = told.caller
    # `name` costs thrice as much.
    return (told.beside, "", "") if caller is None else (caller.kind._name_, caller.id, caller.arn)
