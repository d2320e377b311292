"""Charts of what a real recorder has, from the action to the mail."""

import asyncio
from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
import re
import threading
from typing import Any
from unittest.mock import patch

from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy.exc import SQLAlchemyError

from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.content import preview as previews
from custom_components.qq_mail.content.charts import fetching, recording
from custom_components.qq_mail.content.charts.kinds.lines import LINES
from custom_components.qq_mail.content.charts.models import Span
from custom_components.qq_mail.content.charts.recording import Recording
from homeassistant.components.recorder import history
from homeassistant.components.recorder.db_schema import Statistics, StatisticsShortTerm
from homeassistant.components.recorder.models import (
    StatisticData,
    StatisticMeanType,
    StatisticMetaData,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from ...calls.test_send import body_of, mail_of, send
from ...qq_server import Answer, QQServer, Step

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
) -> None:
    """Let an entity have had these statistics."""
    has_sum = any("sum" in row for row in rows)
    metadata = StatisticMetaData(
        mean_type=(StatisticMeanType.ARITHMETIC, StatisticMeanType.NONE)[has_sum],
        has_sum=has_sum,
        name=None,
        source="recorder",
        statistic_id=entity_id,
        unit_class=("temperature", "energy")[has_sum],
        unit_of_measurement=("°C", "kWh")[has_sum],
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


async def test_states_end_to_end(
    hass: HomeAssistant, server: QQServer, now: datetime
) -> None:
    """Two temperatures share a picture, and the words say the same."""
    ago = [now - timedelta(hours=hours) for hours in (20, 10, 5)]
    values = [(ago[0], 20), (ago[1], 22.5), (ago[2], "unavailable"), (now, 21)]
    await record(hass, "sensor.living", TEMPERATURE, values)
    outside = TEMPERATURE | {"friendly_name": "室外"}
    await record(hass, "sensor.outside", outside, [(ago[0], -5), (ago[1], 3)])
    await hass.services.async_call(
        "notify",
        "qq_mail",
        {
            "title": "Good morning",
            "message": "All is well.",
            "data": {
                "charts": {
                    "entities": ["sensor.living", "sensor.outside"],
                    "title": "Temperatures",
                }
            },
        },
        blocking=True,
    )
    mail = mail_of(server)
    text = body_of(mail)
    assert "Temperatures (" in text
    assert "°C)" in text
    # Ten hours of 20, five of 22.5, five without a value.
    assert "Living room: now 21.0, lowest 20.0, highest 22.5, mean 20.8" in text
    assert "室外: now 3, lowest -5, highest 3, mean -1" in text
    html = body_of(mail, "html")
    assert ">Highest<" in html
    (part,) = (
        part for part in mail.message.walk() if part.get_content_type() == "image/png"
    )
    assert part.get_content_disposition() == "inline"
    assert f'src="cid:{part["Content-ID"][1:-1]}"' in html.replace("%40", "@")
    assert html.count("<img ") == 1
    assert 'alt="Temperatures (' in html
    with Image.open(BytesIO(part.get_content())) as picture:
        assert picture.width == 1120
    assert len(part.get_content()) < 50_000


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


async def test_preview_shows_pictures(
    hass: HomeAssistant, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is, without a mail program; large ones stay references."""
    await record(hass, "sensor.living", TEMPERATURE, [(now, 21)])
    html = (await preview(hass, entities="sensor.living"))["html"]
    (encoded,) = re.findall('src="data:image/png;base64,([^"]+)"', html)
    with Image.open(BytesIO(b64decode(encoded))) as picture:
        assert picture.width == 1120
    monkeypatch.setattr(previews, "MAX_PREVIEWED", 100)
    html = (await preview(hass, entities="sensor.living"))["html"]
    assert 'src="cid:' in html
    assert "data:" not in html


async def test_states_in_chinese(hass: HomeAssistant, now: datetime) -> None:
    """With the signs of the language, in the text and for those who hear the picture."""
    hass.config.language = "zh-Hans"
    # As Home Assistant does when it starts in this language.
    domains = ["binary_sensor", "switch"]
    await async_get_translations(hass, "zh-Hans", "entity_component", domains)
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


async def test_what_is_not_yet_written(hass: HomeAssistant, now: datetime) -> None:
    """The recorder writes every few seconds; the alert is about what was just now."""
    hour_ago = now - timedelta(hours=1)
    await record(hass, "binary_sensor.door", DOOR, [(hour_ago, "off")])
    await record(hass, "sensor.living", TEMPERATURE, [(hour_ago, 20)])
    with patch.object(get_instance(hass), "_process_one_task_or_event_or_recover"):
        hass.states.async_set("binary_sensor.door", "on", DOOR)
        hass.states.async_set("sensor.living", "35", TEMPERATURE)
        answer = await preview(hass, entities="binary_sensor.door, sensor.living")
    assert "Front door: Closed 1 h, Open <1 min" in answer["text"]
    assert "Living room: now 35, lowest 20, highest 35, mean 20" in answer["text"]


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


async def test_reading_ends_with_the_wait(hass: HomeAssistant, now: datetime) -> None:
    """Nobody waits any more: the database is left alone."""
    await record(hass, "sensor.living", TEMPERATURE, [(now, 21)])
    given_up = threading.Event()
    given_up.set()
    span = Span((now - timedelta(days=1)).timestamp(), now.timestamp(), UTC)
    state = hass.states.get("sensor.living")
    assert state
    assert LINES.read(Recording(hass, span, given_up), [state]) == {}


async def test_hostile_names(hass: HomeAssistant, now: datetime) -> None:
    """A name is a name, in whatever direction it is read."""
    name = "<script>alert('x')</script> \"&\" مطبخ 🚪"
    attributes = TEMPERATURE | {"friendly_name": name, "unit_of_measurement": "<b>"}
    await record(hass, "sensor.living", attributes, [(now, 21)])
    await record(hass, "switch.pump", {"friendly_name": name}, [(now, "on")])
    answer = await preview(
        hass, entities="sensor.living, switch.pump", title=f"{name}\n2"
    )
    assert f"{name}: now 21" in answer["text"]
    assert "<script" not in answer["html"]
    assert "<b>:" not in answer["html"]
    assert answer["html"].count('dir="auto"') >= 3
    assert answer["html"].count('alt="') == 2


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


async def test_each_unit_has_a_chart(hass: HomeAssistant, now: datetime) -> None:
    """In the order in which the entities were named; the title stands above all."""
    at = now - timedelta(hours=2)
    for entity_id, name, unit in (
        ("sensor.a", "A", "%"),
        ("sensor.b", "B", "°C"),
        ("sensor.c", "C", "%"),
    ):
        attributes = {"unit_of_measurement": unit, "friendly_name": name}
        await record(hass, entity_id, attributes, [(at, 7)])
    await record(hass, "binary_sensor.door", DOOR, [(at, "on")])
    answer = await preview(
        hass,
        entities="sensor.a, sensor.b, binary_sensor.door, sensor.c",
        title="All of it",
    )
    lines = [line.partition(":")[0] for line in answer["text"].splitlines()]
    assert [line for line in lines if len(line) == 1 or line == "Front door"] == [
        *("A", "C", "B", "Front door"),
    ]
    assert answer["html"].count("<img ") == 3
    assert answer["html"].count("All of it</div>") == 1


async def test_more_than_can_be_shown(hass: HomeAssistant, now: datetime) -> None:
    """Of nine entities with a unit each, the first ones are shown."""
    for number in range(9):
        attributes = {"unit_of_measurement": f"u{number}"}
        states = [(now - timedelta(hours=1), number)]
        await record(hass, f"sensor.s{number}", attributes, states)
    answer = await preview(hass, entities=[f"sensor.s{number}" for number in range(9)])
    assert answer["notes"] == [
        (
            "A chart shows the first 8 of its entities only."
            " Divide them among several charts."
        ),
        (
            "Only the first 6 charts are shown."
            " Entities with different units need one each."
        ),
    ]
    assert answer["html"].count("<img ") == 6


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
    hass: HomeAssistant, now: datetime, states: list[str], said: str
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


async def test_nothing_to_draw(hass: HomeAssistant, now: datetime) -> None:
    """What is not there, and what was never recorded, is a note."""
    hour_ago = now - timedelta(hours=30)
    await record(hass, "sensor.words", TEMPERATURE, [(hour_ago, "unknown")])
    await record(hass, "binary_sensor.door", DOOR, [(hour_ago, "unavailable")])
    await record(hass, "sensor.energy", ENERGY, [(hour_ago, 7)])
    await record(hass, "sensor.old", TEMPERATURE, [(hour_ago, "unknown")])
    await count(
        hass,
        "sensor.old",
        [StatisticData(start=hour_ago.replace(minute=0, second=0, microsecond=0))],
    )
    names = ["sensor.words", "binary_sensor.door", "sensor.energy", "sensor.old"]
    answer = await preview(
        hass, entities=["sensor.nowhere", *names], period={"days": 3}
    )
    assert answer["notes"] == [
        "Not shown: sensor.nowhere does not exist. Check the entity id.",
        *(
            f"Not in a chart: of {name} nothing that can be drawn was recorded in this"
            " time. Check whether it has values, and whether the recorder leaves it out."
            for name in names
        ),
    ]
    assert "<img " not in answer["html"]


async def test_recorder_that_does_not_answer(
    hass: HomeAssistant,
    server: QQServer,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The mail goes out with a note, in time."""
    monkeypatch.setattr(fetching, "CHART_TIMEOUT", 0.1)
    go_on = threading.Event()
    recorder = get_instance(hass)
    # Every thread that reads the database.
    hung = [recorder.async_add_executor_job(go_on.wait) for _ in range(20)]
    try:
        await send(hass, title="Fire", charts="sensor.first")
    finally:
        go_on.set()
        await asyncio.gather(*hung)
    assert "recorder did not answer in time (0.1 s)" in body_of(mail_of(server))


async def test_database_that_fails(
    hass: HomeAssistant,
    server: QQServer,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The mail goes out with a note, and the log has the rest."""

    def fail(*_: object, **__: object) -> None:
        raise SQLAlchemyError("disk I/O error")

    monkeypatch.setattr(history, "state_changes_during_period", fail)
    await send(hass, title="Fire", charts="sensor.first")
    assert "A chart could not be drawn. The log says why." in body_of(mail_of(server))
    assert "disk I/O error" in caplog.text
    caplog.clear()


async def test_in_html_of_ones_own(
    hass: HomeAssistant, server: QQServer, now: datetime
) -> None:
    """A chart stands below one's own HTML."""
    await send(hass, title="x", html="<p>Mine</p>", charts="sensor.first")
    await record(hass, "sensor.living", TEMPERATURE, [(now, 7)])
    await send(hass, title="x", html="<p>Mine</p>", charts="sensor.living")
    html = body_of(server.accepted[-1], "html")
    assert (
        html.index("<p>Mine</p>") < html.index("<img ") < html.index("Living room</th>")
    )


async def test_words_where_the_picture_does_not_fit(
    hass: HomeAssistant, server: QQServer, now: datetime
) -> None:
    """Where the server takes no pictures, the words are there."""
    await record(hass, "sensor.living", TEMPERATURE, [(now, 7)])
    server.script(Step.EHLO, Answer(250, "host\nAUTH LOGIN\nSIZE 1000000"))
    await send(hass)
    await send(hass, title="Report", charts="sensor.living")
    mail = server.accepted[-1]
    assert "Living room: now 7" in body_of(mail)
    assert "Living room</th>" in body_of(mail, "html")
    assert "<img " not in body_of(mail, "html")
    assert "chart-1.png is too large" in body_of(mail)


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
