"""The outbox: no alert is lost, none is hurried, and every outcome is told."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
import errno
import os
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.outbox import intake as intake_module
from custom_components.qq_mail.outbox.core.turn import MESSAGE
from custom_components.qq_mail.outbox.sessions import IDLE_TIMEOUT
from custom_components.qq_mail.outbox.view import message_id_at
from custom_components.qq_mail.smtp import transaction as transaction_module
from custom_components.qq_mail.smtp.replies import Cause
from custom_components.qq_mail.store import Journal
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..calls.test_send import send
from ..conftest import ADDRESS, Events, shut_down
from ..house import (
    add_account,
    begin_process,
    end_process,
    forget_mark,
    house_of,
    later,
    notify,
    on_disk,
    outbox_of,
    pause_of,
    record_of,
    restart,
    store_folder,
    until,
    waiting,
)
from ..qq_server import Answer, Close, Hang, QQServer, Step, replies
from ..test_repairs import issue_of

LOGIN_PAUSE = timedelta(minutes=15)
RATE_LIMIT_PAUSE = timedelta(hours=1)
# The first back-off with all of its jitter.
FIRST = timedelta(seconds=67)
FRIENDS = ["a@example.com", "b@example.com", "c@example.com"]


@contextmanager
def server_away(server: QQServer) -> Generator[None]:
    """Have no server within."""
    server.stop()
    try:
        yield
    finally:
        server.start()


async def test_accepted(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """What was accepted leaves nothing behind but the count."""
    await notify(hass)
    (event,) = await events.wait(1)
    assert event.outcome == "accepted"
    assert event.subject == "Alarm"
    assert event.recipients == (ADDRESS,)
    assert event.attempts == 1
    assert event.plan is None
    assert str(event.reply) == "250 OK: queued as."
    outbox = outbox_of(loaded_entry)
    message_id = message_id_at(event.queue_id, ADDRESS)
    assert server.accepted[0].message["X-OQ-MSGID"] == message_id
    assert waiting(hass) == []
    assert outbox.accepted_today == 1
    assert outbox.state.tally.last_accepted
    assert outbox.next_attempt is None


async def test_outage(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A message waits on disk, privately, and goes out when the way is free."""
    server.stop()
    try:
        await notify(hass)
        (event,) = await events.wait(1)
        assert event.outcome == "deferred"
        assert event.cause is Cause.CONNECTION_REFUSED
        assert event.plan
        outbox = outbox_of(loaded_entry)
        assert outbox.time_of(event.plan) == outbox.next_attempt
        folder = store_folder(hass)
        assert waiting(hass) == [event.queue_id]
        assert folder.stat().st_mode & 0o777 == 0o700
        modes = {
            file.is_dir(): file.stat().st_mode & 0o777 for file in folder.rglob("*")
        }
        assert modes == {True: 0o700, False: 0o600}
    finally:
        server.start()
    await later(hass, freezer, FIRST)
    await events.wait(2)
    assert events.outcomes == ["deferred", "accepted"]
    assert events.all[1].attempts == 2
    assert len(server.accepted) == 1
    assert server.accepted[0].text == "Smoke!\n"


async def test_back_off(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Attempts become rarer, up to one an hour, with some jitter."""
    server.script(Step.MAIL, Answer(451, "later"), times=None)
    await notify(hass)
    waits = []
    for number in range(1, 9):
        event = (await events.wait(number))[-1]
        assert event.plan
        wait = event.plan.at - read_clock().steady
        waits.append(wait / 60)
        assert event.attempts == number
        await later(hass, freezer, timedelta(seconds=wait))
    for wait, expected in zip(waits, (1, 2, 5, 15, 30, 60, 60, 60), strict=True):
        assert expected <= wait <= expected * 1.1


async def test_network_gone_for_a_day(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is too old is removed and reported."""
    server.stop()
    try:
        await notify(hass)
        while events.outcomes[-1:] != ["expired"]:
            known = len(events.all)
            await later(hass, freezer, timedelta(hours=1, minutes=6))
            await events.wait(known + 1)
    finally:
        server.start()
    assert set(events.outcomes) == {"deferred", "expired"}
    assert events.all[-1].cause is Cause.CONNECTION_REFUSED
    assert "expired after" in caplog.text
    await until(lambda: waiting(hass) == [])


async def test_restart(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """What waits survives, and is tried at once."""
    server.script(Step.CONNECT, Close())
    await notify(hass)
    await end_process(hass, loaded_entry)
    assert len(waiting(hass)) == 1
    await begin_process(hass, loaded_entry)
    await asyncio.to_thread(server.wait_for, 1)
    await until(lambda: waiting(hass) == [])
    assert list(outbox_of(loaded_entry).plans()) == []


async def test_backup_restored_weeks_later(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Nothing old is sent."""
    server.script(Step.CONNECT, Close())
    await notify(hass)
    await end_process(hass, loaded_entry)
    connections = server.connections
    forget_mark(hass)
    freezer.tick(timedelta(days=20))
    await begin_process(hass, loaded_entry)
    await until(lambda: list(outbox_of(loaded_entry).plans()) == [])
    assert server.accepted == []
    assert server.connections == connections


async def test_burst_is_one_login(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Fifty alerts at once: one session, no probing between them, in order."""
    await asyncio.gather(*(notify(hass, title=str(n)) for n in range(50)))
    # On a slow machine the last calls do not wait for so long.
    await until(lambda: len(server.accepted) == 50)
    assert [mail.subject for mail in server.accepted] == [str(n) for n in range(50)]
    assert server.logins == server.connections == 1
    assert not {"RSET", "NOOP"} & set(server.commands)


async def test_pace(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Five at once, but one of them is an alarm's; then one every six seconds.

    Waiting is no attempt.
    """
    hass.config_entries.async_update_entry(
        loaded_entry, options={"service_name": "qq_mail"}
    )
    await hass.async_block_till_done()
    calls = [
        hass.async_create_task(notify(hass, title=str(number))) for number in range(7)
    ]
    await until(lambda: len(server.accepted) == 4)
    await until(lambda: len(outbox_of(loaded_entry)) == 3)
    assert [one.attempts for one, _ in outbox_of(loaded_entry).plans()] == [0, 0, 0]
    await notify(hass, title="alarm", data={"priority": "high"})
    assert server.accepted[-1].subject == "alarm"
    await later(hass, freezer, timedelta(seconds=6.1))
    for number in (6, 7, 8):
        await later(hass, freezer, timedelta(seconds=6.1))
        await until(lambda number=number: len(server.accepted) == number)
    await asyncio.gather(*calls)


async def test_higher_priority_goes_first(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Among what waits, the important, then the older; who was refused goes last."""
    outbox = outbox_of(loaded_entry)
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    for title, priority in (
        ("refused", "normal"),
        ("old", "normal"),
        ("new", "normal"),
        ("urgent", "high"),
    ):
        await notify(hass, title, data={"priority": priority})
    assert outbox.pause
    assert outbox.next_attempt
    assert abs(outbox.next_attempt - outbox.pause.until) < timedelta(seconds=1)
    assert outbox.async_retry() == 4
    for number in (1, 2, 3, 4):
        await until(lambda number=number: len(server.accepted) == number)
        # QQ has just said that it was too fast.
        await later(hass, freezer, timedelta(seconds=25))
    assert [mail.subject for mail in server.accepted] == [
        "urgent",
        "refused",
        "old",
        "new",
    ]


async def test_kept_session_is_closed_when_idle(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The connection stays for ten seconds, then we take leave."""
    await notify(hass)
    assert server.open_connections == 1
    await later(hass, freezer, timedelta(seconds=IDLE_TIMEOUT))
    await until(lambda: server.open_connections == 0)
    assert server.quits == 1
    await notify(hass)
    assert server.logins == 2


@pytest.mark.parametrize("action", [Close(), Answer(421, "closing")])
async def test_server_closes_a_kept_session(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    action: Any,
) -> None:
    """Where QQ was faster, the next message connects anew, without a failure."""
    await notify(hass)
    server.script(Step.MAIL, action)
    await notify(hass)
    assert events.outcomes == ["accepted", "accepted"]
    assert server.logins == 2


async def test_success_wakes_what_waits(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
) -> None:
    """What failed for the connection's sake goes out when another one did."""
    server.script(Step.CONNECT, Close())
    await notify(hass, title="first")
    await notify(hass, title="second")
    await events.wait(3)
    assert [(e.outcome.value, e.subject) for e in events.all] == [
        ("deferred", "first"),
        ("accepted", "first"),
        ("accepted", "second"),
    ]


async def test_success_does_not_wake_what_was_refused(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A mailbox that is busy is no less busy because another mail went out."""
    server.script(Step.RCPT, Answer(450, "mailbox busy"), match="busy@", times=2)
    await notify(hass, title="busy", target=["busy@example.com"])
    await notify(hass, title="other")
    assert events.outcomes == ["deferred", "accepted"]
    assert sum("busy@" in command for command in server.commands) == 1
    await later(hass, freezer, FIRST)
    await events.wait(3)
    assert sum("busy@" in command for command in server.commands) == 2


async def test_one_failed_connection_is_enough(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
) -> None:
    """Where there is no server, not every message has to find out by itself."""
    server.script(Step.CONNECT, Close(), times=None)
    await asyncio.gather(*(notify(hass, title=str(n)) for n in range(5)))
    assert len(outbox_of(loaded_entry)) == 5
    outcomes, connections = len(events.all), server.connections
    outbox = outbox_of(loaded_entry)
    outbox.async_retry()
    await events.wait(outcomes + 1)
    assert server.connections == connections + 1
    times = [outbox.time_of(plan) for _, plan in outbox.plans()]
    assert all(time and time > dt_util.utcnow() for time in times)


@pytest.mark.parametrize(
    ("step", "action", "copies"),
    [
        (Step.DOT, Close(), 1),
        (Step.ACCEPTED, Close(), 2),
    ],
)
async def test_unknown(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
    step: Step,
    action: Any,
    copies: int,
) -> None:
    """Without an answer it is resent after the back-off, with the same identity."""
    server.script(step, action)
    await notify(hass)
    await events.wait(1)
    assert events.outcomes == ["unknown"]
    assert events.all[0].plan
    assert outbox_of(loaded_entry).accepted_today == 0
    # Another message that goes through does not hurry the copy.
    await notify(hass, title="other")
    await later(hass, freezer, timedelta(seconds=50))
    assert events.outcomes == ["unknown", "accepted"]
    await later(hass, freezer, FIRST)
    await events.wait(3)
    alarms = [mail for mail in server.accepted if mail.subject == "Alarm"]
    assert len(alarms) == copies
    message_id = message_id_at(events.all[0].queue_id, ADDRESS)
    assert {mail.message["X-OQ-MSGID"] for mail in alarms} == {message_id}
    assert outbox_of(loaded_entry).accepted_today == 2


async def test_killed_in_the_data(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A message that was in the air is known to have been, and waits its time."""
    server.script(Step.ACCEPTED, Hang())
    call = hass.async_create_task(notify(hass))
    await until(lambda: server.accepted)
    await end_process(hass, loaded_entry)
    await call
    (queue_id,) = waiting(hass)
    assert record_of(hass, MESSAGE)["cause"] == Cause.OUTCOME_UNKNOWN
    await begin_process(hass, loaded_entry)
    ((message, _),) = outbox_of(loaded_entry).plans()
    assert message.queue_id == queue_id
    assert message.cause is Cause.OUTCOME_UNKNOWN
    assert message.attempts == 1
    await later(hass, freezer, FIRST)
    await asyncio.to_thread(server.wait_for, 2)


async def test_stopped_in_the_data(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """At Home Assistant's end nobody listens: the next start tells what was cut off."""
    server.script(Step.ACCEPTED, Hang())
    call = hass.async_create_task(notify(hass))
    await until(lambda: server.accepted)
    hass.set_state(CoreState.stopping)
    await outbox_of(loaded_entry).async_stop()
    await call
    assert record_of(hass, MESSAGE)["in_data"]
    assert record_of(hass, MESSAGE)["cause"] is None
    hass.set_state(CoreState.running)


async def test_partly_refused(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Who accepted is never sent to again; each of the others gets what is due."""
    server.script(Step.RCPT, Answer(450, "later"), match="b@")
    server.script(Step.RCPT, replies.MAILBOX_NOT_FOUND, match="c@")
    await notify(hass, target=FRIENDS)
    await events.wait(3)
    assert [(e.outcome.value, e.recipients) for e in events.all] == [
        ("accepted", ("a@example.com",)),
        ("deferred", ("b@example.com",)),
        ("rejected", ("c@example.com",)),
    ]
    await later(hass, freezer, FIRST)
    await events.wait(4)
    assert [mail.recipients for mail in server.accepted] == [
        ("a@example.com",),
        ("b@example.com",),
    ]


async def test_all_recipients_refused(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """Some for now, one for good: the call does not fail, the event says it."""
    server.script(Step.RCPT, Answer(550, "no"), match="a@")
    server.script(Step.RCPT, Answer(450, "later"), match="b@")
    await notify(hass, target=["b@example.com", "a@example.com"])
    await events.wait(1)
    assert sorted(events.outcomes) == ["deferred", "rejected"]
    ((message, _),) = outbox_of(loaded_entry).plans()
    assert message.recipients == ("b@example.com",)


async def test_rate_limit(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The account rests for an hour, doubling to six, and nobody knocks meanwhile."""
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS, times=5)
    outbox = outbox_of(loaded_entry)
    await notify(hass)
    for number, hours in enumerate((1, 2, 4, 6, 6), start=1):
        await events.wait(number)
        await until(lambda: outbox.pause)
        assert outbox.pause
        assert outbox.pause.cause is Cause.RATE_LIMIT
        assert outbox.pause.until == dt_util.utcnow() + timedelta(hours=hours)
        connections = server.connections
        await notify(hass, title="meanwhile")
        await later(hass, freezer, timedelta(hours=hours) - timedelta(seconds=1))
        assert server.connections == connections
        await later(hass, freezer, timedelta(seconds=1))
    # One in five minutes goes out now, and those that wait become digests.
    await until(lambda: len(server.accepted) == 1)
    await later(hass, freezer, timedelta(minutes=5))
    await until(lambda: not list(outbox.plans()))
    assert len(server.accepted) == 2
    assert outbox.pause is None
    # At this pace, one in five minutes, until there is room for one that is not urgent.
    await later(hass, freezer, timedelta(minutes=10))
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await notify(hass)
    await until(lambda: outbox.pause)
    assert pause_of(loaded_entry).until == dt_util.utcnow() + RATE_LIMIT_PAUSE


async def test_pause_survives_a_restart(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """A restart is no reason to knock at QQ's door."""
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await notify(hass)
    pause = pause_of(loaded_entry)
    await restart(hass, loaded_entry)
    again = pause_of(loaded_entry)
    assert again.cause == pause.cause
    assert abs(again.until - pause.until) < timedelta(seconds=1)


async def test_refused_login(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """An ambiguous 535 waits; a second asks for a new code; logins go on, but rarely."""
    server.accounts[ADDRESS] = "renewed"
    await notify(hass, title="one")
    await events.wait(1)
    await later(hass, freezer, LOGIN_PAUSE / 2)
    await notify(hass, title="two")
    assert server.login_attempts == 1
    assert not hass.config_entries.flow.async_progress()
    await later(hass, freezer, LOGIN_PAUSE / 2)
    await events.wait(2)
    assert server.login_attempts == 2
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == "reauth"
    await later(hass, freezer, timedelta(minutes=59))
    await notify(hass, title="three")
    assert server.login_attempts == 2
    for number, hours in enumerate((6, 24), start=3):
        await later(hass, freezer, pause_of(loaded_entry).until - dt_util.utcnow())
        await events.wait(number)
        assert server.login_attempts == number
        left = pause_of(loaded_entry).until - dt_util.utcnow()
        assert left == timedelta(hours=hours)

    await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"password": "renewed"}
    )
    await hass.async_block_till_done()
    await asyncio.to_thread(server.wait_for, 3)
    assert [mail.subject for mail in server.accepted] == ["one", "two", "three"]


async def test_new_code_needed_at_once(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """Where QQ says so, nobody waits for a second refusal."""
    server.script(Step.AUTH, replies.LOGIN_NEEDS_CODE)
    await notify(hass)
    await hass.async_block_till_done()
    assert len(hass.config_entries.flow.async_progress()) == 1


async def test_login_is_checked_after_the_start(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A revoked code is noticed by day: after a start, and once a day."""
    hass.set_state(CoreState.not_running)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: server.logins == 1)
    hass.set_state(CoreState.running)
    await later(hass, freezer, timedelta(hours=23))
    assert server.logins == 1
    await later(hass, freezer, timedelta(hours=1))
    await until(lambda: server.logins == 2)
    server.accounts[ADDRESS] = "renewed"
    await later(hass, freezer, timedelta(days=1, minutes=1))
    await until(lambda: server.login_attempts == 3)
    await until(lambda: outbox_of(entry).pause)
    await later(hass, freezer, LOGIN_PAUSE)
    await until(lambda: server.login_attempts == 4)
    await until(lambda: outbox_of(entry).pause)
    await hass.async_block_till_done()
    assert len(hass.config_entries.flow.async_progress()) == 1


async def test_offline_start(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An offline start raises nothing."""
    hass.set_state(CoreState.not_running)
    server.script(Step.CONNECT, Close())
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: server.connections == 1)
    await until(lambda: "Login not checked" in caplog.text)
    assert outbox_of(entry).pause is None
    assert "WARNING custom_components.qq_mail" not in caplog.text


@pytest.mark.parametrize(
    ("message", "encoding"),
    [("Smoke!", "quoted-printable"), ("厨房有烟", "base64")],
)
async def test_late(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
    message: str,
    encoding: str,
) -> None:
    """A message that is late says so in its first line; the Date is the alert's."""
    server.script(Step.CONNECT, Close())
    freezer.move_to("2026-11-23 08:00:00+00:00")
    await notify(hass, message=message)
    await events.wait(1)
    await later(hass, freezer, timedelta(minutes=90))
    await events.wait(2)
    (mail,) = server.accepted
    raised = dt_util.as_local(dt_util.utcnow() - timedelta(minutes=90))
    assert mail.text == (
        f"[Late: this was raised on {raised:%Y-%m-%d %H:%M}, 90 minutes before it"
        f" could be sent.]\n\n{message}\n"
    )
    assert mail.message["Content-Transfer-Encoding"] == encoding
    assert mail.message["Date"].datetime == raised
    assert mail.message.defects == []


@pytest.mark.parametrize("limit", ["MAX_MESSAGES", "MAX_BYTES"])
async def test_full(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
) -> None:
    """Past its bounds a message has one try, and then that is said."""
    await notify(hass)
    monkeypatch.setattr(intake_module, limit, 0)
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    with pytest.raises(HomeAssistantError) as refused:
        await notify(hass)
    assert refused.value.translation_key == "outbox_full"
    assert waiting(hass) == []
    assert list(outbox_of(loaded_entry).plans()) == []


async def test_disk_full(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A message has one try from memory; in vain, the call raises, and nothing stays."""
    await notify(hass)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", full)
        await notify(hass, title="The disk is full", data={"wait": 0})
        server.script(Step.RCPT, Answer(450, "mailbox busy"))
        with pytest.raises(HomeAssistantError) as refused:
            await notify(hass)
    assert refused.value.translation_key == "not_kept"
    assert refused.value.translation_placeholders == {
        "reason": "No space left on device"
    }
    assert list(outbox_of(loaded_entry).plans()) == []
    await notify(hass)
    assert waiting(hass) == []
    assert [mail.subject for mail in server.accepted] == [
        "Alarm",
        "The disk is full",
        "Alarm",
    ]


async def test_disk_full_while_submitting(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Mail goes on although nothing can be noted about it."""
    real, calls = Journal.write, iter(range(1000))

    def full_later(*args: Any) -> Any:
        # The message is kept. Then the disk is full.
        if next(calls) >= 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", full_later)
        await notify(hass)
        await events.wait(1)
    assert events.outcomes == ["accepted"]
    assert "Cannot write to" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"recipients": []}, id="nobody"),
        pytest.param({"raised": 0, "age": -1}, id="no age"),
        pytest.param({"cause": "x"}, id="no cause"),
    ],
)
async def test_record_that_cannot_be_read(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    damage: dict[str, Any],
) -> None:
    """It is named in a repair issue; the others go on."""
    with server_away(server):
        for title in ("bad", "good"):
            await notify(hass, title=title)
        await shut_down(hass, loaded_entry)
        queue_id, _ = waiting(hass)
        record = record_of(hass, MESSAGE, queue_id) | damage
        key = (MESSAGE, loaded_entry.entry_id, queue_id)
        house_of(hass).store.put(key, lambda: record)
        await end_process(hass, loaded_entry)
    await begin_process(hass, loaded_entry)
    await asyncio.to_thread(server.wait_for, 1)
    assert [mail.subject for mail in server.accepted] == ["good"]
    assert outbox_of(loaded_entry).unreadable == [f"message {queue_id}"]
    issue = issue_of(hass, loaded_entry, "damaged")
    assert issue
    assert issue.translation_placeholders
    assert issue.translation_placeholders["number"] == "1"


async def test_damaged_on_disk(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """One octet that changed costs one message, and that is told."""
    with server_away(server):
        for title in ("first", "second", "third"):
            await notify(hass, title=title)
        await end_process(hass, loaded_entry)
        for file in store_folder(hass).iterdir():
            if file.is_file():
                text = file.read_bytes()
                file.write_bytes(
                    text.replace(b'"subject":"second"', b'"subject":"SECOND"')
                )
    await begin_process(hass, loaded_entry)
    await asyncio.to_thread(server.wait_for, 2)
    assert [mail.subject for mail in server.accepted] == ["first", "third"]
    assert issue_of(hass, loaded_entry, "damaged")


async def test_text_lost_while_waiting(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """A message whose text has gone is reported, and the others go on."""
    server.script(Step.CONNECT, Close())
    await notify(hass, message="x\n" * 600_000)
    for file in store_folder(hass).glob("*.text"):
        file.unlink()
    outbox_of(loaded_entry).async_retry()
    await events.wait(2)
    assert events.outcomes == ["deferred", "rejected"]
    assert "No such file" in events.all[1].detail
    assert len(outbox_of(loaded_entry).unreadable) == 1
    await notify(hass)
    assert len(server.accepted) == 1


async def test_discard_and_retry(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """One message or all of them; what does not exist is none."""
    server.script(Step.CONNECT, Close(), times=None)
    for title in ("one", "two", "three"):
        await notify(hass, title=title)
    outbox = outbox_of(loaded_entry)
    (one, _), (two, _), _ = outbox.plans()
    assert await outbox.async_discard("nothing") == []
    assert outbox.async_retry("nothing") == 0
    assert await outbox.async_discard(one.queue_id) == [one]
    server.reset()
    assert outbox.async_retry(two.queue_id) == 1
    await asyncio.to_thread(server.wait_for, 2)
    # The way is free, so the third went as well.
    assert [mail.subject for mail in server.accepted] == ["two", "three"]


async def test_removal(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """With the account goes all that was kept of it."""
    server.script(Step.CONNECT, Close())
    await notify(hass, data={"tag": "door"})
    assert waiting(hass)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    assert on_disk(hass) == {}

    def is_left() -> bool:
        files = [one for one in store_folder(hass).rglob("*") if one.is_file()]
        try:
            return any(b"Smoke!" in one.read_bytes() for one in files)
        except FileNotFoundError:
            # Removed meanwhile, as it should be.
            return True

    await until(lambda: not is_left())


async def test_stop_of_home_assistant(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Home Assistant's stop waits a moment for the attempt, and no longer."""
    server.script(Step.MAIL, Hang(), times=None)
    call = hass.async_create_task(notify(hass))
    await until(lambda: server.logins == 1)
    await hass.async_stop(force=True)
    await call
    assert len(waiting(hass)) == 1


async def test_submitted_while_stopping(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """An alert in the last moment is kept for the next start."""
    await outbox_of(loaded_entry).async_stop()
    await notify(hass)
    assert len(waiting(hass)) == 1
    await hass.config_entries.async_reload(loaded_entry.entry_id)
    await asyncio.to_thread(server.wait_for, 1)


async def test_accounts_do_not_share(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A second account has messages and a session of its own."""
    options = {"service_name": "qq_mail_other"}
    other = await add_account(hass, server, loaded_entry, "other@qq.com", options)
    server.script(Step.MAIL, Answer(451, "later"), times=2)
    await notify(hass)
    await hass.services.async_call(
        "notify", "qq_mail_other", {"message": "x"}, blocking=True
    )
    assert len(waiting(hass)) == 2
    assert len(outbox_of(loaded_entry)) == len(outbox_of(other)) == 1


async def test_listener_that_fails(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What others make of an outcome does not stop the mail."""

    def fail(event: object) -> None:
        raise ValueError(event)

    remove = outbox_of(loaded_entry).listeners.async_add(fail)
    await notify(hass)
    assert "A listener failed" in caplog.text
    remove()
    caplog.clear()
    await notify(hass)
    assert "A listener failed" not in caplog.text
    assert len(server.accepted) == 2


async def test_call_that_is_cancelled(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What is being written is known to the worker all the same."""
    call = hass.async_create_task(notify(hass))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.to_thread(server.wait_for, 1)
    await until(lambda: waiting(hass) == [])
    assert list(outbox_of(loaded_entry).plans()) == []


@pytest.mark.parametrize(
    "error", [PermissionError("not now"), ValueError("nobody expected this")]
)
async def test_unexpected_error(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    """Whatever goes wrong at one message, it waits, and the others go on."""

    def fail(_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(transaction_module, "_pieces", fail)
        await notify(hass)
    assert events.outcomes == ["deferred"]
    assert events.all[0].detail == str(error)
    assert "Traceback" in caplog.text
    await notify(hass, title="other")
    assert [mail.subject for mail in server.accepted] == ["other"]
    await later(hass, freezer, FIRST)
    await events.wait(3)
    assert len(server.accepted) == 2


async def test_login_used_up_meanwhile(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """After a sleep the open session turns out too old, and no login is left."""
    outbox = outbox_of(loaded_entry)
    await notify(hass)
    # No timer closes it.
    freezer.tick(2 * IDLE_TIMEOUT + 1)
    for _ in range(8):
        outbox.async_count_login()
    assert outbox.sessions.is_open
    answer = await send(hass)
    assert (answer["status"], answer["reason"]) == ("deferred", "logins")
    await until(lambda: not outbox.sessions.is_open)
    assert len(outbox) == server.connections == 1
    await later(hass, freezer, timedelta(minutes=15))
    await until(lambda: len(server.accepted) == 2)
    assert server.logins == 2


async def test_login_of_an_account_that_is_removed_meanwhile(
    hass: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    """Nothing is left in which it could count."""
    outbox = outbox_of(loaded_entry)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    outbox.async_count_login()
    await outbox.manager.async_written()
    assert on_disk(hass) == {}
