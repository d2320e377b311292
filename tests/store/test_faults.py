"""A disk that does not read, or lies: what can be read is, and the rest is told."""

from collections.abc import Callable
from contextlib import suppress
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from custom_components.qq_mail.store import Journal, Key, journal as journal_module
from custom_components.qq_mail.store.journal import Change
from custom_components.qq_mail.store.line import SECTOR

from .house import FOLDER, ROOT, seen
from .power import SimulatedDisk, State, write
from .test_damage import lines_of, put

ONE = ("message", "a", "1")
TWO = ("message", "b", "2")
LIMITS = ("limits", "a", "")
DAMAGED = FOLDER / "damaged"

type Edit = Callable[[State, Path, slice], bytes]


def filled() -> SimulatedDisk:
    """Return a disk on which two messages and something else are kept."""
    disk = SimulatedDisk(ROOT)
    journal = Journal(FOLDER, disk)
    journal.load()
    journal.write([put(ONE, 1, b"one" * 400)])
    journal.write([put(TWO, 1, b"two" * 400)])
    journal.write([put(LIMITS, 1)])
    journal.write([put(ONE, 2)])
    journal.make_room()
    journal.make_room()
    return disk


def fail(number: int = errno.EIO) -> Callable[..., Any]:
    """Return what fails, whatever it is given."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def segment_of(disk: SimulatedDisk, kind: str) -> Path:
    """Return the only segment of a kind."""
    (file,) = (path for path in disk.now if path.name.startswith(kind))
    return file


def settle(journal: Journal) -> None:
    """Do all that is to be done."""
    while journal.is_cramped:
        journal.make_room()
    while journal.is_untidy:
        journal.tidy()


def test_folder_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and nothing is added to what nobody knows."""
    disk = filled()
    state = disk.state()
    monkeypatch.setattr(disk, "names", fail())
    journal = Journal(FOLDER, disk)
    loaded = journal.load()
    assert [each.file for each in loaded.damage] == [FOLDER]
    assert not journal.is_cramped
    assert not journal.is_untidy
    with pytest.raises(OSError, match="could not be read"):
        journal.write([put(LIMITS, 2)])
    journal.hold()
    assert disk.state() == state


def test_segment_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others count, it stays as it is, and counts again when it can be read."""
    disk = filled()
    texts, open_file = segment_of(disk, "texts"), disk.open

    def refuse(file: Path, *, write: bool = False) -> int:
        if file == texts:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return open_file(file, write=write)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "open", refuse)
        journal = Journal(FOLDER, disk)
        loaded = journal.load()
        assert loaded.records.keys() == {LIMITS}
        assert texts in {each.file for each in loaded.damage}
        journal.write([put(TWO, 7, b"newer")])
        journal.write([Change(TWO, None)])
        settle(journal)
    journal = Journal(FOLDER, SimulatedDisk(disk.state()))
    loaded = journal.load()
    # Its newer record was set aside, with the text that could not be found.
    assert loaded.records.keys() == {LIMITS}
    assert {key for each in loaded.damage for key in each.keys} == {ONE}


def test_block_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in other blocks is read."""
    disk = filled()
    texts, read = segment_of(disk, "texts"), disk.read

    def refuse(descriptor: int, place: int, length: int) -> bytes:
        if (
            disk.opened[descriptor] is disk.now[texts]
            and place <= 1024 < place + length
        ):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(descriptor, place, length)

    monkeypatch.setattr("custom_components.qq_mail.store.segment._BLOCK", 512)
    monkeypatch.setattr("custom_components.qq_mail.store.segment._NOISE", b"\xff" * 512)
    monkeypatch.setattr(disk, "read", refuse)
    journal = Journal(FOLDER, disk)
    loaded = journal.load()
    assert loaded.records.keys() == {TWO, LIMITS}
    assert [each.keys for each in loaded.damage] == [(ONE,)]


def test_damage_on_a_disk_that_is_read_only() -> None:
    """It is told, and set aside at a later start."""
    disk = filled()
    octets = disk.now[segment_of(disk, "texts")].content
    octets[900] ^= 1
    state = disk.state()
    disk.before = fail(errno.EROFS)
    loaded = Journal(FOLDER, disk).load()
    assert [each.file for each in loaded.damage] == [segment_of(disk, "records")]
    assert disk.state() == state
    disk.before = lambda _: None
    for _ in range(2):
        loaded = Journal(FOLDER, disk).load()
        assert [each.file and each.file.parent for each in loaded.damage] == [DAMAGED]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        pytest.param("texts", TWO, id="text"),
        pytest.param("records", LIMITS, id="record"),
    ],
)
def test_sectors_that_were_never_written(kind: str, key: Key) -> None:
    """A round that is missing as a whole is told, as later ones name it."""
    disk = filled()
    file = segment_of(disk, kind)
    (line,) = (line for path, line in lines_of(disk.state())[key] if path == file)
    size = line.sectors * SECTOR
    disk.now[file].content[line.start : line.start + size] = bytes(size)
    journal = Journal(FOLDER, disk)
    loaded = journal.load()
    assert loaded.records.keys() == {ONE, TWO, LIMITS} - {key}
    assert [each.what for each in loaded.damage] == [f"lines of {file.name}"]
    settle(journal)
    assert len(Journal(FOLDER, SimulatedDisk(disk.state())).load().damage) == 1


def test_large_text_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends what it belongs to; one that cannot be looked at does not."""
    disk = filled()
    journal = Journal(FOLDER, disk)
    journal.load()
    drafts = [FOLDER / "3.text", FOLDER / "4.text"]
    keys = [("message", "a", "3"), ("message", "a", "4")]
    for draft, key in zip(drafts, keys, strict=True):
        journal.write([Change(key, b"{}", write(disk, draft, b"x" * 2000))])
    disk.unlink(drafts[0])
    length = disk.length

    def refuse(file: Path) -> int:
        if file in drafts:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return length(file)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "length", refuse)
        assert Journal(FOLDER, SimulatedDisk(disk.state())).load().records.keys() >= {
            keys[1]
        }
        assert Journal(FOLDER, disk).load().records.keys() >= set(keys)
    loaded = Journal(FOLDER, disk).load()
    assert loaded.records.keys() == {ONE, TWO, LIMITS, keys[1]}
    assert [each.keys for each in loaded.damage] == [(keys[0],)]


def test_text_without_a_record() -> None:
    """It goes, unless it may belong to what is damaged."""
    disk = filled()
    write(disk, FOLDER / "5.text", b"x")
    Journal(FOLDER, disk).load()
    assert FOLDER / "5.text" not in disk.now
    write(disk, FOLDER / "5.text", b"x")
    disk.now[segment_of(disk, "texts")].content[900] ^= 1
    loaded = Journal(FOLDER, disk).load()
    assert DAMAGED / "5.text" in disk.now
    assert len(loaded.damage) == 2


def test_text_of_a_segment_that_cannot_be_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody knows what the segment says of it, and so it is kept."""
    disk = filled()
    write(disk, FOLDER / "5.text", b"x")
    records, open_file = segment_of(disk, "records"), disk.open
    monkeypatch.setattr(
        disk,
        "open",
        lambda file, **how: (
            fail(errno.EACCES)() if file == records else open_file(file, **how)
        ),
    )
    Journal(FOLDER, disk).load()
    assert DAMAGED / "5.text" in disk.now


def test_damage_that_cannot_be_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays where it is until it can."""
    disk = filled()
    texts = segment_of(disk, "texts")
    disk.now[texts].content[900] ^= 1
    octets = bytes(disk.now[texts].content)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "make_folder", fail())
        journal = Journal(FOLDER, disk)
        (damage,) = journal.load().damage
        assert damage.keys == (ONE,)
        settle(journal)
    assert texts in disk.now
    assert bytes(disk.now[texts].content) == octets
    (damage,) = Journal(FOLDER, disk).load().damage
    assert damage.file
    assert damage.file.parent == DAMAGED


def test_torn_round_that_cannot_be_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a newer round it would be believed: none is written."""
    disk = filled()
    records = segment_of(disk, "records")
    journal = Journal(FOLDER, disk)
    journal.load()
    journal.write([Change(LIMITS, None), put(("limits", "b", ""), 1)])
    lines = [
        line
        for each in lines_of(disk.state()).values()
        for path, line in each
        if path == records
    ]
    *_, earlier, _, last = sorted(lines, key=lambda line: line.start)
    content = disk.now[records].content
    # The power failed, and an earlier record has a flipped bit.
    sector = (last.stop - 1) // SECTOR * SECTOR
    content[sector : sector + SECTOR] = bytes(SECTOR)
    content[earlier.stop - 3] ^= 1
    monkeypatch.setattr(disk, "truncate", fail())
    journal = Journal(FOLDER, disk)
    loaded = journal.load()
    assert LIMITS in loaded.records
    with pytest.raises(OSError, match="error"):
        journal.write([put(TWO, 7)])
    assert LIMITS in Journal(FOLDER, SimulatedDisk(disk.state())).load().records


def test_damage_of_an_account() -> None:
    """It goes with the account; another's stays, and so does what nobody knows."""
    disk = filled()
    disk.make_folder(DAMAGED)
    write(disk, DAMAGED / "note", b"a person's")
    write(disk, DAMAGED / "list", b'{"what": [], "keys": 7}\n')
    for _, line in lines_of(disk.state())[ONE] + lines_of(disk.state())[TWO]:
        if line.holds:
            disk.now[segment_of(disk, "texts")].content[line.stop - 9] ^= 1
    journal = Journal(FOLDER, disk)
    loaded = journal.load()
    assert loaded.records.keys() == {LIMITS}
    assert len(loaded.damage) == 4
    journal.forget("a")
    settle(journal)
    kept = Journal(FOLDER, SimulatedDisk(disk.state())).load().damage
    assert sorted(each.keys for each in kept) == [(), (), (TWO,)]


def test_segment_that_cannot_be_read_any_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays as it is, and what is in it is known above."""
    disk = filled()
    journal = Journal(FOLDER, disk)
    journal.load()
    disk.now[segment_of(disk, "records")].content[200:210] = b"?" * 10
    journal.forget("nobody")
    settle(journal)
    assert "Cannot empty" in caplog.text
    assert not journal.is_untidy
    journal.write([put(LIMITS, 3)])
    assert Journal(FOLDER, disk).load().records[LIMITS]["number"] == 3


def test_header_that_cannot_be_read_any_more() -> None:
    """Its text is gone."""
    disk = filled()
    journal = Journal(FOLDER, disk)
    journal.load()
    text = journal.text(TWO)
    assert text
    assert text.place
    place = text.place.start
    disk.now[segment_of(disk, "texts")].content[place] ^= 1
    with pytest.raises(FileNotFoundError):
        journal.open_text(TWO, text)


def test_segment_whose_place_is_taken() -> None:
    """A program that copies files puts one where it is: what is written then is kept."""
    disk = filled()
    journal = Journal(FOLDER, disk)
    journal.load()
    journal.write([put(LIMITS, 2)])
    records = segment_of(disk, "records")
    octets = bytes(disk.now[records].content)
    disk.unlink(records)
    write(disk, records, octets)
    journal.write([put(LIMITS, 3)])
    loaded = Journal(FOLDER, SimulatedDisk(disk.state())).load()
    assert loaded.records[LIMITS]["number"] == 3


def test_removal_of_what_is_overwritten_by_somebody(disk: SimulatedDisk) -> None:
    """A segment that was removed needs no overwriting."""
    disk = filled()
    journal = Journal(FOLDER, disk)
    journal.load()
    journal.write([Change(ONE, None), Change(TWO, None)])
    disk.unlink(segment_of(disk, "texts"))
    settle(journal)
    assert journal.keys() == [LIMITS]


def test_five_thousand() -> None:
    """They come fifty at a time: few syncs, a handful of files, all of it is loaded."""
    disk = SimulatedDisk(ROOT)
    journal = Journal(FOLDER, disk)
    journal.load()
    for first in range(0, 5000, 50):
        journal.write(
            [
                put(("message", "a", f"{number}"), 0, b"x" * 2000)
                for number in range(first, first + 50)
            ]
        )
        while journal.is_cramped:
            journal.make_room()
    assert disk.syncs < 250
    assert sum(path.parent == FOLDER for path in disk.now) < 10
    before = disk.syncs
    pieces = 0
    journal.write([Change(("message", "a", f"{n}"), None) for n in range(1000, 5000)])
    while journal.is_untidy:
        journal.tidy()
        pieces += 1
        # A round that comes meanwhile waits for no more.
        assert disk.syncs <= before + 1 + pieces
    again = Journal(FOLDER, SimulatedDisk(disk.state()))
    assert len(again.load().records) == 1000
    assert len(seen(again, again.load())) == 1000


@pytest.mark.parametrize(
    "failing",
    [
        pytest.param({"sync"}, id="syncs"),
        pytest.param({"sync", "truncate"}, id="syncs-and-cuts"),
    ],
)
def test_syncs_that_fail_for_a_week(failing: set[str]) -> None:
    """They fill no disk; once it syncs again, all is there, and little is to be done."""
    disk = filled()
    journal = Journal(FOLDER, disk)
    journal.load()
    settle(journal)

    def refuse(step: str) -> None:
        if step in failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    disk.before = refuse
    for number in range(500):
        for text in (None, b"x" * 2000):
            with pytest.raises(OSError, match="error"):
                journal.write([put(("message", "a", f"{number}"), 0, text)])
            with pytest.raises(OSError, match="error"):
                journal.make_room()
    assert sum(path.parent == FOLDER for path in disk.now) < 10
    assert sum(len(node.content) for node in disk.now.values()) < 2_000_000
    disk.before = lambda _: None
    before = disk.syncs
    journal.write([put(LIMITS, 2)])
    assert disk.syncs - before < 20
    settle(journal)
    again = Journal(FOLDER, SimulatedDisk(disk.state()))
    loaded = again.load()
    assert loaded.records.keys() == {ONE, TWO, LIMITS}
    assert loaded.damage == []
    assert sum(path.parent == FOLDER for path in disk.now) < 8


def test_folder_that_is_not_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on some shares: no new segment counts, and none that does not count stays."""
    disk = filled()
    journal = Journal(FOLDER, disk)
    journal.load()
    settle(journal)

    texts = [b"x" * 1_000_000] * 30
    with monkeypatch.context() as patched:
        patched.setattr(disk, "sync_folder", fail(errno.EINVAL))
        for number, text in enumerate(texts):
            with suppress(OSError):
                journal.write([put(("message", "a", f"{number}"), 0, text)])
        with pytest.raises(OSError, match="Invalid"):
            journal.make_room()
        assert sum(path.parent == FOLDER for path in disk.now) < 8
    known = journal.keys()
    assert 3 < len(known) < len(texts)
    journal.write([put(LIMITS, 2)])
    settle(journal)
    loaded = Journal(FOLDER, SimulatedDisk(disk.state())).load()
    assert loaded.records.keys() == {*known, LIMITS}
    assert loaded.damage == []


def test_overgrown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where much is dead, it is not put off any longer."""
    disk = filled()
    journal = Journal(FOLDER, disk)
    journal.load()
    journal.write([Change(ONE, None)])
    assert not journal.is_overgrown
    monkeypatch.setattr(journal_module, "_OVERGROWN", 1000)
    assert journal.is_overgrown


def test_torn_on_a_real_disk(tmp_path: Path) -> None:
    """What a power cut left half written is cut off before something is added."""
    folder = tmp_path / "qq_mail"
    journal = Journal(folder)
    journal.load()
    journal.write([put(LIMITS, 1)])
    journal.write([put(LIMITS, 2)])
    (file,) = folder.glob("records-*")
    file.write_bytes(file.read_bytes()[:700])
    journal = Journal(folder)
    loaded = journal.load()
    assert loaded.records[LIMITS]["number"] == 1
    assert loaded.damage == []
    journal.write([put(ONE, 3)])
    loaded = Journal(folder).load()
    assert {key: value["number"] for key, value in loaded.records.items()} == {
        LIMITS: 1,
        ONE: 3,
    }
    assert loaded.damage == []
