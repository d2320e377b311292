"""The one that changes the spool: it brings the disk to what memory says."""

import asyncio
from collections.abc import Mapping
from functools import partial
import json
from pathlib import Path
from typing import Any, cast

from homeassistant.core import HomeAssistant, callback

from ..const import LOGGER
from .clock import Now
from .message import QueuedMessage
from .record import as_json
from .spool import PRESENT, STATE, Change, Spool

RETRY_INTERVAL = 60.0
"""Seconds after which a disk that took no writes is tried again."""
QUIET = 1.0
"""Seconds without a change after which the journal is tidied: an alert that waits for
the disk changes something more often than that."""


class SpoolWriter:
    """Writes what was changed in memory: the newest of each, in rounds of one sync.

    What comes while one round is written makes the next one.
    What the disk does not take is remembered, and tried again with whatever comes
    next, or after a minute: an accepted message that stays on disk would be sent again
    after the next start.
    The journal is tidied when nothing was written for a moment, in pieces, so that what
    comes meanwhile waits for one of them at most.
    """

    def __init__(self, hass: HomeAssistant, spool: Spool) -> None:
        """Begin with nothing to write."""
        self._hass = hass
        self._spool = spool
        self._pending: dict[str, Change] = {}
        self._stuck: dict[str, Change] = {}
        self._adding: dict[str, asyncio.Future[None]] = {}
        """Who waits for a new message to be kept."""
        self._round: asyncio.Future[None] | None = None
        """Done when what is being written was tried."""
        self._next_round: asyncio.Future[None] | None = None
        """Done when what is pending was tried."""
        self._busy = False
        """Whether there is a task that writes, or is about to."""
        self._timer: asyncio.TimerHandle | None = None
        self._piece: asyncio.Future[None] | None = None
        """Done when what is being tidied was tried."""
        self._tidy_timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._ended = False

    @property
    def stuck(self) -> int:
        """How many changes the disk does not take."""
        return len(self._stuck)

    @callback
    def add(
        self, message: QueuedMessage, draft: Path, now: Now
    ) -> asyncio.Future[None]:
        """Have a new message kept. What comes back raises why that was not possible."""
        added = self._adding[message.queue_id] = self._hass.loop.create_future()
        supersedes = tuple(one.queue_id for one in message.merged)
        for queue_id in supersedes:
            # What is still to be said of them is of no use any more.
            self._pending.pop(queue_id, None)
            self._stuck.pop(queue_id, None)
        record = partial(as_json, message, now)
        self._put(Change(message.queue_id, record, draft, supersedes))
        return added

    @callback
    def update(self, message: QueuedMessage, now: Now) -> None:
        """Have what is known of a message written."""
        self._put(Change(message.queue_id, partial(as_json, message, now)))

    @callback
    def hold_restored(self, messages: list[QueuedMessage], now: Now) -> None:
        """Have it written that messages from a backup wait for a person."""
        for message in messages:
            self.update(message, now)
        self._put(Change(PRESENT, None))

    @callback
    def remove(self, queue_id: str) -> None:
        """Have a message removed."""
        self._put(Change(queue_id, None))

    @callback
    def keep_state(self, state: dict[str, Any]) -> None:
        """Have the account's state written."""
        self._put(Change(STATE, partial(json.dumps, state)))

    async def flush(self) -> None:
        """Wait until all that was changed so far is on disk, or was refused."""
        if self._pending and self._next_round:
            await asyncio.shield(self._next_round)
        elif self._round:
            await asyncio.shield(self._round)

    async def async_close(self) -> None:
        """Try what is left once more, and then only what still comes."""
        self._closed = True
        self._cancel_tidying()
        self._retry()
        await self.flush()

    async def async_end(self) -> None:
        """Change nothing more: the folder may soon be another's, or be gone."""
        self._closed = True
        while self._busy:
            if self._piece:
                await asyncio.wait({self._piece})
            await self.flush()
        self._ended = True
        self._cancel_tidying()

    def _put(self, change: Change) -> None:
        if self._ended:
            return
        self._pending.pop(change.key, None)
        self._stuck.pop(change.key, None)
        self._pending[change.key] = change
        if self._next_round is None:
            self._next_round = self._hass.loop.create_future()
        self._cancel_tidying()
        if not self._busy:
            self._start()

    def _start(self) -> None:
        self._busy = True
        # Not at once: what is decided together is written together.
        self._hass.loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._round, self._next_round = self._next_round, None
        changes, self._pending = self._pending, {}
        # None of Home Assistant's jobs: it cancels these when it stops, but a thread
        # goes on, and two must never write at once.
        self._hass.loop.run_in_executor(
            None, self._spool.write, list(changes.values())
        ).add_done_callback(partial(self._end, changes))

    def _end(
        self,
        changes: dict[str, Change],
        job: asyncio.Future[dict[str, Exception]],
    ) -> None:
        failed: Mapping[str, BaseException]
        if err := job.exception():
            failed = dict.fromkeys(changes, err)
        else:
            failed = job.result()
        for err in set(failed.values()):
            LOGGER.error("Cannot write to the spool: %s", err, exc_info=_trace(err))
        for key, change in changes.items():
            if change.draft is not None:
                self._tell(key, failed.get(key))
            elif key in failed and key not in self._pending:
                self._stuck[key] = change
        cast("asyncio.Future[None]", self._round).set_result(None)
        self._round = None
        if self._stuck and not failed:
            # It takes writes again.
            self._retry()
        elif self._stuck and not self._timer and not self._closed:
            self._timer = self._hass.loop.call_later(RETRY_INTERVAL, self._retry)
        if self._spool.overgrown and not self._closed:
            self._tidy()
            return
        self._busy = False
        if self._pending:
            self._start()
        elif self._spool.untidy and not self._closed:
            self._tidy_timer = self._hass.loop.call_later(QUIET, self._tidy)

    def _tidy(self) -> None:
        """Do a piece of what keeps the journal short."""
        self._tidy_timer = None
        self._busy = True
        self._piece = self._hass.loop.run_in_executor(None, self._spool.tidy)
        self._piece.add_done_callback(self._tidied)

    def _tidied(self, piece: asyncio.Future[None]) -> None:
        """Write what came meanwhile, or do the next piece."""
        self._piece = None
        self._busy = False
        if err := piece.exception():
            LOGGER.error("Cannot tidy the spool: %s", err, exc_info=err)
        if self._pending:
            self._start()
        elif self._spool.untidy and not err and not self._closed:
            self._tidy()

    def _cancel_tidying(self) -> None:
        if self._tidy_timer:
            self._tidy_timer.cancel()
            self._tidy_timer = None

    def _tell(self, queue_id: str, trouble: BaseException | None) -> None:
        """Let who waits for a new message know that it is kept, or why not."""
        added = self._adding.pop(queue_id)
        if trouble:
            added.set_exception(trouble)
        else:
            added.set_result(None)

    def _retry(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        stuck, self._stuck = self._stuck, {}
        for change in stuck.values():
            self._put(change)


def _trace(err: BaseException) -> BaseException | None:
    """Return what to log the traceback of: what a disk may say needs none."""
    return None if isinstance(err, OSError) else err
