"""Entities in a mail are written as people at home read them."""

from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component


async def preview(hass: HomeAssistant, *entity_ids: str) -> list[str]:
    """Return the lines of a mail that are about entities."""
    response = await hass.services.async_call(
        DOMAIN,
        "preview_message",
        {"title": "Report", "entities": list(entity_ids)},
        blocking=True,
        return_response=True,
    )
    assert response
    return str(response["text"]).splitlines()[2:-2]


@pytest.fixture
async def evening(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    """Let it be half past four in the afternoon in China."""
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to("2026-11-23 08:30:00+00:00")


@pytest.mark.usefixtures("evening")
@pytest.mark.parametrize(
    ("entity_id", "state", "attributes", "shown"),
    [
        *(
            pytest.param(
                f"{domain}.x", "2026-11-23T06:05:04.321+00:00", {}, "14:05", id=domain
            )
            for domain in (
                *("button", "datetime", "event", "image", "input_button", "notify"),
                *("scene", "stt", "tts"),
            )
        ),
        pytest.param(
            "sensor.x",
            "2026-11-22T20:00:00+00:00",
            {"device_class": "timestamp"},
            "04:00",
            id="timestamp",
        ),
        pytest.param("sensor.x", "2026-11-24T20:00:00Z", {}, "11-25 04:00", id="Z"),
        pytest.param(
            "sensor.x", "2025-11-24T20:00:00-0500", {}, "2025-11-25 09:00", id="offset"
        ),
        pytest.param(
            "input_datetime.x", "2026-11-25 07:30:00", {}, "11-25 07:30", id="local"
        ),
        pytest.param("input_datetime.x", "2026-11-25", {}, "11-25", id="date"),
        pytest.param("date.x", "2027-01-01", {}, "2027-01-01", id="next-year"),
        pytest.param("input_datetime.x", "07:30:00", {}, "07:30", id="clock"),
        pytest.param("time.x", "07:30:15", {}, "07:30:15", id="clock-seconds"),
        pytest.param("sensor.x", "00:05:00", {}, "00:05:00", id="duration"),
        pytest.param("sensor.x", "20261123", {}, "20261123", id="number"),
        pytest.param("sensor.x", "2026-02-30", {}, "2026-02-30", id="no-day"),
        pytest.param("event.x", "unknown", {}, "Unknown", id="unknown"),
        pytest.param(
            "sensor.x",
            "unavailable",
            {"unit_of_measurement": "%"},
            "Unavailable",
            id="unavailable",
        ),
    ],
)
async def test_times(
    hass: HomeAssistant,
    entity_id: str,
    state: str,
    attributes: dict[str, Any],
    shown: str,
) -> None:
    """A state that is a time is one of the house; what only looks like one is not."""
    hass.states.async_set(entity_id, state, attributes | {"friendly_name": "X"})
    assert await preview(hass, entity_id) == [f"X: {shown} (16:30)"]


@pytest.mark.usefixtures("evening")
async def test_a_time_that_the_zone_cannot_hold(hass: HomeAssistant) -> None:
    """Some devices say the first day of year 1 where they know no time."""
    await hass.config.async_set_time_zone("America/New_York")
    state = "0001-01-01T00:00:00+00:00"
    hass.states.async_set("sensor.x", state, {"friendly_name": "X"})
    assert await preview(hass, "sensor.x") == [f"X: {state} (03:30)"]


@pytest.mark.usefixtures("evening")
async def test_states_after_a_change_of_language(hass: HomeAssistant) -> None:
    """Words are in the new language although nothing was translated to it yet."""
    for domain in ("binary_sensor", "climate", "lock"):
        assert await async_setup_component(hass, domain, {})
    hass.config.language = "zh-Hans"
    hass.config.components.add("moon")
    moon = er.async_get(hass).async_get_or_create(
        "sensor", "moon", "1", translation_key="phase"
    )
    states = {
        "binary_sensor.door": ("on", {"device_class": "door"}),
        "binary_sensor.other": ("off", {}),
        "climate.hall": ("heat", {}),
        "lock.front": ("locked", {}),
        moon.entity_id: ("full_moon", {}),
        "vacuum.none": ("docked", {}),
    }
    for entity_id, (state, attributes) in states.items():
        hass.states.async_set(entity_id, state, attributes | {"friendly_name": "X"})
    assert await preview(hass, *states) == [
        *("X：已打开（16:30）", "X：关闭（16:30）", "X：制热（16:30）"),
        *("X：已锁定（16:30）", "X：满月（16:30）", "X：docked（16:30）"),
    ]
