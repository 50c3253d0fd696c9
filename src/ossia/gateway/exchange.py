"""A request while it is being answered, and what is told of it at its end."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from ossia.api.admin.route import PREFIX
from ossia.errors import OssError
from ossia.gateway.access_log import Told
from ossia.gateway.render import render_error, render_json_error
from ossia.http.message import Request, Response
from ossia.logs.scope import SPENT, Spent

if TYPE_CHECKING:
    from ossia.api.call import Call
    from ossia.gateway.limits import Hold

Answered = tuple[str, int, str, float, int, int]
"""A request: operation, status, name of the caller's kind, seconds until the answer began, bytes
that came and bytes that go."""
Note = Callable[[Answered], None]
"""Hears of every request, and takes no time."""
Tell = Callable[[Told], None]
"""The same, of those who want to know more."""

_ADMIN = f"{PREFIX}/".encode()
_NOTHING: list[Spent] = []
"""Of a request that nobody watches."""


class Exchange:
    """A request while it is being answered."""

    __slots__ = (
        "allowed",
        "call",
        "came",
        "entered",
        "hold",
        "method",
        "request",
        "request_id",
        "spent",
    )

    def __init__(self, request: Request, request_id: str) -> None:
        self.request = request
        self.request_id = request_id
        self.method = request.method.decode("latin-1")
        self.call: Call | None = None
        self.hold: Hold | None = None
        """What it takes part in, where there are limits."""
        self.came = self.entered = self.allowed = 0.0
        """See `Told`; all 0 where nobody wants to know."""
        self.spent: list[Spent] = _NOTHING

    def watch(self, came: float) -> None:
        """Note from now on when things happen."""
        self.came = came
        self.spent = []
        SPENT.set(self.spent)

    def end(self) -> None:
        """Let go of what would hold itself: memory must not wait for the garbage collector."""
        if self.call is not None and self.call.form is not None:
            self.call.form.close()

    def answered(self, status: int, took_s: float, sent: int) -> Answered:
        """What is told of it at its end.  Every request pays for this: see bench/metrics.py."""
        request, call = self.request, self.call
        return (
            request.operation,
            status,
            # `name` costs thrice as much.
            request.caller if call is None else call.caller.kind._name_,
            took_s,
            request.body.arrived,
            sent,
        )

    def told(self, status: int, ended: float, sent: int) -> Told:
        """What the access log says of it."""
        request, call, spent = self.request, self.call, self.spent
        if call is None:
            bucket = key = ""
            caller = None
        else:
            bucket, key, caller = call.bucket_name, call.key, call.caller
        return Told(
            self.method,
            request.target,
            request.operation,
            bucket,
            key,
            caller,
            request.caller,
            request.peer,
            status,
            request.body.arrived,
            sent,
            self.came,
            self.entered,
            self.allowed,
            ended,
            # What is begun behind the answer may add to it.
            tuple(spent) if spent else (),
            self.request_id,
            request.reference,
        )

    def refuse(self, error: OssError) -> Response:
        """The error's response."""
        if self.request.target.startswith(_ADMIN):
            return render_json_error(
                error, request_id=self.request_id, is_head=self.method == "HEAD"
            )
        return render_error(
            error,
            request_id=self.request_id,
            host=self.request.headers.get(b"host", b"").decode("latin-1"),
            is_head=self.method == "HEAD",
        )


def tell_when_sent(tell: Tell, exchange: Exchange, response: Response, ended: float) -> None:
    """Tell of a request: once its answer is sent, where that may take a while."""
    told = exchange.told(response.status, ended, response.sends())
    if response.is_plain():
        tell(told)
        return

    def sent(*, is_whole: bool) -> None:
        took_s = time.monotonic() - ended
        tell(msgspec.structs.replace(told, sending_s=took_s, is_whole=is_whole))

    response.sent = sent
