"""A message's way into the outbox: written in wire form, in memory or in a file."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
import os
from pathlib import Path
from typing import BinaryIO, cast

from homeassistant.core import HomeAssistant

from ..clock import Now
from ..const import MAX_BYTES, MAX_MESSAGES, MAX_SHARE_OF_DISK, MEGABYTE
from ..mime.models import Composed
from ..store import Store
from .core.models import Message
from .errors import OutboxFullError, StalledError

SMALL = MEGABYTE
"""Octets up to which a text is written in memory, and kept in the journal."""
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


@dataclass(frozen=True, slots=True)
class Order:
    """What is to become a message of the outbox."""

    ticket: Ticket
    compose: Callable[[BinaryIO], Composed]
    """Blocks; with the stream to write to."""
    message: Message
    """As it will wait, but for what is known when it is written."""
    reads_files: bool
    """Which may hang."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A message in wire form."""

    message: Message
    text: bytes | Path
    """In memory, or in a file of the store's where it is large."""


class WireStream:
    """What a message is written to: memory first, a file of the store's when it is large.

    It sees how far the message is, and ends it where nobody waits any more.
    """

    def __init__(self, store: Store, name: str, most: int | None) -> None:
        """Write to memory up to so many octets; None: whatever comes."""
        self.written = 0
        self.abandoned = False
        self._store = store
        self._name = name
        self._most = most
        self._memory = BytesIO()
        self._path: Path | None = None
        self._file: BinaryIO | None = None

    def write(self, octets: bytes) -> int:
        """Write, unless that is of no use any more."""
        if self.abandoned:
            raise StalledError
        self.written += len(octets)
        if self._file is None:
            if self._most is None or self.written <= self._most:
                return self._memory.write(octets)
            self._path = self._store.draft(self._name)
            self._file = open(self._path, "wb", opener=_open_private)  # noqa: SIM115 - closed below
            self._file.write(self._memory.getvalue())
        return self._file.write(octets)

    def seek(self, _position: int) -> int:
        """Go to the beginning, the one place that is asked for: it is written anew."""
        return 0

    def truncate(self) -> int:
        """Forget what was written."""
        self.drop()
        self._memory, self._path, self._file, self.written = BytesIO(), None, None, 0
        return 0

    def text(self) -> bytes | Path:
        """Return what was written, or where."""
        if self._file:
            self._file.close()
        return self._path or self._memory.getvalue()

    def drop(self) -> None:
        """Leave nothing of it."""
        if self._file:
            self._file.close()
        if self._path:
            self._store.drop_draft(self._path)


class Composer:
    """Writes messages; the outbox takes them into its care."""

    def __init__(self, hass: HomeAssistant, store: Store) -> None:
        """Keep where large texts are written to."""
        self._hass = hass
        self._store = store

    async def async_compose(self, order: Order, held: int, number: int) -> Made:
        """Write a message, if there is room beside so many octets and messages.

        Raises StalledError where a file that goes with it is not read to its end;
        OutboxFullError; whatever `compose` raises, but OSError means the disk.
        """
        share = 1 + _RESERVE if order.message.priority.is_urgent else 1
        stream = WireStream(self._store, order.ticket.queue_id, SMALL)

        def write() -> Made:
            made = _compose(order, stream)
            free = self._store.free_space()
            room = min(MAX_BYTES, (free + held) * MAX_SHARE_OF_DISK) * share
            if number >= MAX_MESSAGES * share or held + made.message.size > room:
                raise OutboxFullError
            return made

        return await self._async_run(order, stream, write)

    async def async_compose_in_memory(self, order: Order) -> Made:
        """Write a message that the disk does not take."""
        stream = WireStream(self._store, order.ticket.queue_id, None)
        return await self._async_run(order, stream, lambda: _compose(order, stream))

    async def async_drop(self, made: Made) -> None:
        """Leave nothing of a message that nobody takes."""
        if isinstance(made.text, Path):
            await self._hass.async_add_executor_job(self._store.drop_draft, made.text)

    async def _async_run(
        self, order: Order, stream: WireStream, write: Callable[[], Made]
    ) -> Made:
        """Run in an executor, for as long as there is progress."""

        def run() -> Made:
            try:
                return write()
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
                job.add_done_callback(_forget)
                raise StalledError
            seen = stream.written
        return job.result()


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _compose(order: Order, stream: WireStream) -> Made:
    composed = order.compose(cast("BinaryIO", stream))
    message = replace(
        order.message,
        recipients=composed.recipients,
        size=composed.size,
        gaps=composed.gaps,
        reply_to=composed.reply_to,
    )
    return Made(message=message, text=stream.text())


def _forget(job: asyncio.Future[Made]) -> None:
    """Take what came of a job that nobody waits for."""
    with suppress(Exception, asyncio.CancelledError):
        job.result()
