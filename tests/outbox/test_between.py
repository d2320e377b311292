"""What happens between the parts: calls, reloads, restarts, disk and clock at once."""

import asyncio
from contextlib import suppress
import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.content.errors import field_error
from custom_components.qq_mail.outbox import (
    composing,
    intake as intake_module,
    outbox as outbox_module,
)
from custom_components.qq_mail.outbox.composing import OutboxClosedError
from custom_components.qq_mail.smtp import transaction as transaction_module
from custom_components.qq_mail.store import Journal
from custom_components.qq_mail.texts import async_texts
from homeassistant.config_entries import ConfigEntryDisabler, UnknownEntry
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..calls.test_send import send
from ..conftest import CODE, Events
from ..content.test_attachments import TestCamera, add_cameras, picture
from ..house import (
    forget_mark,
    hold_up,
    large_texts,
    notify,
    on_disk,
    outbox_of,
    record_of,
    refuse,
    restart,
    until,
    until_cleared,
    waiting,
)
from ..qq_server import Answer, Close, QQServer, Step, replies
from ..test_repairs import issue_of


def reauth_flows(hass: HomeAssistant) -> int:
    """Return how many questions for a new code are open."""
    return sum(
        flow["context"]["source"] == "reauth"
        for flow in hass.config_entries.flow.async_progress()
    )


@pytest.mark.parametrize("octets", [2 * composing.SMALL, 10])
async def test_removed_while_composed(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    octets: int,
) -> None:
    """A file is still being read when the account goes: nothing of it is left."""
    (tmp_path / "log.txt").write_text("x" * octets)
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    gate = hold_up(monkeypatch, intake_module, "_compose")
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
    assert on_disk(hass) == {}
    assert large_texts(hass) == []


async def test_disabled_while_composed(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Nothing is taken for an account that is disabled."""
    (tmp_path / "log.txt").write_text("x" * 2 * composing.SMALL)
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    gate = hold_up(monkeypatch, intake_module, "_compose", after=True)
    call = hass.async_create_task(
        notify(hass, data={"attachments": [{"path": str(tmp_path / "log.txt")}]})
    )
    await until(gate.reached.is_set)
    outbox = outbox_of(loaded_entry)
    await hass.config_entries.async_set_disabled_by(
        loaded_entry.entry_id, ConfigEntryDisabler.USER
    )
    await until(lambda: outbox._intake._closed)  # noqa: SLF001 - nothing else shows it
    gate.opened.set()
    with pytest.raises(HomeAssistantError) as refused:
        await call
    assert refused.value.translation_key == "account_disabled"
    await hass.async_block_till_done()
    assert waiting(hass) == []
    assert large_texts(hass) == []


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
    assert on_disk(hass) == {}
    assert "ERROR" not in caplog.text


async def test_removed_while_it_is_cleared(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the account goes what was to be discarded, and what was to be said."""
    server.script(Step.CONNECT, Close(), times=None)
    for title in "ab":
        await send(hass, tag="door", title=title, wait=0)
    monkeypatch.setattr(outbox_module, "_DISCARDED_AT_ONCE", 1)

    async def removed_meanwhile(_: float) -> None:
        with suppress(UnknownEntry):
            await hass.config_entries.async_remove(loaded_entry.entry_id)

    outbox = outbox_of(loaded_entry)
    with monkeypatch.context() as patch:
        module = SimpleNamespace(**vars(asyncio) | {"sleep": removed_meanwhile})
        patch.setattr(outbox_module, "asyncio", module)
        answer = await send(hass, tag="door", clear=True)
    assert answer["status"] == "cleared"
    with pytest.raises(OutboxClosedError):
        outbox.conversation("door", "Door")
    assert on_disk(hass) == {}
    assert "goes on after an error" not in caplog.text


async def test_removed_then_stop(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What was removed does not come back when Home Assistant stops."""
    await notify(hass)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    await hass.async_stop(force=True)
    assert on_disk(hass) == {}


async def test_disabled_and_enabled_then_stop(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """It is the present outbox that stops with Home Assistant, not the first one."""
    await restart(hass, loaded_entry)
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await notify(hass)
    assert outbox_of(loaded_entry).pause
    await hass.async_stop(force=True)
    assert record_of(hass, "account")["pause"]


async def test_code_renewed_restored(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
) -> None:
    """A new code does not send what comes from a backup."""
    server.script(Step.CONNECT, Close())
    await notify(hass)
    forget_mark(hass)
    await restart(hass, loaded_entry)
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
    outbox_of(loaded_entry).conversation("door", "Alarm")
    gate = hold_up(monkeypatch, Journal, "write")
    call = hass.async_create_task(send(hass, tag="door"))
    await until(gate.reached.is_set)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    clear = hass.async_create_task(send(hass, tag="door", clear=True))
    await until_cleared(outbox_of(loaded_entry))
    gate.opened.set()
    assert (await clear)["discarded"] == 1
    await until(lambda: waiting(hass) == [])
    assert server.accepted == []


async def test_cleared_while_it_is_written(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the disk still has, and a kill would bring back, is not told as gone."""
    outbox = outbox_of(loaded_entry)
    with monkeypatch.context() as patch:
        gate = hold_up(patch, Journal, "write")
        call = hass.async_create_task(send(hass, tag="door"))
        await until(gate.reached.is_set)
        clear = hass.async_create_task(send(hass, tag="door", clear=True))
        await until_cleared(outbox)
        patch.setattr(Journal, "write", refuse)
        gate.opened.set()
        answers = await asyncio.gather(call, clear)
        assert len(waiting(hass)) == 1
    note = (await async_texts(hass)).of(field_error("done_not_kept"))
    assert answers[1]["discarded"] == 1
    assert answers[1]["notes"] == [note]
    await outbox.manager.store.async_stop()
    assert waiting(hass) == []


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


async def test_refused_after_it_was_written(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the disk has, though it said that it has not, is not sent again."""
    await notify(hass, title="before")
    real = Journal.write

    def fail(*args: Any) -> None:
        real(*args)
        raise OSError(errno.EIO, "io")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", fail)
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


async def test_discarded_while_its_text_is_read(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server hears nothing of it, and the session goes on with the next one."""
    gate = hold_up(monkeypatch, Journal, "open_text")
    await send(hass, title="Gone", message="x" * 2 * composing.SMALL, wait=0)
    await until(gate.reached.is_set)
    outbox = outbox_of(loaded_entry)
    await outbox.async_discard()
    gate.opened.set()
    await until(lambda: not outbox.sessions.at_work)
    await notify(hass)
    assert [mail.subject for mail in server.accepted] == ["Alarm"]
    assert server.logins == 1
