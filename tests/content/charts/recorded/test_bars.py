"""Bars of what meters counted."""

from datetime import datetime, timedelta

import pytest

from homeassistant.components.recorder.db_schema import StatisticsShortTerm
from homeassistant.components.recorder.models import StatisticData
from homeassistant.core import HomeAssistant

from .house import ENERGY, count, preview, record


@pytest.mark.parametrize(
    ("days", "per"),
    [pytest.param(1, "per hour", id="hours"), pytest.param(5, "per day", id="days")],
)
async def test_amounts(hass: HomeAssistant, now: datetime, days: int, per: str) -> None:
    """What was used, for each hour or day, and from a whole one on."""
    await record(hass, "sensor.energy", ENERGY, [(now, 5)])
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = [
        StatisticData(start=hour - timedelta(hours=hours), state=0, sum=400 - hours)
        for hours in range(200, 0, -1)
    ]
    await count(hass, "sensor.energy", rows)
    # The hour that is not over has no row yet, but some of its minutes have.
    minutes = [
        StatisticData(start=hour + timedelta(minutes=5 * number), state=0, sum=total)
        for number, total in ((-1, 399), (0, 399.5))
    ]
    await count(hass, "sensor.energy", minutes, StatisticsShortTerm)
    answer = await preview(
        hass, entities=["sensor.energy"], period={"days": days}, title="Energy"
    )
    assert answer["notes"] == []
    assert f" · kWh · {per})" in answer["text"]
    start = now - timedelta(days=days)
    first = start.replace(
        hour=0 if days > 1 else start.hour, minute=0, second=0, microsecond=0
    )
    used = (hour - first) / timedelta(hours=1) + 0.5
    shown = f"{used:.0f}" if days > 1 else f"{used:.1f}"
    assert f"House: {shown} in all, mean " in answer["text"]
    assert ">Total<" in answer["html"]


async def test_unit_that_changed(hass: HomeAssistant, now: datetime) -> None:
    """What was counted in another unit is not drawn, and one note says so."""
    water = ENERGY | {"unit_of_measurement": "L"}
    await record(hass, "sensor.meter", water, [(now, 5)])
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = [
        StatisticData(start=hour - timedelta(hours=hours), state=0, sum=400 - hours)
        for hours in range(40, 0, -1)
    ]
    await count(hass, "sensor.meter", rows)
    answer = await preview(hass, entities="sensor.meter")
    (note,) = answer["notes"]
    assert "sensor.meter" in note
    assert "unit" in note
    assert "<img " not in answer["html"]
