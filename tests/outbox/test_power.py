"""A power cut between any two steps of the disk: what was promised holds.

The spool is driven as the writer drives it; after each step of its disk, everything
that may be there then is read by a process that starts anew.
"""

from dataclasses import dataclass, replace
import errno
from functools import partial
from pathlib import Path
import shutil

import pytest

from custom_components.qq_mail.outbox import spool as spool_module
from custom_components.qq_mail.outbox.core.models import Message
from custom_components.qq_mail.outbox.digest import originals
from custom_components.qq_mail.outbox.record import as_json, from_json
from custom_components.qq_mail.outbox.spool import STATE, Change, Loaded, Spool

from .power import Disk, State, show
from .test_records import MESSAGE, NOW

IDS = [f"01ARZ3NDEKTSV4RRFFQ69G5FA{letter}" for letter in "ABCDEFGHJK"]
A, B, C, D, E, F, G, H, SMALL, LARGE = (
    replace(MESSAGE, queue_id=queue_id, size=size, subject=queue_id[-1])
    for queue_id, size in zip(
        IDS, (60, 900, 60, 60, 900, 60, 900, 60, 60, 900), strict=True
    )
)
SMALL = replace(SMALL, merged=originals((E, F)))
LARGE = replace(LARGE, merged=originals((G, H)))


_SHARES = 4
"""Tests that the faults are divided among: the real disk is slow where others use it."""

type Known = object
"""What is known of a message, or of the account; None: nothing at all."""


def body_of(message: Message) -> bytes:
    """Return a text that is no other's."""
    return (message.subject.encode() * 58 + b"\r\n") * (message.size // 60)


def marked(message: Message) -> Message:
    """Return a message that the server may have."""
    return replace(message, in_data=True)


@dataclass(frozen=True)
class Round:
    """What is put on disk together."""

    new: tuple[Message, ...] = ()
    changed: tuple[Message, ...] = ()
    gone: tuple[Message, ...] = ()
    state: int = 0


ROUNDS = [
    Round(new=(A,)),
    Round(new=(B, C), state=1),
    Round(changed=(marked(A),)),
    Round(new=(D,), changed=(marked(C),), gone=(A,), state=2),
    Round(changed=(replace(C, attempts=9),)),
    Round(new=(E,), changed=(marked(B),), gone=(C,)),
    Round(changed=(replace(B, attempts=5),), gone=(D,), state=3),
    Round(gone=(B,)),
    Round(new=(F,)),
    Round(new=(SMALL,), state=4),
    Round(new=(G, H)),
    Round(new=(LARGE,), changed=(marked(SMALL),)),
    Round(gone=(SMALL,)),
    Round(changed=(marked(LARGE),)),
    Round(gone=(LARGE,)),
]


class House:
    """A spool, the disk below it, and what was promised."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.promised: dict[str, set[Known]] = {}
        """What may be known of each."""
        self.steps = 0
        self.fault = -1
        """The step that fails."""
        self.cuts = range(0)
        """The steps before which the power is cut."""
        self.thorough = True
        self.seen: set[int] = set()
        """What was looked at, together with what had been promised by then."""
        self._merging: dict[str, dict[str, set[Known]]] = {}
        """What was known of those that a digest is made of, by its queue id."""
        self._after = root / "after"
        monkeypatch.setattr(spool_module, "_SMALL", 100)
        monkeypatch.setattr(spool_module, "_MOST_LIVE", 1600)
        monkeypatch.setattr(spool_module, "_SPARE", 2000)
        (root / "disk").mkdir()
        self._disk = Disk(root / "disk", monkeypatch, self._step)
        self._spool = Spool(root / "disk" / "spool")

    def live(self) -> None:
        """Go through all rounds, and do again what the disk did not take."""
        for round_ in ROUNDS:
            changes = [change for new in round_.new for change in self._draft(new)]
            changes += [
                Change(message.queue_id, partial(as_json, message, NOW))
                for message in round_.changed
                if self.promised.get(message.queue_id, {None}) != {None}
            ]
            changes += [Change(message.queue_id, None) for message in round_.gone]
            if round_.state:
                changes.append(Change(STATE, partial(str, round_.state)))
            while changes:
                changes = self._write(changes)
            if self._spool.untidy:
                # A piece: the next round may find it half done.
                self._spool.tidy()
        self._spool.tidy()
        self._spool.close()

    def _draft(self, message: Message) -> list[Change]:
        """Write a new message; the disk may not take it."""
        there = [
            one
            for one in message.merged
            if self.promised.get(one.queue_id, {None}) != {None}
        ]
        message = replace(message, merged=tuple(there))
        draft = self._spool.temporary(message.queue_id)
        body = body_of(message)
        try:
            self._spool.write_draft(draft, lambda stream: stream.write(body))
        except OSError:
            self._spool.drop_draft(draft)
            return []
        superseded = tuple(one.queue_id for one in there)
        record = partial(as_json, message, NOW)
        return [Change(message.queue_id, record, draft, superseded)]

    def _write(self, changes: list[Change]) -> list[Change]:
        """Put changes on disk, and return what is still to be done."""
        before = self.promised
        wanted = {change.key: known(change) for change in changes}
        either = {key: before.get(key, {None}) | {new} for key, new in wanted.items()}
        self.promised = before | either
        merges = {c.key: c.supersedes for c in changes if c.supersedes}
        for key, superseded in merges.items():
            self._merging[key] = {one: before[one] for one in superseded}
            self.promised |= {one: before[one] | {None} for one in superseded}
        failed = self._spool.write(changes)
        for key, new in wanted.items():
            if key in self._merging and key not in failed:
                # It is there, or it is sure that it is not.
                known_before = self._merging.pop(key)
                gone: dict[str, set[Known]] = {one: {None} for one in known_before}
                self.promised |= gone if new else known_before
        kept = {key: {new} for key, new in wanted.items() if key not in failed}
        self.promised = self.promised | kept
        return [
            Change(change.key, None) if change.draft else change
            for change in changes
            if change.key in failed
        ]

    def _step(self) -> None:
        """Look at all that a power cut would leave now; then the step may fail."""
        self.steps += 1
        if self.steps in self.cuts:
            for state in self._disk.states(thorough=self.thorough):
                self._check(state)
        if self.steps == self.fault:
            raise OSError(errno.EIO, "Input/output error")

    def _check(self, state: State) -> None:
        """Start on what a disk shows, twice."""
        promised = [
            (key, *sorted(map(str, may_be)))
            for known_of in (self.promised, *self._merging.values())
            for key, may_be in sorted(known_of.items())
        ]
        seen = hash((*state.items(), *self._merging, *promised))
        if seen in self.seen:
            return
        self.seen.add(seen)
        show(state, self._after)
        folder = self._after / "spool"
        spool = Spool(folder)
        loaded = spool.load(NOW)
        self._compare(spool, loaded)
        for _ in range(3):
            spool.tidy()
        self._compare(spool, loaded)
        spool.close()
        spool = Spool(folder)
        self._compare(spool, spool.load(NOW))
        shutil.rmtree(self._after)

    def _compare(self, spool: Spool, loaded: Loaded) -> None:
        """See that what was promised is there, and nothing else."""
        there: dict[str, Known] = {m.queue_id: m for m in loaded.queue}
        there[STATE] = loaded.state
        for digest, known_before in self._merging.items():
            # Either it or all that it is made of, and never both.
            assert {one in there for one in known_before} == {digest not in there}
        for key, may_be in self.promised.items():
            assert there.pop(key, None) in may_be
        assert not [value for value in there.values() if value is not None]
        assert loaded.damaged == []
        assert not loaded.restored
        assert set(loaded.cut_off) == {m.queue_id for m in loaded.queue if m.in_data}
        for message in loaded.queue:
            body = spool.body(message.queue_id)
            text = body if isinstance(body, bytes) else body.read_bytes()
            assert text[:60] == body_of(message)[:60]
            assert len(text) == message.size


def known(change: Change) -> Known:
    """Return what a change makes known."""
    text = change.record() if change.record else None
    if text is None or change.key == STATE:
        return text and int(text)
    return from_json(text, NOW)


def test_power_cut_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the disk keeps of what was not synced."""
    house = House(tmp_path, monkeypatch)
    house.cuts = range(10_000)
    house.live()
    assert house.steps > 50
    assert len(house.seen) > 300


@pytest.mark.parametrize("share", range(_SHARES))
def test_power_cut_after_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    """A step failed, and the power is cut at one of the next."""
    fault, last = 1 + share, 2 + share
    # Some faults leave what another one has left: once is enough.
    seen: set[int] = set()
    while fault < last:
        with monkeypatch.context() as patch:
            root = tmp_path / str(fault)
            root.mkdir()
            house = House(root, patch)
            house.thorough = False
            house.seen = seen
            house.fault = fault
            house.cuts = range(fault, fault + 8)
            house.live()
        fault, last = fault + _SHARES, house.steps
    assert last > 50
