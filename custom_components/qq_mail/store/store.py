"""The store as the event loop sees it: memory changes first, the disk follows."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import errno
from functools import partial
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, NamedTuple

from .disk import LOGGER, Disk
from .journal import Change, Journal, LargeText
from .line import Key
from .loading import TEXT, Contents
from .records import as_octets

RETRY_INTERVAL = 60.0
"""Seconds after which a disk that took no writes is tried again."""
QUIET = 5.0
"""Seconds without a change after which the journal is tidied: an alert that waits for
the disk changes something more often than that."""
LONGEST_HOLD = 2 * 60 * 60.0
"""Seconds after which a backup is over whose end nobody told."""


type Record = Callable[[], Mapping[str, Any]]
type Chore = Callable[[], None]
"""Something to be done with the folder, between rounds."""


class _Wanted(NamedTuple):
    """What is to be on disk of a key."""

    record: Record | None
    """None: it is to be gone."""
    text: bytes | LargeText | None = None

    def after(self, earlier: _Wanted | None) -> _Wanted:
        """Return the same with the text that was not written yet.

        Also of a key that is to be gone: then its draft goes with it.
        """
        if earlier and self.text is None:
            return self._replace(text=earlier.text)
        return self


@dataclass(slots=True)
class _Round:
    """What is written together, and who waits for it."""

    changes: dict[Key, _Wanted] = field(default_factory=dict)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    chores: list[Chore] = field(default_factory=list)
    """What is to be done behind it."""


class Store:
    """Keeps what must survive, in rounds of one sync each.

    What is put or removed without an await in between is one round: all of it is on
    disk after a kill, or nothing. What comes while a round is written makes the next
    one. What the disk refuses is kept, and tried again with whatever comes next, or
    after a minute. While nothing is to be written, the journal is tidied in pieces, so
    that what comes meanwhile waits for one sync at most.
    """

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        """Name the folder; tests give a disk of their own."""
        self._disk = disk or Disk()
        self._journal = Journal(folder, self._disk)
        self._next = _Round()
        self._writing = _Round()
        self._refused: dict[Key, _Wanted] = {}
        self._chores: list[Chore] = []
        """What is to be done before the next round."""
        self._refused_chores: list[Chore] = []
        self.unwritten = 0
        """How many changes the disk did not take, when it was last tried."""
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._is_ill = False
        """Whether the disk refused a piece of tidying: it is given some time."""
        self._is_tidying = False
        self._is_stopping = False
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}
        """By what they are for."""

    async def async_load(self) -> Contents:
        """Return what is on disk. Call it once, before anything else."""
        self._loop = asyncio.get_running_loop()
        loaded = await self._loop.run_in_executor(None, self._journal.load)
        self._go_on()
        return loaded

    def accept_backup(self) -> None:
        """Mark this folder as the original: a person has decided about the backup.

        What was changed before is on disk before that.
        """
        self._chore(partial(self._once_written, self._journal.accept))

    def put(
        self, key: Key, record: Record, text: bytes | LargeText | None = None
    ) -> None:
        """Have it written what holds of a key; `record` is asked when that begins.

        `text` belongs to a key that is new: octets, or a file of its own. A key that
        has a text keeps it. A key that is removed and put again in the same round was
        not removed.
        """
        self._want(key, _Wanted(record, text))

    def remove(self, key: Key) -> None:
        """Have a key removed, with its text."""
        self._want(key, _Wanted(None))

    def remove_account(self, account: str) -> None:
        """Have all keys of an account removed, and its texts overwritten at once."""
        rounds = (self._next.changes, self._writing.changes, self._refused)
        for key in {*self._journal.keys(), *(key for keys in rounds for key in keys)}:
            if key[1] == account:
                self.remove(key)
        forget = partial(self._journal.forget, account)
        self._chore(partial(self._once_written, forget))
        self._is_tidying = True

    def written(self) -> asyncio.Future[None]:
        """Return what is done when all that was changed so far is synced.

        It raises OSError if the disk refused the round; that is tried again later.
        """
        waiting = self._loop.create_future()
        if self._refused and not self._next.changes:
            self._retry()
        for round_ in (self._next, self._writing):
            if round_.changes:
                round_.waiting.append(waiting)
                return waiting
        waiting.set_result(None)
        return waiting

    def text(self, key: Key) -> Callable[[], BinaryIO]:
        """Return what opens the text of a key, in an executor.

        What is opened stays readable when it is removed. Raises OSError,
        FileNotFoundError among them if there is none, or it is gone.
        """
        for wanted in (self._next.changes, self._writing.changes, self._refused):
            text = wanted[key].text if key in wanted else None
            if isinstance(text, bytes):
                return partial(BytesIO, text)
            if text:
                return partial(self._disk.stream, text.file)
        return partial(self._journal.open_text, key, self._journal.text(key))

    def draft(self, name: str) -> Path:
        """Return where a large text can be written before it is put."""
        return self._journal.folder / f"{name}-{token_hex(4)}{TEXT}"

    def drop_draft(self, draft: Path) -> None:
        """Remove a draft, in an executor, unless a text was made of it."""
        self._journal.drop_draft(draft)

    def free_space(self) -> int:
        """Return how many octets are free, in an executor."""
        return self._disk.free_space(self._journal.folder)

    @property
    def is_busy(self) -> bool:
        """Whether something is being done, or will be when it has been quiet."""
        return not self._is_idle.is_set() or self._tidy in self._timers

    def hold(self) -> asyncio.Future[None]:
        """Change nothing that is on disk, while a backup is made: only add to it.

        Wait for what it returns before files are copied: then a copy holds exactly
        what was there now. It ends by `release`, or by itself after two hours.
        """
        self._do_later(LONGEST_HOLD, self.release)
        held = self._loop.create_future()

        def hold() -> None:
            self._journal.hold()
            self._loop.call_soon_threadsafe(_settle, held)

        self._chore(hold)
        return held

    def release(self) -> None:
        """Tidy again: the backup is made."""
        self._cancel(self.release)
        self._chore(self._journal.release)

    async def async_stop(self) -> None:
        """Try what the disk refused once more, and from now on only what still comes."""
        self._is_stopping = True
        self._cancel(self._tidy, self.release)
        self._retry()
        await self._is_idle.wait()

    def _want(self, key: Key, wanted: _Wanted) -> None:
        earlier = self._next.changes.get(key) or self._refused.get(key)
        self._next.changes[key] = wanted.after(earlier)
        self._go_on()

    def _chore(self, do: Chore) -> None:
        """Do something behind what was changed so far."""
        (self._next.chores if self._next.changes else self._chores).append(do)
        self._go_on()

    def _once_written(self, do: Chore) -> None:
        """Do what may not be done before the disk has what it refused."""
        if self._refused:
            raise OSError(errno.EAGAIN, "Not all that was changed before is on disk")
        do()

    def _go_on(self) -> None:
        """Do what is to be done, but not at once: what is decided together is one."""
        if self._is_idle.is_set():
            self._is_idle.clear()
            self._cancel(self._tidy)
            self._loop.call_soon(self._step)

    def _step(self) -> None:
        """Begin what is to be done next, or rest."""
        if self._chores:
            self._run(self._chores.pop(0), is_chore=True)
        elif self._next.changes:
            self._begin()
        elif self._is_ill or self._is_stopping:
            self._rest()
        elif self._journal.is_cramped:
            self._run(self._journal.make_room)
        elif self._journal.is_untidy and (
            self._is_tidying or self._journal.is_overgrown
        ):
            self._run(self._journal.tidy)
        else:
            self._is_tidying = False
            self._rest()

    def _rest(self) -> None:
        """Wait for what comes; if nothing does for a while, tidy."""
        self._is_idle.set()
        if not self._is_stopping and not self._is_ill and self._journal.is_untidy:
            self._do_later(QUIET, self._tidy)

    def _tidy(self) -> None:
        self._is_tidying = True
        self._go_on()

    def _begin(self) -> None:
        round_ = self._writing = self._next
        self._next = _Round()
        changes: list[Change] = []
        broken: dict[Key, Exception] = {}
        for key, wanted in round_.changes.items():
            # The newest of each: what was refused before is of no use any more.
            self._refused.pop(key, None)
            try:
                octets = as_octets(wanted.record()) if wanted.record else None
                changes.append(Change(key, octets, wanted.text))
            except Exception as err:  # noqa: BLE001 - one must not stop the others
                LOGGER.exception("There is no record of %s", key)
                broken[key] = err
        # None of Home Assistant's jobs: it cancels these when it stops, but a thread
        # goes on, and two must never write at once.
        self._loop.run_in_executor(
            None, self._journal.write, changes
        ).add_done_callback(partial(self._end, round_, broken))

    def _end(
        self,
        round_: _Round,
        broken: dict[Key, Exception],
        job: asyncio.Future[dict[Key, OSError]],
    ) -> None:
        """Tell who waits for a round, and keep what the disk refused."""
        self._writing = _Round()
        self._chores = round_.chores + self._chores
        refusal = job.exception()
        if refusal is None:
            broken |= job.result()
        for key, wanted in round_.changes.items() if refusal else ():
            if key in broken:
                continue
            self._refused[key] = wanted
            if later := self._next.changes.get(key):
                self._next.changes[key] = later.after(wanted)
        for waiting in round_.waiting:
            _settle(waiting, refusal or next(iter(broken.values()), None))
        if refusal:
            LOGGER.error("Cannot write to %s: %s", self._journal.folder, refusal)
            self._retry_later()
        elif self._refused:
            # It takes writes again.
            self._retry()
        self.unwritten = len(self._refused)
        self._step()

    def _run(self, do: Chore, *, is_chore: bool = False) -> None:
        """Do a chore, or a piece of tidying."""

        def end(job: asyncio.Future[None]) -> None:
            if err := job.exception():
                LOGGER.error("Cannot change %s: %s", self._journal.folder, err)
                if is_chore:
                    self._refused_chores.append(do)
                else:
                    self._is_ill = True
                self._retry_later()
            self._step()

        self._loop.run_in_executor(None, do).add_done_callback(end)

    def _retry_later(self) -> None:
        if self._retry not in self._timers and not self._is_stopping:
            self._do_later(RETRY_INTERVAL, self._retry)

    def _retry(self) -> None:
        """Try all again that the disk refused."""
        self._cancel(self._retry)
        self._is_ill = False
        self._next.changes = self._refused | self._next.changes
        chores, self._refused_chores = self._refused_chores, []
        for do in chores:
            self._chore(do)
        self._go_on()

    def _do_later(self, seconds: float, do: Callable[[], None]) -> None:
        self._cancel(do)
        self._timers[do] = self._loop.call_later(seconds, do)

    def _cancel(self, *some: Callable[[], None]) -> None:
        for do in some:
            if timer := self._timers.pop(do, None):
                timer.cancel()


def _settle(
    waiting: asyncio.Future[None], trouble: BaseException | None = None
) -> None:
    """Let who waits go on, if anybody still does."""
    if waiting.done():
        return
    if trouble is None:
        waiting.set_result(None)
    else:
        waiting.set_exception(trouble)
        # Who asked may not want to know any more.
        waiting.exception()
