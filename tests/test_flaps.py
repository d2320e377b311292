"""A sensor that flaps, through an automation as the editor makes it."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import Event, HomeAssistant
from homeassistant.setup import async_setup_component

from .calls.test_send import body_of
from .house import later, outbox_of, until
from .qq_server import QQServer
from .sending.test_buttons import ACTIONS, BASE

FLAPS = 60
AUTOMATION: dict[str, Any] = {
    "id": "door",
    "alias": "Door",
    "mode": "single",
    "triggers": {"trigger": "state", "entity_id": "binary_sensor.door", "to": "on"},
    "actions": {
        "action": "qq_mail.send_message",
        "data": {
            "title": "Door",
            "message": "Flap {{ trigger.to_state.attributes.number }}!",
        },
    },
}


@pytest.mark.parametrize(
    "data",
    [pytest.param({}, id="plain"), pytest.param({"actions": ACTIONS}, id="buttons")],
)
async def test_every_flap_is_told(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    data: dict[str, Any],
) -> None:
    """Of 60 in 13 s none is dropped: no call waits for the pace."""
    hass.config.external_url = BASE
    action = AUTOMATION["actions"] | {"data": AUTOMATION["actions"]["data"] | data}
    automation = AUTOMATION | {"actions": action}
    hass.config_entries.async_update_entry(
        loaded_entry, options={"service_name": "qq_mail"}
    )
    assert await async_setup_component(hass, "automation", {"automation": automation})
    await hass.async_block_till_done()
    outbox = outbox_of(loaded_entry)
    runs: list[Event[Any]] = []
    hass.bus.async_listen("automation_triggered", runs.append)
    for number in range(FLAPS):
        hass.states.async_set("binary_sensor.door", "on", {"number": number})
        # No more than this time, of which none passes, is needed for a call.
        await hass.async_block_till_done()
        hass.states.async_set("binary_sensor.door", "off")
        await later(hass, freezer, timedelta(seconds=13 / FLAPS))
    state = hass.states.get("automation.door")
    assert state
    assert state.attributes["current"] == 0
    assert len(runs) == FLAPS
    for _ in range(5):
        await later(hass, freezer, timedelta(minutes=1))
        await until(lambda: not outbox.at_work)
    await until(lambda: not len(outbox))
    text = "\n".join(map(body_of, server.accepted))
    assert [text.count(f"Flap {number}!") for number in range(FLAPS)] == [1] * FLAPS
    assert len(server.accepted) < FLAPS / 4
