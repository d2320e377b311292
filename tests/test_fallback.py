"""A second account takes over, as a household sees it."""

import asyncio
from datetime import timedelta
import errno
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.diagnostics import async_get_config_entry_diagnostics
from custom_components.qq_mail.outbox import (
    composing as composing_module,
    digests as digests_module,
)
from custom_components.qq_mail.outbox.core.models import Outcome, TakeOver
from custom_components.qq_mail.outbox.outbox import Outbox
from custom_components.qq_mail.smtp.session import SubmissionSession
from custom_components.qq_mail.store import Journal
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from .calls.test_targets import call
from .conftest import ADDRESS, Events
from .house import (
    add_account,
    hold_up,
    large_texts,
    later,
    on_disk,
    open_full,
    outbox_of,
    outbox_shown,
    take_one_more,
    take_over,
    until,
)
from .outbox.core.play import message
from .qq_server import Answer, Hang, QQServer, Step
from .test_history import history

OTHER = "10002@foxmail.com"
LIMITED = Answer(550, "Too many attempts. Unable to send. Try again later")
REFUSED = Answer(535, "Login fail. Account is abnormal, or system is busy.")
SENSOR = "binary_sensor.123456_qq_com_problem"


@pytest.fixture
async def other(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> MockConfigEntry:
    """Add a second account, which sends for the first one."""
    options = {"service_name": "qq_mail_2", "messages_per_minute": 0}
    other = await add_account(hass, server, loaded_entry, OTHER, options)
    await take_over(hass, loaded_entry, other)
    return other


async def alarm(
    hass: HomeAssistant, title: str = "煤气泄漏", **data: object
) -> dict[str, Any]:
    """Raise an alarm; return what the action answers."""
    answer: dict[str, Any] = await call(
        hass,
        "send_message",
        title=title,
        message="厨房",
        to="wife@example.com",
        **{"priority": "highest", "config_entry_id": None, **data},
    )
    return answer


@pytest.mark.parametrize("refusal", [LIMITED, REFUSED])
async def test_the_fire_arrives(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
    events: Events,
    refusal: Answer,
) -> None:
    """By the other account: same name, same people, and a line that says why."""
    await hass.config.async_update(language="zh-Hans")
    for one in (loaded_entry, other):
        await hass.config_entries.async_reload(one.entry_id)
    if refusal is LIMITED:
        server.script(Step.MAIL, refusal, times=None, match=ADDRESS)
    else:
        server.accounts[ADDRESS] = "another"
    answer = await alarm(hass, config_entry_id=loaded_entry.entry_id)
    assert answer["status"] == Outcome.DEFERRED
    assert answer["reason"] == "fallback"
    assert answer["account"] == OTHER
    (shown,) = (await outbox_shown(hass))["messages"]
    assert OTHER in shown["why"]
    await later(hass, freezer, timedelta(seconds=20))
    await until(lambda: server.accepted)
    (mail,) = server.accepted
    assert mail.reverse_path == OTHER
    assert mail.message["From"].addresses[0].addr_spec == OTHER
    assert mail.message["X-OQ-MSGID"] == answer["message_id"]
    assert f"由 {OTHER} 代发，因为 {ADDRESS} 目前无法发信" in mail.text
    await until(lambda: events.outcomes[-1:] == [Outcome.ACCEPTED])
    await hass.async_block_till_done()
    state = hass.states.get(SENSOR)
    assert state
    assert state.state == "on"
    assert state.attributes["fallback"] == OTHER
    (kept,) = await history(hass)
    assert [one["by"] for one in kept["results"]] == [OTHER]
    issues = ir.async_get(hass)
    assert issues.async_get_issue(DOMAIN, f"helped_{loaded_entry.entry_id}")
    await outbox_of(other).manager.async_written()
    assert not [key for key in on_disk(hass) if key[0] == "message"]


async def test_the_first_works_again(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    """New messages go by it, and the notice goes away."""
    server.script(Step.MAIL, LIMITED, match=ADDRESS)
    await alarm(hass, config_entry_id=loaded_entry.entry_id)
    await later(hass, freezer, timedelta(seconds=20))
    await until(lambda: server.accepted)
    await call(hass, "retry")
    answer = await alarm(hass, "水浸", config_entry_id=loaded_entry.entry_id)
    assert answer["account"] == ADDRESS
    assert [one.reverse_path for one in server.accepted] == [OTHER, ADDRESS]
    await hass.async_block_till_done()
    issues = ir.async_get(hass)
    assert not issues.async_get_issue(DOMAIN, f"helped_{loaded_entry.entry_id}")


async def test_a_connection_that_hangs(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    """The attempt is ended before its text has begun."""
    server.script(Step.MAIL, Hang(), match=ADDRESS)
    await alarm(hass, config_entry_id=loaded_entry.entry_id, wait=0)
    await until(lambda: any(ADDRESS in one for one in server.commands))
    freezer.tick(20.0)
    manager = outbox_of(other).manager
    manager.happen(manager.scheduler.time_passed)
    await until(lambda: server.accepted)
    (mail,) = server.accepted
    assert mail.reverse_path == OTHER


async def test_an_answer_that_does_not_come(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    """After a minute a second copy goes out, and says that it may be one."""
    server.script(Step.ACCEPTED, Hang())
    await alarm(hass, config_entry_id=loaded_entry.entry_id, wait=0)
    queue = outbox_of(loaded_entry).state.queue
    await until(lambda: any(one.text_since for one in queue.in_progress.values()))
    freezer.tick(60.0)
    manager = outbox_of(other).manager
    manager.happen(manager.scheduler.time_passed)
    await until(lambda: len(server.accepted) > 1)
    first, mail = server.accepted
    assert (first.reverse_path, mail.reverse_path) == (ADDRESS, OTHER)
    assert "This may be the second copy" in mail.text
    ids = {one.message["X-OQ-MSGID"].partition("@")[0] for one in server.accepted}
    assert len(ids) == 2
    # The first one waits for its answer.
    await until(lambda: len(outbox_of(loaded_entry)) == 1)
    assert outbox_of(loaded_entry).state.queue.in_progress


async def test_no_copy_of_what_was_discarded_meanwhile(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    """While the disk takes the copy a person has said that it is over."""
    server.script(Step.ACCEPTED, Hang())
    await alarm(hass, config_entry_id=loaded_entry.entry_id, wait=0)
    outbox = outbox_of(loaded_entry)
    queue = outbox.state.queue
    await until(lambda: any(one.text_since for one in queue.in_progress.values()))
    await outbox.manager.async_written()
    gate = hold_up(monkeypatch, Journal, "write")
    freezer.tick(60.0)
    outbox.manager.happen(outbox.manager.scheduler.time_passed)
    await until(gate.reached.is_set)
    await outbox.async_discard()
    take_one_more(monkeypatch)
    gate.opened.set()
    await outbox.manager.async_written()
    # A kill brings nothing back.
    assert not [key for key in on_disk(hass) if key[0] == "message"]
    await until(lambda: not outbox_of(other).sessions.at_work)
    assert not outbox_of(other).state.queue.guests
    assert len(server.accepted) == 1


async def test_a_kill_after_the_move(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    """It is with one of them, and goes out once."""
    server.script(Step.MAIL, LIMITED, match=ADDRESS)
    server.script(Step.MAIL, Hang(), match=OTHER)
    await alarm(hass, config_entry_id=loaded_entry.entry_id)
    await later(hass, freezer, timedelta(seconds=20))
    await until(lambda: any(OTHER in one for one in server.commands))
    # The disk hears of it by the round of the move, which the attempt does not wait for.
    (key,) = (key for key in on_disk(hass) if key[0] == "message")
    await until(lambda: on_disk(hass)[key].get("by") == other.entry_id)


async def test_a_clear_ends_what_the_other_has(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    """A person sees it at home, and a clear finds it there."""
    server.script(Step.MAIL, LIMITED, times=None)
    await alarm(hass, config_entry_id=loaded_entry.entry_id, tag="gas")
    await later(hass, freezer, timedelta(seconds=20))
    await until(lambda: outbox_of(other).pause)
    assert outbox_of(other).state.queue.guests
    (shown,) = (await outbox_shown(hass))["messages"]
    assert shown["account"] == ADDRESS
    assert (len(outbox_of(loaded_entry)), len(outbox_of(other))) == (1, 0)
    assert outbox_of(loaded_entry).oldest_waiting
    assert not outbox_of(other).oldest_waiting
    answer = await call(
        hass,
        "send_message",
        clear=True,
        tag="gas",
        config_entry_id=loaded_entry.entry_id,
    )
    assert answer["discarded"] == 1
    assert (await outbox_shown(hass))["messages"] == []


async def test_neither_may_send(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    """It goes by whichever may first, and that is what a person reads."""
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to("2026-11-20 08:00:00+00:00")
    server.script(Step.MAIL, LIMITED, times=None)
    await alarm(hass, config_entry_id=loaded_entry.entry_id)
    await later(hass, freezer, timedelta(seconds=20))
    await until(lambda: outbox_of(other).pause)
    (shown,) = (await outbox_shown(hass))["messages"]
    assert (shown["reason"], shown["by"]) == ("fallback", ADDRESS)
    assert shown["why"] == (
        f"Neither account may send at present, so this message goes by {ADDRESS} again"
        " at 17:00."
    )
    for one, another in ((loaded_entry, OTHER), (other, ADDRESS)):
        told = await async_get_config_entry_diagnostics(hass, one)
        assert another not in str(told)


@pytest.mark.parametrize("removed", [True, False])
async def test_the_other_account_goes_away(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
    *,
    removed: bool,
) -> None:
    """What it had taken over is at home again, and a notice says that nobody helps."""
    server.script(Step.MAIL, LIMITED, times=None)
    await alarm(hass, config_entry_id=loaded_entry.entry_id)
    await later(hass, freezer, timedelta(seconds=20))
    await until(lambda: outbox_of(other).pause)
    if removed:
        await hass.config_entries.async_remove(other.entry_id)
    else:
        await hass.config_entries.async_set_disabled_by(
            other.entry_id, ConfigEntryDisabler.USER
        )
    await hass.async_block_till_done()
    (shown,) = (await outbox_shown(hass))["messages"]
    assert (shown["account"], shown["by"]) == (ADDRESS, ADDRESS)
    issue = f"fallback_gone_{loaded_entry.entry_id}"
    assert ir.async_get(hass).async_get_issue(DOMAIN, issue)


async def test_its_own_account_is_disabled_meanwhile(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    """What the other one is just logging in for goes out with all of its text."""
    server.script(Step.MAIL, LIMITED, times=None, match=ADDRESS)
    await alarm(hass, config_entry_id=loaded_entry.entry_id)
    opened, real = asyncio.Event(), SubmissionSession.open

    async def slow(session: SubmissionSession) -> None:
        await opened.wait()
        await real(session)

    monkeypatch.setattr(SubmissionSession, "open", slow)
    await later(hass, freezer, timedelta(seconds=20))
    assert outbox_of(other).sessions.at_work
    await hass.config_entries.async_set_disabled_by(
        loaded_entry.entry_id, ConfigEntryDisabler.USER
    )
    await hass.async_block_till_done()
    opened.set()
    await until(lambda: not outbox_of(other).sessions.at_work)
    (mail,) = server.accepted
    assert "厨房" in mail.text


async def test_it_is_offered(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Once there are two accounts, of which none sends for the other."""
    issues = ir.async_get(hass)
    assert not issues.async_get_issue(DOMAIN, "fallback_offer")
    other = await add_account(hass, server, loaded_entry, OTHER)
    assert issues.async_get_issue(DOMAIN, "fallback_offer")
    assert await async_setup_component(hass, "repairs", {})
    manager = repairs_flow_manager(hass)
    assert manager
    flow = await manager.async_init(DOMAIN, data={"issue_id": "fallback_offer"})
    await manager.async_configure(flow["flow_id"], {})
    await hass.async_block_till_done()
    assert loaded_entry.options["fallback"] == other.entry_id
    assert other.options["fallback"] == loaded_entry.entry_id
    assert not issues.async_get_issue(DOMAIN, "fallback_offer")


async def test_options(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, other: MockConfigEntry
) -> None:
    """The form names the other accounts; where there is none, it does not ask."""
    flow = await hass.config_entries.options.async_init(loaded_entry.entry_id)
    schema = flow["data_schema"]
    assert schema
    (field,) = (value for key, value in schema.schema.items() if key == "fallback")
    assert field.config["options"] == [{"value": other.entry_id, "label": OTHER}]
    await hass.config_entries.async_remove(other.entry_id)
    flow = await hass.config_entries.options.async_init(loaded_entry.entry_id)
    assert flow["data_schema"]
    assert "fallback" not in flow["data_schema"].schema


async def unanswered(
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
) -> None:
    """Raise an alarm whose text is on its way, without an answer."""
    server.script(Step.DOT, Hang())
    await alarm(hass, config_entry_id=entry.entry_id, wait=0)
    queue = outbox_of(entry).state.queue
    await until(lambda: any(one.text_since for one in queue.in_progress.values()))


def look(outbox: Outbox) -> None:
    """Look at the clock."""
    outbox.manager.happen(outbox.manager.scheduler.time_passed)


def a_minute_later(freezer: FrozenDateTimeFactory, entry: MockConfigEntry) -> Outbox:
    """Look at the clock when the other account is to get a copy."""
    freezer.tick(60.0)
    outbox = outbox_of(entry)
    look(outbox)
    return outbox


async def test_a_copy_that_cannot_be_made(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first one goes on, and a person hears of the disk."""
    await unanswered(hass, server, loaded_entry)

    def unreadable(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Journal, "open_text", unreadable)
    outbox = a_minute_later(freezer, loaded_entry)
    await until(lambda: outbox.manager.troubles)
    assert len(outbox) == 1


async def test_a_copy_whose_end_has_no_room(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the disk refuses as the file is closed is refused as well."""
    await unanswered(hass, server, loaded_entry)
    monkeypatch.setattr(digests_module, "SMALL", 1)
    monkeypatch.setattr(composing_module, "_open_private", open_full)
    outbox = a_minute_later(freezer, loaded_entry)
    await until(lambda: outbox.manager.troubles)
    await until(lambda: not large_texts(hass))
    assert len(outbox) == 1


async def test_a_copy_that_comes_too_late(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the first has its answer meanwhile, nobody needs a second one."""
    await unanswered(hass, server, loaded_entry)
    gate = hold_up(monkeypatch, Journal, "open_text")
    outbox = a_minute_later(freezer, loaded_entry)
    await asyncio.to_thread(gate.reached.wait)
    server.reset()
    await until(lambda: any(one.attempts for one in outbox.waiting()))
    outbox.manager.happen(
        outbox.manager.scheduler.discard,
        loaded_entry.entry_id,
        [one.queue_id for one in outbox.waiting()],
    )
    gate.opened.set()
    await until(lambda: "qq_mail copy" not in map(_name, asyncio.all_tasks()))
    await outbox.manager.async_written()
    assert not [key for key in on_disk(hass) if key[0] == "message"]
    assert not len(outbox)
    assert not len(outbox_of(other).state.queue)


def _name(task: asyncio.Task[Any]) -> str:
    return task.get_name()


async def test_the_first_account_goes_away(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    """What the other is sending for it then is told to nobody, and disturbs nobody."""
    server.script(Step.MAIL, LIMITED, match=ADDRESS)
    server.script(Step.ACCEPTED, Hang(), times=1)
    await alarm(hass, config_entry_id=loaded_entry.entry_id)
    freezer.tick(20.0)
    manager = outbox_of(other).manager
    look(outbox_of(other))
    await until(lambda: server.accepted)
    await hass.config_entries.async_set_disabled_by(
        loaded_entry.entry_id, ConfigEntryDisabler.USER
    )
    await hass.async_block_till_done()
    server.reset()
    queue = manager.scheduler.accounts[other.entry_id].queue
    await until(lambda: not queue.in_progress)
    assert not manager.troubles


async def test_an_attempt_that_has_just_ended(
    loaded_entry: MockConfigEntry, other: MockConfigEntry
) -> None:
    """There is nothing to end any more."""
    outbox = outbox_of(loaded_entry)
    gone = message(1, read_clock())
    outbox.do(TakeOver(outbox.id, gone, other.entry_id, copy=False))
    assert not outbox.sessions.at_work
