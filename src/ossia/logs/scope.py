"""What a line is about: set by who begins a request, read by who logs or times something below.

Both are set anew by each request and never taken back by token: a request may begin in the context
of its connection and go on in that of a task (`http.eager`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The request that is being served, or on whose behalf something is done; empty for none."""

SPENT: ContextVar[list[tuple[str, float]] | None] = ContextVar("spent", default=None)
"""Where a request has gathered what its seconds were spent on; None where nobody asks."""


@contextmanager
def about(request_id: str) -> Iterator[None]:
    """Do something on behalf of the request *request_id*."""
    before = REQUEST_ID.get()
    REQUEST_ID.set(request_id)
    try:
        yield
    finally:
        REQUEST_ID.set(before)
