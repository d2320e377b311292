"""What was damaged costs itself alone, and is told."""

from collections.abc import Callable
import json
from pathlib import Path
from random import Random

import pytest

from custom_components.qq_mail.store import Journal, Key
from custom_components.qq_mail.store.journal import Change
from custom_components.qq_mail.store.line import Line, read_lines

from .house import FOLDER, ROOT, seen, text_of
from .power import SimulatedDisk, State

COPIES = 200

type Noise = Callable[[Random, bytearray, int], slice]


def lived_in() -> State:
    """Return a folder in which 80 messages wait, and 40 have gone out."""
    disk = SimulatedDisk(ROOT)
    journal = Journal(FOLDER, disk)
    journal.load()
    keys = [("message", "a", f"{number:04}") for number in range(120)]
    for first in range(0, 120, 10):
        some = keys[first : first + 10]
        journal.write([put(key, 0, text_of(key, 900)) for key in some])
        journal.write([put(key, 1) for key in some[::2]])
        journal.write([Change(key, None) for key in some[::3]])
        journal.write([put(("button", "", key[2]), first) for key in some])
    return disk.state()


def put(key: Key, number: int, text: bytes | None = None) -> Change:
    """Return a change of some size."""
    record = json.dumps({"key": key, "number": number, "fill": "x" * 200})
    return Change(key, record.encode(), text)


def lines_of(state: State) -> dict[Key, list[tuple[Path, Line]]]:
    """Return all lines of each key."""
    lines: dict[Key, list[tuple[Path, Line]]] = {}
    for file, octets in state.items():
        if not file.name.startswith(("records", "texts")) or not octets:
            continue
        for line in read_lines(octets, int(file.name[-8:], 16)):
            assert isinstance(line, Line)
            lines.setdefault(line.key, []).append((file, line))
    return lines


def flip_a_bit(random: Random, octets: bytearray, place: int) -> slice:
    """Damage one bit."""
    octets[place] ^= 1 << random.randrange(8)
    return slice(place, place + 1)


def noise(size: int) -> Noise:
    """Damage so many octets, as they lie on a disk."""

    def damage(random: Random, octets: bytearray, place: int) -> slice:
        start = place // size * size
        stop = min(start + size, len(octets))
        octets[start:stop] = random.randbytes(stop - start)
        return slice(start, stop)

    return damage


def overlap(line: Line, damaged: slice) -> bool:
    """Tell whether a line has damaged octets."""
    return line.start < int(damaged.stop) and line.stop > int(damaged.start)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(flip_a_bit, id="bit"),
        pytest.param(noise(512), id="512"),
        pytest.param(noise(4096), id="4kB"),
        pytest.param(noise(65536), id="64kB"),
    ],
)
def test_damaged_copies(damage: Noise) -> None:
    """At most what lies in the damaged octets is lost, and that is told."""
    random = Random(0)  # noqa: S311 - no secret
    state = lived_in()
    lines = lines_of(state)
    journal = Journal(FOLDER, SimulatedDisk(state))
    whole = seen(journal, journal.load())
    files = sorted({file for each in lines.values() for file, _ in each})
    lost_of_all = named_of_all = 0
    for _ in range(COPIES):
        file = random.choice(files)
        octets = bytearray(state[file] or b"")
        end = max(line.stop for e in lines.values() for f, line in e if f == file)
        damaged = damage(random, octets, random.randrange(end))
        touched = {
            key
            for key, each in lines.items()
            if any(f == file and overlap(line, damaged) for f, line in each)
        }
        disk = SimulatedDisk(state | {file: bytes(octets)})
        journal = Journal(FOLDER, disk)
        loaded = journal.load()
        known = seen(journal, loaded)
        changed = {key for key in whole | known if whole.get(key) != known.get(key)}
        assert changed <= touched
        assert bool(changed) <= bool(loaded.damage)
        lost = whole.keys() - known.keys()
        named = {
            key
            for key in lost
            if any(f != file or not overlap(line, damaged) for f, line in lines[key])
        }
        assert named <= {key for each in loaded.damage for key in each.keys}
        named_of_all += len(named)
        lost_of_all += len(changed)
        for each in loaded.damage:
            assert set(each.keys) <= touched
            assert each.file in disk.now
        check_again(journal, disk)
    assert lost_of_all >= COPIES // 4
    assert named_of_all


def check_again(journal: Journal, disk: SimulatedDisk) -> None:
    """See that it is the same after a round, tidying and a restart."""
    journal.write([put(("limits", "a", ""), 1)])
    while journal.is_untidy:
        journal.tidy()
    before = journal.keys()
    again = Journal(FOLDER, SimulatedDisk(disk.state()))
    loaded = again.load()
    assert sorted(again.keys()) == sorted(before)
    kept = [path for path in disk.now if path.parent == FOLDER / "damaged"]
    assert len(loaded.damage) == len(kept)
