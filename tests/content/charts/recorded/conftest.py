"""A recorder that records from the beginning."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .house import record


@pytest.fixture(autouse=True)
def custom_integrations(recorder_mock: Any, enable_custom_integrations: None) -> None:
    """Let Home Assistant load the integration, and record from the beginning."""


@pytest.fixture
async def recorded_before(hass: HomeAssistant) -> None:
    """Have a recorder that is not of today: it looks no further back than its first."""
    long_ago = dt_util.utcnow() - timedelta(days=60)
    await record(hass, "sensor.first", {}, [(long_ago, 1)])


@pytest.fixture
async def now(
    hass: HomeAssistant, recorded_before: None, loaded_entry: MockConfigEntry
) -> datetime:
    """Return the time of the house, which is in China."""
    await hass.config.async_set_time_zone("Asia/Shanghai")
    assert await async_setup_component(hass, "binary_sensor", {})
    return dt_util.now()
