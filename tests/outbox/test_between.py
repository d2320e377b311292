"""What happens between the parts: calls, reloads, restarts, disk and clock at once."""

import asyncio
from contextlib import suppress
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.outbox.spool import Spool
from custom_components.qq_mail.outbox.writer import SpoolWriter
from custom_components.qq_mail.smtp import transaction as transaction_module
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..calls.test_send import send
from ..conftest import CODE, Events, settle_folder, shut_down
from ..content.test_attachments import TestCamera, add_cameras, picture
from ..house import notify, outbox_of, record_of, store_folder, until, waiting
from ..qq_server import Answer, Close, QQServer, Step, replies
from ..test_repairs import issue_of


async def restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload an account for good, and load it as a new process would."""
    await shut_down(hass, entry)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


def reauth_flows(hass: HomeAssistant) -> int:
    """Return how many questions for a new code are open."""
    return sum(
        flow["context"]["source"] == "reauth"
        for flow in hass.config_entries.flow.async_progress()
    )


async def test_removed_while_composed(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A file is still being read when the account goes: nothing of it is left."""
    (tmp_path / "log.txt").write_text("x" * 100)
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    gate = hold_up(monkeypatch, Spool, "write_draft")
    call = hass.async_create_task(
        notify(hass, data={"attachments": [{"path": str(tmp_path / "log.txt")}]})
    )
    await until(gate.reached.is_set)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    gate.opened.set()
    with pytest.raises(HomeAssistantError) as refused:
        await call
    assert refused.value.translation_key == "account_not_loaded"
    await hass.async_block_till_done()
    assert not store_folder(hass).exists()


async def test_disabled_while_composed(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Nothing is written into a spool that may be another's by then."""
    (tmp_path / "log.txt").write_text("x" * 100)
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    gate = hold_up(monkeypatch, Spool, "write_draft", after=True)
    call = hass.async_create_task(
        notify(hass, data={"attachments": [{"path": str(tmp_path / "log.txt")}]})
    )
    await until(gate.reached.is_set)
    outbox = outbox_of(loaded_entry)
    await hass.config_entries.async_set_disabled_by(
        loaded_entry.entry_id, ConfigEntryDisabler.USER
    )
    await until(lambda: outbox._closed)  # noqa: SLF001 - nothing else shows it
    gate.opened.set()
    with pytest.raises(HomeAssistantError) as refused:
        await call
    assert refused.value.translation_key == "account_disabled"
    await hass.async_block_till_done()
    assert waiting(hass) == []


async def test_removed_while_clear_waits(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A clear whose mail waits for a camera ends with its account, without a trace."""
    camera = TestCamera("Door", picture())
    await add_cameras(hass, camera)
    await send(hass, tag="door")
    camera.go_on.clear()
    call = hass.async_create_task(
        send(hass, tag="door", clear=True, attachments={"entity_id": "camera.door"})
    )
    await camera.asked.wait()
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    camera.go_on.set()
    with pytest.raises(HomeAssistantError):
        await call
    await hass.async_block_till_done()
    assert not store_folder(hass).exists()
    assert "ERROR" not in caplog.text


async def test_removed_then_stop(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What was removed does not come back when Home Assistant stops."""
    await notify(hass)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    await hass.async_stop(force=True)
    assert not store_folder(hass).exists()


async def test_disabled_and_enabled_then_stop(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """It is the present outbox that stops with Home Assistant, not the first one."""
    await restart(hass, loaded_entry)
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await notify(hass)
    assert outbox_of(loaded_entry).rest
    await hass.async_stop(force=True)
    assert record_of(store_folder(hass))["hold"]


async def test_strange_id(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A queue id that is none is set aside, and the account loads."""
    server.script(Step.CONNECT, Close())
    await notify(hass)
    await shut_down(hass, loaded_entry)
    settle_folder(store_folder(hass))
    (record,) = store_folder(hass).glob("0*.json")
    data = json.loads(record.read_text())
    record.with_suffix(".eml").rename(record.parent / "strange.eml")
    record.unlink()
    (record.parent / "strange.json").write_text(
        json.dumps({**data, "queue_id": "strange"})
    )
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)


async def test_code_renewed_restored(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
) -> None:
    """A new code does not send what comes from a backup."""
    server.script(Step.CONNECT, Close())
    await notify(hass)
    await shut_down(hass, loaded_entry)
    (store_folder(hass) / "__pycache__" / "present").unlink()
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    await hass.async_block_till_done()
    assert len(outbox_of(loaded_entry).restored) == 1
    flow = await loaded_entry.start_reauth_flow(hass)
    await hass.config_entries.flow.async_configure(flow["flow_id"], {"password": CODE})
    await hass.async_block_till_done()
    await notify(hass, title="new")
    assert [mail.subject for mail in server.accepted] == ["new"]


async def test_cancelled_and_cleared(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call that was cancelled is still being taken, and a clear finds it."""
    await outbox_of(loaded_entry).async_thread("door", "Alarm")
    gate = hold_up(monkeypatch, Spool, "write")
    call = hass.async_create_task(send(hass, tag="door"))
    await until(gate.reached.is_set)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    clear = hass.async_create_task(send(hass, tag="door", clear=True))
    await until(lambda: all(each.cleared for each in outbox_of(loaded_entry)._orders))  # noqa: SLF001
    gate.opened.set()
    assert (await clear)["discarded"] == 1
    await until(lambda: waiting(hass) == [])
    assert server.accepted == []


async def test_reports_in_order(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is told late is told in the order in which it happened."""
    hass.set_state(CoreState.starting)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    events = Events()
    events.listen(entry)
    server.script(Step.RCPT, Answer(450, "busy"))
    await notify(hass, title="first")
    assert events.all == []
    release = asyncio.Event()
    hass.async_create_task(release.wait())
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await notify(hass, title="second")
    release.set()
    await events.wait(2)
    assert [event.subject for event in events.all] == ["first", "second"]


async def test_add_fails_and_unlink_too(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the disk neither keeps nor lets go is not sent again after a start."""
    await notify(hass, title="before")

    def read_only(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "read-only")

    real = os.fsync

    def fail(descriptor: int) -> None:
        real(descriptor)
        raise OSError(errno.EIO, "io")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        patch.setattr(Path, "unlink", read_only)
        await notify(hass)
    assert len(server.accepted) == 2
    await restart(hass, loaded_entry)
    await notify(hass, title="after")
    assert [mail.subject for mail in server.accepted] == ["before", "Alarm", "after"]


async def test_worker_exception_is_reported(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An attempt that broke is a repair issue, not only a line in the log."""

    def fail(_: object) -> None:
        raise ValueError("nobody expected this")

    with monkeypatch.context() as patch:
        patch.setattr(transaction_module, "_pieces", fail)
        await notify(hass)
    assert issue_of(hass, loaded_entry, "trouble")


async def test_reload_keeps_the_question(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
) -> None:
    """Who was asked for a new code is still asked after a reload, and after a start."""
    server.script(Step.AUTH, replies.LOGIN_NEEDS_CODE)
    await notify(hass)
    await hass.async_block_till_done()
    assert reauth_flows(hass) == 1
    await hass.config_entries.async_reload(loaded_entry.entry_id)
    await hass.async_block_till_done()
    assert reauth_flows(hass) == 1
    await restart(hass, loaded_entry)
    assert reauth_flows(hass) == 1


async def test_writer_after_an_error(
    hass: HomeAssistant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What nobody expected is logged, and what it befell is tried again."""
    writer = SpoolWriter(hass, Spool(tmp_path))

    def fail(*_: Any) -> None:
        raise ValueError("nobody expected this")

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "write", fail)
        writer.keep_state({"asked": 1})
        await writer.flush()
    assert "Traceback" in caplog.text
    assert writer.stuck == 1
    await writer.async_close()
    assert writer.stuck == 0
    assert record_of(tmp_path) == {"asked": 1}


async def test_writer_after_a_full_disk(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for the disk is not forgotten when it takes again what was stuck."""
    writer = SpoolWriter(hass, Spool(tmp_path))

    def full(_: int) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        writer.keep_state({"asked": 1})
        await writer.flush()
        writer.remove("stuck")
        await writer.flush()
        assert writer.stuck == 2
    gate = hold_up(monkeypatch, Spool, "write")
    writer.remove("slow")
    await until(gate.reached.is_set)
    writer.remove("next")
    waits = hass.async_create_task(writer.flush())
    gate.opened.set()
    await until(waits.done)
    await writer.async_close()
    assert writer.stuck == 0
    assert record_of(tmp_path) == {"asked": 1}


async def test_end_of_a_writer_that_is_busy(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends when what it was told before is on the disk, and takes no more."""
    writer = SpoolWriter(hass, Spool(tmp_path))
    gate = hold_up(monkeypatch, Spool, "write")
    writer.keep_state({"asked": 1})
    await until(gate.reached.is_set)
    end = hass.async_create_task(writer.async_end())
    gate.opened.set()
    await end
    writer.keep_state({"asked": 2})
    assert record_of(tmp_path)["asked"] == 1
