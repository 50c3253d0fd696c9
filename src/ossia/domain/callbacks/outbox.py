"""Callbacks that are owed: sent again until the application accepts them.

1. What is owed is recorded in the transaction that makes the object visible: there is no moment in
   which a crash forgets it.
2. The upload itself makes the first attempt.  Until that must have ended the row is not due, so
   nobody else sends the same message meanwhile.
3. Whoever takes a row has it on lease.  A crash after the application's yes and before the row is
   settled sends the message once more, with the same id: receivers drop repetitions by it.
4. Waiting times double; after a while nobody tries any more, and the row stays for an operator.
"""

import asyncio
import logging
from typing import Final

import msgspec

from ossia import tables
from ossia.domain.callbacks.callbacks import Callbacks
from ossia.errors import CallbackFailed
from ossia.logs.scope import about
from ossia.ports import Clock, Database
from ossia.records import CallbackMessage, PendingCallback

log = logging.getLogger(__name__)

_FIRST_WAIT_MS: Final = 1000
_LONGEST_WAIT_MS: Final = 5 * 60 * 1000
_LEASE_MARGIN_MS: Final = 5_000
_MAX_URLS: Final = 5
_AT_ONCE: Final = 500
"""Attempts under way at a time; so many that a slow application does not hold up the others."""
_LISTED: Final = 1000


class Outbox:
    """What this deployment owes to applications.

    *timeout_s* is the limit of one exchange; *retry_for_s* is how long an application is given
    before its callback is left to an operator.
    """

    def __init__(
        self,
        database: Database,
        callbacks: Callbacks,
        clock: Clock,
        *,
        timeout_s: float = 5.0,
        retry_for_s: float = 24 * 3600,
    ) -> None:
        self._database = database
        self._callbacks = callbacks
        self._clock = clock
        self._timeout_ms = round(timeout_s * 1000)
        self._retry_for_ms = round(retry_for_s * 1000)
        self._attempts: set[asyncio.Task[bool]] = set()

    def owed(self, message: CallbackMessage) -> PendingCallback:
        """The row to be recorded with the object; the caller makes the first attempt."""
        now = self._clock.now_ms()
        return PendingCallback(
            id=message.id,
            message=message,
            created_at=now,
            not_before=now + self._lease_ms(len(message.urls)),
        )

    def _lease_ms(self, urls: int) -> int:
        """Longer than an attempt can take, every URL being tried."""
        return urls * self._timeout_ms + _LEASE_MARGIN_MS

    async def settle(self, pending: PendingCallback) -> None:
        """The application has accepted."""
        await self._database.change(tables.callbacks.settle, pending.id)

    async def put_off(self, pending: PendingCallback, reason: str) -> None:
        """An attempt has failed: try later, or leave it to an operator."""
        now = self._clock.now_ms()
        wait = min(_FIRST_WAIT_MS << min(pending.attempts, 20), _LONGEST_WAIT_MS)
        dead = now + wait > pending.created_at + self._retry_for_ms
        if dead:
            log.warning(
                "callback_given_up message=%s request_id=%s reason=%r",
                pending.id,
                pending.message.request_id,
                reason,
            )
        await self._database.change(
            tables.callbacks.postpone,
            msgspec.structs.replace(
                pending,
                attempts=pending.attempts + 1,
                not_before=now + wait,
                last_error=reason,
                dead=dead,
            ),
        )

    async def run_due(self) -> int:
        """Begin to send what is due, as much as there is room for; how many."""
        room = _AT_ONCE - len(self._attempts)
        now = self._clock.now_ms()
        if not room:
            return 0
        due = await self._database.change(
            tables.callbacks.lease, now, now + self._lease_ms(_MAX_URLS), room
        )
        for pending in due:
            task = asyncio.create_task(self.attempt(pending))
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)
        return len(due)

    async def finish(self) -> None:
        """Wait for the attempts that are under way."""
        while self._attempts:
            await asyncio.wait(self._attempts)

    async def attempt(self, pending: PendingCallback) -> bool:
        """Send one message; whether it was accepted."""
        message, number = pending.message, pending.attempts + 1
        with about(message.request_id):
            try:
                await self._callbacks.send(message, kind="retry", attempt=number)
            except CallbackFailed as failed:
                await self.put_off(pending, failed.text)
                return False
            await self.settle(pending)
            return True

    # --- for operators

    async def list(self, *, dead: bool, after: str = "") -> "list[PendingCallback]":
        """What is owed, or was given up, in the order of ids."""
        return await tables.callbacks.page_pending(
            self._database, dead=dead, after=after, limit=_LISTED
        )

    async def find(self, message_id: str) -> PendingCallback | None:
        """What is owed under that id."""
        return await tables.callbacks.find_pending(self._database, message_id)

    async def retry(self, pending: PendingCallback) -> bool:
        """Try now, also what was given up; whether it was accepted.

        One that is refused again is owed anew, with all the time there was at first.
        """
        fresh = msgspec.structs.replace(
            pending, dead=False, attempts=0, created_at=self._clock.now_ms()
        )
        return await self.attempt(fresh)
