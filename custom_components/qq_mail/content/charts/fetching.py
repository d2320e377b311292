"""Making the charts that a call asks for."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, repeat
from threading import Event
from typing import Any

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant, State
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from ...const import CHART_TIMEOUT, LOGGER, MAX_CHARTS
from ...mime.card import Chart
from ...mime.models import BodyPart, new_content_id
from ...texts import Texts
from ..errors import field_error
from ..fields import ChartRequest
from ..states import StateTexts, async_state_texts
from .axes import Span
from .drawing import draw
from .kinds.bars import BARS
from .kinds.kind import Kind
from .kinds.lines import LINES
from .kinds.timeline import TIMELINE
from .recording import Recording

KINDS = (BARS, LINES, TIMELINE)
"""An entity is drawn as the first kind that fits; the last one fits all."""


async def async_charts(
    hass: HomeAssistant, requests: Sequence[ChartRequest], now: datetime, texts: Texts
) -> tuple[list[tuple[Chart, BodyPart]], list[HomeAssistantError]]:
    """Return the charts that can be drawn in time, up to now, with their pictures.

    What cannot be drawn is a failure to be noted, and never holds up the message.
    """
    if "recorder" not in hass.config.components:
        return [], [field_error("chart_no_recorder")]
    drawn: list[tuple[Chart, bytes]] = []
    failures: list[HomeAssistantError] = []
    given_up = Event()
    try:
        async with asyncio.timeout(CHART_TIMEOUT):
            entity_ids = {one for request in requests for one in request.entities}
            state_texts = await async_state_texts(hass, entity_ids, now, texts)
            for request in requests:
                drawn += await _async_chart(
                    hass, request, state_texts, failures, given_up
                )
    except TimeoutError:
        failures.append(field_error("chart_too_slow", seconds=str(CHART_TIMEOUT)))
    # Whatever a database raises.
    except Exception:  # noqa: BLE001
        LOGGER.exception("Unexpected error while drawing charts")
        failures.append(field_error("chart_failed"))
    finally:
        # A thread cannot be cancelled.
        given_up.set()
    if len(drawn) > MAX_CHARTS:
        failures.append(field_error("chart_too_many", number=str(MAX_CHARTS)))
    shown = enumerate(drawn[:MAX_CHARTS], start=1)
    return [_with_part(number, *one) for number, one in shown], failures


async def _async_chart(
    hass: HomeAssistant,
    request: ChartRequest,
    state_texts: StateTexts,
    failures: list[HomeAssistantError],
    given_up: Event,
) -> list[tuple[Chart, bytes]]:
    """Draw what one request asks for: several charts where kinds or units differ."""
    now = state_texts.now
    zone = dt_util.get_default_time_zone()
    span = Span((now - request.period).timestamp(), now.timestamp(), zone)
    states: list[State] = []
    for entity_id in request.entities:
        if state := hass.states.get(entity_id):
            states.append(state)
        else:
            failures.append(field_error("entity_not_found", entity=entity_id))
    recorded, other_units = await get_instance(hass).async_add_executor_job(
        _read, hass, states, span, given_up
    )
    groups: dict[tuple[Kind, str], list[tuple[State, Any]]] = {}
    for state in states:
        entity_id = state.entity_id
        if entity_id in recorded:
            unit = str(state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, ""))
            group = groups.setdefault((_kind_of(state), unit), [])
            group.append((state, recorded[entity_id]))
        if entity_id in other_units:
            failures.append(field_error("chart_other_unit", entity=entity_id))
        elif entity_id not in recorded:
            failures.append(field_error("chart_empty", entity=entity_id))
    charts = [
        kind.chart(group, span, unit, state_texts)
        for (kind, unit), group in groups.items()
    ]
    pictures = await hass.async_add_executor_job(
        lambda: [draw(plot, of) for _, plot, of in charts]
    )
    titles = chain([request.title], repeat(""))
    return [
        (replace(chart, title=title), picture)
        for (chart, *_), title, picture in zip(charts, titles, pictures, strict=False)
    ]


def _kind_of(state: State) -> Kind:
    """Return how an entity is drawn, which is as Home Assistant's own charts do it."""
    return next(kind for kind in KINDS if kind.fits(state))


def _with_part(number: int, chart: Chart, picture: bytes) -> tuple[Chart, BodyPart]:
    part = BodyPart(
        content=picture,
        media_type="image/png",
        filename=f"chart-{number}.png",
        content_id=new_content_id(),
        inline=True,
    )
    return replace(chart, content_id=part.content_id), part


def _read(
    hass: HomeAssistant, states: Sequence[State], span: Span, given_up: Event
) -> tuple[dict[str, Any], set[str]]:
    """Return what was recorded of each entity, by its id.

    And the ids of those of which a part is missing, as it has another unit.
    """
    recording = Recording(hass, span, given_up)
    found: dict[str, Any] = {}
    for kind in KINDS:
        if some := [state for state in states if _kind_of(state) is kind]:
            found |= kind.read(recording, some)
    return found, recording.other_units
