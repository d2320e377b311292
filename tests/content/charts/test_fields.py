"""What a call may say of charts, and what is said of mistakes."""

from datetime import timedelta
from typing import Any

import pytest

from custom_components.qq_mail.content.fields import ChartRequest
from custom_components.qq_mail.content.request import read_request
from homeassistant.core import HomeAssistant

from ...calls.test_send import body_of, mail_of, send
from ...conftest import ADDRESS
from ...qq_server import QQServer

A = ChartRequest(entities=("sensor.a",))
B = ChartRequest(entities=("sensor.b",))


@pytest.mark.parametrize(
    ("charts", "expected"),
    [
        pytest.param("sensor.a", [A], id="entity"),
        pytest.param({"entities": " Sensor.A "}, [A], id="text"),
        pytest.param({"entities": ["sensor.a", "sensor.a", None]}, [A], id="list"),
        pytest.param([{"entities": ["sensor.a"]}, "sensor.b"], [A, B], id="several"),
        pytest.param(
            {"entities": "sensor.b,,sensor.a"},
            [ChartRequest(entities=("sensor.b", "sensor.a"))],
            id="commas",
        ),
        pytest.param(
            {"entities": "sensor.a", "period": "48:00:00", "title": "A\nB"},
            [
                ChartRequest(
                    entities=("sensor.a",), period=timedelta(days=2), title="A B"
                )
            ],
            id="everything",
        ),
        pytest.param(
            {"entities": "sensor.a", "period": {"days": 31}},
            [ChartRequest(entities=("sensor.a",), period=timedelta(days=31))],
            id="longest",
        ),
        pytest.param(
            {"entities": "sensor.a", "period": 3600},
            [ChartRequest(entities=("sensor.a",), period=timedelta(hours=1))],
            id="shortest",
        ),
        pytest.param(
            {"entities": "sensor.a", "period": None, "title": ""}, [A], id="empty"
        ),
        pytest.param([], [], id="none"),
    ],
)
def test_charts(charts: Any, expected: list[ChartRequest]) -> None:
    """What forms, templates and people write."""
    request = read_request({"message": "x", "charts": charts})
    assert list(request.charts) == expected
    assert request.notes == ()


@pytest.mark.parametrize(
    ("charts", "left", "key", "placeholders"),
    [
        pytest.param(
            7, 0, "chart_entities", {"field": "charts", "value": "7"}, id="number"
        ),
        pytest.param(
            {"title": "x"},
            0,
            "chart_entities",
            {"field": "charts", "value": "{'title': 'x'}"},
            id="without",
        ),
        pytest.param(
            {"entities": ["sensor.a", "unavailable"]},
            1,
            "chart_entities",
            {"field": "charts.entities", "value": "unavailable"},
            id="away",
        ),
        pytest.param(
            {"entities": [7]},
            0,
            "chart_entities",
            {"field": "charts.entities", "value": "7"},
            id="entity-number",
        ),
        *(
            pytest.param(
                {"entities": "sensor.a", "period": period},
                1,
                "invalid_period",
                {"field": "charts.period", "value": str(period)},
                id=f"period-{period}",
            )
            for period in ("00:59:59", 32 * 86400, "unknown", 1e300)
        ),
        pytest.param(
            {"entities": "sensor.a", "perod": 1},
            1,
            "unknown_field_of_chart",
            {"field": "perod", "suggestion": "period"},
            id="unknown",
        ),
        pytest.param(
            {"entities": "sensor.a", 7: 1},
            1,
            "unknown_field_of_chart_options",
            {"field": "7", "options": "entities, period, title"},
            id="unknown-options",
        ),
        pytest.param(
            ["sensor.a"] * 7, 6, "chart_too_many", {"number": "6"}, id="too-many"
        ),
        pytest.param(
            {"entities": [f"sensor.s{number}" for number in range(9)]},
            1,
            "chart_too_long",
            {"number": "8"},
            id="too-long",
        ),
    ],
)
def test_notes(charts: Any, left: int, key: str, placeholders: dict[str, str]) -> None:
    """What cannot be used is a note, and stops nothing."""
    request = read_request({"message": "x", "charts": charts})
    assert len(request.charts) == left
    (note,) = request.notes
    assert note.translation_key == key
    assert note.translation_placeholders == placeholders


@pytest.mark.usefixtures("loaded_entry")
async def test_nothing_is_recorded(hass: HomeAssistant, server: QQServer) -> None:
    """A house without a recorder gets its mail, with a note, and charts say enough."""
    await send(hass, message="", charts="sensor.a")
    mail = mail_of(server)
    assert mail.recipients == (ADDRESS,)
    assert "No charts: Home Assistant records nothing." in body_of(mail)
