"""Makes digests, off the event loop: a part of the outbox's shell."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import BinaryIO

from homeassistant.core import HomeAssistant, callback

from ..const import DOMAIN, LOGGER, STOP_GRACE
from ..mime.models import Composed, KeptMessage
from .clock import read_clock
from .digest import originals
from .events import DigestWriting, Event, Merged, MergeFailed
from .groups import Merging
from .message import QueuedMessage
from .queue import Queue
from .spool import Spool
from .writer import SpoolWriter

type WriteDigest = Callable[
    [BinaryIO, Sequence[KeptMessage], Callable[[], None]], tuple[str, Composed]
]
"""Blocks: writes one message that tells what others do, and returns its subject. It is
given what raises where nobody wants it any more."""


class _NotWantedError(Exception):
    """One of the messages was discarded meanwhile, or the outbox stops."""


class Merger:
    """Owns a task for each digest that is being made."""

    def __init__(
        self,
        hass: HomeAssistant,
        spool: Spool,
        writer: SpoolWriter,
        *,
        tell: Callable[[Event], None],
        queue: Callable[[], Queue],
        new_id: Callable[[], str],
        trouble: Callable[[str], None],
    ) -> None:
        """Prepare. The callables belong to the outbox, whose hands this is."""
        self._hass = hass
        self._spool = spool
        self._writer = writer
        self._tell = tell
        self._queue = queue
        self._new_id = new_id
        self._report = trouble
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._stopping = False

    @property
    def at_work(self) -> set[str]:
        """The first messages of what is being merged."""
        return set(self._tasks.values())

    @callback
    def start(self) -> None:
        """Begin to work, or go on after a stop."""
        self._stopping = False

    @callback
    def merge(
        self,
        messages: tuple[QueuedMessage, ...],
        prepare: Callable[[], Awaitable[WriteDigest]],
    ) -> None:
        """Make a digest of messages."""
        first = messages[0].queue_id
        merging = self._queue().groups.merging[first]
        task = self._hass.async_create_background_task(
            self._merge(messages, merging, prepare), f"{DOMAIN} merge {first}"
        )
        self._tasks[task] = first
        task.add_done_callback(partial(self._tasks.pop))

    async def async_stop(self) -> None:
        """Have nothing more made; what is being written is written to its end."""
        self._stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_GRACE)
        for task in list(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _wanted(self, merging: Merging) -> bool:
        """Tell whether nobody has discarded one of the messages meanwhile."""
        first = merging.queue_ids[0]
        return self._queue().groups.merging.get(first) is merging

    def _check(self, merging: Merging) -> None:
        """Raise _NotWantedError where what is made is of no use. Also for threads."""
        if self._stopping or not self._wanted(merging):
            raise _NotWantedError

    async def _merge(
        self,
        messages: tuple[QueuedMessage, ...],
        merging: Merging,
        prepare: Callable[[], Awaitable[WriteDigest]],
    ) -> None:
        first, queue_id = messages[0].queue_id, self._new_id()
        draft = self._spool.temporary(queue_id)
        drop = partial(self._hass.async_add_executor_job, self._spool.drop_draft, draft)
        try:
            write = await prepare()
            now = read_clock()
            kept = [
                KeptMessage(
                    now.wall_at(one.raised),
                    one.dated,
                    one.subject,
                    self._spool.body(one.queue_id),
                )
                for one in messages
            ]
            subject, composed = await self._hass.async_add_executor_job(
                self._spool.write_draft,
                draft,
                lambda stream: write(stream, kept, partial(self._check, merging)),
            )
            self._check(merging)
        except BaseException as err:
            await asyncio.shield(drop())
            if self._wanted(merging):
                again = isinstance(err, _NotWantedError | asyncio.CancelledError)
                if isinstance(err, OSError):
                    LOGGER.error("Messages go out one by one: %s", err)
                elif not again:
                    self._report("Messages go out one by one")
                self._tell(MergeFailed(first, again))
            if not isinstance(err, Exception):
                raise
            return
        # From here to what the disk says there is no way back.
        self._tell(DigestWriting(first))
        digest = _digest(queue_id, subject, composed, messages)
        added = self._writer.add(digest, draft, read_clock())
        try:
            await asyncio.shield(added)
        except Exception:  # noqa: BLE001 - the writer has said why, whatever it is
            # What the disk does not let go would be sent after the next start.
            self._writer.remove(queue_id)
            self._tell(MergeFailed(first))
            return
        self._tell(Merged(first, digest))


def _digest(
    queue_id: str,
    subject: str,
    composed: Composed,
    messages: Sequence[QueuedMessage],
) -> QueuedMessage:
    """Return what is known of a digest.

    It is as old as the newest of its messages, whose Date field it has, and too old
    when the last of them would be.
    """
    newest = messages[-1]
    too_old = max(one.raised + one.lifetime for one in messages)
    return QueuedMessage(
        queue_id=queue_id,
        subject=subject,
        reverse_path=newest.reverse_path,
        recipients=newest.recipients,
        message_id=composed.message_id,
        importance=max(one.importance for one in messages),
        tag=newest.tag if len({one.tag for one in messages}) == 1 else "",
        size=composed.size,
        gaps=composed.gaps,
        date_at=composed.date_at,
        dated=newest.dated,
        raised=newest.raised,
        arrived=read_clock().steady,
        lifetime=too_old - newest.raised,
        merged=originals(messages),
    )
