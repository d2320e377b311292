"""After a kill at any instant, whatever a caller or a page was told is true."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
import shutil
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.outbox import sessions as sessions_module
from custom_components.qq_mail.store import Journal
from homeassistant.core import HomeAssistant

from .buttons.conftest import path_of
from .calls.test_send import send
from .house import (
    house_of,
    later,
    outbox_of,
    outbox_shown,
    restart,
    store_folder,
    subjects,
    until,
)
from .qq_server import Answer, Close, Hang, QQServer, Step
from .sending.test_buttons import BASE, tokens_of

MINUTE = timedelta(minutes=1)
TEN_MINUTES = timedelta(minutes=10)
WATER: dict[str, Any] = {
    "title": "Water",
    "tag": "water",
    "priority": "highest",
    "repeat_until_acknowledged": "00:10:00",
}

type Kill = Callable[[], Awaitable[None]]


@pytest.fixture
def kill(hass: HomeAssistant, loaded_entry: MockConfigEntry, tmp_path: Path) -> Kill:
    """Return what ends the process at this instant, and starts it anew.

    The disk is as it is now: what is written later is of a process that is gone.
    """
    number = iter(range(1000))

    async def kill() -> None:
        copy = tmp_path / f"killed-{next(number)}"
        shutil.copytree(store_folder(hass), copy)
        await restart(hass, loaded_entry, folder=copy)

    hass.config.external_url = BASE
    return kill


async def test_page_said_done(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    kill: Kill,
    hass_client_no_auth: ClientSessionGenerator,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The alarm is over, and its button says when it was pressed."""
    await send(hass, **WATER)
    await later(hass, freezer, TEN_MINUTES)
    await until(lambda: len(server.accepted) == 2)
    await until(lambda: not len(outbox_of(loaded_entry)))
    first, second = (tokens_of(mail)[0] for mail in server.accepted)
    browser = await hass_client_no_auth()
    assert (await browser.post(path_of(second))).status == 200
    await kill()
    await later(hass, freezer, TEN_MINUTES)
    assert subjects(server) == ["Water", "Water (no. 2)"]
    assert (await outbox_shown(hass))["reminders"] == []
    buttons = house_of(hass).buttons
    pressed, other = buttons.find(second), buttons.find(first)
    assert pressed
    assert pressed.used_at
    assert other
    assert other.ended == "acknowledged"


async def test_page_said_done_while_a_reminder_waits(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    kill: Kill,
    hass_client_no_auth: ClientSessionGenerator,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What was to remind goes as well."""
    await send(hass, **WATER)
    (token,) = tokens_of(server.accepted[0])
    server.script(Step.RCPT, Answer(451, "later"), times=None)
    await later(hass, freezer, TEN_MINUTES)
    await until(lambda: list(outbox_of(loaded_entry).plans()))
    await until(lambda: not outbox_of(loaded_entry).sessions.at_work)
    browser = await hass_client_no_auth()
    assert (await browser.post(path_of(token))).status == 200
    await kill()
    assert list(outbox_of(loaded_entry).plans()) == []
    assert (await outbox_shown(hass))["reminders"] == []


@pytest.mark.parametrize("went_out", [True, False])
async def test_clear_returned(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    kill: Kill,
    freezer: FrozenDateTimeFactory,
    went_out: bool,
) -> None:
    """Neither the alarm nor its buttons come back."""
    if not went_out:
        server.script(Step.CONNECT, Close(), times=None)
    await send(hass, **WATER, repeat_after="01:00:00")
    await send(hass, **WATER, repeat_after="01:00:00")
    answer = await send(hass, message="", tag="water", clear=True)
    assert answer["status"] == ("accepted" if went_out else "cleared")
    await kill()
    server.reset()
    known = list(server.accepted)
    await later(hass, freezer, timedelta(hours=1))
    assert server.accepted == known
    shown = await outbox_shown(hass)
    assert shown == {"messages": [], "repeats": [], "reminders": []}
    assert house_of(hass).buttons.all() == []


async def test_answered_repeated(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    kill: Kill,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What was counted is told."""
    alert = {"title": "Door", "repeat_after": "01:00:00"}
    await send(hass, **alert)
    for count in (1, 2):
        assert (await send(hass, **alert))["count"] == count
        await kill()
    await later(hass, freezer, timedelta(hours=1))
    await until(lambda: len(server.accepted) == 2)
    assert subjects(server) == ["Door", "Door: again 2 ×"]


async def test_counted_for_another(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, kill: Kill
) -> None:
    """What another mail tells of is not told by the first one as well."""
    server.script(Step.CONNECT, Close(), times=None)
    for _ in range(3):
        await send(hass, title="Door", repeat_after="01:00:00")
    await send(hass, title="Door")
    await kill()
    assert [one["count"] for one in (await outbox_shown(hass))["repeats"]] == [2]


async def test_answered_accepted(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, kill: Kill
) -> None:
    """It is not sent again; it counts for the day, for the pace and for the login."""
    assert (await send(hass, **WATER))["status"] == "accepted"
    await kill()
    outbox = outbox_of(loaded_entry)
    assert list(outbox.plans()) == []
    assert outbox.accepted_today == 1
    assert len(outbox.state.limits.sent) == len(outbox.state.limits.logins) == 1
    (shown,) = (await outbox_shown(hass))["reminders"]
    assert shown["next"]
    assert all(map(house_of(hass).buttons.find, tokens_of(server.accepted[0])))


async def test_answered_deferred(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, kill: Kill
) -> None:
    """It goes out, with its buttons and its alarm."""
    server.script(Step.CONNECT, Close(), times=None)
    answer = await send(hass, **WATER, wait=0)
    assert answer["status"] == "deferred"
    await until(lambda: not outbox_of(loaded_entry).sessions.at_work)
    server.reset()
    await kill()
    await until(lambda: server.accepted)
    (mail,) = server.accepted
    assert mail.message["X-OQ-MSGID"] == answer["message_id"]
    assert all(map(house_of(hass).buttons.find, tokens_of(mail)))
    assert len((await outbox_shown(hass))["reminders"]) == 1


async def test_answered_discarded(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, kill: Kill
) -> None:
    """It does not come back, nor does what hung on it."""
    server.script(Step.CONNECT, Close(), times=None)
    answer = await send(hass, **WATER)
    await hass.services.async_call(
        DOMAIN, "discard", {"queue_id": answer["queue_id"]}, blocking=True
    )
    await kill()
    assert list(outbox_of(loaded_entry).plans()) == []
    assert (await outbox_shown(hass))["reminders"] == []
    assert house_of(hass).buttons.all() == []


@pytest.mark.parametrize("step", [Step.CONNECT, Step.RCPT, Step.ACCEPTED])
async def test_discarded_while_it_was_tried(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    kill: Kill,
    monkeypatch: pytest.MonkeyPatch,
    step: Step,
) -> None:
    """It does not come back either, however far the attempt had come."""
    monkeypatch.setattr(sessions_module, "STOP_GRACE", 0)
    hangs = asyncio.Event()
    server.on_silence = lambda: hass.loop.call_soon_threadsafe(hangs.set)
    server.script(step, Hang(), times=None)
    call = hass.async_create_task(send(hass, **WATER))
    outbox = outbox_of(loaded_entry)
    await hangs.wait()
    (queue_id,) = outbox.sessions.at_work
    await hass.services.async_call(
        DOMAIN, "discard", {"queue_id": queue_id}, blocking=True
    )
    assert outbox.sessions.at_work == {queue_id}
    await kill()
    await call
    assert list(outbox_of(loaded_entry).plans()) == []
    assert (await outbox_shown(hass))["reminders"] == []


async def test_acknowledged_by_an_action(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    kill: Kill,
    freezer: FrozenDateTimeFactory,
) -> None:
    """As by a button."""
    await send(hass, **WATER)
    await hass.services.async_call(
        DOMAIN, "acknowledge", {"tag": "water"}, blocking=True
    )
    await kill()
    await later(hass, freezer, TEN_MINUTES)
    assert subjects(server) == ["Water"]


@pytest.mark.parametrize("went_out", [True, False])
async def test_all_of_it_or_nothing(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    went_out: bool,
) -> None:
    """At each instant in which something is on disk, a mail has what belongs to it.

    And whoever got it hears that it is over, if it is cleared then once more.
    """
    hass.config.external_url = BASE
    real, copies = Journal.write, dict[Path, int]()

    def copy_then_write(*args: Any) -> Any:
        written = real(*args)
        copy = tmp_path / str(len(copies))
        shutil.copytree(store_folder(hass), copy)
        copies[copy] = len(server.accepted)
        return written

    if not went_out:
        server.script(Step.RCPT, Answer(451, "later"))
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", copy_then_write)
        await send(hass, **WATER)
        await send(hass, message="", tag="water", clear=True)
    told = subjects(server)
    states = set()
    for copy, number in copies.items():
        server.reset()
        server.script(Step.CONNECT, Close(), times=None)
        await restart(hass, loaded_entry, folder=copy)
        house, shown = house_of(hass), await outbox_shown(hass)
        waits = [one["subject"] for one in shown["messages"]]
        states.add((*waits, len(shown["reminders"]), len(house.buttons.all())))
        outbox = outbox_of(loaded_entry)
        await until(lambda outbox=outbox: not outbox.sessions.at_work)
        server.reset()
        outbox.async_retry()
        await until(lambda outbox=outbox: not len(outbox))
        await send(hass, message="", tag="water", clear=True)
        heard = [*told[:number], *subjects(server)]
        assert ("Re: Water" in heard) == ("Water" in heard)
    at_once = {("Water", 1, 1), (0, 0)}
    assert states == at_once | ({(1, 1), ("Re: Water", 0, 0)} if went_out else set())
