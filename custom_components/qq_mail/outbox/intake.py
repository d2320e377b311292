"""A message's way into the outbox: onto the disk, or where that fails, into memory."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

from homeassistant.core import HomeAssistant

from ..const import LOGGER, MAX_BYTES, MAX_MESSAGES, MAX_SHARE_OF_DISK
from ..mime.models import Composed
from .clock import Now
from .errors import OutboxFullError, StalledError
from .message import QueuedMessage
from .spool import Spool

_RESERVE = 0.1
"""What important messages may have on top of the bounds, as a share of these."""
_STALL_TIMEOUT = 10.0
"""Seconds without progress after which an attached file is taken for unreadable."""


@dataclass(eq=False, slots=True)
class Ticket:
    """A message that is being made: from its alert until it is taken."""

    queue_id: str
    raised: Now
    tag: str = ""
    cleared: bool = False
    """What it tells of was declared over meanwhile."""
    taken: asyncio.Future[bool] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """Whether it came into the outbox's care, once that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to become a message of the outbox."""

    ticket: Ticket
    compose: Callable[[BinaryIO], Composed]
    """Blocks; with the file to write to."""
    subject: str
    importance: int
    lifetime: float
    """Seconds."""
    reads_files: bool
    """Which may hang."""
    acts: bool
    """Whether it has buttons that act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A message in wire form, in a file or in memory."""

    message: QueuedMessage
    draft: Path
    body: bytes | None = None
    """In memory; then there is no draft."""
    trouble: OSError | OutboxFullError | None = None
    """Why it is in memory."""


class Intake:
    """Makes messages; the outbox takes them into its care."""

    def __init__(self, hass: HomeAssistant, spool: Spool) -> None:
        """Keep where they are written to."""
        self._hass = hass
        self._spool = spool

    async def async_make(self, order: Order, held: int, number: int) -> Made:
        """Compose a message, on disk if that has room beside so many octets and others.

        Raises StalledError where a file that goes with it is not read to its end;
        whatever `compose` raises, but OSError means the disk.
        """
        draft = self._spool.temporary(order.ticket.queue_id)

        def write(stream: BinaryIO) -> QueuedMessage:
            message = _compose(order, stream)
            share = 1 + _RESERVE if order.importance > 0 else 1
            free = self._spool.free_space()
            room = min(MAX_BYTES, (free + held) * MAX_SHARE_OF_DISK) * share
            if number >= MAX_MESSAGES * share or held + message.size > room:
                raise OutboxFullError
            return message

        def write_draft(watch: _Watch) -> QueuedMessage:
            try:
                return self._spool.write_draft(
                    draft, lambda stream: write(watch.over(stream))
                )
            except BaseException:
                self._spool.drop_draft(draft)
                raise

        try:
            message = await self._async_run(order, write_draft)
        except (OSError, OutboxFullError) as err:
            return await self.async_make_in_memory(order, err)
        return Made(message=message, draft=draft)

    async def async_make_in_memory(
        self, order: Order, trouble: OSError | OutboxFullError
    ) -> Made:
        """Compose a message that the disk does not take."""
        LOGGER.error(
            "Message %s cannot be kept: %s",
            order.ticket.queue_id,
            trouble or type(trouble).__name__,
        )
        stream = BytesIO()

        def write(watch: _Watch) -> QueuedMessage:
            return _compose(order, watch.over(stream))

        message = await self._async_run(order, write)
        return Made(
            message=replace(message, in_memory=True),
            draft=Path(),
            body=stream.getvalue(),
            trouble=trouble,
        )

    async def async_drop(self, made: Made) -> None:
        """Leave nothing of a message that nobody takes."""
        await self._hass.async_add_executor_job(self._spool.drop_draft, made.draft)

    async def _async_run(
        self, order: Order, write: Callable[[_Watch], QueuedMessage]
    ) -> QueuedMessage:
        """Run in an executor, for as long as there is progress."""
        watch = _Watch()
        job = self._hass.async_add_executor_job(write, watch)
        if not order.reads_files:
            return await job
        seen = -1
        while not job.done():
            await asyncio.wait({job}, timeout=_STALL_TIMEOUT)
            if not job.done() and watch.written == seen:
                watch.abandoned = True
                job.add_done_callback(_forget)
                raise StalledError
            seen = watch.written
        return job.result()


class _Watch:
    """Sees how far a message is written, and ends it where nobody waits any more."""

    def __init__(self) -> None:
        self.written = 0
        self.abandoned = False

    def over(self, stream: BinaryIO) -> BinaryIO:
        """Return a stream that is watched."""
        return cast("BinaryIO", _WatchedStream(stream, self))


class _WatchedStream:
    """What a message is written to: of a stream, only what that needs."""

    def __init__(self, stream: BinaryIO, watch: _Watch) -> None:
        self._stream = stream
        self._watch = watch
        self.seek = stream.seek
        self.truncate = stream.truncate

    def write(self, octets: bytes) -> int:
        """Write, unless that is of no use any more."""
        if self._watch.abandoned:
            raise StalledError
        self._watch.written += len(octets)
        return self._stream.write(octets)


def _compose(order: Order, stream: BinaryIO) -> QueuedMessage:
    """Have a message written, and return what is known of it."""
    composed = order.compose(stream)
    raised = order.ticket.raised
    return QueuedMessage(
        queue_id=order.ticket.queue_id,
        subject=order.subject,
        reverse_path=composed.envelope.reverse_path,
        recipients=composed.envelope.recipients,
        message_id=composed.message_id,
        importance=order.importance,
        tag=order.ticket.tag,
        size=composed.size,
        gaps=composed.gaps,
        date_at=composed.date_at,
        dated=raised.wall,
        raised=raised.steady,
        arrived=raised.steady,
        lifetime=order.lifetime,
        acts=order.acts,
    )


def _forget(job: asyncio.Future[QueuedMessage]) -> None:
    """Take what came of a job that nobody waits for."""
    with suppress(Exception, asyncio.CancelledError):
        job.result()
