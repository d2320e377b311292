"""An alarm is sent again until someone acknowledges it, and no longer."""

import asyncio
from datetime import datetime, timedelta
import re
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.const import DOMAIN, MAX_AGAIN
from custom_components.qq_mail.content.errors import field_error
from custom_components.qq_mail.outbox import intake as intake_module
from custom_components.qq_mail.repeats import reminders as reminders_module
from custom_components.qq_mail.repeats.reminders import REMINDER
from custom_components.qq_mail.texts import async_texts
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..calls.test_send import body_of, send
from ..conftest import Events
from ..content.test_attachments import TestCamera, add_cameras, picture
from ..house import (
    begin_process,
    decide,
    end_process,
    forget_mark,
    hold_up,
    house_of,
    later,
    notify,
    on_disk,
    outbox_of,
    outbox_shown,
    record_of,
    restart,
    rooms_of,
    subjects,
    until,
)
from ..qq_server import Answer, Close, QQServer, Step, replies

TEN_MINUTES = timedelta(minutes=10)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WATER: dict[str, Any] = {
    "title": "Water",
    "message": "The sensor is wet.",
    "tag": "water",
    "priority": "highest",
    "repeat_until_acknowledged": "00:10:00",
}


async def reminders(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Return what get_outbox shows."""
    return list((await outbox_shown(hass))["reminders"])


async def out(entry: MockConfigEntry, server: QQServer, number: int) -> None:
    """Wait until so many mails are out, and the outbox knows it, a moment later."""
    await until(lambda: len(server.accepted) == number and not len(outbox_of(entry)))


async def test_repeated_until_acknowledged(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In one conversation, numbered, with what is so by then; a press ends it."""
    hass.states.async_set("sensor.depth", "3", {"friendly_name": "Depth"})
    first = await send(hass, **WATER, entities="sensor.depth", to="a@b.cn")
    hass.states.async_set("sensor.depth", "4", {"friendly_name": "Depth"})
    await later(hass, freezer, TEN_MINUTES)
    await out(loaded_entry, server, 2)
    mail, again = server.accepted
    assert again.subject == "Water (no. 2)"
    assert "No. 2: nobody has acknowledged" in body_of(again)
    # The log is for what is amiss.
    assert "In the mail" not in caplog.text
    assert "Depth: 4" in body_of(again)
    assert "The sensor is wet." in body_of(again)
    assert again.recipients == mail.recipients
    for field in ("References", "X-Priority"):
        assert again.message[field] == mail.message[field]
    (shown,) = await reminders(hass)
    assert (shown["tag"], shown["number"]) == ("water", 2)
    await later(hass, freezer, TEN_MINUTES)
    await out(loaded_entry, server, 3)
    # By any of its mails.
    house_of(hass).acknowledge(loaded_entry.entry_id, "another")
    house_of(hass).acknowledge(loaded_entry.entry_id, first["queue_id"])
    assert await reminders(hass) == []
    house_of(hass).acknowledge(loaded_entry.entry_id, first["queue_id"])
    await later(hass, freezer, TEN_MINUTES)
    assert len(server.accepted) == 3


async def test_nothing_repeated(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A press may belong to a mail that is not repeated."""
    house_of(hass).acknowledge(loaded_entry.entry_id, "unknown")
    assert await reminders(hass) == []


async def test_without_a_tag(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Its queue id is its tag, by which it can be cleared."""
    answer = await send(hass, message="Wet", repeat_until_acknowledged=600)
    await later(hass, freezer, TEN_MINUTES)
    await out(loaded_entry, server, 2)
    assert subjects(server)[1] == "Home Assistant (no. 2)"
    first, second = server.accepted
    assert first.message["References"] == second.message["References"]
    await send(hass, message="", tag=answer["queue_id"], clear=True)
    await later(hass, freezer, TEN_MINUTES)
    assert len(server.accepted) == 3
    assert await reminders(hass) == []


async def test_by_notify(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The other door offers it as well; a file that is gone by then is a note."""
    await notify(hass, data={"repeat_until_acknowledged": 60, "images": "/a/b.png"})
    await later(hass, freezer, timedelta(minutes=1))
    await out(loaded_entry, server, 2)
    assert "b.png" in body_of(server.accepted[1])


async def test_outage(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """While QQ is away one waits, and the next is due after that one went out."""
    server.script(Step.CONNECT, Close(), times=None)
    await send(hass, **WATER)
    for place in range(2):
        await later(hass, freezer, TEN_MINUTES)
        await events.wait(place + 2)
    assert len(outbox_of(loaded_entry)) == 1
    assert (await reminders(hass))[0]["next"] is None
    server.reset()
    await hass.services.async_call(DOMAIN, "retry", {}, blocking=True)
    await out(loaded_entry, server, 1)
    await later(hass, freezer, TEN_MINUTES)
    await out(loaded_entry, server, 2)


async def test_over_by_itself(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After a day nobody will."""
    await send(hass, **WATER)
    await later(hass, freezer, DAY)
    assert await reminders(hass) == []
    assert "Nobody acknowledged water" in caplog.text
    assert len(server.accepted) == 1


async def test_refused(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What was refused for good is not repeated; what it took the place of is."""
    server.script(Step.DOT, replies.CONTENT)
    with pytest.raises(HomeAssistantError):
        await send(hass, **WATER)
    assert await reminders(hass) == []
    await send(hass, **WATER)
    server.script(Step.DOT, replies.CONTENT)
    with pytest.raises(HomeAssistantError):
        await send(hass, **WATER | {"title": "More water"})
    await later(hass, freezer, TEN_MINUTES)
    await out(loaded_entry, server, 2)
    assert subjects(server) == ["Water", "Water (no. 2)"]


async def test_expired(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """One that is too old ends nothing: the next one takes its place."""
    server.script(Step.CONNECT, Close())
    await send(hass, **WATER, expires_after=60)
    await later(hass, freezer, timedelta(minutes=2))
    await until(lambda: "expired" in events.outcomes or server.accepted)
    await later(hass, freezer, TEN_MINUTES)
    await until(lambda: server.accepted)


@pytest.mark.parametrize("taken", [True, False])
async def test_acknowledged_while_one_waits(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    taken: bool,
) -> None:
    """A mail that reminds of nothing any more does not go out."""
    first = await send(hass, **WATER)
    begun, go_on = asyncio.Event(), asyncio.Event()
    make = intake_module.Intake.async_make

    async def wait(*args: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await make(*args)

    monkeypatch.setattr(intake_module.Intake, "async_make", wait)
    server.script(Step.MAIL, Answer(451, "later"))
    freezer.tick(TEN_MINUTES)
    async_fire_time_changed(hass, dt_util.utcnow() + TEN_MINUTES)
    await begun.wait()
    if taken:
        go_on.set()
        await until(lambda: list(outbox_of(loaded_entry).plans()))
    house_of(hass).acknowledge(loaded_entry.entry_id, first["queue_id"])
    go_on.set()
    await hass.async_block_till_done()
    await until(lambda: not list(outbox_of(loaded_entry).plans()))
    assert subjects(server) == ["Water"]


async def test_acknowledged_before_the_others_have_it(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The first mail goes to everyone, though one of them has acknowledged it."""
    server.script(Step.RCPT, Answer(451, "later"), match="b@")
    answer = await send(hass, **WATER, to=["a@b.cn", "b@b.cn"])
    house_of(hass).acknowledge(loaded_entry.entry_id, answer["queue_id"])
    await hass.services.async_call(DOMAIN, "retry", {}, blocking=True)
    await out(loaded_entry, server, 2)


@pytest.mark.parametrize("one", [True, False])
async def test_discarded(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, one: bool
) -> None:
    """What is discarded while it waits is not repeated."""
    server.script(Step.MAIL, Answer(451, "later"))
    answer = await send(hass, **WATER)
    chosen = {"queue_id": answer["queue_id"]} if one else {"all": True}
    await hass.services.async_call(DOMAIN, "discard", chosen, blocking=True)
    assert await reminders(hass) == []


async def test_raised_anew(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """One tag is repeated once; its older mails still end it."""
    first = await send(hass, **WATER)
    await send(hass, **WATER | {"title": "More water"})
    (shown,) = await reminders(hass)
    assert shown["number"] == 1
    await later(hass, freezer, TEN_MINUTES)
    await out(loaded_entry, server, 3)
    assert subjects(server)[2] == "More water (no. 2)"
    house_of(hass).acknowledge(loaded_entry.entry_id, first["queue_id"])
    assert await reminders(hass) == []


async def test_counted_is_not_repeated(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What is counted begins nothing: the one that stands for it is repeated."""
    for _ in "abc":
        await send(hass, **WATER, repeat_after=3600)
    (shown,) = await reminders(hass)
    assert shown["number"] == 1
    assert len(server.accepted) == 1


async def test_restart(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It goes on after a restart, be it overdue by then."""
    first = await send(hass, **WATER)
    await end_process(hass, loaded_entry)
    freezer.tick(DAY / 2)
    await begin_process(hass, loaded_entry)
    await out(loaded_entry, server, 2)
    assert subjects(server)[1] == "Water (no. 2)"
    house_of(hass).acknowledge(loaded_entry.entry_id, first["queue_id"])
    assert await reminders(hass) == []


async def test_restart_while_one_waits(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """After a restart, too, the next one waits for the last."""
    server.script(Step.CONNECT, Close(), times=None)
    await send(hass, **WATER)
    await restart(hass, loaded_entry)
    await later(hass, freezer, TEN_MINUTES)
    assert len(outbox_of(loaded_entry)) == 1
    assert (await reminders(hass))[0]["number"] == 1


async def test_acknowledged_after_a_restart(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What waits since an earlier run goes as well."""
    first = await send(hass, **WATER)
    server.script(Step.MAIL, Answer(451, "later"), times=None)
    await later(hass, freezer, TEN_MINUTES)
    await events.wait(2)
    await restart(hass, loaded_entry)
    assert len(outbox_of(loaded_entry)) == 1
    house_of(hass).acknowledge(loaded_entry.entry_id, first["queue_id"])
    await until(lambda: not list(outbox_of(loaded_entry).plans()))


async def test_replaced_while_it_is_made(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A first mail that fails ends nothing that has taken its place."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    make = intake_module.Intake.async_make

    async def fail_once(*args: Any) -> Any:
        if not begun.is_set():
            begun.set()
            await go_on.wait()
            raise RuntimeError
        return await make(*args)

    monkeypatch.setattr(intake_module.Intake, "async_make", fail_once)
    first = hass.async_create_task(send(hass, **WATER))
    await begun.wait()
    second = hass.async_create_task(send(hass, **WATER))
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(RuntimeError):
        await first
    assert (await second)["status"] == "accepted"
    assert len(await reminders(hass)) == 1


async def test_acknowledged_while_it_is_made(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Raised anew just when somebody answers: its mail goes out, once."""
    first = await send(hass, **WATER)
    gate = hold_up(monkeypatch, intake_module, "_compose")
    again = hass.async_create_task(send(hass, **WATER))
    await until(gate.reached.is_set)
    house_of(hass).acknowledge(loaded_entry.entry_id, first["queue_id"])
    gate.opened.set()
    assert (await again)["status"] == "accepted"
    assert await reminders(hass) == []
    await later(hass, freezer, TEN_MINUTES)
    assert len(server.accepted) == 2
    assert not [key for key in on_disk(hass) if key[0] == "reminder"]


async def test_replaced_while_it_waits(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What goes out meanwhile is repeated after all if what replaced it is refused."""
    server.script(Step.CONNECT, Close(), times=2)
    await send(hass, **WATER)
    await send(hass, **WATER | {"title": "More water"})
    server.script(Step.DOT, replies.CONTENT, skip=1)
    outbox_of(loaded_entry).async_retry()
    await out(loaded_entry, server, 1)
    assert len(await reminders(hass)) == 1
    await later(hass, freezer, TEN_MINUTES)
    await out(loaded_entry, server, 2)
    assert subjects(server) == ["Water", "Water (no. 2)"]


async def test_replaced_again_and_again(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An alarm that is raised many times while none goes out is one alarm."""
    await hass.config.async_update(external_url="https://home.example.com")
    monkeypatch.setattr(reminders_module, "MAX_REMINDERS", 2)
    server.script(Step.CONNECT, Close(), times=None)
    for number in range(5):
        answer = await send(hass, **WATER | {"title": f"Water {number}"}, wait=0)
    assert "not repeated" not in str(answer["notes"])
    assert len(await reminders(hass)) == 2
    # What is just being tried is not tried again at once.
    await until(lambda: not outbox_of(loaded_entry).sessions.at_work)
    server.reset()
    outbox_of(loaded_entry).async_retry()
    await out(loaded_entry, server, 5)
    assert len(await reminders(hass)) == 1
    ended = {one.mail.subject: one.ended for one in house_of(hass).buttons.all()}
    assert ended == {f"Water {n}": "replaced" for n in range(4)} | {"Water 4": None}
    house_of(hass).buttons.press(house_of(hass).buttons.all()[-1])
    assert await reminders(hass) == []


async def test_replaced_and_discarded(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What a person discarded is not repeated, whatever became of what replaced it."""
    server.script(Step.CONNECT, Close(), times=2)
    first = await send(hass, **WATER)
    await send(hass, **WATER | {"title": "More water"})
    await outbox_of(loaded_entry).async_discard(first["queue_id"])
    server.script(Step.DOT, replies.CONTENT)
    outbox_of(loaded_entry).async_retry()
    await until(lambda: not len(outbox_of(loaded_entry)))
    assert await reminders(hass) == []


@pytest.mark.parametrize(
    ("actions", "title"),
    [
        pytest.param(None, "Acknowledge", id="added"),
        pytest.param(
            [{"action": "ACKNOWLEDGE", "title": "I know"}], "I know", id="one's own"
        ),
    ],
)
async def test_press(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    actions: list[dict[str, str]] | None,
    title: str,
) -> None:
    """Each mail has the button that ends it, as long as the first one's."""
    await hass.config.async_update(external_url="https://home.example.com")
    await send(
        hass, **WATER, actions=actions, actions_expire_after="00:30:00", wait=300
    )
    await later(hass, freezer, TEN_MINUTES)
    await out(loaded_entry, server, 2)
    for mail in server.accepted:
        assert title in body_of(mail, "html")
        assert body_of(mail, "html").count("/api/qq_mail/action/") == 1
    times = {
        re.findall(r"until ([-0-9: ]+)", body_of(mail))[-1] for mail in server.accepted
    }
    assert len(times) == 1
    answers = house_of(hass).buttons
    links = answers.all()
    assert len(links) == 2
    answers.press(links[-1])
    assert await reminders(hass) == []


async def test_last(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The last mail says that it is, as no other one does."""
    await send(hass, **WATER, actions_expire_after="00:30:00")
    for number in (2, 3):
        await later(hass, freezer, TEN_MINUTES)
        await out(loaded_entry, server, number)
    await later(hass, freezer, TEN_MINUTES)
    assert ["This is the last one." in body_of(mail) for mail in server.accepted] == [
        *(False, False),
        True,
    ]
    assert await reminders(hass) == []


async def test_another_button(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Only the one that acknowledges ends it."""
    await hass.config.async_update(external_url="https://home.example.com")
    await send(hass, **WATER, actions=[{"action": "close", "title": "Close"}])
    answers = house_of(hass).buttons
    close, known = answers.all()
    answers.press(close)
    assert len(await reminders(hass)) == 1
    answers.press(known)
    assert await reminders(hass) == []


async def test_preview(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """It shows the button, and begins nothing."""
    await hass.config.async_update(external_url="https://home.example.com")
    answer = await hass.services.async_call(
        DOMAIN, "preview_message", WATER, blocking=True, return_response=True
    )
    assert answer
    assert "Acknowledge" in str(answer["html"])
    assert await reminders(hass) == []


@pytest.mark.parametrize(("choice", "sent"), [("send", 1), ("discard", 0)])
async def test_backup(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    choice: str,
    sent: int,
) -> None:
    """A house that is a copy of another leaves its alarms to that one, until told."""
    await send(hass, **WATER)
    forget_mark(hass)
    await restart(hass, loaded_entry)
    await later(hass, freezer, TEN_MINUTES)
    assert subjects(server) == ["Water"]
    await decide(hass, loaded_entry, choice)
    await out(loaded_entry, server, 1 + sent)
    assert len(await reminders(hass)) == sent


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"every": None}, id="no number"),
        pytest.param({"queue_ids": []}, id="no mail"),
        pytest.param({"recipients": {"to": [], "cc": [], "bcc": []}}, id="nobody"),
        pytest.param({"due": "soon"}, id="no time"),
    ],
)
async def test_damaged(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    damage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What cannot be read stops nothing."""
    answer = await send(hass, **WATER)
    record = record_of(hass, REMINDER) | damage
    key = (REMINDER, loaded_entry.entry_id, answer["queue_id"])
    house_of(hass).store.put(key, lambda: record)
    await restart(hass, loaded_entry)
    assert await reminders(hass) == []
    assert "Ignoring a record (reminder) that cannot be read" in caplog.text


async def test_removed_and_stopped(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Nothing is repeated by a house that stops, nor for an account that is gone."""
    await send(hass, **WATER)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    await send(hass, **WATER)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    await hass.async_block_till_done()
    assert on_disk(hass) == {}


async def test_disabled_for_an_hour(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What is overdue when the account is enabled again comes then, once."""
    await send(hass, **WATER)
    entry_id = loaded_entry.entry_id
    set_disabled = hass.config_entries.async_set_disabled_by
    await set_disabled(entry_id, ConfigEntryDisabler.USER)
    await until(lambda: not house_of(hass).rooms)
    await later(hass, freezer, HOUR)
    assert len(server.accepted) == 1
    await set_disabled(entry_id, None)
    await later(hass, freezer, timedelta(seconds=1))
    await out(loaded_entry, server, 2)
    assert subjects(server) == ["Water", "Water (no. 2)"]
    assert len(await reminders(hass)) == 1


async def test_removed_while_one_is_made(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What fails with the account leaves nothing of it on disk."""
    camera = TestCamera("Cellar", picture())
    await add_cameras(hass, camera)
    await send(hass, **WATER, attachments={"entity_id": "camera.cellar"})
    camera.asked.clear()
    camera.go_on.clear()
    freezer.tick(TEN_MINUTES)
    async_fire_time_changed(hass, dt_util.utcnow() + TEN_MINUTES)
    await camera.asked.wait()
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    assert on_disk(hass) == {}
    camera.go_on.set()
    await until(lambda: "water could not be sent again" in caplog.text)
    async_fire_time_changed(hass, dt_util.utcnow() + TEN_MINUTES)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert on_disk(hass) == {}


async def test_not_kept(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One that could not be kept is followed by the next; a first one by none."""
    await send(hass, **WATER)
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await send(hass, message="Another")
    with monkeypatch.context() as full:
        full.setattr(intake_module, "MAX_MESSAGES", 0)
        await later(hass, freezer, TEN_MINUTES)
        await until(lambda: "water could not be sent again" in caplog.text)
        with pytest.raises(HomeAssistantError):
            await send(hass, **WATER | {"tag": "other"})
    (shown,) = await reminders(hass)
    assert (shown["tag"], shown["number"]) == ("water", 2)
    await later(hass, freezer, TEN_MINUTES)
    await until(lambda: len(outbox_of(loaded_entry)) == 2)


async def test_not_made(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A first mail that was never made is not repeated."""

    async def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(intake_module.Intake, "async_make", fail)
    with pytest.raises(RuntimeError):
        await send(hass, **WATER)
    assert await reminders(hass) == []


async def test_breaks(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error that nobody expected does not end what nobody has acknowledged."""

    async def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    await send(hass, **WATER)
    with monkeypatch.context() as broken:
        broken.setattr(intake_module.Intake, "async_make", fail)
        await later(hass, freezer, TEN_MINUTES)
        await until(lambda: "water could not be sent again: broken" in caplog.text)
    assert "Traceback" in caplog.text
    await later(hass, freezer, TEN_MINUTES)
    await out(loaded_entry, server, 2)


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        pytest.param("high", "highest", ["b"], id="more important"),
        pytest.param("high", "high", ["a"], id="as important"),
        pytest.param("highest", "lowest", ["a"], id="less important"),
    ],
)
async def test_bounded(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    second: str,
    left: list[str],
) -> None:
    """Of too many the least important makes room, but for none that is not more so."""
    monkeypatch.setattr(reminders_module, "MAX_REMINDERS", 1)
    await send(hass, **WATER | {"tag": "a", "priority": first})
    answer = await send(hass, **WATER | {"tag": "b", "priority": second})
    assert answer["status"] == "accepted"
    assert [shown["tag"] for shown in await reminders(hass)] == left
    texts = await async_texts(hass)
    refused = texts.of(field_error("too_many_reminders"))
    assert answer["notes"] == [refused] * (left == ["a"])


async def test_clock_without_a_battery(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where it is set after a start, an alarm is due that was due while it was off."""
    await send(hass, **WATER)
    await restart(hass, loaded_entry)
    steady = read_clock().steady
    monkeypatch.setattr("time.clock_gettime", lambda _: steady)
    freezer.tick(timedelta(minutes=20))
    await later(hass, freezer, timedelta(minutes=1))
    await out(loaded_entry, server, 2)
    (shown,) = await reminders(hass)
    assert shown["next"] == (dt_util.utcnow() + timedelta(minutes=10)).isoformat()


async def test_clock_that_is_set_after_the_next_mail(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What has begun since the start is as old as it was; its end is not."""
    await send(hass, **WATER)
    await restart(hass, loaded_entry)
    await later(hass, freezer, TEN_MINUTES)
    await out(loaded_entry, server, 2)
    (before,) = rooms_of(hass, loaded_entry).reminders.shown
    due, ends = before.due, before.ends
    steady = read_clock().steady
    monkeypatch.setattr("time.clock_gettime", lambda _: steady)
    freezer.tick(HOUR)
    await later(hass, freezer, timedelta(minutes=1))
    (shown,) = rooms_of(hass, loaded_entry).reminders.shown
    assert (shown.due, len(server.accepted)) == (due, 2)
    assert ends - shown.ends == pytest.approx(HOUR.total_seconds(), abs=61)


async def test_begun_before_the_clock_is_set(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An alarm raised years ago, as it seemed, goes on after the next start as well."""
    await send(hass, **WATER)
    steady = read_clock().steady
    monkeypatch.setattr("time.clock_gettime", lambda _: steady)
    freezer.tick(400 * DAY)
    await later(hass, freezer, timedelta(minutes=1))
    (before,) = rooms_of(hass, loaded_entry).reminders.shown
    await restart(hass, loaded_entry)
    (shown,) = rooms_of(hass, loaded_entry).reminders.shown
    assert (shown.due, shown.ends) == (before.due, before.ends)


async def test_rarer_and_rarer(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """From the sixth mail on the time doubles, to an hour; each says when it comes."""
    await send(hass, **WATER)
    waits = []
    for number in range(2, 11):
        (shown,) = await reminders(hass)
        wait = datetime.fromisoformat(shown["next"]) - dt_util.utcnow()
        waits.append(round(wait.total_seconds() / 60))
        await later(hass, freezer, wait)
        await out(loaded_entry, server, number)
    told = ["comes in 10 minutes"] * 4 + [
        f"comes in {wait} minutes" for wait in (20, 40, 60, 60)
    ]
    for mail, text in zip(server.accepted[1:], told, strict=False):
        assert text in body_of(mail)
    assert waits == [10, 10, 10, 10, 10, 20, 40, 60, 60]


@pytest.mark.parametrize(
    ("data", "note"),
    [
        pytest.param(
            {"repeat_until_acknowledged": 30}, "repeat_until_acknowledged", id="short"
        ),
        pytest.param({"message": "x" * MAX_AGAIN}, "is not repeated", id="too much"),
        pytest.param({"entities": {1: {2}, (3,): 4}}, "is not repeated", id="no JSON"),
    ],
)
async def test_cannot_be_repeated(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    data: dict[str, Any],
    note: str,
) -> None:
    """It is a note, and the alert goes out."""
    answer = await send(hass, **WATER | data)
    assert answer["status"] == "accepted"
    assert any(note in text for text in answer["notes"])
    assert await reminders(hass) == []
