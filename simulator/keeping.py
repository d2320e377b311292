"""The real journal on a simulated disk, which can be full, broken or without power."""

from collections import Counter
from collections.abc import Collection, Mapping
import errno
from random import Random
from typing import Any

from custom_components.qq_mail.outbox.core.loading import Records
from custom_components.qq_mail.outbox.core.turn import MESSAGE
from custom_components.qq_mail.store import Journal, Key
from custom_components.qq_mail.store.rounds import Wanted
from tests.store.house import FOLDER, ROOT
from tests.store.power import SimulatedDisk

from .report import FaultError


class PowerCutError(Exception):
    """The machine, or its process, ended in the midst of a change of the disk."""


class Keeping:
    """Writes rounds; what the disk does not take is tried again with the next one."""

    def __init__(self, chance: Random) -> None:
        """Begin with an empty disk."""
        self.failing: Collection[str] = ()
        """Steps of the disk that fail."""
        self.refused: dict[Key, Wanted] = {}
        """What the disk did not take."""
        self._chance = chance
        self._disk = SimulatedDisk(ROOT)
        self._journal = Journal(FOLDER, self._disk)
        self._syncs_left: int | None = None
        self._promised: dict[str, bool] = {}
        """Whether the disk has a message, as far as it said so."""

    def cut_at_sync(self, number: int) -> None:
        """Have PowerCutError raised by one of the next syncs; 1: the next one."""
        self._syncs_left = number

    def load(self, *, power: bool) -> dict[str, Records]:
        """Return what a start finds after a power cut, or after a kill, by account."""
        states = [self._disk.state()]
        if power:
            states = list(self._disk.states(self._chance.randrange(1 << 30), 2))
        self._disk = SimulatedDisk(self._chance.choice(states))
        self._disk.before = self._step
        self.refused = {}
        self._syncs_left = None
        self._journal = Journal(FOLDER, self._disk)
        loaded = self._journal.load()
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

    def write(self, changes: Mapping[Key, Wanted]) -> bool:
        """Write a round, with all that was refused before; False: it is refused."""
        wanted = self.refused | {
            key: one.after(self.refused.get(key)) for key, one in changes.items()
        }
        if not wanted:
            return True
        names = {
            key[2]: bool(one.record) for key, one in wanted.items() if key[0] == MESSAGE
        }
        for name in names:
            self._promised.pop(name, None)
        try:
            self._journal.write([one.change(key) for key, one in wanted.items()])
        except OSError:
            self.refused = wanted
            return False
        self.refused = {}
        self._promised |= names
        return True

    def tidy(self) -> None:
        """Do all that is to be done while nothing is to be written."""
        journal = self._journal
        try:
            while journal.is_cramped:
                journal.make_room()
            while journal.is_untidy:
                journal.tidy()
        except OSError:
            # It is done another time.
            return

    def _step(self, step: str) -> None:
        if step == "sync" and self._syncs_left is not None:
            self._syncs_left -= 1
            if self._syncs_left <= 0:
                raise PowerCutError
        if step in self.failing:
            raise OSError(errno.EIO, "The disk takes no writes")
