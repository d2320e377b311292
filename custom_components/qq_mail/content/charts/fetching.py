"""From what a call wants drawn to charts: read, drawn, and said in words."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_hex
from threading import Event

from homeassistant.core import HomeAssistant, State
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from ...const import CHART_TIMEOUT, DOMAIN, LOGGER, MAX_CHARTS
from ...mime.chart import Chart
from ...mime.models import BodyPart
from ...texts import Texts
from ..errors import field_error
from .fields import ChartRequest
from .models import Plot, Recorded, Span
from .plots import kind_of, plans

_RECORDER = "recorder"


@dataclass(slots=True)
class Charted:
    """The charts of a message, their pictures, and what there is no chart of."""

    charts: list[Chart] = field(default_factory=list)
    parts: list[BodyPart] = field(default_factory=list)
    failures: list[HomeAssistantError] = field(default_factory=list)


async def async_charts(
    hass: HomeAssistant,
    requests: Sequence[ChartRequest],
    now: datetime,
    accent: str,
    texts: Texts,
) -> Charted:
    """Draw what can be drawn in time; the message goes out without the rest."""
    charted = Charted()
    if _RECORDER not in hass.config.components:
        charted.failures.append(field_error("chart_no_recorder"))
        return charted
    given_up = Event()
    try:
        async with asyncio.timeout(CHART_TIMEOUT):
            for request in requests:
                await _async_chart(hass, request, now, accent, texts, charted, given_up)
    except TimeoutError:
        failure = field_error("chart_too_slow", seconds=str(CHART_TIMEOUT))
        charted.failures.append(failure)
    # Whatever a database raises.
    except Exception:  # noqa: BLE001
        LOGGER.exception("Unexpected error while drawing charts")
        charted.failures.append(field_error("chart_failed"))
    finally:
        # A thread cannot be cancelled.
        given_up.set()
    if len(charted.charts) > MAX_CHARTS:
        del charted.charts[MAX_CHARTS:], charted.parts[MAX_CHARTS:]
        charted.failures.append(field_error("chart_too_many", number=str(MAX_CHARTS)))
    return charted


async def _async_chart(
    hass: HomeAssistant,
    request: ChartRequest,
    now: datetime,
    accent: str,
    texts: Texts,
    charted: Charted,
    given_up: Event,
) -> None:
    """Draw one, or several where the units differ."""
    span = Span(
        (now - request.period).timestamp(),
        now.timestamp(),
        dt_util.get_default_time_zone(),
    )
    states = {
        entity_id: state
        for entity_id in request.entities
        if (state := hass.states.get(entity_id))
    }
    recorded = await get_instance(hass).async_add_executor_job(
        _read, hass, list(states.values()), span, given_up
    )
    for entity_id in request.entities:
        if entity_id not in states:
            charted.failures.append(field_error("entity_not_found", entity=entity_id))
        elif entity_id not in recorded:
            charted.failures.append(field_error("chart_empty", entity=entity_id))
    planned = plans(hass, states, recorded, span, accent, texts)
    pictures = await hass.async_add_executor_job(
        _draw, [(plan.plot, plan.span) for plan in planned]
    )
    for number, (plan, content) in enumerate(zip(planned, pictures, strict=True)):
        charted.charts.append(
            Chart(
                title="" if number else request.title,
                caption=plan.caption,
                content_id=(content_id := f"{token_hex(8)}@{DOMAIN}"),
                columns=plan.columns,
                rows=tuple(row for row, _ in plan.said),
                lines=tuple(line for _, line in plan.said),
            )
        )
        charted.parts.append(
            BodyPart(
                content=content,
                media_type="image/png",
                filename=f"chart-{len(charted.charts)}.png",
                content_id=content_id,
                inline=True,
            )
        )


# What reads the recorder and what draws is imported when it is needed: most houses
# send no charts, and some have no recorder.


def _read(
    hass: HomeAssistant, states: Sequence[State], span: Span, given_up: Event
) -> dict[str, Recorded]:
    from .recorded import Reading, read  # noqa: PLC0415 - in a thread, if at all

    reading = Reading(hass, span, given_up)
    return read(reading, [(state, kind_of(state)) for state in states])


def _draw(plots: Iterable[tuple[Plot, Span]]) -> list[bytes]:
    from .drawing import draw  # noqa: PLC0415 - in a thread, if at all

    return [draw(plot, span) for plot, span in plots]
