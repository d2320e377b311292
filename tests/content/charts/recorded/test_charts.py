"""What all charts of a recorder have in common."""

import asyncio
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from io import BytesIO
import re
import threading
from unittest.mock import patch

from PIL import Image
import pytest
from sqlalchemy.exc import SQLAlchemyError

from custom_components.qq_mail.content.charts import fetching
from custom_components.qq_mail.content.charts.axes import Span
from custom_components.qq_mail.content.charts.kinds.lines import LINES
from custom_components.qq_mail.content.charts.recording import Recording
from custom_components.qq_mail.sending import preview as previews
from homeassistant.components.recorder import history
from homeassistant.components.recorder.models import StatisticData
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance

from ....calls.test_send import body_of, mail_of, send
from ....qq_server import Answer, QQServer, Step
from .house import DOOR, ENERGY, TEMPERATURE, count, preview, record


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
