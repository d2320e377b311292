"""Lines of numbers that were recorded."""

from datetime import datetime, timedelta
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.qq_mail.content.charts import fetching, recording
from custom_components.qq_mail.content.charts.axes import HOUR
from custom_components.qq_mail.content.charts.drawing import draw
from homeassistant.components.recorder.models import StatisticData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance

from .house import TEMPERATURE, count, preview, record


@pytest.mark.parametrize("page", [1, 2, 7, 5000])
async def test_read_in_pages(
    hass: HomeAssistant,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    page: int,
) -> None:
    """What has many states is not read at once, and the chart is the same."""
    monkeypatch.setattr(recording, "_PAGE", page)
    values = [(now - timedelta(minutes=70 - n), n % 7) for n in range(70)]
    wish = {"friendly_name": "Wish"}
    await record(hass, "input_number.wish", wish, [(now - timedelta(days=9), 5)])
    await record(hass, "input_number.wish", wish, values)
    answer = await preview(hass, entities="input_number.wish", period={"days": 7})
    assert "Wish: now 6, lowest 0, highest 6, mean 5\n" in answer["text"]
    answer = await preview(hass, entities="input_number.wish", period=3600)
    assert "Wish: now 6, lowest 0, highest 6, mean 3\n" in answer["text"]


async def test_statistics(hass: HomeAssistant, now: datetime) -> None:
    """Beyond two days hours are drawn; an hour without a value is a gap."""
    await record(hass, "sensor.living", TEMPERATURE, [(now, 21.5)])
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = [
        StatisticData(start=hour - timedelta(hours=hours), mean=20, min=18.5, max=24)
        for hours in range(100, 0, -1)
        if hours not in {50, 51}
    ]
    await count(hass, "sensor.living", rows)
    answer = await preview(hass, entities="sensor.living", period={"days": 4})
    assert (
        "Living room: now 21.5, lowest 18.5, highest 24.0, mean 20.0" in answer["text"]
    )
    assert answer["notes"] == []


async def test_states_where_there_are_no_statistics(
    hass: HomeAssistant, now: datetime
) -> None:
    """What has none is drawn as far back as it was recorded."""
    values = [(now - timedelta(days=days), days) for days in (3, 2, 1)]
    wish = {"friendly_name": "Wish"}
    await record(hass, "input_number.wish", wish, values)
    answer = await preview(hass, entities="input_number.wish", period={"days": 7})
    assert "Wish: now 1, lowest 1, highest 3, mean 2" in answer["text"]


@pytest.mark.parametrize(
    ("states", "said"),
    [
        pytest.param(
            ["21", "21"], "now 21, lowest 21, highest 21, mean 21", id="equal"
        ),
        pytest.param(["inf", "nan", "4", "x"], "now x, lowest 4, highest 4", id="text"),
        pytest.param(
            ["1e30", "5"], "now 5, lowest 5, highest 1e+30, mean 5e+29", id="1e30"
        ),
        pytest.param(
            ["1", "unavailable"], "now Unavailable, lowest 1, highest 1", id="away"
        ),
        pytest.param(["-0.04", "0"], "lowest -0.04, highest 0.00", id="small"),
        pytest.param(["1e-7", "1.23456"], "now 1.23, lowest 0.00", id="many digits"),
    ],
)
async def test_values(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    now: datetime,
    states: list[str],
    said: str,
) -> None:
    """Whatever a sensor said, there is a chart, and words that can be read."""
    at = [now - timedelta(hours=len(states) - n) for n in range(len(states))]
    values = list(zip(at, states, strict=True))
    await record(hass, "sensor.living", TEMPERATURE, values)
    answer = await preview(hass, entities="sensor.living")
    assert said in answer["text"]
    assert "<img " in answer["html"]


async def test_as_the_sensor_rounds(hass: HomeAssistant, now: datetime) -> None:
    """All numbers have the decimals that a person chose for the sensor."""
    registry = er.async_get(hass)
    entry = registry.async_get_or_create("sensor", "test", "1")
    registry.async_update_entity_options(
        entry.entity_id, "sensor", {"display_precision": 1}
    )
    at = now - timedelta(hours=1)
    await record(hass, entry.entity_id, TEMPERATURE, [(at, 20.123), (now, 21.987)])
    answer = await preview(hass, entities=entry.entity_id)
    assert "now 22.0, lowest 20.1, highest 22.0, mean 20.1" in answer["text"]


async def test_the_last_hours_are_those_of_the_event(
    hass: HomeAssistant, now: datetime
) -> None:
    """The freezer that has just thawed, in a chart of a week."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    event = [(now - timedelta(minutes=50), 3), (now - timedelta(minutes=20), 8)]
    frozen = [(now - timedelta(hours=7 - n), -20 - n % 2) for n in range(6)]
    await record(hass, "sensor.freezer", TEMPERATURE, [*frozen, *event])
    rows = [
        StatisticData(start=hour - timedelta(hours=hours), mean=-20, min=-21, max=-19)
        for hours in range(200, 0, -1)
    ]
    await count(hass, "sensor.freezer", rows)
    with patch.object(fetching, "draw", wraps=draw) as drawn:
        answer = await preview(hass, entities="sensor.freezer", period={"days": 7})
    assert "now 8, lowest -21, highest 8, mean -20" in answer["text"]
    plot, span = drawn.call_args.args
    ((_, points),) = plot.lines
    # The means, of the middles of hours, end where the states begin, without a gap, and
    # those go on up to the event.
    assert None not in {number for _, number in points}
    begin = next(time for time, _ in points if time % HOUR == 0)
    assert span.end - 7 * HOUR <= begin <= span.end - 6 * HOUR
    assert points[-2:] == [(event[-1][0].timestamp(), 8), (span.end, 8)]
    assert plot.scale.lowest <= -21
    assert plot.scale.highest >= 8


async def test_extremes_of_hours_are_on_the_axis(
    hass: HomeAssistant, now: datetime
) -> None:
    """What is said to be the highest can be found beside the line of means."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    await record(hass, "sensor.living", TEMPERATURE, [(now, 20)])
    rows = [
        StatisticData(start=hour - timedelta(hours=hours), mean=20, min=3, max=57)
        for hours in range(100, 0, -1)
    ]
    await count(hass, "sensor.living", rows)
    with patch.object(fetching, "draw", wraps=draw) as drawn:
        await preview(hass, entities="sensor.living", period={"days": 4})
    scale = drawn.call_args.args[0].scale
    assert (scale.lowest, scale.highest) == (0, 60)


async def test_now_counts_without_a_recorded_state(
    hass: HomeAssistant, now: datetime
) -> None:
    """Hours were counted, and the state of now is not written yet."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = [
        StatisticData(start=hour - timedelta(hours=hours), mean=20)
        for hours in range(100, 0, -1)
    ]
    with patch.object(get_instance(hass), "_process_one_task_or_event_or_recover"):
        hass.states.async_set("sensor.living", "35", TEMPERATURE)
        await hass.async_block_till_done()
    await count(hass, "sensor.living", rows)
    answer = await preview(hass, entities="sensor.living", period={"days": 4})
    assert "now 35, lowest 20, highest 35, mean 20" in answer["text"]


@pytest.mark.parametrize(
    ("before", "unit", "said", "notes"),
    [
        pytest.param("°C", "°F", "now 77, lowest 68, highest 77, mean 68", 0, id="°F"),
        pytest.param("W", "°C", "now 77, lowest 77, highest 77, mean 77", 1, id="°C"),
        pytest.param(None, "°C", "now 77, lowest 77, highest 77, mean 77", 1, id="new"),
    ],
)
async def test_unit_that_changed(
    hass: HomeAssistant,
    now: datetime,
    before: str | None,
    unit: str,
    said: str,
    notes: int,
) -> None:
    """Old states are converted; where that cannot be, there is a gap and a note."""
    ago = now - timedelta(hours=20)
    old = TEMPERATURE | {"unit_of_measurement": before}
    await record(hass, "sensor.living", old, [(ago, 20)])
    await record(
        hass, "sensor.living", TEMPERATURE | {"unit_of_measurement": unit}, [(now, 77)]
    )
    answer = await preview(hass, entities="sensor.living")
    assert f"Living room: {said}" in answer["text"]
    assert len(answer["notes"]) == notes
    assert all("sensor.living" in note for note in answer["notes"])


@pytest.mark.parametrize(
    ("before", "unit_class", "unit", "lowest", "notes"),
    [
        pytest.param("°C", "temperature", "°F", "68", 0, id="by unit"),
        pytest.param("ppm", "carbon_monoxide", "mg/m³", "23.29", 0, id="by class"),
        pytest.param("°C", "temperature", "W", "77", 1, id="none"),
    ],
)
async def test_unit_that_changed_since_hours_were_counted(
    hass: HomeAssistant,
    now: datetime,
    before: str,
    unit_class: str,
    unit: str,
    lowest: str,
    notes: int,
) -> None:
    """The recorder converts its statistics if it can; else they are not drawn."""
    attributes = TEMPERATURE | {"unit_of_measurement": unit}
    await record(hass, "sensor.living", attributes, [(now, 77)])
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = [
        StatisticData(start=hour - timedelta(hours=hours), mean=20, min=20, max=20)
        for hours in range(100, 0, -1)
    ]
    await count(hass, "sensor.living", rows, unit=before, unit_class=unit_class)
    answer = await preview(hass, entities="sensor.living", period={"days": 4})
    assert f", lowest {lowest}, highest 77" in answer["text"]
    assert len(answer["notes"]) == notes
