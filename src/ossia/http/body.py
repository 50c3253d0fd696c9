"""The body of a request, pulled by whoever wants it.

A body is filled by its connection and read by one consumer:

1. Bytes go straight into the consumer's buffer while it waits in ``read_into``; who waits for
   whatever comes (``read_some``) has none, so that waiting costs no memory.
2. Without a waiting consumer at most one network read is held; then the connection pauses.
3. A body that cannot be completed fails with an `OssError`, so that the client reads why.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from ossia.errors import OssError, RequestTimeout


class ClientGone(ConnectionError):  # noqa: N818 - a fact, not a fault
    """The client closed the connection; nobody is left to answer."""


class Flow(Protocol):
    """What a body asks of its connection."""

    def want_body(self) -> None:
        """Begin or resume to read, after ``100 Continue`` where the client waits for it."""

    def enough_body(self) -> None:
        """Stop reading until asked again."""


class Body:
    """A stream of bytes with an optional declared length."""

    __slots__ = (
        "_any",
        "_error",
        "_filled",
        "_flow",
        "_held",
        "_view",
        "_waiter",
        "arrived",
        "complete",
        "length",
    )

    def __init__(self, length: int | None, flow: Flow | None = None) -> None:
        self.length = length
        """The declared Content-Length in bytes; None for a chunked body."""
        self.complete = length == 0
        self.arrived = 0
        """How many bytes have come, whoever took them."""
        self._flow = flow
        self._held = bytearray()
        self._view: memoryview | None = None
        self._filled = 0
        self._any = False
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None

    # --- the connection's side ---

    def window(self) -> memoryview | None:
        """The free rest of the consumer's buffer, if one is waiting."""
        return None if self._view is None else self._view[self._filled :]

    def advance(self, count: int) -> None:
        """Tell that *count* bytes were written into ``window()``."""
        self._filled += count
        self.arrived += count
        if self._view is not None and self._filled == len(self._view):
            self._wake()

    def give(self, piece: bytes | memoryview) -> None:
        """Append bytes that did not come through ``window()``."""
        window = self.window()
        if window is not None and not self._held:
            taken = min(len(window), len(piece))
            window[:taken] = piece[:taken]
            self._held += piece[taken:]
            self.arrived += len(piece) - taken
            self.advance(taken)
        else:
            self._held += piece
            self.arrived += len(piece)
            if self._any:
                self._wake()

    def finish(self) -> None:
        """Tell that the last byte has been given."""
        self.complete = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """Tell that the rest will never come."""
        if not self.complete:
            self._error = error
            self._wake()

    def held(self) -> int:
        """How many bytes wait for the consumer."""
        return len(self._held)

    @property
    def wanted(self) -> bool:
        """Whether a consumer waits."""
        return self._waiter is not None

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            if self._flow is not None and not self.complete:
                self._flow.enough_body()
            if not waiter.done():
                waiter.set_result(None)

    # --- the consumer's side ---

    async def read_into(self, view: memoryview) -> int:
        """Fill *view*; the result is shorter than it only at the end of the body.

        Raises `OssError` if the body breaks off, `ClientGone` if the client did.
        """
        count = self._take_held(view)
        if count == len(view) or self.complete:
            return count
        if self._error is not None:
            raise self._error
        self._view, self._filled = view, count
        try:
            await self._arrival()
        finally:
            self._view, filled = None, self._filled
        if self._error is not None and filled < len(view):
            raise self._error
        return filled

    async def read_all(self, limit: int, too_large: Callable[[], OssError]) -> bytes:
        """The whole body, if it has at most *limit* bytes; otherwise ``too_large()`` is raised."""
        if (self.length or 0) > limit:
            raise too_large()
        if self.complete and len(self._held) <= limit:
            whole = bytes(self._held)
            self._held = bytearray()
            return whole
        # What was announced may never come: only what has come takes memory.
        # In one run: many small pieces would take several times their bytes.
        whole_so_far = bytearray()
        while piece := await self.read_some():
            if len(whole_so_far) + len(piece) > limit:
                raise too_large()
            whole_so_far += piece
        return bytes(whole_so_far)

    async def read_some(self) -> bytes:
        """The next bytes as they come; none at the end of the body."""
        if not self._held and not self.complete:
            if self._error is not None:
                raise self._error
            self._any = True
            try:
                await self._arrival()
            finally:
                self._any = False
            if self._error is not None and not self._held:
                raise self._error
        some = bytes(self._held)
        self._held.clear()
        return some

    async def _arrival(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        if self._flow is not None:
            self._flow.want_body()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _take_held(self, view: memoryview) -> int:
        count = min(len(self._held), len(view))
        if count:
            view[:count] = self._held[:count]
            del self._held[:count]
        return count


class FixedBody(Body):
    """A body that arrived together with its head."""

    __slots__ = ("_content", "_taken")

    def __init__(self, content: bytes) -> None:
        super().__init__(len(content))
        self._content = content
        self._taken = 0
        self.arrived = len(content)
        self.complete = True

    async def read_into(self, view: memoryview) -> int:
        """Copy the next bytes to *view*."""
        piece = self._content[self._taken : self._taken + len(view)]
        view[: len(piece)] = piece
        self._taken += len(piece)
        return len(piece)

    async def read_all(self, limit: int, too_large: Callable[[], OssError]) -> bytes:
        """The whole body without a copy.  It can be taken once: nothing keeps it afterwards."""
        whole = self._content[self._taken :] if self._taken else self._content
        if len(whole) > limit:
            raise too_large()
        self._content, self._taken = b"", 0
        return whole

    async def read_some(self) -> bytes:
        """Everything that was not taken yet."""
        some = self._content[self._taken :]
        self._taken = len(self._content)
        return some


NO_BODY = FixedBody(b"")
"""The body of every request that has none: nothing about it can change."""


def too_slow() -> OssError:
    """The refusal for a body that stops arriving (objects.md, section 2)."""
    return RequestTimeout()
