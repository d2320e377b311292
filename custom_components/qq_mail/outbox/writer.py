"""The one that changes the spool: it brings each file to what memory says."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

from homeassistant.core import HomeAssistant, callback

from ..const import LOGGER
from .clock import Now
from .message import QueuedMessage
from .spool import Spool

RETRY_INTERVAL = 60.0
"""Seconds after which a disk that took no writes is tried again."""

_STATE = "state"
_RESTORED = "restored"

type _Change = Callable[[], None] | None
"""What writes a file; None: the message is to be removed."""


class SpoolWriter:
    """Writes what was changed in memory: each file's newest, one change at a time.

    What the disk does not take is remembered, and tried again with whatever comes
    next, or after a minute: an accepted message that stays on disk would be sent again
    after the next start.
    """

    def __init__(self, hass: HomeAssistant, spool: Spool) -> None:
        """Begin with nothing to write."""
        self._hass = hass
        self._spool = spool
        self._pending: dict[str, _Change] = {}
        self._stuck: dict[str, _Change] = {}
        self._round: asyncio.Future[None] | None = None
        """Done when what is being written was tried."""
        self._next_round: asyncio.Future[None] | None = None
        """Done when what is pending was tried."""
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._ended = False

    @property
    def stuck(self) -> int:
        """How many changes the disk does not take."""
        return len(self._stuck)

    @callback
    def update(self, message: QueuedMessage, now: Now) -> None:
        """Have what is known of a message written."""
        self._put(message.queue_id, partial(self._spool.update, message, now))

    @callback
    def hold_restored(self, messages: list[QueuedMessage], now: Now) -> None:
        """Have it written that messages from a backup wait for a person."""
        self._put(_RESTORED, partial(self._spool.hold_restored, messages, now))

    @callback
    def remove(self, queue_id: str) -> None:
        """Have a message removed."""
        self._put(queue_id, None)

    @callback
    def keep_state(self, write: Callable[[], None]) -> None:
        """Have the account's state written by this."""
        self._put(_STATE, write)

    async def flush(self) -> None:
        """Wait until all that was changed so far is on disk, or was refused."""
        if self._pending and self._next_round:
            await asyncio.shield(self._next_round)
        elif self._round:
            await asyncio.shield(self._round)

    async def async_close(self) -> None:
        """Try what is left once more, and then only what still comes."""
        self._closed = True
        self._retry()
        await self.flush()

    async def async_end(self) -> None:
        """Change nothing more: the folder may soon be another's, or be gone."""
        await self.flush()
        self._ended = True

    def _put(self, key: str, change: _Change) -> None:
        if self._ended:
            return
        self._pending.pop(key, None)
        self._stuck.pop(key, None)
        self._pending[key] = change
        if self._next_round is None:
            self._next_round = self._hass.loop.create_future()
        if self._round is None:
            self._start()

    def _start(self) -> None:
        tried = self._round = cast("asyncio.Future[None]", self._next_round)
        self._next_round = None
        changes, self._pending = self._pending, {}
        self._hass.async_create_background_task(
            self._run(changes, tried), "qq_mail spool"
        )

    async def _run(
        self, changes: dict[str, _Change], tried: asyncio.Future[None]
    ) -> None:
        failed: dict[str, _Change] = changes
        try:
            failed = await self._hass.async_add_executor_job(self._write_all, changes)
        finally:
            for key, change in failed.items():
                if key not in self._pending:
                    self._stuck[key] = change
            tried.set_result(None)
            self._round = None
            if self._stuck and not failed:
                # It takes writes again.
                self._retry()
            if self._pending and self._round is None:
                self._start()
            elif self._stuck and not self._timer and not self._closed:
                self._timer = self._hass.loop.call_later(RETRY_INTERVAL, self._retry)

    def _retry(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        stuck, self._stuck = self._stuck, {}
        for key, change in stuck.items():
            self._put(key, change)

    def _write_all(self, changes: dict[str, _Change]) -> dict[str, _Change]:
        """Write in an executor, and return what was not possible."""
        failed: dict[str, _Change] = {}
        removed = [key for key, change in changes.items() if change is None]
        for key, change in changes.items():
            if change is not None:
                try:
                    change()
                except OSError as err:
                    LOGGER.error("Cannot write to the spool: %s", err)
                    failed[key] = change
                except Exception:  # noqa: BLE001 - one file must not stop the others
                    LOGGER.exception("Cannot write to the spool")
                    failed[key] = change
        # After the state: it may say that something went out under a tag.
        if removed:
            failed |= dict.fromkeys(self._spool.remove(removed))
        return failed
