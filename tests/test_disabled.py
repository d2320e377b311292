"""An account that is switched off for a while: nothing of it is forgotten."""

from datetime import timedelta
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.calls.house import DATA_HOUSE
from custom_components.qq_mail.const import DOMAIN
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant

from .calls.test_send import send
from .house import (
    house_of,
    later,
    listen,
    notify,
    on_disk,
    outbox_of,
    outbox_shown,
    pause_of,
    rooms_of,
    subjects,
    until,
)
from .qq_server import Close, QQServer, Step
from .repeats.test_counting import DOOR
from .sending.test_buttons import ACTIONS, BASE
from .test_repairs import issue_of


async def disable(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Switch an account off."""
    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    await until(lambda: not house_of(hass).rooms)


async def enable(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Switch it on again."""
    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    await hass.async_block_till_done()


async def test_goes_on(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What waits goes out, what is counted is told, and the history is there."""
    hass.config.external_url = BASE
    await send(hass, **DOOR)
    await send(hass, **DOOR)
    server.script(Step.CONNECT, Close(), times=None)
    server.script(Step.MAIL, Close(), times=None)
    await send(hass, title="Waits", actions=ACTIONS)
    history = [item.queue_id for item in rooms_of(hass, loaded_entry).history.items]
    assert history
    await disable(hass, loaded_entry)
    server.reset()
    await later(hass, freezer, timedelta(minutes=10))
    await enable(hass, loaded_entry)
    assert {item.queue_id for item in rooms_of(hass, loaded_entry).history.items} >= {
        *history
    }
    assert len((await outbox_shown(hass))["repeats"]) == 1
    await later(hass, freezer, timedelta(hours=1))
    await until(lambda: len(server.accepted) >= 2)
    await until(lambda: not len(outbox_of(loaded_entry)))
    assert sorted(subjects(server)) == ["Front door: again 1 ×", "Waits"]
    assert len(house_of(hass).buttons.all()) == 2


async def test_options_changed_while_disabled(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """They hold from when it is enabled again."""
    await disable(hass, loaded_entry)
    hass.config_entries.async_update_entry(
        loaded_entry, options={**loaded_entry.options, "messages_per_day": 7}
    )
    await enable(hass, loaded_entry)
    assert outbox_of(loaded_entry).left_today == 7


async def test_code_revoked_while_disabled(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It is noticed at once when the account is enabled, and not at the alarm."""
    await send(hass, title="Uses the login that the form has given")
    await disable(hass, loaded_entry)
    server.accounts.clear()
    await later(hass, freezer, timedelta(days=30))
    await enable(hass, loaded_entry)
    assert not outbox_of(loaded_entry).state.limits.credit
    await until(lambda: outbox_of(loaded_entry).pause)
    assert pause_of(loaded_entry).cause.of_login


async def test_removed_while_disabled(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """All of it goes, and that is told."""
    server.script(Step.CONNECT, Close(), times=None)
    await send(hass, title="Waits", tag="door")
    await disable(hass, loaded_entry)
    assert on_disk(hass)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    assert on_disk(hass) == {}
    assert issue_of(hass, loaded_entry, "removed")


async def test_removed_by_a_house_that_started_without_it(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """An account that was switched off at the start leaves nothing behind either."""
    server.script(Step.CONNECT, Close(), times=None)
    await send(hass, title="Waits", tag="door")
    await disable(hass, loaded_entry)
    house = hass.data.pop(DATA_HOUSE)
    house.manager.stop_timer()
    await house.store.async_stop()
    hass.config.components.remove(DOMAIN)
    with patch.object(hass.http, "register_view"):
        await hass.config_entries.async_remove(loaded_entry.entry_id)
    assert on_disk(hass) == {}
    assert issue_of(hass, loaded_entry, "removed")


async def test_expired_meanwhile(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It is told once the account is there again, with everybody who hears of it."""
    calls = await listen(hass, "message_expired", ["subject"])
    server.script(Step.CONNECT, Close(), times=None)
    await notify(hass, title="Fire")
    await until(lambda: outbox_of(loaded_entry).waiting()[0].attempts)
    await disable(hass, loaded_entry)
    await later(hass, freezer, timedelta(hours=25))
    await enable(hass, loaded_entry)
    await until(lambda: not len(outbox_of(loaded_entry)))
    (item,) = rooms_of(hass, loaded_entry).history.items
    assert [one.outcome for one in item.results] == ["expired"]
    await until(lambda: calls)
    assert [call.data["subject"] for call in calls] == ["Fire"]
