"""Alarms that go to several people, by several calls and accounts."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail.repeats import reminders as reminders_module
from custom_components.qq_mail.texts import async_texts
from homeassistant.core import HomeAssistant

from ..buttons.conftest import path_of
from ..buttons.test_trigger import automate
from ..calls.test_send import send
from ..house import house_of, later, outbox_of, until
from ..qq_server import Answer, QQServer, Step
from ..sending.test_buttons import BASE, tokens_of
from ..test_notify import ENTITY
from ..test_trigger import second_account
from .test_counting import DOOR
from .test_reminding import TEN_MINUTES, WATER, out, reminders

MUM, DAD = "mum@example.com", "dad@example.com"
VALVE = WATER | {"actions": [{"action": "close", "title": "Close"}]}


async def test_one_tag_for_two_people(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Each is reminded, until one of them has acknowledged it."""
    first = await send(hass, **WATER, to=MUM)
    await send(hass, **WATER, to=DAD)
    assert len(await reminders(hass)) == 2
    await later(hass, freezer, TEN_MINUTES)
    await out(loaded_entry, server, 4)
    again = {mail.recipients for mail in server.accepted[2:]}
    assert again == {(MUM,), (DAD,)}
    house_of(hass).acknowledge(loaded_entry.entry_id, first["queue_id"])
    assert await reminders(hass) == []


async def test_cleared_for_all(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A clear ends all of a tag, whoever it names."""
    await send(hass, **WATER, to=MUM)
    await send(hass, **WATER, to=DAD)
    await send(hass, message="", tag="water", clear=True, to=MUM)
    assert await reminders(hass) == []


async def test_two_accounts_without_a_tag(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """One call is one alarm, whichever account sends it: a press ends all of it."""
    hass.config.external_url = BASE
    await second_account(hass, server, loaded_entry)
    alarm = {key: WATER[key] for key in WATER if key != "tag"}
    await send(hass, **alarm, entity_id=[ENTITY, "notify.second"])
    assert len(server.accepted) == len(await reminders(hass)) == 2
    assert len({one["tag"] for one in await reminders(hass)}) == 1
    browser = await hass_client_no_auth()
    (token,) = tokens_of(server.accepted[1])
    assert (await browser.post(path_of(token))).status == 200
    assert await reminders(hass) == []


async def test_acknowledged_while_one_waits_for_one(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Who was refused a reminder for now gets none once another has acknowledged it."""
    first = await send(hass, **WATER, to=[MUM, DAD])
    server.script(Step.RCPT, Answer(451, "later"), match="mum@")
    await later(hass, freezer, TEN_MINUTES)
    waiting = outbox_of(loaded_entry).waiting
    await until(lambda: [one.recipients for one in waiting()] == [(MUM,)])
    house_of(hass).acknowledge(loaded_entry.entry_id, first["queue_id"])
    await until(lambda: not len(outbox_of(loaded_entry)))
    await later(hass, freezer, timedelta(hours=1))
    assert [mail.recipients for mail in server.accepted] == [(MUM, DAD), (DAD,)]


async def test_raised_again_and_again(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of so many mails the newest are remembered."""
    monkeypatch.setattr(reminders_module, "MAX_MAILS", 2)
    first, second, _ = [await send(hass, **WATER) for _ in range(3)]
    for sent, left in ((first, 1), (second, 0)):
        house_of(hass).acknowledge(loaded_entry.entry_id, sent["queue_id"])
        assert len(await reminders(hass)) == left


async def test_button_of_an_alarm_that_was_acknowledged(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """That of another of its mails says so, and no automation hears of a press."""
    hass.config.external_url = BASE
    calls = await automate(hass, {"action": "close"})
    for person in (MUM, DAD):
        await send(hass, **VALVE, to=person)
    (close, _), (_, known) = map(tokens_of, server.accepted)
    browser = await hass_client_no_auth()
    await browser.post(path_of(known))
    response = await browser.post(path_of(close))
    texts = await async_texts(hass)
    assert texts("answer_acknowledged") in await response.text()
    await hass.async_block_till_done()
    assert calls == []


async def test_button_of_an_alarm_that_was_raised_anew(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """That of the older mail says so; the newer one's works."""
    hass.config.external_url = BASE
    calls = await automate(hass, {"action": "close"})
    for _ in "ab":
        await send(hass, **VALVE)
    (old, _), (new, _) = map(tokens_of, server.accepted)
    browser = await hass_client_no_auth()
    texts = await async_texts(hass)
    response = await browser.post(path_of(old))
    assert texts("answer_replaced") in await response.text()
    await browser.post(path_of(new))
    await hass.async_block_till_done()
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        pytest.param(
            "attachments",
            {"entity_id": "camera.a"},
            {"entity_id": "camera.b"},
            id="pictures",
        ),
        pytest.param("entities", "sensor.a", "sensor.b", id="entities"),
        pytest.param("charts", "sensor.a", "sensor.b", id="charts"),
    ],
)
async def test_shows_something_else(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    field: str,
    one: Any,
    other: Any,
) -> None:
    """An alert that shows another camera, entity or chart is another one."""
    answers = [
        await send(hass, **DOOR, **{field: value}) for value in (one, other, one)
    ]
    assert [answer["status"] for answer in answers] == ["accepted"] * 2 + ["repeated"]
    assert len(server.accepted) == 2
