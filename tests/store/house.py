"""A journal on a disk whose power can be cut, and what was promised of it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
import json
from pathlib import Path
from random import Random

from custom_components.qq_mail.store import Journal, Key, LargeText
from custom_components.qq_mail.store.journal import Change
from custom_components.qq_mail.store.loading import Contents

from .power import SimulatedDisk, State, write

FOLDER = Path("/config/.storage/qq_mail")
ROOT: State = {Path("/config"): None, Path("/config/.storage"): None}

type Known = dict[Key, tuple[str, bytes | None]]
"""Of each key its record and its text."""


def text_of(key: Key, size: int) -> bytes:
    """Return a text that is no other's."""
    line = f"{key[2]} 水\r\n".encode()
    return (line * (size // len(line) + 1))[:size]


@dataclass
class House:
    """Plays what a house keeps: messages with buttons, reminders, counts."""

    seed: int
    disk: SimulatedDisk = field(default_factory=lambda: SimulatedDisk(ROOT))
    known: Known = field(default_factory=dict)
    """What holds."""
    wanted: Known | None = None
    """What is to hold, while that is not sure."""
    number: int = 0
    refused: Callable[[str], None] = lambda _: None
    """Told of each round that the disk refused."""
    looked_at: set[int] = field(default_factory=set)
    """What was looked at, together with what had been promised by then."""

    def __post_init__(self) -> None:
        """Start."""
        self.random = Random(self.seed)  # noqa: S311 - no secret
        self.journal = Journal(FOLDER, self.disk)
        self.journal.load()

    def live(self, rounds: int) -> None:
        """Let things happen, and tidy now and then."""
        for _ in range(rounds):
            self.do(self.happen())
            if self.random.random() < 0.4:
                self.tidy(1 + self.random.randrange(3))

    def change(self) -> None:
        """Begin or end a backup, or have an account forgotten."""
        match self.random.randrange(4):
            case 0:
                self.journal.hold()
            case 1 | 2:
                self.journal.release()
            case _:
                self.do([Change(key, None) for key in self.known if key[1] == "a"])
                with suppress(OSError):
                    self.journal.forget("a")
        self.tidy(2)

    def cut(self, seed: int) -> None:
        """Look at what a power cut would leave now."""
        may_be = [known for known in (self.known, self.wanted) if known is not None]
        promised = repr(may_be)
        for state in self.disk.states(seed, 2):
            seen = hash((*state.items(), promised))
            if seen not in self.looked_at:
                self.looked_at.add(seen)
                check(state, may_be)

    def do(self, changes: list[Change]) -> None:
        """Write a round, as often as it takes."""
        self.wanted = dict(self.known)
        for change in changes:
            self._learn(self.wanted, change)
        while True:
            try:
                assert self.journal.write(changes) == {}
            except OSError:
                self.refused("round")
                continue
            break
        self.known, self.wanted = self.wanted, None

    def tidy(self, pieces: int) -> None:
        """Do what is done between rounds."""
        for _ in range(pieces):
            with suppress(OSError):
                if self.journal.is_cramped:
                    self.journal.make_room()
            with suppress(OSError):
                if self.journal.is_untidy:
                    self.journal.tidy()

    def happen(self) -> list[Change]:
        """Return what one thing that happens changes."""
        self.number += 1
        messages = [key for key in self.known if key[0] == "message"]
        changes = [self._changed(("limits", "a", ""))]
        if not messages or self.random.random() < 0.4:
            return changes + self._alert()
        key = self.random.choice(messages)
        buttons = [("button", "", f"{key[2]}.{number}") for number in range(2)]
        match self.random.randrange(3):
            case 0:
                return [*changes, self._changed(key), self._changed(buttons[0])]
            case 1:
                gone = [key, *buttons, ("reminder", "a", key[2])]
                return changes + [Change(key, None) for key in gone]
            case _:
                return [Change(key, None)]

    def _alert(self) -> list[Change]:
        key = ("message", "a", f"{self.number:04}")
        size = self.random.choice([30, 600, 600, 1500, 5000])
        text: bytes | LargeText = (octets := text_of(key, size))
        if size == 5000:
            try:
                text = write(self.disk, FOLDER / f"{self.number}.text", octets)
            except OSError:
                return []
        return [
            Change(key, self._record(), text),
            *(self._changed(("button", "", f"{key[2]}.{n}")) for n in range(2)),
            self._changed(("reminder", "a", key[2])),
        ]

    def _record(self) -> bytes:
        fill = "x" * self.random.choice([1, 100, 700])
        return json.dumps({"number": self.number, "fill": fill}).encode()

    def _changed(self, key: Key) -> Change:
        return Change(key, self._record())

    def _learn(self, known: Known, change: Change) -> None:
        if change.record is None:
            known.pop(change.key, None)
            return
        text = known[change.key][1] if change.key in known else None
        if isinstance(change.text, LargeText):
            text = self.disk.stream(change.text.file).read()
        elif change.text is not None:
            text = change.text
        known[change.key] = change.record.decode(), text


def seen(journal: Journal, loaded: Contents) -> Known:
    """Return what a journal says, texts and all."""
    known: Known = {}
    for key, record in loaded.records.items():
        text = journal.text(key)
        body = journal.open_text(key, text).read() if text else None
        known[key] = json.dumps(record), body
    return known


def check(state: State, may_be: list[Known]) -> None:
    """See that what a disk shows holds what was promised, also when it is tidied."""
    disk = SimulatedDisk(state)
    journal = Journal(FOLDER, disk)
    loaded = journal.load()
    known = seen(journal, loaded)
    assert known in may_be, loaded.damage
    assert loaded.damage == [], known == may_be[0]
    assert not loaded.from_backup
    journal.write([Change(("limits", "a", "new"), b"{}")])
    for _ in range(200):
        if journal.is_cramped:
            journal.make_room()
        elif journal.is_untidy:
            journal.tidy()
    known["limits", "a", "new"] = "{}", None
    journal = Journal(FOLDER, SimulatedDisk(disk.state()))
    loaded = journal.load()
    assert seen(journal, loaded) == known
    assert loaded.damage == []
