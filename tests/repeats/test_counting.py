"""Repeats of an alert are counted: none is lost, and none is swallowed."""

import asyncio
from datetime import timedelta
import errno
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.outbox import (
    intake as intake_module,
    sessions as sessions_module,
)
from custom_components.qq_mail.outbox.core.turn import MESSAGE
from custom_components.qq_mail.repeats import duplicates as duplicates_module
from custom_components.qq_mail.repeats.duplicates import DUPLICATE
from custom_components.qq_mail.store import Journal
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..calls.test_send import body_of, send
from ..conftest import ADDRESS, Events, shut_down
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
    subjects,
    until,
)
from ..qq_server import Answer, Close, QQServer, Step, replies

SENSOR = "sensor.123456_qq_com_repeats_counted"
HOUR = timedelta(hours=1)
DOOR: dict[str, Any] = {
    "title": "Front door",
    "message": "It was opened.",
    "repeat_after": "01:00:00",
}


async def counted(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Return what get_outbox shows."""
    return list((await outbox_shown(hass))["repeats"])


def number(hass: HomeAssistant) -> str:
    """Return what the sensor shows."""
    state = hass.states.get(SENSOR)
    assert state
    return state.state


async def test_counted_and_told(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """One goes out; when the time is over, one mail says how many there were."""
    assert number(hass) == "0"
    first = await send(hass, **DOOR, priority="high")
    assert first["status"] == "accepted"
    for place in (1, 2):
        freezer.tick(60)
        answer = await send(hass, **DOOR, priority="high")
        assert answer == {
            "account": ADDRESS,
            "status": "repeated",
            "count": place,
            "since": answer["since"],
            "queue_id": first["queue_id"],
            "discarded": 0,
            "notes": [],
        }
    assert number(hass) == "2"
    (shown,) = await counted(hass)
    assert shown == {
        "account": ADDRESS,
        "queue_id": first["queue_id"],
        "title": "Front door",
        "tag": "",
        "recipients": [ADDRESS],
        "count": 2,
        "since": answer["since"],
    }
    await later(hass, freezer, HOUR)
    await until(lambda: len(server.accepted) == 2)
    _, summary = server.accepted
    assert summary.subject == "Front door: again 2 ×"
    assert "2 ×, " in body_of(summary)
    assert summary.message["X-Priority"] == "2 (High)"
    await until(lambda: number(hass) == "0")
    assert await counted(hass) == []
    # What told of them counts nothing itself.
    assert (await send(hass, **DOOR))["status"] == "accepted"


@pytest.mark.parametrize(
    ("language", "once", "twice"),
    [
        ("en", "1 ×, 23:58. These", "2 ×, 11-28 23:59 to 00:01. These"),
        ("zh-Hans", "1 次（23:58），只", "2 次（11-28 23:59 至 00:01），只"),
        ("zh-Hant", "1 次（23:58），只", "2 次（11-28 23:59 至 00:01），只"),
    ],
)
async def test_when_it_was_raised(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    language: str,
    once: str,
    twice: str,
) -> None:
    """A minute is told once, and a day only where it is not the mail's own."""
    hass.config.language = language
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to("2026-11-28 15:58:00+00:00")
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    await send(hass, **DOOR | {"repeat_after": None})
    await send(hass, **DOOR)
    for minutes in (1, 2):
        freezer.tick(timedelta(minutes=minutes))
        await send(hass, **DOOR)
    await send(hass, **DOOR | {"repeat_after": None})
    _, first, _, second = server.accepted
    assert once in body_of(first)
    assert twice in body_of(second)


async def test_nothing_counted(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Where there was none, nothing is said."""
    await send(hass, **DOOR)
    await later(hass, freezer, HOUR)
    assert (await send(hass, **DOOR))["status"] == "accepted"
    assert subjects(server) == ["Front door"] * 2


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"title": "Back door"}, id="title"),
        pytest.param({"message": "It was closed."}, id="text"),
        pytest.param({"to": "a@example.com"}, id="recipients"),
        pytest.param({"tag": "door"}, id="tag"),
        pytest.param({"repeat_after": None}, id="not asked for"),
    ],
)
async def test_others_go_out(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    other: dict[str, Any],
) -> None:
    """Only the same alert is counted."""
    await send(hass, **DOOR)
    assert (await send(hass, **DOOR | other))["status"] == "accepted"
    assert (await send(hass, **DOOR))["status"] == "repeated"


async def test_same_tag(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A tag makes them the same, whatever they say; in one conversation."""
    await notify(hass, data={"tag": "door", "repeat_after": 60}, target=["A@b.cn"])
    await notify(hass, "Door", data={"tag": "door", "repeat_after": 60, "cc": "a@b.cn"})
    answer = await send(hass, **DOOR, tag="door", to="a@b.cn")
    assert (answer["status"], answer["count"]) == ("repeated", 2)
    await later(hass, freezer, timedelta(minutes=1))
    await until(lambda: len(server.accepted) == 2)
    first, summary = server.accepted
    assert summary.recipients == ("A@b.cn",)
    assert summary.message["References"] == first.message["References"]


async def test_next_one_tells(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What goes out next says how many there were, and then nobody else does."""
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    answer = await send(hass, **DOOR | {"repeat_after": None})
    assert answer["status"] == "accepted"
    assert "1 ×" in answer["notes"][0]
    assert "1 ×" in body_of(server.accepted[1])
    await later(hass, freezer, HOUR)
    assert number(hass) == "0"
    assert len(server.accepted) == 2


async def test_shorter_time(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A call's own time counts, and begins anew with what goes out."""
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    freezer.tick(600)
    answer = await send(hass, **DOOR | {"repeat_after": 600})
    assert answer["status"] == "accepted"
    assert "1 ×" in answer["notes"][0]
    assert (await send(hass, **DOOR))["status"] == "repeated"
    await later(hass, freezer, timedelta(seconds=600))
    await until(lambda: len(server.accepted) == 3)


async def test_at_the_same_instant(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Exactly one goes out."""
    answers = await asyncio.gather(*(send(hass, **DOOR) for _ in range(5)))
    assert sorted(answer["status"] for answer in answers) == [
        "accepted",
        *["repeated"] * 4,
    ]
    assert len(server.accepted) == 1


async def test_first_is_cancelled(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever waited for a call that made no mail goes out itself."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    make = intake_module.Intake.async_make

    async def fails_once(*args: Any) -> Any:
        if not begun.is_set():
            begun.set()
            await go_on.wait()
            raise RuntimeError
        return await make(*args)

    monkeypatch.setattr(intake_module.Intake, "async_make", fails_once)
    first = hass.async_create_task(send(hass, **DOOR))
    await begun.wait()
    second = hass.async_create_task(send(hass, **DOOR))
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(RuntimeError):
        await first
    assert (await second)["status"] == "accepted"


async def test_cleared_while_it_waits_for_another(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is over is neither sent nor counted."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    make = intake_module.Intake.async_make

    async def wait(*args: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await make(*args)

    monkeypatch.setattr(intake_module.Intake, "async_make", wait)
    calls = [hass.async_create_task(send(hass, **DOOR, tag="door")) for _ in "ab"]
    await begun.wait()
    await asyncio.sleep(0)
    answer = await send(hass, message="", tag="door", clear=True)
    assert answer["discarded"] == 2
    go_on.set()
    for call in calls:
        assert (await call)["status"] == "cleared"
    assert await counted(hass) == []
    assert server.accepted == []
    assert (await send(hass, **DOOR, tag="door"))["status"] == "accepted"


async def test_refused_for_good(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What did not go out swallows nothing."""
    server.script(Step.DOT, replies.CONTENT)
    with pytest.raises(HomeAssistantError):
        await send(hass, **DOOR)
    assert (await send(hass, **DOOR))["status"] == "accepted"


async def test_refused_later(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """Of those that were counted meanwhile one mail tells at once."""
    server.script(Step.MAIL, Answer(451, "later"))
    assert (await send(hass, **DOOR))["status"] == "deferred"
    assert (await send(hass, **DOOR))["status"] == "repeated"
    server.script(Step.DOT, replies.CONTENT)
    await hass.services.async_call(DOMAIN, "retry", {}, blocking=True)
    await until(lambda: server.accepted)
    assert subjects(server) == ["Front door: again 1 ×"]


async def test_earlier_ones_are_not_lost(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What was to tell of them is refused: a mail of their own does."""
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    server.script(Step.DOT, replies.CONTENT)
    with pytest.raises(HomeAssistantError):
        await send(hass, **DOOR | {"repeat_after": None})
    await until(lambda: len(server.accepted) == 2)
    assert subjects(server) == ["Front door", "Front door: again 1 ×"]


async def test_not_kept(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A message that neither the disk nor QQ takes raises, and swallows nothing."""
    server.script(Step.MAIL, Answer(451, "later"))
    with monkeypatch.context() as full:
        full.setattr(intake_module, "MAX_MESSAGES", 0)
        with pytest.raises(HomeAssistantError):
            await send(hass, **DOOR)
    assert await counted(hass) == []
    await hass.services.async_call(DOMAIN, "retry", {}, blocking=True)
    assert (await send(hass, **DOOR))["status"] == "accepted"


@pytest.mark.parametrize("one", [True, False])
async def test_discarded(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, one: bool
) -> None:
    """With what waits goes what it stands for."""
    server.script(Step.MAIL, Answer(451, "later"))
    first = await send(hass, **DOOR)
    await send(hass, **DOOR)
    assert number(hass) == "1"
    await hass.services.async_call(
        DOMAIN,
        "discard",
        {"queue_id": first["queue_id"]} if one else {"all": True},
        blocking=True,
    )
    assert number(hass) == "0"
    await hass.services.async_call(DOMAIN, "retry", {}, blocking=True)
    assert (await send(hass, **DOOR))["status"] == "accepted"
    assert subjects(server) == ["Front door"]


async def test_discard_of_what_went_out(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What waits is discarded, and what went out goes on to stand for others."""
    await send(hass, **DOOR)
    await hass.services.async_call(DOMAIN, "discard", {"all": True}, blocking=True)
    assert (await send(hass, **DOOR))["status"] == "repeated"


async def test_cleared(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What is over is told by the mail that says so, and by nothing else."""
    for _ in "abc":
        await send(hass, **DOOR, tag="door")
    await send(hass, message="", tag="door", clear=True)
    assert number(hass) == "0"
    await later(hass, freezer, HOUR)
    assert subjects(server) == ["Front door", "Re: Front door"]
    assert (await send(hass, **DOOR, tag="door"))["status"] == "accepted"


async def test_longer_outage(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """While QQ is away, one waits and the others are counted: nothing piles up."""
    server.script(Step.CONNECT, Close(), times=None)
    first = await send(hass, **DOOR | {"repeat_after": 60})
    for place in range(3):
        await later(hass, freezer, timedelta(minutes=10))
        await events.wait(place + 2)
        answer = await send(hass, **DOOR | {"repeat_after": 60})
    assert (answer["status"], answer["count"]) == ("repeated", 3)
    assert len(outbox_of(loaded_entry)) == 1
    server.reset()
    await hass.services.async_call(
        DOMAIN, "retry", {"queue_id": first["queue_id"]}, blocking=True
    )
    await until(lambda: len(server.accepted) == 2)
    assert subjects(server) == ["Front door", "Front door: again 3 ×"]


async def test_expired(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What expired stands for nothing; what it stood for is younger, and told."""
    server.script(Step.CONNECT, Close(), times=None)
    await send(hass, **DOOR, expires_after=60)
    await send(hass, **DOOR)
    await later(hass, freezer, timedelta(minutes=10))
    await until(lambda: len(outbox_of(loaded_entry)) == 1)
    ((message, _),) = outbox_of(loaded_entry).plans()
    assert message.subject == "Front door: again 1 ×"


async def test_accepted_while_it_stops(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has gone out, so that the same is counted after the start."""
    monkeypatch.setattr(sessions_module, "STOP_GRACE", 30.0)
    server.delay = 0.05
    await send(hass, **DOOR, wait=0)
    await restart(hass, loaded_entry)
    server.delay = 0
    assert len(server.accepted) == 1
    assert (await send(hass, **DOOR))["status"] == "repeated"


async def test_restart(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Counting goes on after a restart, until the time is over."""
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    assert "It was opened." not in str(record_of(hass, DUPLICATE))
    await end_process(hass, loaded_entry)
    freezer.tick(600)
    await begin_process(hass, loaded_entry)
    answer = await send(hass, **DOOR)
    assert (answer["status"], answer["count"]) == ("repeated", 2)
    await later(hass, freezer, timedelta(minutes=50))
    await until(lambda: len(server.accepted) == 2)
    assert subjects(server)[1] == "Front door: again 2 ×"


async def test_over_while_away(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
) -> None:
    """What became of a message that is not there any more is not known: it is told."""
    server.script(Step.MAIL, Answer(451, "later"))
    first = await send(hass, **DOOR, tag="a")
    await send(hass, **DOOR, tag="a")
    other = await send(hass, **DOOR, tag="b")
    await shut_down(hass, loaded_entry)
    for answer in (first, other):
        # As where the disk has lost the message.
        house_of(hass).store.remove(
            (MESSAGE, loaded_entry.entry_id, answer["queue_id"])
        )
    await restart(hass, loaded_entry)
    await until(lambda: number(hass) == "0")
    await until(lambda: len(server.accepted) == 1)
    assert subjects(server) == ["Front door: again 1 ×"]
    assert [key for key in on_disk(hass) if key[0] == DUPLICATE] == []


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"key": None}, id="no key"),
        pytest.param({"recipients": {"to": [], "cc": [], "bcc": []}}, id="nobody"),
        pytest.param({"recipients": {"to": 1, "cc": [], "bcc": []}}, id="no list"),
        pytest.param({"began": "tomorrow"}, id="no time"),
        pytest.param({"priority": "fast"}, id="no priority"),
        pytest.param({"counted": {"number": -1}}, id="no count"),
    ],
)
async def test_damaged(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    damage: dict[str, object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What cannot be read stops nothing."""
    first = await send(hass, **DOOR)
    whole = record_of(hass, DUPLICATE)
    record = whole | damage | {"alert": whole["alert"] | damage}
    key = (DUPLICATE, loaded_entry.entry_id, first["queue_id"])
    house_of(hass).store.put(key, lambda: record)
    await restart(hass, loaded_entry)
    assert "Ignoring a record (duplicate) that cannot be read" in caplog.text
    assert (await send(hass, **DOOR))["status"] == "accepted"
    assert (await send(hass, **DOOR))["status"] == "repeated"


@pytest.mark.parametrize(("choice", "sent"), [("send", 1), ("discard", 0)])
async def test_backup(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    choice: str,
    sent: int,
) -> None:
    """A house that is a copy of another waits for a person's decision."""
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    forget_mark(hass)
    await restart(hass, loaded_entry)
    # What is raised here is told here.
    assert (await send(hass, **DOOR))["status"] == "accepted"
    await later(hass, freezer, HOUR)
    assert subjects(server) == ["Front door"] * 2
    # A restart does not decide it.
    await restart(hass, loaded_entry)
    assert number(hass) == "1"
    await decide(hass, loaded_entry, choice)
    await until(lambda: len(server.accepted) == 2 + sent)
    await until(lambda: number(hass) == "0")
    assert subjects(server)[2:] == ["Front door: again 1 ×"] * sent


async def test_reload(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """An option that is changed disturbs nothing."""
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    assert await hass.config_entries.async_reload(loaded_entry.entry_id)
    await hass.async_block_till_done()
    assert number(hass) == "1"
    assert (await send(hass, **DOOR))["count"] == 2


async def test_removed(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """With the account goes what it counted."""
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    await hass.async_block_till_done()
    assert on_disk(hass) == {}
    assert subjects(server) == ["Front door"]


async def test_counted_is_on_disk(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Who was answered that it is counted can rely on that."""
    await send(hass, **DOOR)
    assert record_of(hass, DUPLICATE)["counted"]["number"] == 0
    for count in (1, 2):
        assert (await send(hass, **DOOR))["count"] == count
        assert record_of(hass, DUPLICATE)["counted"]["number"] == count


async def test_telling_fails(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A mail that cannot be kept is made again a minute later."""
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    with monkeypatch.context() as full:
        full.setattr(intake_module, "MAX_MESSAGES", 0)
        server.script(Step.MAIL, Answer(451, "later"))
        await later(hass, freezer, HOUR)
        await until(
            lambda: "Alerts that were counted, 'Front door', wait" in caplog.text
        )
    assert number(hass) == "1"
    await hass.services.async_call(DOMAIN, "retry", {}, blocking=True)
    await later(hass, freezer, timedelta(minutes=1))
    await until(lambda: len(server.accepted) == 2)
    assert number(hass) == "0"


async def test_telling_breaks(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error that nobody expected does not swallow what was counted."""

    async def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    await send(hass, **DOOR)
    await send(hass, **DOOR)
    with monkeypatch.context() as broken:
        broken.setattr(intake_module.Intake, "async_make", fail)
        await later(hass, freezer, HOUR)
        await until(
            lambda: (
                "Alerts that were counted, 'Front door', wait: broken" in caplog.text
            )
        )
    assert number(hass) == "1"
    await later(hass, freezer, timedelta(minutes=1))
    await until(lambda: len(server.accepted) == 2)
    assert number(hass) == "0"


async def test_clock_that_is_set(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time is measured by a clock that nobody can set."""
    await send(hass, **DOOR)
    # The steady clock stays where it is, while the other one jumps a day ahead.
    steady = read_clock().steady
    monkeypatch.setattr("time.clock_gettime", lambda _: steady)
    freezer.tick(timedelta(days=1))
    assert (await send(hass, **DOOR))["status"] == "repeated"


async def test_clock_without_a_battery(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where it is set after a start, the time that the machine was off counts."""
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    await end_process(hass, loaded_entry)
    await begin_process(hass, loaded_entry)
    assert (await send(hass, **DOOR))["status"] == "repeated"
    later_on = await send(hass, **DOOR, tag="later")
    assert later_on["status"] == "accepted"
    steady = read_clock().steady + 60
    monkeypatch.setattr("time.clock_gettime", lambda _: steady)
    freezer.tick(timedelta(hours=6))
    assert (await send(hass, **DOOR))["status"] == "accepted"
    # What has begun since the start is as old as it was.
    assert (await send(hass, **DOOR, tag="later"))["status"] == "repeated"


async def test_clock_that_is_set_while_it_is_told(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was counted leaves the disk with the mail that tells of it."""
    for _ in range(2):
        await send(hass, **DOOR | {"repeat_after": "00:10:00"})
    await outbox_of(loaded_entry).manager.async_written()
    gate = hold_up(monkeypatch, Journal, "write")
    freezer.tick(600.0)
    async_fire_time_changed(hass, dt_util.utcnow() + HOUR)
    await until(gate.reached.is_set)
    steady = read_clock().steady + 60
    monkeypatch.setattr("time.clock_gettime", lambda _: steady)
    freezer.tick(timedelta(days=1))
    other = hass.async_create_task(send(hass, title="Other"))
    await asyncio.sleep(0.1)
    gate.opened.set()
    await other
    await until(lambda: len(server.accepted) == 3)
    await outbox_of(loaded_entry).manager.async_written()
    assert [one for one in on_disk(hass) if one[0] == DUPLICATE] == []


async def test_bounded(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond the bound nothing is counted, and nothing is swallowed."""
    monkeypatch.setattr(duplicates_module, "MAX_DUPLICATES", 1)
    for _ in "ab":
        await send(hass, **DOOR)
        assert (await send(hass, **DOOR, tag="b"))["status"] == "accepted"


async def test_bad_value(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """It is a note, and the alert goes out."""
    for value in ("soon", 0, {"days": 8}):
        answer = await send(hass, **DOOR | {"repeat_after": value})
        assert answer["status"] == "accepted"
        assert "repeat_after" in answer["notes"][0]


async def test_note_of_a_repeat(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What a counted call has wrong is said in its answer."""
    await send(hass, **DOOR)
    answer = await send(hass, **DOOR, priority="fast")
    assert answer["status"] == "repeated"
    assert "fast" in answer["notes"][0]


async def test_disk_refuses(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A disk that refuses stops nothing; it is written once that works."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    await send(hass, **DOOR)
    with monkeypatch.context() as broken:
        broken.setattr(Journal, "write", refuse)
        assert (await send(hass, **DOOR))["count"] == 1
    await restart(hass, loaded_entry)
    assert (await send(hass, **DOOR))["count"] == 2


async def test_in_the_last_moment(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What is raised while Home Assistant stops is counted as well."""
    await send(hass, **DOOR)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert (await send(hass, **DOOR))["status"] == "repeated"


async def test_carried_over(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What waits tells of earlier ones, and stands for nothing it was not asked to."""
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    server.script(Step.MAIL, Answer(451, "later"))
    plain = DOOR | {"repeat_after": None}
    assert (await send(hass, **plain))["status"] == "deferred"
    assert number(hass) == "1"
    await restart(hass, loaded_entry)
    assert number(hass) == "1"
    answer = await send(hass, **DOOR, wait=0)
    assert answer["status"] == "deferred"
    assert "1 ×" not in str(answer["notes"])
    await hass.services.async_call(DOMAIN, "retry", {}, blocking=True)
    await until(lambda: len(server.accepted) == 3)
    told = ["1 ×" in body_of(mail) for mail in server.accepted]
    assert sorted(told) == [False, False, True]
    assert number(hass) == "0"


async def test_stands_for_nothing(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """One that tells of earlier ones, and was not to be counted with, waits alone."""
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    server.script(Step.MAIL, Answer(451, "later"))
    await send(hass, **DOOR | {"repeat_after": None})
    answer = await send(hass, **DOOR, wait=0)
    assert answer["status"] == "deferred"
    assert "1 ×" not in str(answer["notes"])


async def test_not_kept_while_the_account_rests(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A message that was not even tried raises, and swallows nothing."""
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await send(hass, message="Another")
    monkeypatch.setattr(intake_module, "MAX_MESSAGES", 0)
    for _ in "ab":
        with pytest.raises(HomeAssistantError):
            await send(hass, **DOOR)
    assert await counted(hass) == []


async def test_cleared_while_told(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is over is not told later either, though its mail could not be made."""
    await send(hass, **DOOR, tag="door")
    await send(hass, **DOOR, tag="door")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def fail(*_: Any) -> None:
        begun.set()
        await go_on.wait()
        raise RuntimeError("broken")

    with monkeypatch.context() as broken:
        broken.setattr(intake_module.Intake, "async_make", fail)
        freezer.tick(HOUR)
        async_fire_time_changed(hass, dt_util.utcnow() + HOUR)
        await begun.wait()
        assert number(hass) == "1"
        (message,) = await counted(hass)
        assert message["tag"] == "door"
    clear = hass.async_create_task(send(hass, message="", tag="door", clear=True))
    await until(lambda: number(hass) == "0")
    go_on.set()
    await clear
    await later(hass, freezer, timedelta(minutes=1))
    assert subjects(server) == ["Front door", "Re: Front door"]
    assert number(hass) == "0"


async def test_partly_refused(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Who was refused for good never gets it; for the others it stands."""
    server.script(Step.RCPT, replies.MAILBOX_NOT_FOUND, match="b@", times=None)
    server.script(Step.RCPT, Answer(451, "later"), match="c@")
    alert = DOOR | {"to": ["b@example.com", "c@example.com"]}
    assert (await send(hass, **alert))["status"] == "deferred"
    assert (await send(hass, **alert))["status"] == "repeated"
    await hass.services.async_call(DOMAIN, "retry", {}, blocking=True)
    await until(lambda: server.accepted)
    assert (await send(hass, **alert))["count"] == 2
