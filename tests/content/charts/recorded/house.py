"""A house in which something was recorded."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.qq_mail.const import DOMAIN
from homeassistant.components.recorder.db_schema import Statistics, StatisticsShortTerm
from homeassistant.components.recorder.models import (
    StatisticData,
    StatisticMeanType,
    StatisticMetaData,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance

TEMPERATURE = {
    "unit_of_measurement": "°C",
    "state_class": "measurement",
    "friendly_name": "Living room",
}
ENERGY = {
    "unit_of_measurement": "kWh",
    "state_class": "total_increasing",
    "friendly_name": "House",
}
DOOR = {"device_class": "door", "friendly_name": "Front door"}


async def record(
    hass: HomeAssistant,
    entity_id: str,
    attributes: dict[str, Any],
    states: Sequence[tuple[datetime, object]],
) -> None:
    """Let an entity have had these states."""
    for time, state in states:
        hass.states.async_set(
            entity_id, str(state), attributes, timestamp=time.timestamp()
        )
    await async_wait_recording_done(hass)


async def count(
    hass: HomeAssistant,
    entity_id: str,
    rows: Sequence[StatisticData],
    table: type[Statistics | StatisticsShortTerm] = Statistics,
    unit: str | None = None,
    unit_class: str | None = None,
) -> None:
    """Let an entity have had these statistics."""
    has_sum = any("sum" in row for row in rows)
    metadata = StatisticMetaData(
        mean_type=(StatisticMeanType.ARITHMETIC, StatisticMeanType.NONE)[has_sum],
        has_sum=has_sum,
        name=None,
        source="recorder",
        statistic_id=entity_id,
        unit_class=unit_class or ("temperature", "energy")[has_sum],
        unit_of_measurement=unit or ("°C", "kWh")[has_sum],
    )
    get_instance(hass).async_import_statistics(metadata, rows, table)
    await async_wait_recording_done(hass)


async def preview(hass: HomeAssistant, **chart: Any) -> dict[str, Any]:
    """Return what a mail with a chart would be."""
    response = await hass.services.async_call(
        DOMAIN,
        "preview_message",
        {"title": "Report", "charts": [chart]},
        blocking=True,
        return_response=True,
    )
    return dict(response or {})
