"""The real store on a simulated disk, which can be full, broken or without power."""

import asyncio
from asyncio import _set_running_loop
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping
import errno
from functools import partial
from random import Random
from typing import Any, cast

from custom_components.qq_mail.outbox.core.account import Records
from custom_components.qq_mail.outbox.core.turn import MESSAGE
from custom_components.qq_mail.store import Key, Store
from custom_components.qq_mail.store.store import Record
from tests.store.house import FOLDER, ROOT
from tests.store.power import SimulatedDisk

from .report import FaultError

_DISK = 0.03
"""Seconds that whatever is done with the disk takes."""

type Later = Callable[[float, Callable[[], object]], None]
"""Has something done after so many seconds, if the process lives then."""


class PowerCutError(Exception):
    """The machine, or its process, ended in the midst of a change of the disk."""


class Timer:
    """Something that is done later, unless it is cancelled."""

    def __init__(self, do: Callable[[], object]) -> None:
        """Begin."""
        self._do: Callable[[], object] | None = do

    def cancel(self) -> None:
        """Have it not done."""
        self._do = None

    def fire(self) -> None:
        """Do it."""
        if self._do:
            self._do()


class Loop:
    """As much of an event loop as the store needs, in the agenda's time."""

    def __init__(self, later: Later) -> None:
        """Begin with nothing to do."""
        self._later = later
        self._is_starting = False

    def run(self, start: Coroutine[Any, Any, Any]) -> Any:
        """Return what comes of a start, during which nothing else happens."""
        self._is_starting = True
        _set_running_loop(cast("Any", self))
        try:
            start.send(None)
        except StopIteration as end:
            return end.value
        finally:
            _set_running_loop(None)
            self._is_starting = False
        raise FaultError("The start waits for something")

    def get_debug(self) -> bool:
        """Say that nobody looks for faults in it: a future wants to know."""
        return False

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future, whose callbacks are called here."""
        return asyncio.Future(loop=cast("Any", self))

    def call_soon(self, do: Callable[..., object], *args: Any, **_: Any) -> Timer:
        """Do something when what happens now is over."""
        return self.call_later(0, do, *args)

    def call_later(
        self, seconds: float, do: Callable[..., object], *args: Any
    ) -> Timer:
        """Do something after so many seconds."""
        timer = Timer(partial(do, *args))
        self._later(seconds, timer.fire)
        return timer

    def run_in_executor(
        self, _: None, do: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Do something with the disk, which takes a while: other things go on."""
        done = self.create_future()

        def work() -> None:
            try:
                done.set_result(do(*args))
            except OSError as err:
                done.set_exception(err)

        if self._is_starting:
            work()
        else:
            self._later(_DISK, work)
        return done


class Keeping:
    """The store of one process after the other, and the disk that they share."""

    def __init__(self, chance: Random, later: Later) -> None:
        """Begin with an empty disk."""
        self._failing: Collection[str] = ()
        self._chance = chance
        self._later = later
        self._disk = SimulatedDisk(ROOT)
        self._store = Store(FOLDER, self._disk)
        self._written: dict[Key, asyncio.Future[None]] = {}
        """What is done when the newest of a key is on disk."""
        self._steps_left: int | None = None
        self._put: dict[Key, bool] = {}
        """Whether a message is to be on disk, or gone, by what was put last."""
        self._promised: dict[str, bool] = {}
        """Whether the disk has it, as far as it said so."""

    def fail(self, steps: Collection[str]) -> None:
        """Have steps of the disk fail; "room": it is full, but for what files have."""
        self._failing = steps
        self._disk.room = 0 if "room" in steps else None

    def cut_at_step(self, number: int) -> None:
        """Have PowerCutError raised by one of the next changes of the disk; 1: the next."""
        self._steps_left = number

    def load(self, *, power: bool) -> dict[str, Records]:
        """Return what a start finds after a power cut, or after a kill, by account."""
        unsure = self.unsure
        for key, there in self._put.items():
            if key in unsure:
                self._promised.pop(key[2], None)
            else:
                self._promised[key[2]] = there
        self._put.clear()
        states = [self._disk.state()]
        if power:
            states = list(self._disk.states(self._chance.randrange(1 << 30), 2))
        self._disk = SimulatedDisk(self._chance.choice(states))
        self._disk.before = self._step
        self.fail(self._failing)
        self._steps_left = None
        self._written.clear()
        self._store = Store(FOLDER, self._disk)
        loaded = Loop(self._later).run(self._store.async_load())
        if loaded.damage or loaded.from_backup:
            raise FaultError(f"The journal is damaged: {loaded.damage}")
        records: dict[str, dict[tuple[str, str], Mapping[str, Any]]] = {}
        for (kind, account_id, name), one in loaded.records.items():
            records.setdefault(account_id, {})[(kind, name)] = one
        found = Counter(name for kind, _, name in loaded.records if kind == MESSAGE)
        for name, there in (dict.fromkeys(found, True) | self._promised).items():
            if found[name] != there:
                raise FaultError(f"The disk has {name} {found[name]} times")
        self._promised = dict.fromkeys(found, True)
        return dict(records)

    def put(self, key: Key, record: Record | None, text: bytes | None = None) -> None:
        """Have it written what holds of a key; None: it is to be gone."""
        if record:
            self._store.put(key, record, text)
        else:
            self._store.remove(key)
        self._written[key] = self._store.written()
        if key[0] == MESSAGE:
            self._put[key] = record is not None

    def then(self, do: Callable[[bool], object]) -> None:
        """Go on when all that was changed so far is on disk; False: it was refused."""
        written = self._store.written()
        written.add_done_callback(lambda done: do(done.exception() is None))

    @property
    def unsure(self) -> list[Key]:
        """The keys of which the disk may not have the newest."""
        return [
            key
            for key, written in self._written.items()
            if not written.done() or (written.exception() and self._store.unwritten)
        ]

    def _step(self, step: str) -> None:
        if self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left <= 0:
                raise PowerCutError
        if step in self._failing:
            raise OSError(errno.EIO, "The disk takes no writes")
