"""A message on its way into the outbox: from its alert to what its call is told."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
import os
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from ..clock import Now
from ..const import MEGABYTE
from ..mime.models import Composed, Priority
from ..store import LargeText, Store
from .core.models import Message, OutboxEvent, Outcome, Plan

SMALL = MEGABYTE
"""Octets up to which a text is written in memory, and kept in the journal."""


class OutboxFullError(Exception):
    """There is no room for another message."""


class OutboxClosedError(Exception):
    """The account is gone."""


class StalledError(Exception):
    """A file that was to go with a message is not read to its end in time."""


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
    """Blocks; with the stream to write to."""
    subject: str
    sender_name: str
    priority: Priority
    expires_after: timedelta
    reads_files: bool
    """Which may hang."""
    alone: bool
    """Whether it is never merged with others."""
    kept: Callable[[], None]
    """Marks what belongs to it and is to be on disk by the same round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A message in wire form."""

    message: Message
    text: bytes | LargeText
    """In memory, or in a file of the store's where it is large."""
    trouble: Exception | None = None
    """Why it cannot be kept."""


@dataclass(eq=False, slots=True, kw_only=True, weakref_slot=True)
class Receipt:
    """What has become of a message by the time its call returns."""

    account: str
    queue_id: str
    recipients: tuple[str, ...]
    plan: Plan | None = None
    """When it goes and why not now, if it waits."""
    kept: bool = True
    """Whether the disk has all that this call has changed, as far as that is known."""
    dropped: bool = False
    """Whether somebody discarded it, or removed its account, before it went out."""
    events: list[OutboxEvent] = field(default_factory=list)
    """Of its first attempt: one for those who were accepted, one for those who wait,
    and one for each who was refused. Empty: it was not tried yet."""
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where there is nothing to wait for any more."""

    @property
    def decisive(self) -> OutboxEvent | None:
        """The event that says what became of it: what was accepted counts first."""
        weights = list(Outcome)
        return min(
            self.events, key=lambda one: weights.index(one.outcome), default=None
        )

    @property
    def by(self) -> str:
        """The account that has tried it, or will; empty: its own."""
        if self.plan:
            return self.plan.by
        return self.decisive.by if self.decisive else ""

    @property
    def accepted(self) -> tuple[str, ...]:
        """Who was accepted."""
        return self._with(Outcome.ACCEPTED)

    @property
    def deferred(self) -> tuple[str, ...]:
        """Who waits: all, if nothing was tried."""
        if self.dropped:
            return ()
        if not self.events:
            return self.recipients
        return self._with(Outcome.DEFERRED, Outcome.UNKNOWN)

    @property
    def refused(self) -> Mapping[str, OutboxEvent]:
        """Who was refused for good, or waited too long, and how that was said."""
        return {
            recipient: event
            for event in self.events
            if event.outcome in (Outcome.REJECTED, Outcome.EXPIRED)
            for recipient in event.recipients
        }

    def _with(self, *outcomes: Outcome) -> tuple[str, ...]:
        return tuple(
            recipient
            for event in self.events
            if event.outcome in outcomes
            for recipient in event.recipients
        )


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
        self._checksum = 0
        self._path: Path | None = None
        self._file: BinaryIO | None = None

    def write(self, octets: bytes) -> int:
        """Write, unless that is of no use any more."""
        if self.abandoned:
            raise StalledError
        self.written += len(octets)
        self._checksum = crc32(octets, self._checksum)
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
        self._memory, self._path, self._file = BytesIO(), None, None
        self.written = self._checksum = 0
        return 0

    def text(self) -> bytes | LargeText:
        """Return what was written, or where."""
        if self._path is None or self._file is None:
            return self._memory.getvalue()
        self._file.close()
        return LargeText(self._path, (self.written, self._checksum))

    def drop(self) -> None:
        """Leave nothing of it."""
        if self._file:
            # What was not written yet is refused once more by a full disk.
            with suppress(OSError):
                self._file.close()
        if self._path:
            self._store.drop_draft(self._path)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
