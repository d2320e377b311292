"""A message's way into the outbox: onto the disk, or where that fails, into memory."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Final

from homeassistant.core import HomeAssistant

from ..clock import read_clock
from ..const import LOGGER
from .composing import Composer, Made, Order, Ticket
from .core.record import message_as_dict
from .core.turn import MESSAGE
from .errors import OutboxClosedError, OutboxFullError
from .manager import DISK_TIMEOUTS
from .receipts import Call, Receipt
from .view import OutboxView

_MEMORY_TIMEOUT: Final = 60.0
"""Seconds that a message which cannot be kept waits for its turn."""


class Intake:
    """Takes an account's messages, one after the other, and knows those being made."""

    def __init__(self, hass: HomeAssistant, view: OutboxView) -> None:
        """Begin with nothing."""
        self.bodies: dict[str, bytes] = {}
        """Of messages that the disk did not take."""
        self._view = view
        self._manager = view.manager
        self._composer = Composer(hass, view.manager.store)
        self._tickets: set[Ticket] = set()
        """Of messages that are being made."""
        self._orders: set[Ticket] = set()
        """Of those among them that are being taken, be their calls cancelled or not."""
        self._adding: dict[str, int] = {}
        """Octets of those among them that are being put on disk."""
        self._taking = asyncio.Lock()
        self._closed = False

    @contextmanager
    def making(self, tag: str = "") -> Iterator[Ticket]:
        """Announce a message that is being made, so that a clear finds it."""
        ticket = Ticket(self._manager.new_id(), read_clock(), tag)
        self._tickets.add(ticket)
        try:
            yield ticket
        finally:
            self._tickets.discard(ticket)
            self._settle(ticket)

    def clear(self, tag: str) -> int:
        """Let nothing become of what is being made under a tag; return the number."""
        chosen = [
            ticket
            for ticket in self._tickets | self._orders
            if ticket.tag == tag and not ticket.cleared
        ]
        for ticket in chosen:
            ticket.cleared = True
            # It may be on its way to the disk.
            key = (MESSAGE, self._view.id, ticket.queue_id)
            self._manager.store.remove(key)
        return len(chosen)

    async def async_close(self) -> None:
        """Take nothing more; what was being taken is taken when this returns."""
        async with self._taking:
            self._closed = True

    async def async_take(
        self, order: Order, kept: Callable[[], None] | None
    ) -> tuple[Call, Exception | None] | None:
        """Take a message, which a clear can find until it is taken."""
        self._orders.add(order.ticket)
        try:
            return await self._make_and_take(order, kept)
        finally:
            self._orders.discard(order.ticket)
            self._settle(order.ticket)

    async def async_one_try(self, call: Call) -> None:
        """Wait until a message that is only in memory was tried, or that is too long."""
        queue_id, view = call.receipt.queue_id, self._view
        until = read_clock().steady + _MEMORY_TIMEOUT
        with suppress(TimeoutError):
            async with asyncio.timeout(_MEMORY_TIMEOUT):
                while view.running and self._comes_by(until, queue_id):
                    call.tried.clear()
                    await call.tried.wait()
        while view.is_tried(queue_id) and view.running:
            call.tried.clear()
            await call.tried.wait()

    def _comes_by(self, until: float, queue_id: str) -> bool:
        """Tell whether a message that is there has its turn by then."""
        plan = self._manager.plan(self._view.id, queue_id)
        return plan is not None and plan.at < until

    def _settle(self, ticket: Ticket) -> None:
        """Know that a message was not taken, once nobody is at it any more."""
        if not ticket.taken.done() and ticket not in self._tickets | self._orders:
            ticket.taken.set_result(False)

    async def _make_and_take(
        self, order: Order, kept: Callable[[], None] | None
    ) -> tuple[Call, Exception | None] | None:
        """Make a message durable first, then known."""
        store, queue_id = self._manager.store, order.ticket.queue_id
        key = (MESSAGE, self._view.id, queue_id)
        made, trouble = None, None
        if order.reads_files:
            # What hangs here holds up nobody else.
            made, trouble = await self._make(order)
        async with self._taking:
            # One after the other, so that they go out as they came.
            if self._closed:
                if made:
                    await self._composer.async_drop(made)
                raise OutboxClosedError
            if made is None:
                made, trouble = await self._make(order)
            if not trouble:
                record = partial(message_as_dict, made.message, read_clock())
                store.put(key, record, made.text)
                self._adding[queue_id] = made.message.size
            if order.ticket.cleared:
                store.remove(key)
            elif kept:
                kept()
            self._manager.write_marks()
            written = store.written()
        if not trouble:
            # Whoever comes meanwhile shares the next sync.
            try:
                async with asyncio.timeout(DISK_TIMEOUTS.get(made.message.level)):
                    await asyncio.shield(written)
            except (OSError, TimeoutError) as err:
                trouble = err
                if not isinstance(made.text, bytes):
                    made = await self._composer.async_compose_in_memory(order)
                # What the disk does not let go would be sent after the next start.
                store.remove(key)
            finally:
                del self._adding[queue_id]
        # From here on without an await: nobody can come between.
        message = made.message
        self._tickets.discard(order.ticket)
        if order.ticket.cleared:
            return None
        if trouble:
            LOGGER.error(
                "Message %s cannot be kept: %s",
                queue_id,
                trouble or type(trouble).__name__,
            )
            message = replace(message, in_memory=True)
            self.bodies[queue_id] = bytes(made.text)
        call = Call(
            self._view.id,
            Receipt(
                queue_id=queue_id,
                recipients=message.recipients,
                kept=not trouble,
            ),
        )
        self._manager.calls[queue_id] = call
        self._manager.happen(self._manager.scheduler.take, self._view.id, message)
        if not self._view.running:
            call.tried.set()
        order.ticket.taken.set_result(True)
        return call, trouble

    async def _make(self, order: Order) -> tuple[Made, Exception | None]:
        """Compose a message, if there is room beside all that is kept or about to be."""
        queue, adding = self._view.state.queue, self._adding
        try:
            made = await self._composer.async_compose(
                order, queue.size + sum(adding.values()), len(queue) + len(adding)
            )
        except (OSError, OutboxFullError) as err:
            return await self._composer.async_compose_in_memory(order), err
        return made, None
