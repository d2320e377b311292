"""Whether somebody acknowledged an alarm reaches automations, once for all accounts."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.calls.house import SIGNAL_ALARM
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.repeats import reminders as reminders_module
from custom_components.qq_mail.repeats.reminders import Reminder
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.setup import async_setup_component

from ..calls.test_send import send
from ..house import forget_mark, house_of, later, outbox_of, restart, until
from ..qq_server import QQServer, Step, replies
from ..test_notify import ENTITY
from ..test_trigger import second_account
from .test_reminding import DAY, HOUR, TEN_MINUTES, WATER, out

type Told = list[dict[str, Any]]


async def told(hass: HomeAssistant, **options: Any) -> Told:
    """Return what automations come to hear of alarms."""
    found: Told = []

    @callback
    def hear(event: Event) -> None:
        found.append(dict(event.data))

    hass.bus.async_listen("heard", hear)
    fields = ("id", "tag", "title", "number", "raised_at")
    triggers = [
        {"trigger": f"{DOMAIN}.{name}", "id": name, "options": options}
        for name in ("alarm_acknowledged", "alarm_unanswered")
    ]
    data = {field: f"{{{{ trigger.{field} }}}}" for field in fields}
    config = {
        "mode": "queued",
        "triggers": triggers,
        "actions": {"event": "heard", "event_data": data},
    }
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()
    return found


async def test_unanswered(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """With what it was, and how often it was sent."""
    found = await told(hass)
    await send(hass, **WATER, actions_expire_after="00:30:00")
    for number in (2, 3):
        await later(hass, freezer, TEN_MINUTES)
        await out(loaded_entry, server, number)
    assert found == []
    await later(hass, freezer, TEN_MINUTES)
    (one,) = found
    assert one.pop("raised_at")
    assert one == {
        "id": "alarm_unanswered",
        "tag": "water",
        "title": "Water",
        "number": 3,
    }


async def test_two_accounts(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """One alarm, whichever accounts send it: it is told once, either way."""
    second = await second_account(hass, server, loaded_entry)
    found = await told(hass, tag=["water", "fire"])
    both = [ENTITY, "notify.second"]
    await send(hass, **WATER, entity_id=both, actions_expire_after=600)
    await send(hass, **{**WATER, "tag": "gas"}, actions_expire_after=600)
    await later(hass, freezer, timedelta(minutes=11))
    assert [(one["id"], one["tag"]) for one in found] == [("alarm_unanswered", "water")]
    await send(hass, **{**WATER, "tag": "fire"}, entity_id=both)
    assert len(outbox_of(second)) == 0
    await hass.services.async_call(
        DOMAIN, "acknowledge", {"tag": "fire"}, blocking=True
    )
    await hass.async_block_till_done()
    assert [one["id"] for one in found[1:]] == ["alarm_acknowledged"]
    # It is over: there is nothing to acknowledge.
    await hass.services.async_call(
        DOMAIN, "acknowledge", {"tag": "fire"}, blocking=True
    )
    await hass.async_block_till_done()
    assert len(found) == 2


async def test_refused_for_one_account(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The other account's mail may still be answered, until its time."""
    await second_account(hass, server, loaded_entry)
    found = await told(hass)
    server.script(Step.DOT, replies.CONTENT)
    both = [ENTITY, "notify.second"]
    await send(hass, **WATER, entity_id=both, actions_expire_after=600, wait=0)
    await until(lambda: len(server.accepted) == 1)
    await hass.async_block_till_done()
    assert found == []
    await later(hass, freezer, TEN_MINUTES)
    assert [one["id"] for one in found] == ["alarm_unanswered"]


def acknowledge_when_told(hass: HomeAssistant, tag: str) -> list[str]:
    """Acknowledge a tag at once when an alarm is over; return the tags of these."""
    tags: list[str] = []

    @callback
    def hear(alarm: Reminder, acknowledged: bool) -> None:
        if not acknowledged:
            tags.append(alarm.tag)
            house_of(hass).acknowledge_tag(tag)

    async_dispatcher_connect(hass, SIGNAL_ALARM, hear)
    return tags


async def test_acknowledged_by_who_is_told(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It is over, although it was raised anew: no mail comes, nor after a restart."""
    tags = acknowledge_when_told(hass, "water")
    await send(hass, **WATER, actions_expire_after=600)
    freezer.tick(300)
    await send(hass, **WATER)
    await later(hass, freezer, timedelta(minutes=20))
    assert tags == ["water"]
    await restart(hass, loaded_entry)
    await later(hass, freezer, TEN_MINUTES)
    assert house_of(hass).rooms[loaded_entry.entry_id].reminders.shown == []
    assert len(server.accepted) == 2


@pytest.mark.usefixtures("server")
async def test_another_is_acknowledged_by_who_is_told(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    """It is over without a word, though its time was over as well."""
    tags = acknowledge_when_told(hass, "gas")
    for tag in ("water", "gas"):
        await send(hass, **{**WATER, "tag": tag}, actions_expire_after=600)
    await later(hass, freezer, timedelta(minutes=20))
    assert tags == ["water"]
    assert house_of(hass).rooms[loaded_entry.entry_id].reminders.shown == []


@pytest.mark.usefixtures("server", "loaded_entry")
async def test_taken_back(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """It is over, and nobody has to acknowledge it."""
    found = await told(hass)
    await send(hass, **WATER)
    await send(hass, message="", tag="water", clear=True)
    await later(hass, freezer, DAY)
    assert found == []


@pytest.mark.usefixtures("server", "loaded_entry")
async def test_too_many(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes room, or finds none, is told at once."""
    monkeypatch.setattr(reminders_module, "MAX_REMINDERS", 1)
    found = await told(hass)
    await send(hass, **{**WATER, "priority": "high"})
    for tag in ("gas", "fire"):
        await send(hass, **{**WATER, "tag": tag})
    await hass.async_block_till_done()
    assert [one["tag"] for one in found] == ["water", "fire"]


async def test_of_a_backup(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What nobody has decided on ends without a word."""
    found = await told(hass)
    await send(hass, **WATER, actions_expire_after=600)
    await out(loaded_entry, server, 1)
    forget_mark(hass)
    await restart(hass, loaded_entry)
    await later(hass, freezer, HOUR)
    assert found == []
