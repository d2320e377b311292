"""Mails with buttons: what arrives, who can press what, and where the token is not."""

import asyncio
from datetime import timedelta
from pathlib import Path
import re
import shutil
from typing import Any

from bs4 import BeautifulSoup
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail.buttons.registry import BUTTONS
from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.outbox import intake as intake_module
from custom_components.qq_mail.store import Journal
from custom_components.qq_mail.texts import Texts, async_texts
from homeassistant.components.trace.util import async_get_trace, async_list_traces
from homeassistant.const import MATCH_ALL
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component

from ..calls.test_send import body_of, mail_of, send
from ..house import hold_up, house_of, on_disk, outbox_of, restart, store_folder, until
from ..qq_server import AcceptedMessage, Answer, QQServer, Step, replies

BASE = "https://home.example.com"
TOKEN = re.compile(rf"{BASE}/api/qq_mail/action/([0-9a-f]{{64}})")
ACTIONS: list[dict[str, Any]] = [
    {"action": "close_valve", "title": "Close the valve", "destructive": True},
    {"action": "acknowledge", "title": "Acknowledge"},
    {"action": "URI", "title": "Open the dashboard", "uri": "/lovelace/water"},
]


@pytest.fixture
def external(hass: HomeAssistant) -> None:
    """Let Home Assistant know an address of its own that works from anywhere."""
    hass.config.external_url = BASE


@pytest.fixture
async def issued(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the tokens that will be issued, also those of mails that never arrive."""
    buttons = house_of(hass).buttons
    issue, tokens = buttons.issue, list[str]()

    def remembering(*args: Any) -> tuple[str, ...]:
        made = issue(*args)
        tokens.extend(made)
        return made

    monkeypatch.setattr(buttons, "issue", remembering)
    return tokens


def buttons_of(mail: AcceptedMessage) -> list[tuple[str, str]]:
    """Return what stands on a mail's buttons, and where they lead."""
    soup = BeautifulSoup(body_of(mail, "html"), "html.parser")
    return [
        (link.get_text(), str(link.get("href")))
        for cell in soup("td", class_="button")
        for link in cell("a")
    ]


def tokens_of(mail: AcceptedMessage) -> list[str]:
    """Return the tokens in a mail."""
    tokens = TOKEN.findall(body_of(mail, "html"))
    assert tokens == TOKEN.findall(body_of(mail))
    return tokens


async def works(hass: HomeAssistant, token: str) -> bool:
    """Whether a button can be pressed."""
    return house_of(hass).buttons.find(token) is not None


async def test_buttons(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Each that acts has a token of its own, and the mail says who can press."""
    freezer.move_to("2026-11-28 12:00:00+00:00")
    response = await send(
        hass,
        title="Water",
        tag="water",
        to="ann@example.com",
        actions=ACTIONS,
        actions_expire_after="12:00:00",
    )
    assert response["notes"] == []
    mail = mail_of(server)
    first, second = tokens_of(mail)
    assert buttons_of(mail) == [
        ("Close the valve", f"{BASE}/api/qq_mail/action/{first}"),
        ("Acknowledge", f"{BASE}/api/qq_mail/action/{second}"),
        ("Open the dashboard", f"{BASE}/lovelace/water"),
    ]
    said = "Whoever has this mail can press: each button once, until 2026-11-28 16:00."
    assert said in body_of(mail)
    assert said in BeautifulSoup(body_of(mail, "html"), "html.parser").get_text()
    registry = house_of(hass).buttons
    found = [registry.find(token) for token in (first, second)]
    assert [button and button.action.action for button in found] == [
        "close_valve",
        "acknowledge",
    ]
    button = found[0]
    assert button
    assert button.action.destructive
    assert button.mail.account == loaded_entry.entry_id
    assert button.mail.queue_id == response["queue_id"]
    assert (button.mail.tag, button.mail.subject) == ("water", "Water")
    assert button.mail.recipients == ("ann@example.com",)
    freezer.tick(timedelta(hours=12, seconds=-1))
    assert await works(hass, first)
    freezer.tick(timedelta(seconds=1))
    assert not await works(hass, first)


async def test_clock_set_while_it_is_made(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Raised in 1970: its buttons work for as long as others', and the mail says so."""
    steady = read_clock().steady

    async def set_clock(hass: HomeAssistant) -> Texts:
        freezer.move_to("2026-11-28 12:00:00+00:00")
        return await async_texts(hass)

    with monkeypatch.context() as patch:
        # Set alone; the other one stays where it is.
        patch.setattr("time.clock_gettime", lambda _: steady)
        freezer.move_to("1970-01-01 00:05:00+00:00")
        patch.setattr("custom_components.qq_mail.calls.send.async_texts", set_clock)
        await send(hass, actions=ACTIONS, actions_expire_after="12:00:00")
        mail = mail_of(server)
        assert "each button once, until 2026-11-28 16:00." in body_of(mail)
        assert [await works(hass, token) for token in tokens_of(mail)] == [True, True]
        freezer.tick(timedelta(hours=12))
        assert [await works(hass, token) for token in tokens_of(mail)] == [False, False]


async def test_automation_for_phones(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, external: None
) -> None:
    """Its buttons are in the mail as well, and nothing is said of the rest."""
    row = {"icon": "sfsymbols:bell", "activationMode": "background", **ACTIONS[1]}
    await hass.services.async_call(
        "notify",
        "qq_mail",
        {"message": "Wet", "data": {"actions": [row], "clickAction": "/lovelace"}},
        blocking=True,
    )
    mail = mail_of(server)
    (token,) = tokens_of(mail)
    assert await works(hass, token)
    assert buttons_of(mail) == [("Acknowledge", f"{BASE}/api/qq_mail/action/{token}")]


async def test_two_accounts(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, external: None
) -> None:
    """Each mail has buttons of its own."""
    other = MockConfigEntry(
        domain=DOMAIN,
        title="Second",
        unique_id="second",
        data=dict(loaded_entry.data),
        options={"service_name": "second", "messages_per_minute": 0},
    )
    other.add_to_hass(hass)
    assert await hass.config_entries.async_setup(other.entry_id)
    await hass.async_block_till_done()
    await send(
        hass,
        entity_id=["notify.123456_qq_com", "notify.second"],
        actions=ACTIONS,
    )
    tokens = [token for mail in server.accepted for token in tokens_of(mail)]
    assert len(set(tokens)) == 4
    registry = house_of(hass).buttons
    found = map(registry.find, tokens)
    assert {button.mail.account for button in found if button} == {
        loaded_entry.entry_id,
        other.entry_id,
    }


async def test_at_home_only(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The mail says so."""
    hass.config.internal_url = "http://192.168.1.2:8123"
    response = await send(hass, actions=ACTIONS)
    mail = mail_of(server)
    assert [url.partition("/api/")[0] for _, url in buttons_of(mail)] == [
        "http://192.168.1.2:8123",
        "http://192.168.1.2:8123",
        "http://192.168.1.2:8123/lovelace/water",
    ]
    for text in (body_of(mail), body_of(mail, "html")):
        assert "These buttons work at home only" in text
        assert "Or switch on Answers by mail" in text
    assert response["notes"] == []


async def test_no_address(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The alert goes out without buttons that act, and says why."""
    hass.config.internal_url = hass.config.external_url = None
    hass.config.api = None
    rows = [*ACTIONS, {"title": "Manual", "uri": "https://example.com/valve"}]
    response = await send(hass, actions=rows)
    mail = mail_of(server)
    assert buttons_of(mail) == [("Manual", "https://example.com/valve")]
    no_link, no_buttons = response["notes"]
    assert "/lovelace/water" in no_link
    assert "no buttons that act" in no_buttons
    assert no_buttons in body_of(mail)
    assert "Whoever" not in body_of(mail)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="off"),
        pytest.param({"reply_to": "bo@example.com"}, id="answered elsewhere"),
    ],
)
async def test_in_words(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    fields: dict[str, str],
) -> None:
    """What asks for a text is not shown where answers are not read, and it says why."""
    where = {"imap_host": server.host, "imap_port": server.imap.port}
    options = {**loaded_entry.options, **where, "answers_by_mail": bool(fields)}
    hass.config_entries.async_update_entry(loaded_entry, options=options)
    await hass.async_block_till_done()
    asks = {"action": "REPLY", "title": "Say something"}
    data = {"actions": [asks, ACTIONS[1]], **fields}
    response = await send(hass, **data)
    (note,) = response["notes"]
    assert "Say something asks for a text" in note
    assert "switch on Answers by mail in the account's options" in note
    mail = mail_of(server)
    assert [title for title, _ in buttons_of(mail)] == ["Acknowledge"]
    assert "“Say something” works in the phone's app only" in body_of(mail)
    preview = await hass.services.async_call(
        DOMAIN, "preview_message", data, blocking=True, return_response=True
    )
    assert preview
    assert preview["notes"] == [note]


async def test_links_alone(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, external: None
) -> None:
    """Nobody has to be told who can open them."""
    await send(hass, actions=ACTIONS[2])
    mail = mail_of(server)
    assert buttons_of(mail) == [("Open the dashboard", f"{BASE}/lovelace/water")]
    assert "Whoever" not in body_of(mail)


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        pytest.param("<script>alert(1)</script>", None, id="script"),
        pytest.param("\"><img src=x onerror='alert(1)'>", None, id="quotes"),
        pytest.param("{{ 1 }} {% x %} &amp; &lt;", None, id="template"),
        pytest.param("🚰 关闭水阀 👩‍🔧", None, id="emoji"),
        pytest.param("إغلاق الصمام", None, id="right-to-left"),
        # What turns the direction of what follows is not for a button.
        pytest.param("\u202egnp.exe", "gnp.exe", id="override"),
        pytest.param("a\r\n\r\nb\x00c", "a b c", id="lines"),
    ],
)
async def test_hostile_title(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    title: str,
    shown: str | None,
) -> None:
    """It is a title and nothing else, in a card and below HTML of the caller's own."""
    row = {"action": "close", "title": title}
    await send(hass, title="Water", actions=row)
    await send(hass, title="Water", html="<p>own</p>", actions=row)
    for mail in server.accepted:
        (token,) = tokens_of(mail)
        url = f"{BASE}/api/qq_mail/action/{token}"
        assert buttons_of(mail) == [(shown or title, url)]
        soup = BeautifulSoup(body_of(mail, "html"), "html.parser")
        assert not soup(["script", "img"])
        assert f"[{shown or title}]\n{url}\n" in body_of(mail)


async def test_preview(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    issued: list[str],
) -> None:
    """It shows the buttons; there is no token, and nothing to press."""
    response = await hass.services.async_call(
        DOMAIN,
        "preview_message",
        {"title": "Water", "actions": ACTIONS},
        blocking=True,
        return_response=True,
    )
    assert response
    html, text = str(response["html"]), str(response["text"])
    soup = BeautifulSoup(html, "html.parser")
    cells = soup("td", class_="button")
    assert [cell.get_text() for cell in cells] == [row["title"] for row in ACTIONS]
    assert [link["href"] for link in soup("a", href=True)] == [f"{BASE}/lovelace/water"]
    assert "Whoever has this mail can press" in html
    assert "[Close the valve]\n\n[Acknowledge]" in text
    assert "/api/qq_mail" not in html + text
    assert issued == []
    assert response["notes"] == []


async def test_cleared_after_it_went_out(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, external: None
) -> None:
    """Who says that it is over means the buttons as well, and those of this tag alone."""
    await send(hass, tag="water", actions=ACTIONS)
    await send(hass, tag="door", actions=ACTIONS)
    await send(hass, tag="water", clear=True, actions=ACTIONS)
    water, door, over = server.accepted
    assert [await works(hass, token) for token in tokens_of(water)] == [False, False]
    assert [await works(hass, token) for token in tokens_of(door)] == [True, True]
    # What says so is no alarm that could be acted on.
    assert buttons_of(over) == [("Open the dashboard", f"{BASE}/lovelace/water")]


async def test_cleared_while_it_is_made(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    issued: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody gets it, so nobody can press: whether its tokens were there before or not."""
    gate = hold_up(monkeypatch, Journal, "write")
    alarm = hass.async_create_task(send(hass, tag="water", actions=ACTIONS))
    await until(gate.reached.is_set)
    clear = hass.async_create_task(send(hass, tag="water", clear=True))
    await until(lambda: not house_of(hass).buttons.all())
    gate.opened.set()
    assert (await clear)["discarded"] == 1
    assert (await alarm)["status"] == "cleared"
    assert server.accepted == []
    assert [await works(hass, token) for token in issued] == [False, False]
    assert [key for key in on_disk(hass) if key[0] == BUTTONS] == []


async def test_refused_for_good(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    issued: list[str],
) -> None:
    """Nobody has the mail, so nobody can press."""
    server.script(Step.DOT, replies.CONTENT)
    with pytest.raises(HomeAssistantError):
        await send(hass, actions=ACTIONS)
    assert [await works(hass, token) for token in issued] == [False, False]


async def test_refused_for_some(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    issued: list[str],
) -> None:
    """The others can press."""
    server.script(Step.RCPT, replies.MAILBOX_NOT_FOUND)
    await send(hass, to=["ann@example.com", "ben@example.com"], actions=ACTIONS)
    assert tokens_of(mail_of(server)) == issued
    assert [await works(hass, token) for token in issued] == [True, True]


@pytest.mark.parametrize("paused", [False, True])
async def test_cannot_be_kept(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    issued: list[str],
    monkeypatch: pytest.MonkeyPatch,
    paused: bool,
) -> None:
    """What could not be taken has no buttons that work, be it tried or not."""
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS, skip=int(not paused))
    await send(hass)
    monkeypatch.setattr(intake_module, "MAX_MESSAGES", 0)
    with pytest.raises(HomeAssistantError):
        await send(hass, actions=ACTIONS)
    assert [await works(hass, token) for token in issued] == [False, False]


async def test_discarded(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    issued: list[str],
) -> None:
    """What waits can be pressed as little as what is gone."""
    server.script(Step.MAIL, Answer(451, "later"), times=None)
    response = await send(hass, actions=ACTIONS)
    assert [await works(hass, token) for token in issued] == [True, True]
    data = {"queue_id": response["queue_id"]}
    await hass.services.async_call(DOMAIN, "discard", data, blocking=True)
    assert [await works(hass, token) for token in issued] == [False, False]


async def test_call_cancelled_before_it_is_taken(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    issued: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is no mail in the end."""
    gate = hold_up(monkeypatch, intake_module, "_compose")
    call = hass.async_create_task(send(hass, tag="water", actions=ACTIONS))
    await until(gate.reached.is_set)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert [await works(hass, token) for token in issued] == [True, True]
    await outbox_of(loaded_entry).async_clear("water")
    gate.opened.set()
    await until(lambda: not house_of(hass).buttons.all())
    assert server.accepted == []


async def test_call_cancelled_while_it_waits(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    issued: list[str],
) -> None:
    """The mail goes out all the same, and its buttons work."""
    server.delay = 0.05
    call = hass.async_create_task(send(hass, actions=ACTIONS, wait=300))
    await until(lambda: len(outbox_of(loaded_entry)))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: server.accepted)
    assert tokens_of(mail_of(server)) == issued
    assert [await works(hass, token) for token in issued] == [True, True]


async def test_kept_with_the_mail(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    tmp_path: Path,
) -> None:
    """They are on disk as soon as the mail is out: whoever has it can press."""
    folder = tmp_path / "killed"

    def copy(_: AcceptedMessage) -> None:
        shutil.copytree(store_folder(hass), folder)

    server.on_accepted = copy
    await send(hass, actions=ACTIONS)
    tokens = tokens_of(mail_of(server))
    await restart(hass, loaded_entry, folder=folder)
    assert [await works(hass, token) for token in tokens] == [True, True]


async def test_the_token_is_in_the_mail_alone(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    external: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No log, trace, event, state, answer, transcript, diagnosis or record has it.

    The store has mails whole, and what has gone out is overwritten a little later.
    """
    caplog.set_level("DEBUG")
    seen: list[object] = []
    hass.bus.async_listen(MATCH_ALL, lambda event: seen.append(event.as_dict()))
    alarm = {
        "action": f"{DOMAIN}.send_message",
        "data": {"title": "Water", "message": "Wet", "actions": ACTIONS},
        "response_variable": "sent",
    }
    answer = {"stop": "Sent", "response_variable": "sent"}
    scripts = {"alarm": {"sequence": [alarm, answer]}}
    assert await async_setup_component(hass, "script", {"script": scripts})
    seen.append(
        await hass.services.async_call(
            "script", "alarm", blocking=True, return_response=True
        )
    )
    tokens = tokens_of(mail_of(server))
    assert len(tokens) == 2
    traces = await async_list_traces(hass, "script", "script.alarm")
    assert traces
    seen += [
        await async_get_trace(hass, "script.alarm", trace["run_id"]) for trace in traces
    ]
    assert await async_setup_component(hass, "diagnostics", {})
    client = await hass_client()
    address = f"/api/diagnostics/config_entry/{loaded_entry.entry_id}"
    seen.append(await (await client.get(address)).text())
    seen += [state.as_dict() for state in hass.states.async_all()]
    seen += [repr(outbox_of(loaded_entry).sessions.transcripts), str(on_disk(hass))]
    everything = caplog.text + str(seen)
    assert "close_valve" in everything
    assert [token for token in tokens if token in everything] == []
