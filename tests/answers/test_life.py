"""Starts, backups, damage, and what goes wrong, while a mail can be answered."""

import asyncio
from pathlib import Path
import shutil
from typing import Any

import pytest

from custom_components.qq_mail.buttons.models import SIGNAL_REPLY, Reply
from custom_components.qq_mail.buttons.registry import BUTTONS, Buttons
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.inbox import mailbox
from custom_components.qq_mail.outbox import intake as intake_module
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from ..buttons.conftest import mail_of
from ..calls.test_send import send
from ..conftest import shut_down
from ..house import (
    begin_process,
    end_process,
    forget_mark,
    hold_up,
    house_of,
    on_disk,
    outbox_of,
    restart,
    rooms_of,
    store_folder,
    until,
)
from ..qq_server import Answer, QQServer, Step
from ..test_disabled import disable, enable
from .conftest import ACTIONS, ANN, Household


async def test_start(
    hass: HomeAssistant, household: Household, server: QQServer
) -> None:
    """Nothing is pressed before automations can hear of it."""
    mail = await household.alert()
    await until(lambda: server.imap.logins)
    await shut_down(hass, household.entry)
    household.answer(mail, "2")
    hass.set_state(CoreState.starting)
    assert await hass.config_entries.async_setup(household.entry.entry_id)
    await hass.async_block_till_done()
    assert server.imap.logins == 1
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await household.told()
    assert household.pressed == ["lamp"]


async def test_not_loaded(
    hass: HomeAssistant, household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer waits for the account's entities."""
    for name in ("FIRST_POLL", "FIRST_RETRY"):
        monkeypatch.setattr(mailbox, name, 0.01)
    mail = await household.alert()
    household.entry.mock_state(hass, ConfigEntryState.SETUP_RETRY)
    household.answer(mail, "2")
    # Its head is fetched again and again.
    await until(lambda: str(household.server.imap.commands).count("FETCH") > 1)
    assert household.pressed == []
    household.entry.mock_state(hass, ConfigEntryState.LOADED)
    await household.told()
    assert household.pressed == ["lamp"]


async def test_disabled_for_a_while(hass: HomeAssistant, household: Household) -> None:
    """What was read before is not read again: its sender would hear of it twice."""
    mail = await household.alert()
    household.answer(mail, "2")
    await household.told()
    await disable(hass, household.entry)
    await enable(hass, household.entry)
    household.answer(mail, "3")
    _, told = await household.told(2)
    assert "Acknowledge" in told.text
    assert household.pressed == ["lamp", "acknowledge"]


@pytest.mark.parametrize(("send", "pressed"), [(True, ["lamp"]), (False, [])])
async def test_backup(
    hass: HomeAssistant,
    household: Household,
    server: QQServer,
    send: bool,
    pressed: list[str],
) -> None:
    """What may be answered to another house counts once a person has decided."""
    mail = await household.alert()
    await until(lambda: server.imap.logins == 1)
    await end_process(hass, household.entry)
    forget_mark(hass)
    await begin_process(hass, household.entry)
    again = Household(hass, server, household.entry)
    answerable = house_of(hass).buttons.answerable
    assert answerable(household.entry.entry_id) == []
    house_of(hass).decide(household.entry.entry_id, send=send)
    again.answer(mail, "2")
    await hass.async_block_till_done()
    number = len(pressed)
    await until(lambda: len(again.presses) == number)
    assert len(await again.told(number)) == number
    assert again.pressed == pressed
    assert len(answerable(household.entry.entry_id)) == number


async def test_alert_while_reading_ends(
    hass: HomeAssistant,
    household: Household,
    server: QQServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It goes out, and its answers are read."""
    await household.alert()
    await until(lambda: server.imap.logins)
    ended = rooms_of(hass, household.entry).answers._timeout  # noqa: SLF001 - asyncio's clock cannot be set
    assert ended
    ended.reschedule(asyncio.get_running_loop().time())
    while not ended.expired():
        await asyncio.sleep(0)
    mail = await household.alert(title="Fire")
    household.answer(mail, "2")
    await household.told()
    assert household.pressed == ["lamp"]
    assert "Exception in " not in caplog.text


async def test_listener_of_buttons_that_fails(
    hass: HomeAssistant,
    household: Household,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever goes wrong with answers, the alarm goes out."""

    @callback
    def fail() -> None:
        raise ZeroDivisionError

    house_of(hass).buttons.async_listen(household.entry.entry_id, fail)
    await household.alert(title="Fire")
    assert [mail.subject for mail in household.server.accepted] == ["Fire"]
    assert "ZeroDivisionError" in caplog.text


async def test_removed(hass: HomeAssistant, household: Household) -> None:
    """Nothing is left of an account."""
    await household.alert()
    assert BUTTONS in {kind for kind, _, _ in on_disk(hass)}
    await hass.config_entries.async_remove(household.entry.entry_id)
    await hass.async_block_till_done()
    assert house_of(hass).buttons.answerable(household.entry.entry_id) == []
    assert on_disk(hass) == {}


async def test_damaged(
    hass: HomeAssistant, household: Household, caplog: pytest.LogCaptureFixture
) -> None:
    """One record does not take the others with it."""
    await household.alert()
    account = household.entry.entry_id
    records = {
        (kind, name): record
        for (kind, _, name), record in on_disk(hass).items()
        if kind == BUTTONS
    }
    buttons = Buttons(hass, house_of(hass).store, tuple)
    buttons.async_load({**records, (BUTTONS, "x"): {"told": 1}})
    assert len(buttons.answerable(account)) == 1
    assert "Ignoring a record (buttons)" in caplog.text


async def test_not_confirmed(
    household: Household,
    server: QQServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What cannot be said is pressed all the same, and stands in the log."""
    mail = await household.alert()
    monkeypatch.setattr(intake_module, "MAX_MESSAGES", 0)
    server.script(Step.MAIL, Answer(451, "Try again later"), times=None)
    household.answer(mail, "2")
    await until(lambda: "was not confirmed" in caplog.text)
    assert household.pressed == ["lamp"]
    assert len(outbox_of(household.entry)) == 0


async def test_killed_before_it_is_confirmed(
    hass: HomeAssistant,
    household: Household,
    server: QQServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What was pressed is confirmed after the start, and not pressed again."""
    mail = await household.alert()
    gate = hold_up(monkeypatch, intake_module, "_compose")
    household.answer(mail, "2")
    await asyncio.to_thread(gate.reached.wait)
    killed = Path(shutil.copytree(store_folder(hass), tmp_path / "killed"))
    gate.opened.set()
    await household.told()
    await restart(hass, household.entry, folder=killed)
    again = Household(hass, server, household.entry)
    _, told = await again.told(2)
    assert "Told to Home Assistant at" in told.text
    assert household.pressed == ["lamp"]
    assert again.pressed == []
    # It is owed no longer.
    await restart(hass, household.entry)
    assert len(await again.told(2)) == 2


async def test_confirmed_late(
    hass: HomeAssistant,
    household: Household,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a mail that nobody can answer any more nothing is kept."""
    mail = await household.alert()
    gate = hold_up(monkeypatch, intake_module, "_compose")
    household.answer(mail, "2")
    await asyncio.to_thread(gate.reached.wait)
    house_of(hass).buttons.revoke(household.presses[0].mail.queue_id)
    gate.opened.set()
    await household.told()
    assert BUTTONS not in {kind for kind, _, _ in on_disk(hass)}


@pytest.mark.parametrize(
    ("fields", "answered"), [({}, True), ({"reply_to": "bob@example.com"}, False)]
)
async def test_preview(
    hass: HomeAssistant, household: Household, fields: dict[str, Any], answered: bool
) -> None:
    """It shows how to answer, without anything that could be answered."""
    row = {"action": "lamp", "title": "Lamp"}
    shown = await hass.services.async_call(
        DOMAIN,
        "preview_message",
        {"message": "Smoke!", "actions": [row], **fields},
        blocking=True,
        return_response=True,
    )
    assert shown
    assert ("Away from home?" in str(shown["text"])) is answered
    assert "Leave this code" not in str(shown["text"])
    assert house_of(hass).buttons.answerable(household.entry.entry_id) == []


async def test_replies(
    hass: HomeAssistant, household: Household, caplog: pytest.LogCaptureFixture
) -> None:
    """One listener that fails does not keep an answer from the others."""
    heard: list[str] = []

    @callback
    def fail(reply: Reply) -> None:
        raise ValueError(reply.text)

    @callback
    def hear(reply: Reply) -> None:
        heard.append(reply.text)

    buttons = house_of(hass).buttons
    reply = Reply(mail=mail_of(household.entry), sender=ANN, text="Hello")
    assert not buttons.is_handled(SIGNAL_REPLY, reply)
    buttons.handlers[SIGNAL_REPLY].add(lambda _: True)
    assert buttons.is_handled(SIGNAL_REPLY, reply)
    async_dispatcher_connect(hass, SIGNAL_REPLY, fail)
    async_dispatcher_connect(hass, SIGNAL_REPLY, hear)
    mail = await household.alert()
    household.answer(mail, "Hello")
    await until(lambda: heard == ["Hello"])
    assert "ValueError: Hello" in caplog.text


async def test_discarded(
    hass: HomeAssistant, household: Household, server: QQServer
) -> None:
    """What nobody gets is not waited for."""
    server.script(Step.MAIL, Answer(451, "Try again later"), times=None)
    await send(hass, to=ANN, actions=ACTIONS)
    answerable = house_of(hass).buttons.answerable
    assert len(answerable(household.entry.entry_id)) == 1
    await hass.services.async_call(DOMAIN, "discard", {"all": True}, blocking=True)
    assert answerable(household.entry.entry_id) == []
