"""A backup holds what was there when it began; what comes from one waits for a person."""

import asyncio
from collections.abc import Iterator
import errno
from functools import partial
import os
from pathlib import Path
from random import Random

import pytest

from custom_components.qq_mail.store import Journal, Store
from custom_components.qq_mail.store.journal import Change

from .conftest import OpenStore
from .house import FOLDER, ROOT, House, seen
from .power import SimulatedDisk, State, write
from .test_store import ONE, TEXT, TWO, everything, fail, record, rest, work


def backup(state: State) -> State:
    """Return what a backup of Home Assistant has of a folder."""
    return {
        path: text for path, text in state.items() if "__pycache__" not in path.parts
    }


def read_piece_by_piece(house: House, files: list[Path], copy: State) -> Iterator[None]:
    """Copy files; between any two pieces of one, of some sectors, the house goes on."""
    for file in files:
        octets = b""
        while piece := (house.disk.state()[file] or b"")[len(octets) :][:1536]:
            octets += piece
            yield
        copy[file] = octets


def read_on(pieces: Iterator[None], step: str) -> None:
    """Read the next piece."""
    next(pieces, None)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(20))
def test_copies(seed: int) -> None:
    """File by file, in any order and at any moment: what waited is there, as it was."""
    random = Random(seed)  # noqa: S311 - no secret
    house = House(seed)
    house.live(20)
    for _ in range(3):
        house.journal.hold()
        waited = house.known
        copy: State = ROOT | {FOLDER: None}
        files = sorted(backup(house.disk.state()).keys() - copy.keys())
        random.shuffle(files)
        pieces = read_piece_by_piece(house, files, copy)
        house.disk.before = partial(read_on, pieces)
        while any(file not in copy for file in files):
            house.live(1)
        house.disk.before = lambda _: None
        house.journal.release()
        house.tidy(3)
        disk = SimulatedDisk(copy)
        journal = Journal(FOLDER, disk)
        loaded = journal.load()
        assert seen(journal, loaded) == waited
        assert loaded.from_backup
        assert loaded.damage == []
        journal.write([Change(("new", "", ""), b"{}")])
        again = Journal(FOLDER, SimulatedDisk(disk.state()))
        loaded = again.load()
        assert seen(again, loaded) == waited | {("new", "", ""): ("{}", None)}
        assert loaded.from_backup
        journal.accept()
        assert not Journal(FOLDER, SimulatedDisk(disk.state())).load().from_backup


@pytest.mark.usefixtures("at_once")
async def test_nothing_is_overwritten_meanwhile(
    open_store: OpenStore, disk: SimulatedDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before it is over; and it is over after two hours in any case."""
    monkeypatch.setattr("custom_components.qq_mail.store.store.LONGEST_HOLD", 7200)
    store, _ = await open_store()
    draft = store.draft("2")
    disk.make_folder(FOLDER)
    store.put(ONE, record(), TEXT)
    await store.written()
    store.remove(ONE)
    await store.hold()
    await store.hold()
    store.remove_account("a")
    await store.written()
    await rest(store)
    assert b"123456" in everything(disk)
    monkeypatch.setattr("custom_components.qq_mail.store.store.LONGEST_HOLD", 0)
    await store.hold()
    while b"123456" in everything(disk):
        await asyncio.sleep(0)
    assert FOLDER / "snapshot" not in disk.now
    assert draft not in disk.now


@pytest.mark.usefixtures("small")
async def test_large_text_stays(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """Until the backup is over; nothing of the mark is left after a crash."""
    store, _ = await open_store()
    draft = store.draft("1")
    store.put(ONE, record(), write(disk, draft, b"x" * 4000))
    await store.hold()
    store.remove(ONE)
    await store.written()
    await rest_held(store)
    assert draft in disk.now
    killed = SimulatedDisk(disk.state())
    store.release()
    store.put(TWO, record())
    await store.written()
    assert draft not in disk.now
    store, loaded = await open_store(killed)
    assert (dict(loaded.records), loaded.from_backup) == ({}, False)
    store.put(TWO, record())
    await store.written()
    assert FOLDER / "snapshot" not in killed.now
    assert draft not in killed.now


async def rest_held(store: Store) -> None:
    """Wait until nothing is being done; nothing will be."""
    while store.is_busy:
        await asyncio.sleep(0)


async def test_backup_on_a_disk_that_is_read_only(
    open_store: OpenStore, disk: SimulatedDisk, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is raised."""
    store, _ = await open_store()
    disk.before = fail
    await store.hold()
    assert "Cannot say that a backup is made" in caplog.text
    disk.before = work
    store.release()
    store.put(ONE, record())
    await store.written()


@pytest.mark.usefixtures("at_once")
async def test_accepted(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """A person's decision is kept, when the disk takes it."""
    store, _ = await open_store()
    store.put(ONE, record(), TEXT)
    await store.written()
    await store.async_stop()
    disk = SimulatedDisk(backup(disk.state()))
    store, loaded = await open_store(disk)
    assert (dict(loaded.records), loaded.from_backup) == ({ONE: {}}, True)
    await rest(store)
    disk.before = fail
    store.put(ONE, record(restored=True))
    store.accept_backup()
    with pytest.raises(OSError, match="Read-only"):
        await store.written()
    _, loaded = await open_store(SimulatedDisk(disk.state()))
    assert loaded.from_backup
    disk.before = work
    while FOLDER / "__pycache__/present" not in disk.now:
        await asyncio.sleep(0)
    await rest(store)
    _, loaded = await open_store(SimulatedDisk(disk.state()))
    assert (dict(loaded.records), loaded.from_backup) == (
        {ONE: {"restored": True}},
        False,
    )


async def test_accepted_while_the_disk_falters(
    open_store: OpenStore, disk: SimulatedDisk
) -> None:
    """Not before it is on disk what waits for the decision: else all of it went out."""
    store, _ = await open_store()
    store.put(ONE, record(), TEXT)
    await store.written()
    await store.async_stop()
    disk = SimulatedDisk(backup(disk.state()))
    store, _ = await open_store(disk)
    await rest(store)
    disk.before = partial(falter, disk)
    store.put(ONE, record(restored=True))
    store.accept_backup()
    with pytest.raises(OSError, match="error"):
        await store.written()
    await rest(store)
    for state in disk.states(0, 2):
        _, loaded = await open_store(SimulatedDisk(state))
        assert loaded.from_backup
    store.put(TWO, record())
    await store.written()
    await rest(store)
    _, loaded = await open_store(SimulatedDisk(disk.state()))
    assert loaded.records == {ONE: {"restored": True}, TWO: {}}
    assert not loaded.from_backup


def falter(disk: SimulatedDisk, step: str) -> None:
    """Have one sync fail."""
    if step == "sync":
        disk.before = work
        raise OSError(errno.EIO, os.strerror(errno.EIO))


async def test_backup_without_anything(
    open_store: OpenStore, disk: SimulatedDisk
) -> None:
    """There is nothing to decide about."""
    store, _ = await open_store()
    store.put(ONE, record())
    await store.written()
    store.remove(ONE)
    await store.written()
    await store.async_stop()
    disk = SimulatedDisk(backup(disk.state()))
    store, loaded = await open_store(disk)
    assert not loaded.from_backup
    store.put(TWO, record())
    await store.written()
    _, loaded = await open_store(SimulatedDisk(disk.state()))
    assert (dict(loaded.records), loaded.from_backup) == ({TWO: {}}, False)


async def test_mark_that_cannot_be_looked_for(
    open_store: OpenStore, disk: SimulatedDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the disk does not make a backup of it."""
    store, _ = await open_store()
    store.put(ONE, record())
    await store.written()
    await store.async_stop()

    def exists(path: Path) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    disk = SimulatedDisk(backup(disk.state()))
    monkeypatch.setattr(disk, "exists", exists)
    _, loaded = await open_store(disk)
    assert (dict(loaded.records), loaded.from_backup) == ({ONE: {}}, False)


async def test_backup_whose_mark_cannot_be_read(
    open_store: OpenStore, disk: SimulatedDisk
) -> None:
    """Then all that is there counts."""
    store, _ = await open_store()
    store.put(ONE, record())
    await store.written()
    copy = backup(disk.state()) | {FOLDER / "snapshot": b"?"}
    _, loaded = await open_store(SimulatedDisk(copy))
    assert (dict(loaded.records), loaded.from_backup) == ({ONE: {}}, True)
