"""Sending callbacks again that an application missed: one by hand, or all of an outage.

1. What was sent again and accepted is owed no longer.
2. An upload counts as missed when the newest attempt at one of its own URLs was not accepted; a
   replay to some other URL says nothing about the application.
3. The oldest come first.  What is no longer stored is left alone: an application must not be told
   of objects that do not exist.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from ossia.domain.callbacks.callbacks import Callbacks
from ossia.domain.callbacks.delivery_log import DeliveryLog
from ossia.domain.callbacks.outbox import Outbox
from ossia.errors import InvalidArgument
from ossia.records import Delivery
from ossia.tables.callbacks import DeliveryFilter

Exists = Callable[[str, str], Awaitable[bool]]
"""Whether (bucket, key) is stored."""

_PAGE: Final = 500
_AT_ONCE: Final = 8
"""Applications come back from an outage: they are not to be run over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What became of one upload: the last attempt; ``skipped`` says why there is no new one."""

    last: Delivery
    skipped: str = ""


class Recovery:
    """Replays deliveries."""

    def __init__(
        self, log: DeliveryLog, callbacks: Callbacks, outbox: Outbox, exists: Exists
    ) -> None:
        self._log = log
        self._callbacks = callbacks
        self._outbox = outbox
        self._exists = exists

    async def replay(
        self, delivery: Delivery, *, url: str | None = None, body: bytes | None = None
    ) -> Delivery:
        """Send a logged callback again.  Raises `InvalidArgument`."""
        try:
            made = await self._callbacks.replay(delivery, url=url, body=body)
        except ValueError as error:
            raise InvalidArgument(f"This callback cannot be replayed: {error}.") from error
        if made.accepted and body is None and made.url in delivery.message.urls:
            pending = await self._outbox.find(delivery.message.id)
            if pending is not None:
                await self._outbox.settle(pending)
        return made

    async def missed(
        self, wanted: DeliveryFilter, *, until: int, after: str = "", limit: int
    ) -> list[Delivery]:
        """The newest attempt of each missed upload that *wanted* covers, oldest first.

        At most *limit*, with ids greater than *after*, made before *until*: whoever asks page by
        page does not meet again what a replay has just failed to deliver.
        """
        newest: dict[str, Delivery | None] = {}
        before = ""
        while page := await self._log.list(wanted, before=before, limit=_PAGE):
            before = page[-1].id
            for each in page:
                message = each.message
                if message.id not in newest and each.url in message.urls:
                    newest[message.id] = None if each.accepted else each
        found = [
            each
            for each in newest.values()
            if each is not None and each.at < until and each.id > after
        ]
        return sorted(found, key=lambda each: each.id)[:limit]

    async def recover(self, missed: list[Delivery]) -> list[Recovered]:
        """Send each again, some at a time; the results are in the same order."""
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(delivery: Delivery) -> Recovered:
            async with turn:
                return await self._recover(delivery)

        return list(await asyncio.gather(*(one(each) for each in missed)))

    async def _recover(self, delivery: Delivery) -> Recovered:
        message = delivery.message
        if message.decides:
            return Recovered(
                last=delivery, skipped="The application refused it: nothing was stored."
            )
        if not await self._exists(message.bucket, message.key):
            return Recovered(last=delivery, skipped="The object is no longer stored.")
        if delivery.is_cut:
            return Recovered(last=delivery, skipped="The log holds only the beginning of its body.")
        last = delivery
        for url in message.urls:
            last = await self.replay(delivery, url=url)
            if last.accepted:
                break
        return Recovered(last=last)
