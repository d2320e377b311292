"""The account's entities: what the outbox does is seen by them, at once and whole."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
import errno
import json
import os
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

import custom_components.qq_mail as integration
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.texts import async_texts
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, HomeAssistant, State
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import ADDRESS, shut_down
from .house import later, notify
from .qq_server import Answer, Close, QQServer, Step, replies
from .test_notify import RECIPIENT

FOLDER = Path(integration.__file__).parent

QUEUED = "sensor.123456_qq_com_queued_messages"
ACCEPTED_TODAY = "sensor.123456_qq_com_accepted_today"
LAST_ACCEPTED = "sensor.123456_qq_com_last_accepted"
OLDEST_WAITING = "sensor.123456_qq_com_oldest_waiting_message"
NEXT_ATTEMPT = "sensor.123456_qq_com_next_attempt"
REPEATS = "sensor.123456_qq_com_repeats_counted"
PACE = "sensor.123456_qq_com_pace"
LEFT_TODAY = "sensor.123456_qq_com_left_today"
PROBLEM = "binary_sensor.123456_qq_com_problem"
ACTION = "event.123456_qq_com_action"
MESSAGE = "event.123456_qq_com_message"
SEND_TEST_MESSAGE = "button.123456_qq_com_send_test_message"
RETRY = "button.123456_qq_com_retry_queued_messages"

LATER = Answer(451, "later")


async def press(hass: HomeAssistant, entity_id: str) -> None:
    """Press a button."""
    await hass.services.async_call(
        "button", "press", {"entity_id": entity_id}, blocking=True
    )


async def until(condition: Callable[[], bool]) -> None:
    """Wait for the worker, which is in the same loop, and for the server's thread."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


def state_of(hass: HomeAssistant, entity_id: str) -> State:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state
    return state


def states(hass: HomeAssistant, *entity_ids: str) -> list[str]:
    """Return the states of some entities."""
    return [state_of(hass, entity_id).state for entity_id in entity_ids]


def attributes(hass: HomeAssistant, entity_id: str, *names: str) -> list[Any]:
    """Return some attributes of an entity."""
    return [state_of(hass, entity_id).attributes[name] for name in names]


def told(changes: list[Event[Any]], entity_id: str = MESSAGE) -> list[dict[str, Any]]:
    """Return the attributes of each event that the entity told."""
    return [
        change.data["new_state"].attributes
        for change in changes
        if change.data["entity_id"] == entity_id
    ]


@pytest.fixture
def all_entities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable what is disabled by default."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        pytest.param(
            "binary_sensor",
            {PROBLEM: ("problem", "diagnostic", "problem", None, None)},
            id="binary_sensor",
        ),
        pytest.param(
            "button",
            {
                RETRY: ("retry", "diagnostic", None, None, None),
                SEND_TEST_MESSAGE: (
                    "send_test_message",
                    "diagnostic",
                    None,
                    None,
                    None,
                ),
            },
            id="button",
        ),
        pytest.param(
            "event",
            {
                MESSAGE: (
                    "message",
                    None,
                    None,
                    {
                        "event_types": [
                            "accepted",
                            "deferred",
                            "rejected",
                            "expired",
                            "unknown",
                            "bounced",
                        ]
                    },
                    None,
                ),
                ACTION: ("action", None, None, {"event_types": ["clicked"]}, None),
            },
            id="event",
        ),
        pytest.param(
            "sensor",
            {
                ACCEPTED_TODAY: (
                    "accepted_today",
                    None,
                    None,
                    {"state_class": "total_increasing"},
                    None,
                ),
                LAST_ACCEPTED: ("last_accepted", None, "timestamp", None, None),
                NEXT_ATTEMPT: ("next_attempt", "diagnostic", "timestamp", None, None),
                OLDEST_WAITING: ("oldest_waiting", None, "timestamp", None, None),
                **{
                    entity_id: (
                        key,
                        "diagnostic",
                        None,
                        {"state_class": "measurement"},
                        None,
                    )
                    for entity_id, key in ((PACE, "pace"), (LEFT_TODAY, "left_today"))
                },
                QUEUED: (
                    "queued_messages",
                    None,
                    None,
                    {"state_class": "measurement"},
                    None,
                ),
                REPEATS: ("repeats", None, None, {"state_class": "measurement"}, None),
            },
            id="sensor",
        ),
    ],
)
async def test_registered(
    hass: HomeAssistant,
    loaded_entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    device_registry: dr.DeviceRegistry,
    platform: str,
    expected: dict[str, tuple[Any, ...]],
) -> None:
    """Each platform's entities, on the account's device."""
    (device,) = dr.async_entries_for_config_entry(
        device_registry, loaded_entry.entry_id
    )
    assert device.identifiers == {(DOMAIN, loaded_entry.entry_id)}
    entities = {
        entity.entity_id: entity
        for entity in er.async_entries_for_device(
            entity_registry, device.id, include_disabled_entities=True
        )
        if entity.domain == platform
    }
    assert {
        entity_id: (
            entity.translation_key,
            entity.entity_category,
            entity.original_device_class,
            entity.capabilities,
            entity.disabled_by,
        )
        for entity_id, entity in entities.items()
    } == expected
    for entity in entities.values():
        assert entity.unique_id == f"{loaded_entry.entry_id}_{entity.translation_key}"


def test_icons() -> None:
    """Each entity has an icon; the problem's comes with its device class."""
    icons = json.loads((FOLDER / "icons.json").read_text(encoding="utf-8"))["entity"]
    texts = json.loads((FOLDER / "translations/en.json").read_text(encoding="utf-8"))
    assert {platform: set(keys) for platform, keys in icons.items()} == {
        platform: set(keys)
        for platform, keys in texts["entity"].items()
        if platform != "binary_sensor"
    }


@pytest.mark.usefixtures("all_entities")
async def test_nothing_yet(hass: HomeAssistant, loaded_entry: MockConfigEntry) -> None:
    """A new account has nothing to show, and no problem."""
    assert states(hass, QUEUED, ACCEPTED_TODAY, LAST_ACCEPTED, NEXT_ATTEMPT) == [
        "0",
        "0",
        "unknown",
        "unknown",
    ]
    assert states(hass, PROBLEM, MESSAGE) == ["off", "unknown"]
    assert attributes(hass, PROBLEM, "cause", "until") == [None, None]
    assert attributes(hass, QUEUED, "unit_of_measurement") == ["messages"]


@pytest.mark.usefixtures("all_entities")
async def test_accepted_and_waiting(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The sensors follow what waits and what went out."""
    await notify(hass)
    now = dt_util.utcnow().isoformat(timespec="seconds")
    assert states(hass, QUEUED, ACCEPTED_TODAY, LAST_ACCEPTED, NEXT_ATTEMPT) == [
        "0",
        "1",
        now,
        "unknown",
    ]
    server.script(Step.MAIL, LATER)
    await notify(hass)
    next_attempt = loaded_entry.runtime_data.next_attempt
    assert states(hass, QUEUED, ACCEPTED_TODAY, LAST_ACCEPTED, NEXT_ATTEMPT) == [
        "1",
        "1",
        now,
        next_attempt.isoformat(timespec="seconds"),
    ]
    # Deferred only: that is the outbox's daily work.
    assert states(hass, PROBLEM) == ["off"]
    await later(hass, freezer, timedelta(seconds=67))
    await until(lambda: states(hass, QUEUED, ACCEPTED_TODAY) == ["0", "2"])


async def test_midnight(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A new day is counted from nothing, even if nothing happens."""
    await notify(hass)
    assert states(hass, ACCEPTED_TODAY) == ["1"]
    last_accepted = states(hass, LAST_ACCEPTED)
    midnight = dt_util.start_of_local_day(dt_util.now().date() + timedelta(days=1))
    await later(hass, freezer, midnight - dt_util.utcnow())
    assert states(hass, ACCEPTED_TODAY) == ["0"]
    assert states(hass, LAST_ACCEPTED) == last_accepted
    # And the next one, although nothing went out in between.
    await notify(hass)
    assert states(hass, ACCEPTED_TODAY) == ["1"]
    await later(hass, freezer, timedelta(days=1))
    assert states(hass, ACCEPTED_TODAY) == ["0"]


@pytest.mark.usefixtures("all_entities")
async def test_paused(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """While the account rests there is a problem, with its end."""
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await notify(hass)
    end = dt_util.utcnow() + timedelta(hours=1)
    assert states(hass, PROBLEM) == ["on"]
    assert attributes(hass, PROBLEM, "cause", "until") == [
        "rate_limit",
        end.isoformat(),
    ]
    assert states(hass, NEXT_ATTEMPT) == [end.isoformat(timespec="seconds")]
    await later(hass, freezer, timedelta(hours=1))
    await until(lambda: states(hass, PROBLEM, QUEUED) == ["off", "0"])
    assert attributes(hass, PROBLEM, "cause", "until") == [None, None]


@pytest.mark.usefixtures("all_entities")
async def test_code_needed(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Waiting for a code is a problem; until then a login is tried now and then."""
    server.script(Step.AUTH, replies.LOGIN_NEEDS_CODE)
    await notify(hass)
    assert states(hass, PROBLEM) == ["on"]
    until = loaded_entry.runtime_data.pause.until
    assert attributes(hass, PROBLEM, "cause") == ["login_needs_code"]
    shown = dt_util.parse_datetime(attributes(hass, PROBLEM, "until")[0])
    assert shown
    assert abs(shown - until) < timedelta(seconds=1)
    assert states(hass, QUEUED) == ["1"]


async def test_expired(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """After an expiry there is a problem until something is accepted."""
    server.script(Step.RCPT, LATER, times=3)
    await notify(hass)
    await later(hass, freezer, timedelta(days=1))
    # That it waited for so long was the problem, until the next look at what waits.
    await later(hass, freezer, timedelta(seconds=10))
    await until(lambda: attributes(hass, PROBLEM, "cause") == ["expired"])
    assert states(hass, PROBLEM) == ["on"]
    assert attributes(hass, PROBLEM, "until") == [None]
    assert attributes(hass, MESSAGE, "event_type", "attempts", "cause", "reply") == [
        "expired",
        1,
        "temporary",
        "451 later",
    ]
    await notify(hass)
    assert states(hass, PROBLEM, QUEUED) == ["on", "1"]
    server.reset()
    await notify(hass)
    assert states(hass, PROBLEM) == ["off"]
    assert attributes(hass, PROBLEM, "cause") == [None]


async def test_attributes_of_an_event(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """An outcome comes with all that an automation needs."""
    server.script(Step.MAIL, LATER)
    await notify(hass, title="火警", target=["a@example.com", "b@example.com"])
    outbox = loaded_entry.runtime_data
    ((message, _),) = outbox.plans()
    shown = state_of(hass, MESSAGE).attributes
    assert {key: shown[key] for key in shown if key != "event_types"} == {
        "event_type": "deferred",
        "queue_id": message.queue_id,
        "subject": "火警",
        "recipients": ["a@example.com", "b@example.com"],
        "attempts": 1,
        "cause": "temporary",
        "reply": "451 later",
        "next_attempt": outbox.next_attempt.isoformat(),
        "friendly_name": f"{ADDRESS} Message",
    }


@pytest.mark.parametrize(
    ("step", "action", "expected"),
    [
        pytest.param(
            Step.NOOP,
            LATER,
            ["accepted", 1],
            id="accepted",
        ),
        pytest.param(
            Step.CONNECT,
            Close(),
            ["deferred", 1, "connection_lost"],
            id="deferred",
        ),
        pytest.param(
            Step.ACCEPTED,
            Close(),
            ["unknown", 1, "outcome_unknown"],
            id="unknown",
        ),
    ],
)
async def test_outcome(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    step: Step,
    action: Any,
    expected: list[Any],
) -> None:
    """Each outcome is an event type."""
    server.script(step, action)
    await notify(hass)
    shown = state_of(hass, MESSAGE).attributes
    names = ("event_type", "attempts", "cause")
    assert [shown[name] for name in names if name in shown] == expected


async def test_reply(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What the server said stands in the event."""
    await notify(hass)
    assert attributes(hass, MESSAGE, "reply") == ["250 OK: queued as."]


async def test_rejected(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What raises is told as well."""
    server.script(Step.DOT, replies.CONTENT)
    with pytest.raises(HomeAssistantError):
        await notify(hass)
    assert attributes(hass, MESSAGE, "event_type", "cause", "reply") == [
        "rejected",
        "content",
        f"550 {replies.CONTENT.text!s}",
    ]


async def test_burst(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Of many outcomes at once none is swallowed, and they are told in order."""
    server.script(Step.DOT, replies.CONTENT, times=2, skip=10)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    await asyncio.gather(
        *(notify(hass, title=str(number)) for number in range(50)),
        return_exceptions=True,
    )
    # On a slow machine the last calls do not wait for so long.
    await until(lambda: len(told(changes)) >= 50)
    expected = [("accepted", str(number)) for number in range(50)]
    expected[10:12] = [("rejected", "10"), ("rejected", "11")]
    assert [(e["event_type"], e["subject"]) for e in told(changes)] == expected


async def test_partly_refused(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """One answer can be several outcomes in the same instant."""
    server.script(Step.RCPT, replies.MAILBOX_NOT_FOUND, match="b@example.com")
    server.script(Step.RCPT, LATER, match="c@example.com")
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    await notify(hass, target=["a@example.com", "b@example.com", "c@example.com"])
    assert sorted((e["event_type"], *e["recipients"]) for e in told(changes)) == [
        ("accepted", "a@example.com"),
        ("deferred", "c@example.com"),
        ("rejected", "b@example.com"),
    ]


async def test_renamed(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
) -> None:
    """By another name the entity goes on, and tells each outcome once."""
    entity_registry.async_update_entity(MESSAGE, new_entity_id="event.mail")
    await hass.async_block_till_done()
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    await notify(hass)
    assert attributes(hass, "event.mail", "event_type") == ["accepted"]
    assert len(told(changes, "event.mail")) == 1
    assert hass.states.get(MESSAGE) is None


async def test_reloaded(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The entities are unavailable while the entry is, and know all of it later."""
    await notify(hass)
    before = states(hass, ACCEPTED_TODAY, LAST_ACCEPTED, MESSAGE)
    assert await hass.config_entries.async_unload(loaded_entry.entry_id)
    assert states(hass, QUEUED, PROBLEM, MESSAGE) == ["unavailable"] * 3
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    assert states(hass, ACCEPTED_TODAY, LAST_ACCEPTED, MESSAGE) == before
    assert attributes(hass, MESSAGE, "event_type") == ["accepted"]


async def test_update_on_demand(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """homeassistant.update_entity is answered, though there is nothing to fetch."""
    assert await async_setup_component(hass, "homeassistant", {})
    await notify(hass)
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": [QUEUED]}, blocking=True
    )
    assert states(hass, QUEUED, ACCEPTED_TODAY) == ["0", "1"]
    assert server.connections == 1


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant"])
async def test_test_message(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, language: str
) -> None:
    """It goes to the default recipients, in Home Assistant's language."""
    hass.config.language = language
    await press(hass, SEND_TEST_MESSAGE)
    file = FOLDER / "translations" / f"{language}.json"
    texts = json.loads(file.read_text(encoding="utf-8"))["exceptions"]
    (mail,) = server.accepted
    assert mail.recipients == (ADDRESS,)
    assert mail.subject == texts["test_title"]["message"]
    assert mail.text.strip() == texts["test_message"]["message"]


async def test_test_message_refused(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The button says why."""
    server.script(Step.RCPT, replies.MAILBOX_NOT_FOUND)
    with pytest.raises(HomeAssistantError) as refused:
        await press(hass, SEND_TEST_MESSAGE)
    assert refused.value.translation_domain == DOMAIN
    assert refused.value.translation_key == "recipient"


async def test_retry(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The button tries at once what would have waited."""
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await notify(hass)
    assert states(hass, QUEUED, PROBLEM) == ["1", "on"]
    await press(hass, RETRY)
    await until(lambda: states(hass, QUEUED, PROBLEM) == ["0", "off"])
    assert len(server.accepted) == 1


async def test_pace_and_what_is_left(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A refusal halves the pace for a day; what went out counts for 24 hours."""
    hass.config_entries.async_update_entry(
        loaded_entry, options={"service_name": "qq_mail", "messages_per_day": 10}
    )
    await hass.async_block_till_done()
    assert states(hass, PACE, LEFT_TODAY) == ["10", "10"]
    await notify(hass)
    assert states(hass, LEFT_TODAY) == ["9"]
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await notify(hass)
    assert states(hass, PACE) == ["5.0"]
    await shut_down(hass, loaded_entry)
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    await hass.async_block_till_done()
    assert states(hass, PACE, LEFT_TODAY) == ["5.0", "9"]
    await later(hass, freezer, timedelta(hours=1))
    await until(lambda: states(hass, LEFT_TODAY) == ["8"])
    await later(hass, freezer, timedelta(hours=25))
    assert states(hass, PACE, LEFT_TODAY) == ["10", "10"]
    hass.config_entries.async_update_entry(
        loaded_entry,
        options={
            "service_name": "qq_mail",
            "messages_per_day": 0,
        },
    )
    await hass.async_block_till_done()
    assert states(hass, PACE, LEFT_TODAY) == ["10", "unknown"]


FAMILY_TEST = "button.family_send_test_message"


@pytest.fixture
async def with_family(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Load the account, with a recipient."""
    hass.config_entries.async_add_subentry(entry, RECIPIENT)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


@pytest.mark.usefixtures("with_family")
async def test_test_message_of_a_recipient(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    device_registry: dr.DeviceRegistry,
) -> None:
    """It stands on the recipient's device, and goes to that recipient alone."""
    (key,) = entry.subentries
    button = entity_registry.async_get(FAMILY_TEST)
    assert button
    assert (button.unique_id, button.config_subentry_id) == (
        f"{key}_send_test_message",
        key,
    )
    device = device_registry.async_get(button.device_id or "")
    assert device
    assert device.identifiers == {(DOMAIN, key)}
    await press(hass, FAMILY_TEST)
    (mail,) = server.accepted
    assert mail.recipients == ("a@example.com", "b@example.com", "c@example.com")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        pytest.param(
            "en",
            "The test mail was not accepted yet. QQ limits how much 123456@qq.com may "
            "send, so nothing is sent until 21:00. Then this message goes out by itself.",
            id="en",
        ),
        pytest.param(
            "zh-Hans",
            "测试邮件还没有发出。QQ 限制了 123456@qq.com 的发信频率，21:00 之前不会发送；"
            "之后，此邮件会自动发出。",
            id="zh-Hans",
        ),
    ],
)
async def test_test_message_that_waits(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    language: str,
    text: str,
) -> None:
    """The button says in words why its mail has not gone out, and when it will."""
    hass.config.language = language
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to("2026-12-20 12:00:00+00:00")
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    with pytest.raises(HomeAssistantError) as waits:
        await press(hass, SEND_TEST_MESSAGE)
    assert (await async_texts(hass)).of(waits.value) == text


async def test_oldest_waiting(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Since when something waits is seen at once."""
    assert states(hass, OLDEST_WAITING) == ["unknown"]
    raised = dt_util.utcnow().isoformat(timespec="seconds")
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await notify(hass)
    freezer.tick(60)
    await notify(hass)
    assert states(hass, OLDEST_WAITING, QUEUED) == [raised, "2"]


async def test_instants_are_written_once(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """That two clocks disagree by less than is shown is no change."""
    freezer.move_to("2026-12-20 12:00:00.5+00:00")
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await notify(hass)
    shown = hass.states.get(OLDEST_WAITING)
    assert shown
    reported = shown.last_reported
    freezer.tick(0.0004)
    loaded_entry.runtime_data.listeners.tell(None)
    assert shown.last_reported == reported


async def test_disk_that_takes_nothing(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is not on disk is a problem, for as long as it is not."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        await notify(hass)
        await until(lambda: states(hass, PROBLEM) == ["on"])
        assert attributes(hass, PROBLEM, "cause", "until") == ["disk", None]
    await notify(hass)
    await until(lambda: states(hass, PROBLEM) == ["off"])
