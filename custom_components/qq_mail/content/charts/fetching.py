"""Making the charts that a call asks for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
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
from ..states import StateTexts, async_state_texts
from .axes import Span
from .drawing import draw
from .fields import ChartRequest
from .kinds import kind_of
from .kinds.kind import Kind, Plan
from .recording import Recording

_RECORDER = "recorder"


@dataclass(slots=True)
class Charted:
    """The charts of a message, their pictures, and why some could not be drawn."""

    charts: list[Chart] = field(default_factory=list)
    parts: list[BodyPart] = field(default_factory=list)
    failures: list[HomeAssistantError] = field(default_factory=list)

    def add(self, title: str, plan: Plan, picture: bytes) -> None:
        """Take in a chart that was drawn."""
        content_id = new_content_id()
        self.charts.append(replace(plan.chart, title=title, content_id=content_id))
        self.parts.append(
            BodyPart(
                content=picture,
                media_type="image/png",
                filename=f"chart-{len(self.charts)}.png",
                content_id=content_id,
                inline=True,
            )
        )


async def async_charts(
    hass: HomeAssistant, requests: Sequence[ChartRequest], now: datetime, texts: Texts
) -> Charted:
    """Return the charts that can be drawn in time, up to now.

    What cannot be drawn is a failure to be noted, and never holds up the message.
    """
    charted = Charted()
    if _RECORDER not in hass.config.components:
        charted.failures.append(field_error("chart_no_recorder"))
        return charted
    given_up = Event()
    try:
        async with asyncio.timeout(CHART_TIMEOUT):
            entity_ids = {one for request in requests for one in request.entities}
            state_texts = await async_state_texts(hass, entity_ids, now, texts)
            for request in requests:
                await _async_chart(hass, request, state_texts, charted, given_up)
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
    state_texts: StateTexts,
    charted: Charted,
    given_up: Event,
) -> None:
    """Draw what one request asks for: several charts where kinds or units differ."""
    now = state_texts.now
    zone = dt_util.get_default_time_zone()
    span = Span((now - request.period).timestamp(), now.timestamp(), zone)
    states = {
        entity_id: state
        for entity_id in request.entities
        if (state := hass.states.get(entity_id))
    }
    recorded, other_units = await get_instance(hass).async_add_executor_job(
        _read, hass, list(states.values()), span, given_up
    )
    groups: dict[tuple[Kind, str], list[tuple[State, Any]]] = {}
    for entity_id in request.entities:
        if not (state := states.get(entity_id)):
            charted.failures.append(field_error("entity_not_found", entity=entity_id))
            continue
        if entity_id in recorded:
            unit = str(state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, ""))
            group = groups.setdefault((kind_of(state), unit), [])
            group.append((state, recorded[entity_id]))
        if entity_id in other_units:
            charted.failures.append(field_error("chart_other_unit", entity=entity_id))
        elif entity_id not in recorded:
            charted.failures.append(field_error("chart_empty", entity=entity_id))
    plans = [
        kind.plan(group, span, unit, state_texts)
        for (kind, unit), group in groups.items()
    ]
    pictures = await hass.async_add_executor_job(
        lambda: [draw(plan.plot, plan.span) for plan in plans]
    )
    for number, (plan, picture) in enumerate(zip(plans, pictures, strict=True)):
        charted.add("" if number else request.title, plan, picture)


def _read(
    hass: HomeAssistant, states: Sequence[State], span: Span, given_up: Event
) -> tuple[dict[str, Any], set[str]]:
    """Return what was recorded of each entity, by its id.

    And the ids of those of which a part is missing, as it has another unit.
    """
    recording = Recording(hass, span, given_up)
    of_kind: dict[Kind, list[State]] = {}
    for state in states:
        of_kind.setdefault(kind_of(state), []).append(state)
    found: dict[str, Any] = {}
    for kind, some in of_kind.items():
        found |= kind.read(recording, some)
    return found, recording.other_units
