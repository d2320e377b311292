"""What a person asks for, and what is told of it, whatever happens just then."""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.outbox import listeners as listeners_module
from custom_components.qq_mail.outbox.core.models import OutboxEvent, Outcome
from custom_components.qq_mail.smtp.session import SubmissionSession
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util

from ..calls.test_send import send
from ..conftest import Events
from ..house import (
    later,
    notify,
    outbox_of,
    store_folder,
    take_one_more,
    until,
    waiting,
)
from ..qq_server import Answer, Close, QQServer, Step
from ..test_repairs import issue_of
from .test_merging import (
    AN_HOUR,
    HALF_A_MINUTE,
    HOURLY,
    TAGS,
    digest_that_waits,
    flood,
    hold_up_digest,
)

MESSAGE = "event.123456_qq_com_message"
PROBLEM = "binary_sensor.123456_qq_com_problem"


async def discard(hass: HomeAssistant, queue_id: str) -> None:
    """Discard a message by its queue id."""
    await hass.services.async_call(
        DOMAIN, "discard", {"queue_id": queue_id}, blocking=True
    )


def state_of(hass: HomeAssistant, entity_id: str) -> Any:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state
    return state


async def test_discard_in_progress(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """One that is being tried goes once it is not accepted."""
    server.delay = 0.05
    server.script(Step.DOT, Close())
    call = hass.async_create_task(send(hass))
    outbox = outbox_of(loaded_entry)
    await until(lambda: outbox.sessions.at_work)
    (queue_id,) = outbox.sessions.at_work
    await discard(hass, queue_id)
    # It is not known whether the server has it.
    assert (await call)["status"] in ("unknown", "discarded")
    await until(lambda: not waiting(hass))
    assert server.accepted == []


async def test_discard_while_it_logs_in(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its text is gone at once, and nobody is told that it cannot be read."""
    reached, goes_on, log_in = asyncio.Event(), asyncio.Event(), SubmissionSession.open

    async def wait(session: SubmissionSession) -> None:
        reached.set()
        await goes_on.wait()
        await log_in(session)

    monkeypatch.setattr(SubmissionSession, "open", wait)
    call = hass.async_create_task(send(hass, message="x\n" * 600_000))
    outbox = outbox_of(loaded_entry)
    await reached.wait()
    (queue_id,) = outbox.sessions.at_work
    assert [*store_folder(hass).glob("*.text")]
    await discard(hass, queue_id)
    assert not [*store_folder(hass).glob("*.text")]
    goes_on.set()
    assert (await call)["status"] == "discarded"
    assert events.all == []
    assert outbox.unreadable == []
    assert server.accepted == []


async def test_discard_while_a_digest_is_written(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is in the digest: so it is told, and not that there is no such message."""
    answers = await flood(hass, loaded_entry)
    gate = hold_up_digest(monkeypatch)
    await later(hass, freezer, HALF_A_MINUTE)
    await until(gate.reached.is_set)
    call = hass.async_create_task(discard(hass, answers[0]["queue_id"]))
    await asyncio.sleep(0)
    gate.opened.set()
    with pytest.raises(ServiceValidationError) as raised:
        await call
    assert raised.value.translation_key == "part_of_digest"
    await asyncio.to_thread(server.wait_for, 2)
    await until(lambda: not waiting(hass))


async def test_all_discarded_while_a_digest_is_written(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kill brings nothing back of which somebody was told that it is gone."""
    await flood(hass, loaded_entry)
    told: list[Collection[str]] = []
    outbox_of(loaded_entry).listeners.discards.append(told.append)
    gate = hold_up_digest(monkeypatch)
    await later(hass, freezer, HALF_A_MINUTE)
    await until(gate.reached.is_set)
    everything = {"all": True}
    call = hass.async_create_task(
        hass.services.async_call(DOMAIN, "discard", everything, blocking=True)
    )
    await until(lambda: told)
    take_one_more(monkeypatch)
    gate.opened.set()
    await call
    assert waiting(hass) == []


async def test_discard_listener_that_fails(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What others make of it does not stop the discard."""

    def fail(_: object) -> None:
        raise ValueError("nobody expected this")

    server.script(Step.RCPT, Answer(451, "later"))
    answer = await send(hass)
    outbox_of(loaded_entry).listeners.discards.append(fail)
    await discard(hass, answer["queue_id"])
    assert waiting(hass) == []
    assert "nobody expected this" in caplog.text


async def test_outcome_during_a_reload(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event entity tells it when it is there again."""
    go_on = asyncio.Event()
    real = hass.config_entries.async_forward_entry_setups

    async def slow(*args: Any) -> None:
        await go_on.wait()
        await real(*args)

    monkeypatch.setattr(hass.config_entries, "async_forward_entry_setups", slow)
    server.delay = 0.05
    await notify(hass, data={"wait": 0})
    reload = hass.async_create_task(
        hass.config_entries.async_reload(loaded_entry.entry_id)
    )
    await events.wait(1)
    assert state_of(hass, MESSAGE).state == "unavailable"
    go_on.set()
    await reload
    await hass.async_block_till_done()
    assert state_of(hass, MESSAGE).attributes["event_type"] == "accepted"


async def test_problem_after_a_reload(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """That a message expired is known until one is accepted."""
    server.script(Step.RCPT, Answer(451, "later"), times=None)
    await notify(hass)
    await later(hass, freezer, timedelta(days=1))
    await until(lambda: state_of(hass, PROBLEM).state == "on")
    assert issue_of(hass, loaded_entry, "expired")
    await hass.config_entries.async_reload(loaded_entry.entry_id)
    await hass.async_block_till_done()
    assert state_of(hass, PROBLEM).state == "on"
    assert issue_of(hass, loaded_entry, "expired")
    server.reset()
    await notify(hass)
    await until(lambda: state_of(hass, PROBLEM).state == "off")
    assert issue_of(hass, loaded_entry, "expired") is None


async def test_cleared_by_who_hears_of_it(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Of what has become a digest's part, a listener's clear says that it is over."""
    outbox = outbox_of(loaded_entry)
    clears: list[asyncio.Task[Any]] = []

    def hear(event: OutboxEvent | None) -> None:
        if event and event.cause and not clears:
            clears.append(hass.async_create_task(outbox.async_clear("leak")))

    outbox.listeners.async_add(hear)
    await digest_that_waits(
        hass, server, loaded_entry, freezer, AN_HOUR, tags=TAGS, **HOURLY
    )
    await until(lambda: clears)
    _, conversation = await clears[0]
    assert conversation
    assert not outbox.state.conversations["leak"].went_out


async def test_waited_for_while_told(
    hass: HomeAssistant,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Home Assistant waits, so at its stop too, until all of a digest is told."""
    monkeypatch.setattr(listeners_module, "_AT_ONCE", 1)
    await flood(hass, loaded_entry, number=40)
    told: list[str] = []
    first = asyncio.Event()

    def hear(event: OutboxEvent | None) -> None:
        if event and event.outcome is Outcome.ACCEPTED:
            told.append(event.subject)
            first.set()

    outbox_of(loaded_entry).listeners.async_add(hear)
    freezer.tick(HALF_A_MINUTE)
    async_fire_time_changed(hass, dt_util.utcnow() + HALF_A_MINUTE)
    await first.wait()
    assert len(told) < 40
    await hass.async_block_till_done()
    assert len(told) == 40
