"""A mail is answered, by a mail program that knows nothing of Home Assistant."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.qq_mail.answers import watching
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.mime.secret import find_secrets
from custom_components.qq_mail.store import Journal
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.const import EVENT_LOGBOOK_ENTRY
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from ..calls.test_send import body_of
from ..conftest import ADDRESS, shut_down
from ..house import later, listen, record_of, refuse, restart, until
from ..qq_server import AcceptedMessage, QQServer
from .conftest import ACTIONS, ANN, Household, answer_to

EVENT = "event.123456_qq_com_action"


def secret_of(mail: AcceptedMessage) -> str:
    """Return what an answer to a mail has to bring back."""
    (secret,) = find_secrets(body_of(mail))
    return secret


async def automate(
    hass: HomeAssistant, trigger: str, *names: str, **options: str
) -> list[ServiceCall]:
    """Have an automation listen, and return the calls it makes."""
    return await listen(hass, trigger, names, options)


def issue(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> Any:
    """Return what an issue names, if there is one."""
    found = ir.async_get(hass).async_get_issue(DOMAIN, f"{key}_{entry.entry_id}")
    return found and found.translation_placeholders


async def test_mail_says_how(household: Household) -> None:
    """Below its buttons, with what an answer has to bring back."""
    mail = await household.alert()
    for text in (body_of(mail), body_of(mail, "html")):
        assert "Away from home?" in text
        assert "These buttons work at home only" in text
        assert "Or switch on" not in text
        assert "1 Close the valve · 2 Switch the lamp on · 3 Acknowledge" in text
        assert "needs its words, not its number alone: Close the valve" in text
        assert f"Leave this code in the answer: {secret_of(mail)}" in text
    assert mail.message["References"] == f"<{secret_of(mail)}@qq.com>"


async def test_no_address(hass: HomeAssistant, household: Household) -> None:
    """Without links, each button is a mail that only has to be sent."""
    hass.config.internal_url = hass.config.external_url = hass.config.api = None
    mail = await household.alert()
    links = [word for word in body_of(mail).split() if word.startswith("mailto:")]
    assert len(links) == len(ACTIONS)
    assert [
        link for link in links if link.replace("&", "&amp;") in body_of(mail, "html")
    ]
    query = parse_qs(links[0].partition("?")[2])
    secret = secret_of(mail)
    assert query["subject"] == [f"Re: Water [{secret}]"]
    assert query["body"] == [f"Close the valve\r\n\r\n[{secret}]"]
    changes = {"refers": False, "quotes": False, "Subject": query["subject"][0]}
    household.answer(mail, query["body"][0], **changes)
    await household.told()
    assert household.pressed == ["close_valve"]


async def test_links_stay(hass: HomeAssistant, household: Household) -> None:
    """With an address that works from anywhere."""
    hass.config.external_url = "https://home.example.com"
    mail = await household.alert()
    assert "mailto:" not in mail.text
    assert "https://home.example.com/api/qq_mail/action/" in mail.text
    assert "2 Switch the lamp on" in mail.text


@pytest.mark.parametrize("fields", [{"actions": []}, {"reply_to": "bob@example.com"}])
async def test_cannot_be_answered(
    household: Household, server: QQServer, fields: dict[str, Any]
) -> None:
    """Without buttons, or where answers go to somebody else: nobody looks for any."""
    mail = await household.alert(to="10002@qq.com", **fields)
    assert mail.message["References"] is None
    assert "Or switch on" not in mail.text
    assert server.imap.logins == 0


@pytest.mark.parametrize(
    ("text", "action"),
    [
        pytest.param("2", "lamp", id="number"),
        pytest.param("Switch the lamp on", "lamp", id="title"),
        pytest.param("lamp", "lamp", id="action"),
        pytest.param("收到", "acknowledge", id="word"),
        pytest.param("close the valve!", "close_valve", id="destructive"),
    ],
)
async def test_press(
    hass: HomeAssistant, household: Household, text: str, action: str
) -> None:
    """The same trigger and event as by a link tell who pressed, and how."""
    calls = await automate(hass, "action_clicked", "action", "by", "channel", "tag")
    logged = async_capture_events(hass, EVENT_LOGBOOK_ENTRY)
    mail = await household.alert(tag="water")
    household.answer(mail, text)
    (told,) = await household.told()
    assert household.pressed == [action]
    (call,) = calls
    expected = {"action": action, "by": ANN, "channel": "mail", "tag": "water"}
    assert call.data == expected
    state = hass.states.get(EVENT)
    assert state
    assert (state.attributes["by"], state.attributes["channel"]) == (ANN, "mail")
    assert any(ANN in one.data["message"] for one in logged)
    assert told.recipients == (ANN,)
    assert "Told to Home Assistant at" in told.text
    assert told.message["X-Priority"] == "2 (High)"
    assert told.message["In-Reply-To"] == "<answer@example.com>"
    conversation, answered = str(told.message["References"]).split()
    assert mail.message["References"].split()[0] == conversation
    assert answered == "<answer@example.com>"


async def test_disk_that_refuses(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done, and told that nobody may know of it after a restart."""
    mail = await household.alert()
    monkeypatch.setattr(Journal, "write", refuse)
    household.answer(mail, "2")
    (told,) = await household.told()
    assert household.pressed == ["lamp"]
    assert "The disk did not take this note" in told.text


async def test_twice(hass: HomeAssistant, household: Household) -> None:
    """Once is done, and the second one reads who was first; three are told at most."""
    mail = await household.alert(to=[ANN, "bob@example.com"])
    household.answer(mail, "2")
    await household.told(1)
    household.answer(mail, "2", sender="bob@example.com")
    _, second = await household.told(2)
    assert f"by {ANN}" in second.text
    assert second.recipients == ("bob@example.com",)
    household.answer(mail, "1")
    *_, third = await household.told(3)
    assert "answer the mail with these words: Close the valve" in third.text
    household.answer(mail, "3")
    await until(lambda: household.pressed == ["lamp", "acknowledge"])
    await until(lambda: record_of(hass, "cursor")["uid"] == 5)
    # All was done that follows from it.
    await until(lambda: "IDLE" in household.server.imap.commands[-1])
    await hass.async_block_till_done()
    assert len(await household.told(3)) == 3


async def test_link_was_first(hass: HomeAssistant, household: Household) -> None:
    """Nobody knows who opens a link."""
    mail = await household.alert()
    buttons = hass.data["qq_mail"].buttons
    buttons.press(buttons.all()[1])
    household.answer(mail, "2")
    (told,) = await household.told()
    assert "Already pressed at" in told.text
    assert household.pressed == ["lamp"]


async def test_nobody_listens(hass: HomeAssistant, household: Household) -> None:
    """Who pressed is told, as on the page."""
    mail = await household.alert()
    household.listens = False
    household.answer(mail, "2")
    (told,) = await household.told()
    assert "no automation in the house listens to it" in told.text


async def test_acknowledged_elsewhere(
    hass: HomeAssistant, household: Household
) -> None:
    """A button that was ended says why."""
    mail = await household.alert()
    buttons = hass.data["qq_mail"].buttons
    buttons.end([buttons.all()[0].mail.queue_id], "acknowledged")
    household.answer(mail, "2")
    (told,) = await household.told()
    assert "acknowledged" in told.text
    assert household.pressed == []


async def test_expired(household: Household, freezer: FrozenDateTimeFactory) -> None:
    """Who answers up to an hour after the end is told that it is over."""
    mail = await household.alert(actions_expire_after="01:00:00")
    await later(household.hass, freezer, timedelta(minutes=70))
    household.answer(mail, "2")
    (told,) = await household.told()
    assert "Over since" in told.text
    assert household.pressed == []


async def test_reply_address(hass: HomeAssistant, household: Household) -> None:
    """That of the account's options is left out where answers are read."""
    options = {**household.entry.options, "reply_to": "office@example.com"}
    hass.config_entries.async_update_entry(household.entry, options=options)
    await hass.async_block_till_done()
    mail = await household.alert()
    assert mail.message["Reply-To"] is None
    household.answer(mail, "2")
    await household.told()
    assert household.pressed == ["lamp"]
    other = await household.alert(title="Other", actions=[])
    assert other.message["Reply-To"] == "office@example.com"


async def test_what_is_read(
    household: Household, server: QQServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of others' mail the head alone, and of what is large and has no code there."""
    monkeypatch.setattr(watching, "_MAX_WITHOUT_CODE", 8_000)
    mail = await household.alert()
    long = f"2\n{'\n'.join(['x' * 70] * 200)}"
    household.answer(mail, "2", sender="eve@example.com", refers=False)
    household.answer(mail, long, refers=False)
    household.answer(mail, long)
    await household.told()
    household.answer(mail, "3", refers=False)
    await household.told(2)
    assert household.pressed == ["lamp", "acknowledge"]
    whole = [one for one in server.imap.commands if "BODY.PEEK[])" in one]
    assert [one.split()[3] for one in whole] == ["3:3", "4:4"]


async def test_cleared(hass: HomeAssistant, household: Household) -> None:
    """What is over presses nothing."""
    mail = await household.alert(tag="water")
    await hass.services.async_call(
        DOMAIN, "send_message", {"tag": "water", "clear": True}, blocking=True
    )
    household.answer(mail, "2")
    (told,) = await household.told()
    assert "Over since" in told.text
    assert household.pressed == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"refers": False, "quotes": False}, id="forged"),
        pytest.param({"Auto-Submitted": "auto-replied"}, id="automatic"),
        pytest.param({"Subject": "自动回复: Water"}, id="vacation"),
        pytest.param({"Subject": "Fwd: Water"}, id="forwarded"),
        pytest.param({"List-Id": "<list.example.com>"}, id="list"),
    ],
)
async def test_presses_nothing(
    hass: HomeAssistant, household: Household, changes: dict[str, Any]
) -> None:
    """Without the secret, or not written by a person: and nobody is told anything."""
    mail = await household.alert()
    household.answer(mail, "3", **changes)
    household.answer(mail, "2")
    (told,) = await household.told()
    assert household.pressed == ["lamp"]
    assert "Switch the lamp on" in told.text
    assert issue(hass, household.entry, "stranger") is None


async def test_stranger(hass: HomeAssistant, household: Household) -> None:
    """The secret from somebody else presses nothing; a person is told, once a day."""
    mail = await household.alert()
    for stranger in ("eve@example.com", "mallory@example.com"):
        household.answer(mail, "3", sender=stranger)
    household.answer(mail, "2", sender=ADDRESS)
    (told,) = await household.told()
    assert told.recipients == (ADDRESS,)
    assert household.pressed == ["lamp"]
    assert issue(hass, household.entry, "stranger") == {
        "account": ADDRESS,
        "address": "eve@example.com",
        "subject": "Water",
        "page": "/qq-mail/history",
    }


@pytest.mark.parametrize(
    "sender",
    [
        pytest.param("Li, Ann <ann@example.com>", id="malformed"),
        pytest.param("ann@example.com, bob@example.com", id="two"),
    ],
)
async def test_nobody_in_particular(
    hass: HomeAssistant, household: Household, sender: str
) -> None:
    """Without one sender nothing is pressed, and there is no address to allow."""
    entry = household.entry
    options = {**entry.options, "answers_from": [f'"{ANN}" <>']}
    hass.config_entries.async_update_entry(entry, options=options)
    await hass.async_block_till_done()
    mail = await household.alert()
    octets = answer_to(mail, "3").replace(
        b"Somebody <ann@example.com>", sender.encode()
    )
    household.server.imap.put(ADDRESS, octets)
    household.answer(mail, "2")
    await household.told()
    assert household.pressed == ["lamp"]
    assert issue(hass, entry, "stranger") is None


@pytest.mark.parametrize(
    ("chosen", "to", "pressed"),
    [
        pytest.param({"recipient": ANN}, ANN, ["lamp"], id="hers"),
        pytest.param({"recipient": ANN}, "bob@example.com", [], id="another mail"),
        pytest.param({}, ANN, [], id="nobody's"),
    ],
)
async def test_stranger_is_allowed(
    hass: HomeAssistant,
    household: Household,
    chosen: dict[str, str],
    to: str,
    pressed: list[str],
) -> None:
    """For the mails of whoever it is, and no others."""
    alias = "ann@work.example"
    household.answer(
        await household.alert(to=[ANN, "bob@example.com"]), "2", sender=alias
    )
    await until(lambda: issue(hass, household.entry, "stranger"))
    assert await async_setup_component(hass, "repairs", {})
    manager = repairs_flow_manager(hass)
    assert manager
    data = {"issue_id": f"stranger_{household.entry.entry_id}"}
    form = await manager.async_init(DOMAIN, data=data)
    assert form["description_placeholders"] == issue(hass, household.entry, "stranger")
    await manager.async_configure(form["flow_id"], chosen)
    await hass.async_block_till_done()
    assert issue(hass, household.entry, "stranger") is None
    mail = await household.alert(title="Again", to=to)
    household.answer(mail, "2", sender=alias)
    household.answer(mail, "3", sender=to)
    await until(lambda: "acknowledge" in household.pressed)
    await household.told(1 + len(pressed))
    assert household.pressed == [*pressed, "acknowledge"]


async def test_everybodys_other_address(
    hass: HomeAssistant, household: Household
) -> None:
    """Without a name it counts for all mails."""
    options = {**household.entry.options, "answers_from": ["ann@work.example"]}
    hass.config_entries.async_update_entry(household.entry, options=options)
    await hass.async_block_till_done()
    mail = await household.alert()
    household.answer(mail, "2", sender="ann@work.example")
    await household.told()
    assert household.pressed == ["lamp"]


async def test_reply(hass: HomeAssistant, household: Household) -> None:
    """Another text is an automation's."""
    names = ("text", "sender", "tag", "subject", "account", "queue_id")
    calls = await automate(hass, "reply_received", *names)
    mail = await household.alert(tag="water")
    household.answer(mail, "How much water is it?")
    await until(lambda: calls)
    (queue_id,) = {one.mail.queue_id for one in hass.data["qq_mail"].buttons.all()}
    assert calls[0].data == {
        "text": "How much water is it?",
        "sender": ANN,
        "tag": "water",
        "subject": "Water",
        "account": ADDRESS,
        "queue_id": queue_id,
    }
    household.answer(mail, "2")
    (told,) = await household.told()
    assert "Switch the lamp on" in told.text


async def test_reply_to_another_mail(hass: HomeAssistant, household: Household) -> None:
    """Who listens for a tag hears of no other."""
    calls = await automate(hass, "reply_received", tag="gas")
    mail = await household.alert(tag="water")
    household.answer(mail, "How much water is it?")
    (told,) = await household.told()
    assert "Not understood" in told.text
    assert calls == []


async def test_not_understood(household: Household) -> None:
    """It is said once for each mail, where nobody listens."""
    mail = await household.alert()
    for text in ("What?", "Who?"):
        household.answer(mail, text)
    household.answer(mail, "2")
    first, second = await household.told(2)
    assert "one of these: Close the valve · 2 Switch the lamp on" in first.text
    assert "Switch the lamp on" in second.text


async def test_two_mails(household: Household) -> None:
    """An answer means the mail that it refers to, whatever else it quotes."""
    first = await household.alert(tag="water")
    second = await household.alert(tag="water", title="Still water")
    text = f"2\n\n> {first.text.replace('\n', '\n> ')}"
    household.answer(second, text)
    await household.told()
    assert [press.mail.subject for press in household.presses] == ["Still water"]


async def test_while_away(
    hass: HomeAssistant, household: Household, server: QQServer
) -> None:
    """What came while Home Assistant was away counts after the start, once."""
    mail = await household.alert()
    household.answer(mail, "2")
    await household.told()
    household.presses.clear()
    await shut_down(hass, household.entry)
    household.answer(mail, "3")
    assert await hass.config_entries.async_setup(household.entry.entry_id)
    await until(lambda: household.pressed == ["acknowledge"])
    await household.told(2)
    await restart(hass, household.entry)
    again = Household(hass, server, household.entry)
    household.answer(mail, "close the valve")
    await until(lambda: again.pressed)
    assert again.pressed == ["close_valve"]
    await household.told(3)
    await until(lambda: record_of(hass, "cursor")["uid"] == 4)
    assert server.imap.flags(ADDRESS) == [set()] * 3


async def test_only_while_it_can_be_answered(
    hass: HomeAssistant, household: Household, server: QQServer, pass_time: Any
) -> None:
    """The session ends an hour after the last button."""
    # Within QQ, from where nothing comes back for two days.
    await household.alert(to="10002@qq.com", actions_expire_after="01:00:00")
    await until(lambda: "IDLE" in "".join(server.imap.commands[-1:]))
    pass_time(timedelta(hours=2, minutes=1).total_seconds())
    # Ended, and not about to connect again.
    await until(
        lambda: "qq_mail answers" not in {one.get_name() for one in asyncio.all_tasks()}
    )
    await until(lambda: not server.imap.open)


async def test_switched_off(
    hass: HomeAssistant, household: Household, server: QQServer
) -> None:
    """Then nobody reads."""
    await household.alert()
    await until(lambda: server.imap.open)
    hass.config_entries.async_update_entry(
        household.entry, options={**household.entry.options, "answers_by_mail": False}
    )
    await until(lambda: not server.imap.open)
    await hass.async_block_till_done()


async def test_reload(
    hass: HomeAssistant, household: Household, server: QQServer
) -> None:
    """A reload keeps the session."""
    mail = await household.alert()
    await until(lambda: server.imap.logins == 1)
    assert await hass.config_entries.async_reload(household.entry.entry_id)
    household.answer(mail, "2")
    await household.told()
    assert household.pressed == ["lamp"]
    assert server.imap.logins == 1


async def test_login_refused(
    hass: HomeAssistant, household: Household, server: QQServer
) -> None:
    """It pauses IMAP alone, and is said in words; no new code is asked for."""
    server.imap.habits.service_open = False
    await household.alert()
    await until(lambda: issue(hass, household.entry, "inbox"))
    assert "Login fail" in issue(hass, household.entry, "inbox")["reply"]
    assert hass.config_entries.flow.async_progress() == []
    await household.alert(title="Fire")
    assert [mail.subject for mail in server.accepted] == ["Water", "Fire"]


async def test_connection_lost(
    hass: HomeAssistant, household: Household, server: QQServer
) -> None:
    """Another session goes on, and nobody has to know."""
    mail = await household.alert()
    await until(lambda: server.imap.logins)
    server.imap.drop()
    household.answer(mail, "2")
    await household.told()
    assert server.imap.logins == 2
    assert not ir.async_get(hass).issues


async def test_no_message_id(household: Household, server: QQServer) -> None:
    """What no mail program has written is done, and not answered."""
    mail = await household.alert()
    whole = answer_to(mail, "2")
    octets = whole.replace(b"Message-ID: <answer@example.com>\r\n", b"")
    server.imap.put(ADDRESS, octets)
    household.answer(mail, "3")
    (told,) = await household.told()
    assert household.pressed == ["lamp", "acknowledge"]
    assert "Acknowledge" in told.text
