"""What is changed in memory comes to the disk, in rounds, or is kept and tried again."""

import asyncio
from collections.abc import Callable
import errno
import os
from pathlib import Path

import pytest

from custom_components.qq_mail.store import Key, LargeText, Store
from custom_components.qq_mail.store.disk import Disk

from .conftest import OpenStore
from .house import FOLDER
from .power import SimulatedDisk, write

ONE: Key = ("message", "a", "1")
TWO: Key = ("message", "b", "2")
LIMITS: Key = ("limits", "a", "")
TEXT = b"Subject: =?utf-8?b?54Gr?=\r\n\r\nThe code is 123456.\r\n"


def record(**values: object) -> Callable[[], dict[str, object]]:
    """Return what makes a record."""
    return lambda: values


def fail(step: str) -> None:
    """Refuse whatever would change something."""
    raise OSError(errno.EROFS, os.strerror(errno.EROFS), step)


def work(step: str) -> None:
    """Take it."""


async def rest(store: Store) -> None:
    """Wait until everything is done that is to be done."""
    while store.is_busy:
        await asyncio.sleep(0)


def everything(disk: SimulatedDisk) -> bytes:
    """Return all octets that are on a disk."""
    return b"".join(content or b"" for content in disk.state().values())


async def test_kept(open_store: OpenStore) -> None:
    """A start finds what was put, in the order in which it came."""
    store, loaded = await open_store()
    assert (dict(loaded.records), loaded.damage, loaded.from_backup) == ({}, [], False)
    store.put(TWO, record(subject="火 \ud800"), TEXT)
    store.put(LIMITS, record(sent=[1, 2]))
    await store.written()
    store.put(ONE, record(fill="x" * 300_000))
    store.put(TWO, record(subject="水"))
    await store.written()
    assert store.text(TWO)().read() == TEXT
    await store.async_stop()
    store, loaded = await open_store()
    assert list(loaded.records.items()) == [
        (TWO, {"subject": "水"}),
        (LIMITS, {"sent": [1, 2]}),
        (ONE, {"fill": "x" * 300_000}),
    ]
    assert store.text(TWO)().read() == TEXT


async def test_rounds(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """One sync for what is decided together; an alert costs three."""
    store, _ = await open_store()
    await rest(store)
    syncs = disk.syncs
    for number in range(20):
        store.put(("message", "a", f"{number}"), record(), TEXT)
    await store.written()
    assert disk.syncs == syncs + 1
    store.put(("message", "a", "7"), record(in_data=True))
    await store.written()
    store.remove(("message", "a", "7"))
    store.put(LIMITS, record(sent=[7]))
    await store.written()
    await store.written()
    assert disk.syncs == syncs + 3


async def test_next_round(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """What comes while one is written makes the next one, with the newest of each."""
    store, _ = await open_store()
    await rest(store)
    asked: list[int] = []

    def count(number: int) -> Callable[[], dict[str, int]]:
        def make() -> dict[str, int]:
            asked.append(number)
            return {"number": number}

        return make

    store.put(ONE, count(1))
    first = store.written()
    await asyncio.sleep(0)
    assert asked == [1]
    syncs = disk.syncs
    store.put(ONE, count(2))
    store.put(ONE, count(3))
    await asyncio.gather(first, store.written())
    assert asked == [1, 3]
    assert disk.syncs <= syncs + 2


async def test_removed_before_it_was_written(
    open_store: OpenStore, disk: SimulatedDisk
) -> None:
    """Then there is nothing to write."""
    store, _ = await open_store()
    await rest(store)
    syncs = disk.syncs
    store.put(ONE, record(), TEXT)
    store.remove(ONE)
    store.remove(TWO)
    await store.written()
    assert disk.syncs == syncs


async def test_refused(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """Who waits hears of it; it is kept, and comes to the disk behind what comes next."""
    store, _ = await open_store()
    store.put(TWO, record(), b"two")
    await store.written()
    disk.before = fail
    store.put(ONE, record(number=1), TEXT)
    store.remove(TWO)
    with pytest.raises(OSError, match="Read-only"):
        await store.written()
    assert store.text(ONE)().read() == TEXT
    store.put(ONE, record(number=2))
    with pytest.raises(OSError, match="Read-only"):
        await store.written()
    assert store.text(ONE)().read() == TEXT
    with pytest.raises(OSError, match="Read-only"):
        await store.written()
    assert store.unwritten == 2
    disk.before = work
    store.put(LIMITS, record())
    await store.written()
    await store.written()
    assert store.unwritten == 0
    _, loaded = await open_store(SimulatedDisk(disk.state()))
    assert loaded.records == {ONE: {"number": 2}, LIMITS: {}}


@pytest.mark.usefixtures("at_once")
async def test_tried_again(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """Also where nothing else comes."""
    store, _ = await open_store()
    await rest(store)
    disk.before = fail
    store.put(ONE, record())
    with pytest.raises(OSError, match="Read-only"):
        await store.written()
    disk.before = work
    while store.unwritten:
        await asyncio.sleep(0)
    _, loaded = await open_store(SimulatedDisk(disk.state()))
    assert loaded.records == {ONE: {}}


async def test_refused_while_another_comes(
    open_store: OpenStore, disk: SimulatedDisk
) -> None:
    """What comes of the same key meanwhile has the text that was refused."""
    store, _ = await open_store()
    await rest(store)
    disk.before = fail
    store.put(ONE, record(number=1), TEXT)
    refused = store.written()
    await asyncio.sleep(0)
    store.put(ONE, record(number=2))
    assert store.text(ONE)().read() == TEXT
    for waiting in (refused, store.written()):
        with pytest.raises(OSError, match="Read-only"):
            await waiting
    disk.before = work
    await store.written()
    _, loaded = await open_store(SimulatedDisk(disk.state()))
    assert loaded.records == {ONE: {"number": 2}}


async def test_removed_after_it_was_refused(
    open_store: OpenStore, disk: SimulatedDisk
) -> None:
    """The disk may have it nevertheless: it is told that it is gone, and so is its draft."""
    store, _ = await open_store()
    await rest(store)
    draft = store.draft("1")
    large = write(disk, draft, TEXT)
    disk.before = fail
    store.put(ONE, record(), large)
    with pytest.raises(OSError, match="Read-only"):
        await store.written()
    assert draft in disk.now
    disk.before = work
    store.remove(ONE)
    await store.written()
    assert draft not in disk.now
    _, loaded = await open_store(SimulatedDisk(disk.state()))
    assert loaded.records == {}


async def test_record_that_cannot_be_made(open_store: OpenStore) -> None:
    """Who waits hears of it; the others are written."""
    store, _ = await open_store()
    store.put(ONE, record(thing=object()))
    store.put(TWO, record())
    with pytest.raises(TypeError):
        await store.written()
    assert store.unwritten == 0
    await store.async_stop()
    _, loaded = await open_store()
    assert loaded.records == {TWO: {}}


async def test_record_that_cannot_be_made_on_a_bad_day(
    open_store: OpenStore, disk: SimulatedDisk
) -> None:
    """It is not tried again; what the disk refused is."""
    store, _ = await open_store()
    await rest(store)
    disk.before = fail
    store.put(ONE, record(thing=object()))
    store.put(TWO, record())
    with pytest.raises(OSError, match="Read-only"):
        await store.written()
    assert store.unwritten == 1
    disk.before = work
    await store.written()
    assert store.unwritten == 0


async def test_who_waits_may_go(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """Nobody has to ask, or to hear the answer."""
    store, _ = await open_store()
    disk.before = fail
    store.put(ONE, record())
    store.written().cancel()
    store.written()
    with pytest.raises(OSError, match="Read-only"):
        await store.written()


async def test_draft(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """It stays where it is, for two syncs more, until its key is removed."""
    store, _ = await open_store()
    await rest(store)
    draft, octets = store.draft("1"), b"x" * 2_000_000
    large = write(disk, draft, octets)
    syncs = disk.syncs
    store.put(ONE, record(), large)
    text = store.text(ONE)
    assert text().read() == octets
    await store.written()
    assert disk.syncs == syncs + 3
    store.drop_draft(draft)
    for one in (text, store.text(ONE)):
        assert one().read() == octets
    await store.async_stop()
    store, _ = await open_store()
    assert store.text(ONE)().read() == octets
    store.put(ONE, record(number=2))
    await store.written()
    store.remove(ONE)
    await store.written()
    assert not [path for path in disk.now if path.suffix == ".text"]


async def test_draft_that_is_gone(open_store: OpenStore) -> None:
    """Its message is not kept; the others are."""
    store, _ = await open_store()
    store.put(ONE, record(), LargeText(store.draft("1"), (7, 7)))
    text = store.text(ONE)
    store.put(TWO, record())
    with pytest.raises(FileNotFoundError):
        await store.written()
    assert store.unwritten == 0
    with pytest.raises(FileNotFoundError):
        text()
    with pytest.raises(FileNotFoundError):
        store.text(ONE)()
    store.put(TWO, record(number=2))
    await store.written()


async def test_draft_that_was_damaged(
    open_store: OpenStore, disk: SimulatedDisk
) -> None:
    """It is not sent: who opens it hears that it is gone."""
    store, _ = await open_store()
    draft = store.draft("1")
    store.put(ONE, record(), write(disk, draft, b"x" * 2_000_000))
    await store.written()
    disk.now[draft].content[1_000_000] ^= 1
    with pytest.raises(FileNotFoundError, match="damaged"):
        store.text(ONE)()


async def test_text_is_overwritten(
    open_store: OpenStore, disk: SimulatedDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open stays readable; the disk no longer has it after a quiet moment."""
    store, _ = await open_store()
    store.put(ONE, record(), TEXT)
    await store.written()
    await rest(store)
    text = store.text(ONE)
    stream = text()
    store.remove(ONE)
    assert store.text(ONE)().read() == TEXT
    await store.written()
    assert text().read() == TEXT
    assert b"123456" in everything(disk)
    monkeypatch.setattr("custom_components.qq_mail.store.store.QUIET", 0)
    store.put(TWO, record())
    await store.written()
    syncs = disk.syncs
    await rest(store)
    assert disk.syncs == syncs + 1
    assert stream.read() == TEXT
    assert b"123456" not in everything(disk)
    with pytest.raises(FileNotFoundError):
        text()


async def test_overwritten_after_a_restart(
    open_store: OpenStore, disk: SimulatedDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that was not overwritten when the process ended."""
    store, _ = await open_store()
    store.put(ONE, record(), TEXT)
    store.put(TWO, record(), b"two")
    await store.written()
    store.remove(ONE)
    await store.written()
    await store.async_stop()
    assert b"123456" in everything(disk)
    monkeypatch.setattr("custom_components.qq_mail.store.store.QUIET", 0)
    store, loaded = await open_store()
    await rest(store)
    assert b"123456" not in everything(disk)
    assert loaded.records == {TWO: {}}
    assert store.text(TWO)().read() == b"two"


@pytest.mark.usefixtures("small")
async def test_remove_account(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """Nothing of it is left, and all of the others is, whatever is being written."""
    store, _ = await open_store()
    for number in range(30):
        store.put(("message", "a", f"{number}"), record(code=123456), TEXT)
        store.put(("message", "b", f"{number}"), record(), f"{number}".encode())
        await store.written()
        store.put(("message", "a", f"{number}"), record(code=123456, number=2))
    await asyncio.sleep(0)
    store.put(("limits", "a", ""), record(code=123456))
    store.remove_account("a")
    await store.written()
    await rest(store)
    assert b"123456" not in everything(disk)
    disk = SimulatedDisk(disk.state())
    store, loaded = await open_store(disk)
    assert len(loaded.records) == 30
    assert loaded.damage == []
    for key in loaded.records:
        assert store.text(key)().read() == key[2].encode()


@pytest.mark.usefixtures("small")
async def test_text_that_moves(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """Who asked for it before finds it where it is now."""
    store, _ = await open_store()
    store.put(ONE, record(), TEXT)
    await store.written()
    text = store.text(ONE)
    files = set(disk.now)
    store.remove_account("b")
    await rest(store)
    assert files - set(disk.now)
    assert text().read() == TEXT


async def test_cost_of_a_change(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """It does not grow with what is stored."""
    store, _ = await open_store()
    await rest(store)
    costs = []
    for number in (10, 1000):
        for name in range(number):
            store.put(("message", "a", f"{name}"), record(), TEXT)
        await store.written()
        await rest(store)
        steps: list[str] = []
        disk.before = steps.append
        store.put(("message", "a", "3"), record())
        await store.written()
        disk.before = work
        costs.append(steps)
    assert costs == [["write", "sync"]] * 2


async def test_stop(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """What was refused is tried once more; what comes later is still written."""
    store, _ = await open_store()
    await rest(store)
    disk.before = fail
    store.put(ONE, record())
    with pytest.raises(OSError, match="Read-only"):
        await store.written()
    await store.async_stop()
    assert store.unwritten == 1
    disk.before = work
    store.put(TWO, record())
    await store.written()
    await store.async_stop()
    assert store.unwritten == 0
    _, loaded = await open_store()
    assert loaded.records.keys() == {ONE, TWO}


@pytest.mark.usefixtures("at_once")
async def test_tidying_that_is_refused(
    open_store: OpenStore, disk: SimulatedDisk
) -> None:
    """It is done when the disk takes it."""
    store, _ = await open_store()
    store.put(ONE, record(), TEXT)
    await store.written()
    await rest(store)
    store.remove(ONE)
    await store.written()
    disk.before = fail
    await rest(store)
    assert b"123456" in everything(disk)
    disk.before = work
    while b"123456" in everything(disk):
        await asyncio.sleep(0)


async def test_free_space(open_store: OpenStore, disk: SimulatedDisk) -> None:
    """That of the disk below the folder."""
    store, _ = await open_store()
    disk.room = 5000
    assert store.free_space() == 5000


async def test_folder_that_was_removed(
    open_store: OpenStore, disk: SimulatedDisk
) -> None:
    """What comes later is kept in a new one."""
    store, _ = await open_store()
    store.put(ONE, record(), TEXT)
    await store.written()
    for path in [path for path in disk.now if FOLDER in (path, *path.parents)]:
        del disk.now[path]
    store.put(TWO, record(), b"two")
    await store.written()
    with pytest.raises(FileNotFoundError):
        store.text(ONE)()
    _, loaded = await open_store(SimulatedDisk(disk.state()))
    assert loaded.records == {TWO: {}}
    assert not loaded.from_backup


def test_private(tmp_path: Path) -> None:
    """Nobody else can read it, on a real disk."""

    async def fill() -> None:
        store = Store(tmp_path / ".storage" / "qq_mail")
        await store.async_load()
        store.put(ONE, record(), TEXT)
        await store.written()
        draft = store.draft("2")
        large = write(Disk(), draft, b"x" * 2_000_000)
        store.put(TWO, record(), large)
        assert len(store.text(TWO)().read()) == 2_000_000
        await store.written()
        assert store.free_space() > 0
        assert len(store.text(TWO)().read()) == 2_000_000
        store.remove(ONE)
        store.remove_account("b")
        await store.written()
        await rest(store)
        await store.async_stop()

    (tmp_path / ".storage").mkdir()
    asyncio.run(fill())
    folder = tmp_path / ".storage" / "qq_mail"
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert modes == {0o600, 0o700}
    assert folder.stat().st_mode & 0o777 == 0o700
