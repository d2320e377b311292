"""A message's way into the outbox: onto the disk, or where that fails, into memory."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import BinaryIO, Final, cast

from ..clock import read_clock
from ..const import LOGGER, MAX_BYTES, MAX_MESSAGES, MAX_SHARE_OF_DISK
from ..store import Key, LargeText
from .composing import (
    SMALL,
    Made,
    Order,
    OutboxClosedError,
    OutboxFullError,
    Receipt,
    StalledError,
    Ticket,
    WireStream,
)
from .core.models import Message, Outcome
from .core.record import message_as_dict
from .core.turn import MESSAGE
from .manager import DISK_TIMEOUTS
from .view import OutboxView

_RESERVE = 0.1
"""What important messages may have on top of the bounds, as a share of these."""
_STALL_TIMEOUT = 10.0
"""Seconds without progress after which an attached file is taken for unreadable."""
_MEMORY_TIMEOUT: Final = 60.0
"""Seconds that a message which cannot be kept waits for its turn."""
_UNDECIDED = (Outcome.DEFERRED, Outcome.EXPIRED)


class Intake:
    """Takes an account's messages, one after the other, and knows those being made."""

    def __init__(self, view: OutboxView) -> None:
        self._hass = view.hass
        self._view = view
        self._manager = view.manager
        self._store = view.manager.store
        self._making = Counter[Ticket]()
        """Messages that are being made or taken, be their calls cancelled or not: how
        many are at it."""
        self._adding: dict[str, int] = {}
        """Octets of those among them that are being put on disk."""
        self._taking = asyncio.Lock()
        self._closed = False

    @contextmanager
    def making(self, tag: str = "") -> Iterator[Ticket]:
        """Announce a message that is being made, so that a clear finds it."""
        ticket = Ticket(self._manager.new_id(), read_clock(), tag)
        with self._at(ticket):
            yield ticket

    def clear(self, tag: str) -> int:
        """Let nothing become of what is being made under a tag; return the number."""
        chosen = [
            ticket
            for ticket in self._making
            if ticket.tag == tag and not (ticket.cleared or ticket.taken.done())
        ]
        for ticket in chosen:
            ticket.cleared = True
            # It may be on its way to the disk.
            self._store.remove((MESSAGE, self._view.id, ticket.queue_id))
        return len(chosen)

    async def async_close(self) -> None:
        """Take nothing more; what was being taken is taken when this returns."""
        async with self._taking:
            self._closed = True

    async def async_take(self, order: Order) -> Receipt | None:
        """Take a message: make it durable first, then known; None: it was cleared.

        One that the disk did not take has its try when this ends. Raises why, unless
        that has decided on it; OutboxClosedError; whatever `compose` raises.
        """
        ticket, queue_id = order.ticket, order.ticket.queue_id
        key = (MESSAGE, self._view.id, queue_id)
        with self._at(ticket):
            made = await self._put_on_disk(order, key)
            # From here on without an await: nobody can come between.
            if ticket.cleared:
                return None
            message = made.message
            if trouble := made.trouble:
                why = str(trouble) or type(trouble).__name__
                LOGGER.error("Message %s cannot be kept: %s", queue_id, why)
                message = replace(message, in_memory=True)
                # Made in memory: a file cannot stand here.
                self._view.bodies[queue_id] = cast("bytes", made.text)
            # What this call changed before, as a clear does, may have been refused.
            is_behind = bool(self._store.unwritten)
            receipt = Receipt(
                account=self._view.id,
                queue_id=queue_id,
                recipients=message.recipients,
                kept=not (is_behind or isinstance(trouble, OSError)),
            )
            self._manager.receipts[queue_id] = receipt
            self._view.happen(self._view.scheduler.take, message)
            if not self._view.running:
                receipt.tried.set()
            ticket.taken.set_result(True)
        if trouble:
            await self._one_try(receipt)
            event = receipt.decisive
            if event is None or event.outcome in _UNDECIDED:
                raise trouble
        return receipt

    @contextmanager
    def _at(self, ticket: Ticket) -> Iterator[None]:
        """Be at a message; it was not taken if it is not once nobody is at it."""
        self._making[ticket] += 1
        try:
            yield
        finally:
            self._making[ticket] -= 1
            if not self._making[ticket]:
                del self._making[ticket]
                if not ticket.taken.done():
                    ticket.taken.set_result(False)

    async def _put_on_disk(self, order: Order, key: Key) -> Made:
        """Make a message, and have the disk take it, or know why it did not."""
        # What hangs here holds up nobody else.
        made = await self.async_make(order) if order.reads_files else None
        async with self._taking:
            # One after the other, so that they go out as they came.
            if self._closed:
                if made and isinstance(made.text, LargeText):
                    await self._hass.async_add_executor_job(
                        self._store.drop_draft, made.text.file
                    )
                raise OutboxClosedError
            made = made or await self.async_make(order)
            if not made.trouble:
                record = partial(message_as_dict, made.message, read_clock())
                self._store.put(key, record, made.text)
                self._adding[made.message.queue_id] = made.message.size
            if order.ticket.cleared:
                self._store.remove(key)
            else:
                order.kept()
            self._manager.write_marks()
            written = self._store.written()
        if made.trouble:
            return made
        # Whoever comes meanwhile shares the next sync.
        try:
            async with asyncio.timeout(DISK_TIMEOUTS.get(made.message.level)):
                await asyncio.shield(written)
        except (OSError, TimeoutError) as err:
            if isinstance(made.text, LargeText):
                made = await self._make_in_memory(order)
            made = replace(made, trouble=err)
            # What the disk does not let go would be sent after the next start.
            self._store.remove(key)
        finally:
            del self._adding[made.message.queue_id]
        return made

    async def async_make(self, order: Order) -> Made:
        """Compose a message, if there is room beside all that is kept or about to be.

        Raises StalledError where a file that goes with it is not read to its end.
        """
        queue, adding = self._view.state.queue, self._adding
        held = queue.size + sum(adding.values())
        number = len(queue) + len(adding)
        share = 1 + _RESERVE if order.priority.is_urgent else 1

        def write(stream: WireStream) -> Made:
            made = _compose(order, stream)
            free = self._store.free_space()
            room = min(MAX_BYTES, (free + held) * MAX_SHARE_OF_DISK) * share
            if number >= MAX_MESSAGES * share or held + made.message.size > room:
                raise OutboxFullError
            return made

        try:
            return await self._run(order, SMALL, write)
        except (OSError, OutboxFullError) as err:
            return replace(await self._make_in_memory(order), trouble=err)

    async def _make_in_memory(self, order: Order) -> Made:
        return await self._run(order, None, partial(_compose, order))

    async def _run(
        self, order: Order, most: int | None, write: Callable[[WireStream], Made]
    ) -> Made:
        """Write a message in an executor, for as long as there is progress."""
        stream = WireStream(self._store, order.ticket.queue_id, most)

        def run() -> Made:
            try:
                return write(stream)
            except BaseException:
                stream.drop()
                raise

        job = self._hass.async_add_executor_job(run)
        if not order.reads_files:
            return await job
        seen = -1
        while not job.done():
            await asyncio.wait({job}, timeout=_STALL_TIMEOUT)
            if not job.done() and stream.written == seen:
                stream.abandoned = True
                # Nobody waits for what comes of it.
                job.add_done_callback(lambda job: job.cancelled() or job.exception())
                raise StalledError
            seen = stream.written
        return job.result()

    async def _one_try(self, receipt: Receipt) -> None:
        """Wait until a message that is only in memory was tried, or that is too long."""
        queue_id, view = receipt.queue_id, self._view
        until = read_clock().steady + _MEMORY_TIMEOUT
        with suppress(TimeoutError):
            async with asyncio.timeout(_MEMORY_TIMEOUT):
                while (
                    view.running
                    and (plan := self._manager.plan(view.id, queue_id))
                    and plan.at < until
                ):
                    receipt.tried.clear()
                    await receipt.tried.wait()
        while view.is_tried(queue_id) and view.running:
            receipt.tried.clear()
            await receipt.tried.wait()
        # Nothing of it is on a disk that could be waited for.
        view.happen(view.scheduler.discard, (queue_id,))
        self._view.bodies.pop(queue_id, None)


def _compose(order: Order, stream: WireStream) -> Made:
    composed, ticket = order.compose(cast("BinaryIO", stream)), order.ticket
    message = Message(
        queue_id=ticket.queue_id,
        subject=order.subject,
        recipients=composed.recipients,
        sender_name=order.sender_name,
        priority=order.priority,
        tag=ticket.tag,
        size=composed.size,
        gaps=composed.gaps,
        raised=ticket.raised.steady,
        arrived=ticket.raised.steady,
        lifetime=order.expires_after.total_seconds(),
        alone=order.alone,
        reply_to=composed.reply_to,
    )
    return Made(message=message, text=stream.text())
