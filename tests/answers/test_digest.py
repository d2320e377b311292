"""A digest of different alerts is answered."""

import asyncio
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.mime.secret import find_secrets
from homeassistant.core import HomeAssistant

from ..calls.test_send import send
from ..house import house_of, later, outbox_of, restart, until
from ..outbox.test_merging import HALF_A_MINUTE
from ..qq_server import AcceptedMessage, QQServer
from .conftest import ANN, Household
from .test_answers import automate


async def merged(
    hass: HomeAssistant,
    household: Household,
    freezer: FrozenDateTimeFactory,
    alerts: list[dict[str, Any]],
) -> AcceptedMessage:
    """Raise more alerts than may go out one by one, and return their digest."""
    entry, server = household.entry, household.server
    stored = dict(entry.options)
    pace = {**stored, "burst": 1, "messages_per_minute": 2}
    hass.config_entries.async_update_entry(entry, options=pace)
    await hass.async_block_till_done()
    await send(hass, title="Before")
    for alert in alerts:
        await send(hass, **{"to": ANN, "wait": 0, **alert})
    await later(hass, freezer, HALF_A_MINUTE)
    await asyncio.to_thread(server.wait_for, 2)
    # What is told of answers does not wait.
    hass.config_entries.async_update_entry(entry, options=stored)
    await hass.async_block_till_done()
    return server.accepted[1]


def lamp(number: int) -> dict[str, Any]:
    """Return an alert about a lamp."""
    actions = [
        {"action": f"lamp_{number}", "title": f"Lamp {number}"},
        {"action": "acknowledge", "title": "Acknowledge"},
    ]
    return {"title": f"Alert {number}", "actions": actions}


async def test_numbers(
    hass: HomeAssistant,
    household: Household,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
) -> None:
    """They go on from one alert to the next, with or without the quote, for good."""
    mail = await merged(hass, household, freezer, [lamp(n) for n in range(4)])
    for line in ("1 Lamp 3 · 2 Acknowledge", "3 Lamp 2 · 4 Ack", "7 Lamp 0 · 8 Ack"):
        assert line in mail.text
    references = str(mail.message["References"])
    assert set(find_secrets(references)) == set(find_secrets(mail.text))
    assert len(references.split()) == 4
    household.answer(mail, "7", quotes=False)
    household.answer(mail, "4", refers=False)
    await household.told(2)
    assert [(one.mail.subject, one.action.action) for one in household.presses] == [
        ("Alert 0", "lamp_0"),
        ("Alert 2", "acknowledge"),
    ]
    await restart(hass, household.entry)
    again = Household(hass, server, household.entry)
    again.answer(mail, "3")
    await again.told(3)
    assert again.pressed == ["lamp_2"]


@pytest.mark.parametrize("said", ["收到", "Acknowledge"])
async def test_which(
    hass: HomeAssistant,
    household: Household,
    freezer: FrozenDateTimeFactory,
    said: str,
) -> None:
    """What several alerts have acknowledges none; what is suggested then works."""
    calls = await automate(hass, "reply_received", "text")
    mail = await merged(hass, household, freezer, [lamp(n) for n in range(4)])
    household.answer(mail, said)
    (told,) = await household.told()
    assert (
        "one of these: 2 Acknowledge · 4 Acknowledge · 6 Acknowledge · 8 Acknow"
        in told.text
    )
    assert household.pressed == []
    assert calls == []
    household.answer(mail, "8 Acknowledge")
    await household.told(2)
    assert [one.mail.subject for one in household.presses] == ["Alert 0"]


async def test_not_understood(
    hass: HomeAssistant, household: Household, freezer: FrozenDateTimeFactory
) -> None:
    """All that works is suggested, and nothing else."""
    words = {"action": "REPLY", "title": "Answer"}
    valve = {"action": "valve", "title": "Close", "destructive": True}
    alerts = [{"title": f"Alert {n}", "actions": [valve, words]} for n in range(3)]
    mail = await merged(hass, household, freezer, [*alerts, lamp(3)])
    household.answer(mail, "What?")
    household.answer(mail, "3")
    told, needed = await household.told(2)
    choices = "1 Lamp 3 · 2 Acknowledge · 3 Close · 4 Close · 5 Close"
    assert f"one of these: {choices}\n" in told.text
    assert "with these words: 3 Close\n" in needed.text
    household.answer(mail, "3 close")
    await household.told(3)
    assert [one.mail.subject for one in household.presses] == ["Alert 2"]


async def test_number_of_what_was_forgotten(
    hass: HomeAssistant, household: Household, freezer: FrozenDateTimeFactory
) -> None:
    """It is no text for another alert, and the answer says what works."""
    calls = await automate(hass, "reply_received", "text")
    words = {"action": "REPLY", "title": "Answer", "behavior": "textInput"}
    alerts = [*map(lamp, range(3)), {"title": "Ask", "actions": [words]}]
    mail = await merged(hass, household, freezer, alerts)
    assert "5 Lamp 0 · 6 Acknowledge" in mail.text
    buttons = house_of(hass).buttons
    known = buttons.answerable(household.entry.entry_id)
    buttons.revoke(*(k.mail.queue_id for k in known if k.mail.subject == "Alert 0"))
    household.answer(mail, "6")
    (told,) = await household.told()
    choices = "1 Lamp 2 · 2 Acknowledge · Answer · 3 Lamp 1 · 4 Acknowledge"
    assert f"one of these: {choices}\n" in told.text
    assert household.pressed == []
    household.answer(mail, "At 6")
    await household.told(2)
    assert [call.data for call in calls] == [{"text": "At 6"}]


@pytest.mark.usefixtures("freezer")
async def test_confirmed_alone(hass: HomeAssistant, household: Household) -> None:
    """What is told of an answer is no part of a digest, or it would be no answer."""
    entry = household.entry
    mail = await household.alert()
    pace = {**entry.options, "burst": 1, "messages_per_minute": 2}
    hass.config_entries.async_update_entry(entry, options=pace)
    await hass.async_block_till_done()
    await send(hass, title="Fire", to=ANN, wait=0, priority="high")
    household.answer(mail, "2")
    await until(lambda: len(outbox_of(entry)) == 2)
    mergeable = {one.subject: one.mergeable for one in outbox_of(entry).waiting()}
    assert mergeable == {"Fire": True, "Re: Water": False}


async def test_one_conversation(
    hass: HomeAssistant,
    household: Household,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It goes on in the digest, which says first what its buttons are known by."""
    tagged = [{**lamp(n), "title": "Water", "tag": "water"} for n in range(4)]
    mail = await merged(hass, household, freezer, tagged)
    conversation, own = str(mail.message["References"]).split()
    assert find_secrets(conversation) == ()
    assert find_secrets(own) == find_secrets(mail.text)
    household.answer(mail, "ok", quotes=False)
    await household.told()
    assert household.pressed == ["acknowledge"]
