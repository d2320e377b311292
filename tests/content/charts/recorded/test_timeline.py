"""Timelines of what was recorded."""

from datetime import datetime, timedelta
import re

import pytest

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .house import DOOR, preview, record


async def test_states_as_a_timeline(hass: HomeAssistant, now: datetime) -> None:
    """How long each state was, in the reader's words, without what nobody knows."""
    at = [now - timedelta(minutes=minutes) for minutes in (3000, 600, 120, 90, 60)]
    states = ["on", "off", "unavailable", "on", "off"]
    await record(hass, "binary_sensor.door", DOOR, list(zip(at, states, strict=True)))
    heat = [(at[1], "heat"), (at[4], "off")]
    await record(hass, "climate.hall", {"friendly_name": "Hall"}, heat)
    brief = [(at[4], "off"), (now - timedelta(seconds=9), "on")]
    await record(hass, "switch.pump", {"friendly_name": "Pump"}, brief)
    answer = await preview(
        hass, entities=["binary_sensor.door", "climate.hall", "switch.pump"]
    )
    assert answer["notes"] == []
    # For 30 minutes it was nothing.
    assert "Front door: Open 14 h 30 min, Closed 9 h" in answer["text"]
    assert "Hall: heat 9 h, off 1 h" in answer["text"]
    assert "Pump: off 1 h, on <1 min" in answer["text"]
    html = answer["html"]
    # Beside its colour, which is one for the same state: off stands back.
    assert html.count('color:#87919b;">&#9632;</span>') == 3
    assert html.count('color:#0277bd;">&#9632;</span>') == 2
    assert html.count('color:#fc6010;">&#9632;</span>') == 1
    assert [html.index(name) for name in ("Front door", "Hall", "Pump")] == sorted(
        html.index(name) for name in ("Front door", "Hall", "Pump")
    )


async def test_states_in_chinese(hass: HomeAssistant, now: datetime) -> None:
    """With the signs of the language, in the text and for those who hear the picture."""
    hass.config.language = "zh-Hans"
    hour_ago = now - timedelta(hours=1)
    await record(hass, "binary_sensor.door", DOOR, [(hour_ago, "on"), (now, "off")])
    await record(hass, "switch.pump", {"friendly_name": "水泵"}, [(hour_ago, "on")])
    answer = await preview(
        hass, entities="binary_sensor.door, switch.pump", title="今天"
    )
    assert "今天（" in answer["text"]
    assert "Front door：已打开 1 小时，已关闭 <1 分钟" in answer["text"]
    assert re.search(
        'alt="今天（[^"]+）：Front door：已打开[^"]+；水泵：', answer["html"]
    )


async def test_nothing_happened(hass: HomeAssistant, now: datetime) -> None:
    """A door that stayed closed has a chart as well."""
    await record(hass, "binary_sensor.door", DOOR, [(now - timedelta(days=3), "off")])
    answer = await preview(hass, entities="binary_sensor.door")
    assert "Front door: Closed 1 d" in answer["text"]


async def test_a_text_that_is_never_the_same(
    hass: HomeAssistant, now: datetime
) -> None:
    """It is drawn, and the longest are told."""
    texts = [(now - timedelta(seconds=4000 - 10 * n), f"x{n}") for n in range(390)]
    await record(hass, "sensor.log", {"friendly_name": "Log"}, texts)
    answer = await preview(hass, entities="sensor.log", period=3600)
    assert answer["notes"] == []
    assert "Log: x389 2 min, " in answer["text"]
    assert answer["html"].count("&#9632;") == 8


async def test_long_state(hass: HomeAssistant, now: datetime) -> None:
    """A long text breaks, so that the card is no wider than a phone; a short does not."""
    hour_ago = now - timedelta(hours=1)
    states = [(hour_ago, "音" * 200), (now, "off")]
    await record(hass, "sensor.song", {"friendly_name": "Song"}, states)
    html = (await preview(hass, entities="sensor.song"))["html"]
    assert re.search("<span>.*音音 1 h</span>", html)
    assert re.search(
        '<span style="white-space:nowrap;">.*[Oo]ff &lt;1 min</span>', html
    )


async def test_more_states_than_can_be_seen(hass: HomeAssistant, now: datetime) -> None:
    """What is on and off all the time is told to the second, and drawn all the same."""
    states = [
        (now - timedelta(seconds=3600 - second), ("off", "on", "on")[second % 3])
        for second in range(3600)
    ]
    await record(hass, "switch.pump", {"friendly_name": "Pump"}, states)
    answer = await preview(hass, entities="switch.pump", period=86400)
    assert "Pump: on 40 min, off 20 min" in answer["text"]
    assert "<img " in answer["html"]


async def test_state_without_a_text(hass: HomeAssistant, now: datetime) -> None:
    """A state that its integration has no words for is said as it is."""
    registry = er.async_get(hass)
    entry = registry.async_get_or_create("sensor", "test", "1")
    await record(hass, entry.entity_id, {}, [(now - timedelta(hours=1), "washing")])
    answer = await preview(hass, entities=entry.entity_id)
    assert "washing 1 h" in answer["text"]


@pytest.mark.parametrize(
    ("language", "lasted", "said"),
    [
        pytest.param("en", {"hours": 12}, "washing 12 h", id="hours"),
        pytest.param("en", {"hours": 1, "minutes": 5}, "washing 1 h 5 min", id="both"),
        pytest.param("en", {"minutes": 59}, "washing 59 min", id="minutes"),
        pytest.param("en", {"hours": 24, "minutes": 5}, "washing 1 d", id="day"),
        pytest.param("zh-Hans", {"hours": 47}, "washing 1 天 23 小时", id="zh-Hans"),
        pytest.param("zh-Hans", {"hours": 2}, "washing 2 小时", id="zh-Hans-hours"),
        pytest.param("zh-Hant", {"hours": 47}, "washing 1 天 23 小時", id="zh-Hant"),
    ],
)
async def test_how_long(
    hass: HomeAssistant,
    now: datetime,
    language: str,
    lasted: dict[str, int],
    said: str,
) -> None:
    """A time is told in its two largest units, as people say it."""
    hass.config.language = language
    began = now - timedelta(**lasted)
    await record(hass, "sensor.machine", {}, [(began, "washing")])
    answer = await preview(hass, entities="sensor.machine", period={"hours": 48})
    assert f"{said}\n" in answer["text"]
