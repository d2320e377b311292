"""How often the disk is waited for, and what stands in the journal meanwhile."""

import asyncio
from dataclasses import replace
import errno
from functools import partial
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.outbox import (
    spool as spool_module,
    writer as writer_module,
)
from custom_components.qq_mail.outbox.core.models import Message
from custom_components.qq_mail.outbox.digest import originals
from custom_components.qq_mail.outbox.journal import Entry, Journal
from custom_components.qq_mail.outbox.record import VERSION, as_json
from custom_components.qq_mail.outbox.spool import STATE, Change, Spool
from custom_components.qq_mail.outbox.writer import SpoolWriter
from homeassistant.core import HomeAssistant

from ..conftest import settle, settle_folder, shut_down
from ..house import notify, outbox_of, record_of, store_folder, until, waiting
from ..qq_server import Answer, Close, QQServer, Step
from .test_between import hold_up
from .test_records import MESSAGE, NOW

ONE = Entry("01ARZ3NDEKTSV4RRFFQ69G5FAV", b'{"subject": "\xe7\x81\xab"}', b"a\r\n\xff")
TWO = Entry("01ARZ3NDEKTSV4RRFFQ69G5FAW", b'{"subject": "Two"}')
GONE = Entry("01ARZ3NDEKTSV4RRFFQ69G5FAV", None)


class Syncs:
    """Counts how often a disk is synced, and how often before a final dot."""

    def __init__(self, server: QQServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.before_the_dot: list[int] = []
        self.number = 0
        real_sync, real_accept = os.fsync, server.accept

        def fsync(descriptor: int) -> None:
            self.number += 1
            real_sync(descriptor)

        def accept(*args: Any) -> None:
            self.before_the_dot.append(self.number)
            real_accept(*args)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(server, "accept", accept)


async def test_syncs_of_one_alert(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is kept, it is marked, and it is removed."""
    await notify(hass)
    syncs = Syncs(server, monkeypatch)
    await notify(hass)
    assert syncs.before_the_dot == [2]
    assert syncs.number == 3


async def test_syncs_of_an_alert_with_a_tag(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its conversation is kept first; that it went out is, when it is removed."""
    await notify(hass)
    syncs = Syncs(server, monkeypatch)
    await notify(hass, data={"tag": "door"})
    assert syncs.before_the_dot == [3]
    assert syncs.number == 4


async def test_syncs_of_the_first_alert_after_a_start(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The journal begins anew, and the login at the start is noted."""
    await notify(hass)
    await shut_down(hass, loaded_entry)
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    syncs = Syncs(server, monkeypatch)
    await notify(hass)
    assert syncs.before_the_dot == [4]
    assert syncs.number == 5


async def test_syncs_of_many_alerts_at_once(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that come while the disk is busy are kept together."""
    await notify(hass)
    syncs = Syncs(server, monkeypatch)
    await asyncio.gather(*(notify(hass, title=str(number)) for number in range(20)))
    assert [mail.subject for mail in server.accepted[1:]] == [*map(str, range(20))]
    assert syncs.number < 20 * 3


async def test_syncs_of_a_large_message(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its text is in a file of its own, which nobody reads as a whole."""
    await notify(hass)
    monkeypatch.setattr(spool_module, "_SMALL", 100)
    syncs = Syncs(server, monkeypatch)
    server.script(Step.CONNECT, Close())
    await notify(hass)
    assert syncs.before_the_dot == [4]
    assert syncs.number == 5
    assert list(store_folder(hass).glob("*.eml")) == []


def test_large_message_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its text is synced by its own call, before it comes to a round."""
    monkeypatch.setattr(spool_module, "_SMALL", 2)
    spool_with(tmp_path / "spool", GOOD)
    spool, order = Spool(tmp_path / "spool"), list[str]()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        order.append(Path(f"/proc/self/fd/{descriptor}").readlink().suffix)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    draft = spool.temporary(MESSAGE.queue_id)
    spool.write_draft(draft, lambda stream: stream.write(b"x\r\n"))
    assert order == [".tmp"]
    assert spool.write([Change(MESSAGE.queue_id, partial(str, GOOD), draft)]) == {}
    # The folder, the journal that begins, and its name.
    assert order == [".tmp", "", ".tmp", ""]


async def test_journal_is_tidied_in_a_quiet_moment(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not grow with what is long gone, and keeps what waits."""
    monkeypatch.setattr(spool_module, "_SPARE", 4000)
    spool = spool_in_use(loaded_entry)
    journal = spool.folder / "journal"
    server.script(Step.RCPT, Answer(450, "later"))
    await notify(hass, title="Later")
    while not spool.untidy:
        await notify(hass)
    grown = journal.stat().st_size
    syncs = Syncs(server, monkeypatch)
    await notify(hass)
    assert syncs.number == 3
    assert journal.stat().st_size > grown
    monkeypatch.setattr(writer_module, "QUIET", 0.0)
    await notify(hass)
    await until(lambda: not spool.untidy)
    assert journal.stat().st_size < 4000
    (message,) = outbox_of(loaded_entry).messages()
    assert waiting(hass) == [message.queue_id]
    assert list(spool.folder.glob("*.eml")) == []
    outbox_of(loaded_entry).async_retry()
    await until(lambda: waiting(hass) == [])
    assert server.accepted[-1].subject == "Later"


async def test_much_that_waits_gets_files(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The longest messages do first, each in a piece of its own."""
    server.script(Step.CONNECT, Close(), times=None)
    for length in (1, 5000, 3):
        await notify(hass, message="x" * length, title=str(length))
    spool = spool_in_use(loaded_entry)
    monkeypatch.setattr(spool_module, "_MOST_LIVE", 5000)
    syncs = Syncs(server, monkeypatch)
    spool.tidy()
    assert syncs.number == 3
    (body,) = spool.folder.glob("*.eml")
    assert record_of(spool.folder, body.stem)["subject"] == "5000"
    assert spool.body(body.stem) == body
    size = (spool.folder / "journal").stat().st_size
    spool.tidy()
    assert syncs.number == 6
    assert (spool.folder / "journal").stat().st_size < size - 5000
    server.reset()
    outbox_of(loaded_entry).async_retry()
    await until(lambda: waiting(hass) == [])
    assert {mail.subject for mail in server.accepted} == {"1", "5000", "3"}


async def test_alert_waits_for_one_piece_at_most(
    hass: HomeAssistant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between two pieces, what came meanwhile is put on disk."""
    monkeypatch.setattr(writer_module, "QUIET", 0.0)
    spool = Spool(tmp_path)
    writer = SpoolWriter(hass, spool)
    writer.keep_state({"asked": 1})
    await writer.flush()
    monkeypatch.setattr(spool, "_tidy_at", 0)
    monkeypatch.setattr(spool_module, "_MOST_LIVE", 0)
    gate = hold_up(monkeypatch, Spool, "tidy")
    writer.keep_state({"asked": 2, "much": "x" * 2000})
    # Nobody waits for what is only tidied.
    await until(gate.reached.is_set)
    await writer.flush()
    writer.keep_state({"asked": 3})
    waits = hass.async_create_task(writer.flush())
    gate.opened.set()
    await waits
    assert record_of(tmp_path) == {"asked": 3}
    await until(lambda: not spool.untidy)
    await writer.async_end()


@pytest.mark.parametrize("way", ["close", "end"])
async def test_end_while_it_is_tidied(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The piece is waited for, and is the last."""
    monkeypatch.setattr(writer_module, "QUIET", 0.0)
    spool = Spool(tmp_path)
    writer = SpoolWriter(hass, spool)
    writer.keep_state({"asked": 1})
    await writer.flush()
    monkeypatch.setattr(spool_module, "_MOST_LIVE", 0)
    gate = hold_up(monkeypatch, Spool, "tidy")
    with monkeypatch.context() as patch:
        patch.setattr(spool, "_tidy_at", 0)
        writer.keep_state({"asked": 2})
        await until(gate.reached.is_set)
        if way == "close":
            await writer.async_close()
        end = hass.async_create_task(writer.async_end())
        await asyncio.sleep(0)
        assert not end.done()
        gate.opened.set()
        await end
        assert spool.untidy
    assert record_of(tmp_path) == {"asked": 2}


async def test_overgrown_journal_waits_for_no_quiet_moment(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it would grow without end, it is tidied between two rounds."""
    monkeypatch.setattr(spool_module, "_SPARE", 100)
    monkeypatch.setattr(spool_module, "_OVERGROWN", 1000)
    spool = Spool(tmp_path)
    writer = SpoolWriter(hass, spool)
    for asked in range(100):
        writer.keep_state({"asked": asked})
        await asyncio.wait({hass.async_create_task(writer.flush())})
        assert (tmp_path / "journal").stat().st_size < 1200
    await writer.async_end()
    assert record_of(tmp_path) == {"asked": 99}


async def test_tidying_that_fails(
    hass: HomeAssistant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever it is, the next change is put on disk."""
    monkeypatch.setattr(writer_module, "QUIET", 0.0)
    monkeypatch.setattr(spool_module, "_SPARE", 100)
    writer = SpoolWriter(hass, Spool(tmp_path))

    def fail(_: Spool) -> None:
        raise ValueError("nobody expected this")

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "tidy", fail)
        for asked in range(3):
            writer.keep_state({"asked": asked})
            await writer.flush()
        await until(lambda: "Cannot tidy" in caplog.text)
    writer.keep_state({"asked": 3})
    await writer.flush()
    assert record_of(tmp_path) == {"asked": 3}
    await writer.async_end()


async def test_journal_that_cannot_begin_anew(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It goes on growing, and is left alone until it is twice as long."""
    monkeypatch.setattr(spool_module, "_SPARE", 2000)
    monkeypatch.setattr(writer_module, "QUIET", 0.0)
    await notify(hass)
    spool = spool_in_use(loaded_entry)
    obstacle = spool.folder / "journal.tmp"
    obstacle.mkdir()
    while caplog.text.count("Cannot tidy the journal") < 3:
        await notify(hass)
    size = (spool.folder / "journal").stat().st_size
    assert size > 8000
    obstacle.rmdir()
    while (spool.folder / "journal").stat().st_size >= size:
        await notify(hass)
    await until(lambda: not spool.untidy)
    assert waiting(hass) == []


async def test_spool_of_version_2(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """It had no journal; each of its messages is written in the new form in time."""
    server.script(Step.CONNECT, Close(), times=None)
    await notify(hass)
    await shut_down(hass, loaded_entry)
    spool = store_folder(hass)
    settle_folder(spool)
    (file,) = spool.glob("0*.json")
    (spool / "journal").unlink()
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": 2}))
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    await until(lambda: record_of(spool, file.stem)["version"] == VERSION)
    server.reset()
    outbox_of(loaded_entry).async_retry()
    await until(lambda: waiting(hass) == [])
    assert len(server.accepted) == 1


async def test_killed_with_a_journal(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What stands in the journal alone is sent by the next process, text and all."""
    server.script(Step.CONNECT, Close())
    await notify(hass, title="Waits")
    await shut_down(hass, loaded_entry)
    assert not list(store_folder(hass).glob("0*"))
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    await until(lambda: waiting(hass) == [])
    assert [mail.subject for mail in server.accepted] == ["Waits"]


def lines_of(tmp_path: Path) -> tuple[Journal, list[bytes]]:
    """Return a journal of four rounds, and its lines."""
    journal = Journal(tmp_path / "journal")
    journal.begin([ONE])
    for entry in (TWO, GONE, TWO):
        journal.add([entry])
    journal.close()
    return journal, journal.file.read_bytes().splitlines(keepends=True)


def test_what_is_read(tmp_path: Path) -> None:
    """What was written."""
    journal, lines = lines_of(tmp_path)
    assert len(lines) == 4
    assert journal.size == sum(map(len, lines))
    content = journal.read()
    assert content.entries == [ONE, TWO, GONE, TWO]
    assert content.damaged == []


def test_cut_off_anywhere(tmp_path: Path) -> None:
    """A line that was cut off was not promised; the others are read."""
    journal, lines = lines_of(tmp_path)
    whole = b"".join(lines)
    for end in range(len(whole)):
        journal.file.write_bytes(whole[:end] + bytes(3))
        content = journal.read()
        assert content.damaged == []
        kept = sum(end >= len(b"".join(lines[: n + 1])) for n in range(4))
        assert content.entries == [ONE, TWO, GONE, TWO][:kept]


@pytest.mark.parametrize(
    ("place", "damaged"),
    [
        pytest.param(0, True, id="first"),
        pytest.param(1, True, id="in the middle"),
        # It may be a part of the last round that was cut off.
        pytest.param(2, False, id="last but one"),
        pytest.param(3, False, id="last"),
    ],
)
def test_line_that_is_not_whole(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    place: int,
    damaged: bool,
) -> None:
    """It harms none of the others."""
    journal, lines = lines_of(tmp_path)
    lines[place] = lines[place].replace(b"01ARZ", b"02ARZ")
    journal.file.write_bytes(b"".join(lines))
    content = journal.read()
    entries = [ONE, TWO, GONE, TWO]
    del entries[place]
    assert content.entries == entries
    assert bool(content.damaged) == damaged
    assert ("cut off" in caplog.text) != damaged


def spool_with(folder: Path, *records: str) -> Path:
    """Make a spool whose journal says this of as many messages."""
    spool = Spool(folder)
    for place, record in enumerate(records):
        draft = spool.temporary(MESSAGE.queue_id)
        spool.write_draft(draft, lambda stream: stream.write(b"x\r\n"))
        key = f"{MESSAGE.queue_id[:-1]}{place}"
        text = record.replace(MESSAGE.queue_id, key)
        assert spool.write([Change(key, partial(str, text), draft)]) == {}
    spool.close()
    return folder / "journal"


GOOD = as_json(MESSAGE, NOW)


def test_damaged_line(tmp_path: Path) -> None:
    """It is set aside; the other messages are whole."""
    journal = spool_with(tmp_path / "spool", GOOD, GOOD, GOOD, GOOD)
    journal.write_bytes(journal.read_bytes().replace(b"FA1", b"FA9"))
    loaded = Spool(tmp_path / "spool").load(NOW)
    assert [m.queue_id[-1] for m in loaded.queue] == ["0", "2", "3"]
    (aside,) = loaded.damaged
    assert aside.parent.name == "damaged"
    assert b"FA9" in aside.read_bytes()


def test_record_in_the_journal_of_another_version(tmp_path: Path) -> None:
    """It is set aside with its text, once."""
    bad = json.dumps({**json.loads(GOOD), "version": VERSION + 1})
    spool_with(tmp_path / "spool", GOOD, bad)
    spool = Spool(tmp_path / "spool")
    loaded = spool.load(NOW)
    assert [m.queue_id[-1] for m in loaded.queue] == ["0"]
    (aside,) = loaded.damaged
    assert aside.with_suffix(".eml").read_bytes() == b"x\r\n"
    aside.unlink()
    spool.tidy()
    assert Spool(tmp_path / "spool").load(NOW).damaged == []


@pytest.mark.parametrize("place", [0, 1])
def test_journal_that_is_none(tmp_path: Path, place: int) -> None:
    """What has files of its own goes on, and new messages are kept."""
    folder = tmp_path / "spool"
    journal = spool_with(folder, GOOD)
    spool = Spool(folder)
    spool.load(NOW)
    settle(spool)
    spool.close()
    journal.unlink()
    journal.mkdir()
    (folder / ["other", "damaged"][place]).write_text("in the way")
    spool = Spool(folder)
    loaded = spool.load(NOW)
    assert len(loaded.queue) == 1
    (aside,) = loaded.damaged
    assert aside.parent.name == ["damaged", "spool"][place]
    assert bool(spool.write([Change(STATE, partial(str, 1))])) == bool(place)


def test_many_large_ones_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read into memory at once is bounded."""
    monkeypatch.setattr(spool_module, "_MOST_LIVE", 5)
    folder = tmp_path / "spool"
    spool = Spool(folder)
    changes = []
    for place in range(3):
        key = f"{MESSAGE.queue_id[:-1]}{place}"
        draft = spool.temporary(key)
        spool.write_draft(draft, lambda stream: stream.write(b"x\r\n"))
        text = GOOD.replace(MESSAGE.queue_id, key)
        changes.append(Change(key, partial(str, text), draft))
    assert spool.write(changes) == {}
    assert [file.stem[-1] for file in sorted(folder.glob("*.eml"))] == ["1", "2"]
    assert len(Spool(folder).load(NOW).queue) == 3


def test_draft_that_is_gone(tmp_path: Path) -> None:
    """One change that cannot be made stops no other."""
    spool = Spool(tmp_path / "spool")
    gone = Change(MESSAGE.queue_id, partial(str, GOOD), spool.temporary("x"))
    assert spool.write([gone]).keys() == {MESSAGE.queue_id}
    state = Change(STATE, partial(str, '{"asked": 1}'))
    assert spool.write([gone, state]).keys() == {MESSAGE.queue_id}
    assert record_of(tmp_path / "spool") == {"asked": 1}


def test_full_disk_lets_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has files of its own is gone, though the journal cannot say so."""
    folder = tmp_path / "spool"
    spool_with(folder, GOOD, GOOD)
    spool = Spool(folder)
    loaded = spool.load(NOW)
    settle(spool)
    (key, _) = (message.queue_id for message in loaded.queue)

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert spool.write([Change(key, None)]).keys() == {key}
    spool.close()
    assert [m.queue_id[-1] for m in Spool(folder).load(NOW).queue] == ["1"]


def test_what_the_disk_does_not_let_go_stays_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message whose files cannot be removed is not sent after the next start."""
    key = MESSAGE.queue_id
    spool = Spool(tmp_path / "spool")
    draft = spool.temporary(key)
    spool.write_draft(draft, lambda stream: stream.write(b"x\r\n"))
    message = replace(MESSAGE, size=3)
    assert spool.write([Change(key, partial(as_json, message, NOW), draft)]) == {}
    settle(spool)
    unlink = os.unlink

    def refuse(path: Path, **options: Any) -> None:
        if key in str(path):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        unlink(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        assert spool.write([Change(key, None)]) == {}
        spool.tidy()
    spool.close()
    assert len(Spool(tmp_path / "spool").load(NOW).queue) == 0


def write_new(spool: Spool, message: Message, *superseded: str) -> None:
    """Put a new message on disk."""
    draft = spool.temporary(message.queue_id)
    spool.write_draft(draft, lambda stream: stream.write(b"abc"))
    record = partial(as_json, message, NOW)
    assert spool.write([Change(message.queue_id, record, draft, superseded)]) == {}


def test_digest_on_disk(tmp_path: Path) -> None:
    """What became a part of it is gone, whatever is said of that later."""
    spool = Spool(tmp_path / "spool")
    part = replace(MESSAGE, queue_id=TWO.key)
    digest = replace(MESSAGE, merged=originals([part]))
    write_new(spool, part)
    settle(spool)
    copy = {file: file.read_bytes() for file in spool.folder.glob(f"{TWO.key}.*")}
    assert len(copy) == 2
    write_new(spool, digest, part.queue_id)
    assert not any(file.exists() for file in copy)
    spool.write([Change(part.queue_id, partial(as_json, part, NOW))])
    assert [one.queue_id for one in Spool(spool.folder).load(NOW).queue] == [ONE.key]
    settle(spool)
    spool.close()
    # A copy that was made meanwhile has both.
    for file, content in copy.items():
        file.write_bytes(content)
    spool = Spool(spool.folder)
    assert [one.queue_id for one in spool.load(NOW).queue] == [ONE.key]
    spool.write([Change(STATE, lambda: "{}")])
    settle(spool)
    assert not any(file.exists() for file in copy)
