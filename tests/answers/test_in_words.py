"""A button that asks for a text is answered in words, by mail alone."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from custom_components.qq_mail.const import DOMAIN
from homeassistant.core import HomeAssistant, ServiceCall

from ..calls.test_send import body_of
from ..conftest import ADDRESS
from ..house import until
from ..qq_server import AcceptedMessage, QQServer
from .conftest import ANN, Household
from .test_answers import automate

LAMP = {"action": "lamp", "title": "Switch the lamp on"}
REPLY = {"action": "REPLY", "title": "Say something"}
GUESTS = {"action": "guests", "title": "How many?", "behavior": "textInput"}
PLAIN = {"refers": False, "quotes": False}


@pytest.fixture
async def heard(hass: HomeAssistant, household: Household) -> list[ServiceCall]:
    """Return what an automation hears."""
    return await automate(hass, "reply_received", "text", "action", "sender")


def links_of(mail: AcceptedMessage) -> list[dict[str, list[str]]]:
    """Return the subjects and texts of the mails that its buttons open."""
    begin = f"mailto:{ADDRESS}?"
    urls = [word for word in body_of(mail).split() if word.startswith(begin)]
    for url in urls:
        assert url.replace("&", "&amp;") in body_of(mail, "html")
    return [parse_qs(url.removeprefix(begin)) for url in urls]


def tap(
    household: Household, mail: AcceptedMessage, text: str, number: int = 0
) -> None:
    """Have somebody tap such a button, write a text above, and send it."""
    link = links_of(mail)[number]
    (body,) = link["body"]
    assert body.startswith("\r\n\r\n[")
    written = f"{text}{body}".replace("\r\n", "\n")
    household.answer(mail, written, Subject=link["subject"][0], **PLAIN)


@pytest.mark.parametrize("address", ["https://home.example.com", None])
async def test_mail_says_how(
    hass: HomeAssistant, household: Household, address: str | None
) -> None:
    """It has no number, and opens a mail whatever address the house has."""
    hass.config.external_url, hass.config.internal_url = address, None
    hass.config.api = None
    mail = await household.alert(actions=[REPLY, LAMP])
    for text in (body_of(mail), body_of(mail, "html")):
        assert "Say something: answered in words. Tap it, or answer this mail" in text
        assert "1 Switch the lamp on" in text
        assert "Switch the lamp on · " not in text
        assert "Leave this code in the answer" in text
    link = links_of(mail)[0]
    assert link["subject"][0].startswith("Re: Water [hq")
    assert link["subject"][0].removeprefix("Re: Water ") in link["body"][0]


async def test_alone(household: Household) -> None:
    """Without any that is pressed, nobody is asked for a number."""
    mail = await household.alert(actions=REPLY)
    assert "answered in words" in body_of(mail)
    assert "number" not in body_of(mail)
    assert "press" not in body_of(mail)


@pytest.mark.parametrize("text", ["At eight\n\nWith cake", "1", "ok", "lamp"])
async def test_tapped(
    household: Household, heard: list[ServiceCall], text: str
) -> None:
    """Whatever was written goes to the automation, and presses nothing else."""
    mail = await household.alert(actions=[LAMP, {**REPLY, "destructive": True}])
    tap(household, mail, text, -1)
    (told,) = await household.told()
    # A template makes a number of what reads like one.
    assert [{**call.data, "text": str(call.data["text"])} for call in heard] == [
        {"text": text, "action": "REPLY", "sender": ANN}
    ]
    assert household.pressed == []
    assert "Told to Home Assistant at" in told.text
    assert "Say something" in told.text


@pytest.mark.parametrize("quotes", [True, False])
@pytest.mark.parametrize("refers", [True, False])
async def test_answered(
    household: Household,
    heard: list[ServiceCall],
    server: QQServer,
    quotes: bool,
    refers: bool,
) -> None:
    """By any program, as often as somebody wants; a number presses its button."""
    mail = await household.alert(actions=[REPLY, LAMP])
    changes = {"quotes": quotes or not refers, "refers": refers}
    for text in ("At eight", "At nine"):
        household.answer(mail, text, **changes)
    await household.told(2)
    assert [call.data["text"] for call in heard] == ["At eight", "At nine"]
    assert {call.data["action"] for call in heard} == {"REPLY"}
    household.answer(mail, "1", **changes)
    assert len(await household.told(3)) == 3
    assert household.pressed == ["lamp"]
    assert len(heard) == 2


@pytest.mark.parametrize("text", ["", "say something!", "REPLY"])
async def test_no_words(
    household: Household, heard: list[ServiceCall], text: str
) -> None:
    """Its title or its name alone is no text."""
    mail = await household.alert(actions=[LAMP, REPLY])
    household.answer(mail, text)
    tap(household, mail, text, -1)
    for told in await household.told(2):
        assert "the answer had no text of its own" in told.text
        assert "Say something" in told.text
    assert heard == []
    assert household.pressed == []


async def test_nobody_listens(household: Household) -> None:
    """Who answers is told, each time."""
    mail = await household.alert(actions=[REPLY])
    for text in ("At eight", "At nine"):
        tap(household, mail, text)
    for told in await household.told(2):
        assert "Nobody was told: Say something" in told.text


async def test_over(
    hass: HomeAssistant, household: Household, heard: list[ServiceCall]
) -> None:
    """What is cleared is not told any more."""
    mail = await household.alert(tag="dinner", actions=REPLY)
    await hass.services.async_call(
        DOMAIN, "send_message", {"tag": "dinner", "clear": True}, blocking=True
    )
    tap(household, mail, "At eight")
    (told,) = await household.told()
    assert "Over since" in told.text
    assert heard == []


async def test_several(household: Household, heard: list[ServiceCall]) -> None:
    """The tap tells which is meant; an answer to the mail does not."""
    mail = await household.alert(actions=[REPLY, GUESTS])
    tap(household, mail, "Three", 1)
    await until(lambda: len(heard) == 1)
    tap(household, mail, "Hello", 0)
    await until(lambda: len(heard) == 2)
    household.answer(mail, "At eight")
    await until(lambda: len(heard) == 3)
    assert [(call.data["action"], call.data["text"]) for call in heard] == [
        ("guests", "Three"),
        ("REPLY", "Hello"),
        (None, "At eight"),
    ]
    await household.told(2)


async def test_several_unheard(household: Household) -> None:
    """Then all that can be answered is named."""
    mail = await household.alert(actions=[REPLY, LAMP, GUESTS])
    household.answer(mail, "At eight")
    (told,) = await household.told()
    assert "Say something · 1 Switch the lamp on · How many?" in told.text


async def test_alarm(household: Household, heard: list[ServiceCall]) -> None:
    """What asks for a text acknowledges nothing: another button does."""
    asks = {"action": "acknowledge", "title": "I go", "behavior": "textInput"}
    fields: dict[str, Any] = {"tag": "leak", "repeat_until_acknowledged": "00:05:00"}
    mail = await household.alert(actions=asks, **fields)
    assert "1 Acknowledge" in body_of(mail)
    household.answer(mail, "收到")
    await until(lambda: household.pressed == ["acknowledge"])
    await household.told()
    assert heard == []


async def test_stranger(household: Household, heard: list[ServiceCall]) -> None:
    """Its link does not make another address one of the mail's recipients."""
    mail = await household.alert(actions=REPLY)
    subject = links_of(mail)[0]["subject"][0]
    household.answer(mail, "x", sender="eve@example.com", Subject=subject, **PLAIN)
    tap(household, mail, "At eight")
    await household.told()
    assert [call.data["sender"] for call in heard] == [ANN]


async def test_no_more_than_three(
    household: Household, heard: list[ServiceCall]
) -> None:
    """What is written is passed on, but of one mail no more is told."""
    mail = await household.alert(actions=[REPLY, GUESTS])
    for number in range(4):
        tap(household, mail, f"Number {number}", number % 2)
        await until(lambda number=number: len(heard) == number + 1)
    await household.told(3)


async def test_quotes_of_two_mails(hass: HomeAssistant, household: Household) -> None:
    """A text is for the older one, however many buttons each of them has."""
    heard = await automate(hass, "reply_received", "tag")
    older = await household.alert(tag="older")
    newer = await household.alert(tag="newer", actions=[LAMP])
    household.answer(newer, f"Hello\n\n{older.text}", refers=False)
    await until(lambda: len(heard) == 1)
    assert heard[0].data["tag"] == "older"
