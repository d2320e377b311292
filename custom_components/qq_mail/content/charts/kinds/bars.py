"""Bars: what a meter counted in each hour or day, such as energy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
import math
from typing import override

from homeassistant.components.sensor import (
    ATTR_STATE_CLASS,
    DOMAIN as SENSOR_DOMAIN,
    SensorStateClass,
)
from homeassistant.core import State, callback

from ....mime.card import Chart, ChartRow
from ....texts import Texts
from ...states import StateTexts
from ..axes import (
    DAY,
    HOUR,
    Scale,
    Span,
    Tick,
    caption,
    day_edges,
    day_names,
    hour_edges,
    scale,
    time_ticks,
)
from ..drawing import BASE, Canvas, Plot
from ..recording import Recording, Statistic
from .kind import COLOURS, MOST_DECIMALS, Kind, rounded

_METERS = (SensorStateClass.TOTAL, SensorStateClass.TOTAL_INCREASING)
_HOURLY = 2 * DAY
"""Seconds. In a chart of a longer time there is a bar for each day."""
_NOT_YET_HOURLY = 2 * HOUR
"""Seconds before the end that are read in steps of five minutes.

The recorder sums up an hour only when it is over.
"""
_SHARE = 0.72
"""How much of the width of an hour or a day its bars take."""


type Amounts = tuple[float | None, ...]
"""What was counted in each hour or day."""


def _fits(state: State) -> bool:
    state_class = state.attributes.get(ATTR_STATE_CLASS)
    return state.domain == SENSOR_DOMAIN and state_class in _METERS


def _edges(span: Span) -> tuple[float, ...]:
    """Return where the hours or days of a chart begin, and where the last one ends."""
    return day_edges(span) if span.length > _HOURLY else hour_edges(span)


def _read(recording: Recording, states: Sequence[State]) -> dict[str, Amounts]:
    span, edges = recording.span, _edges(recording.span)
    whole = Span(edges[0], edges[-1], span.zone)
    recent = Span(span.end - _NOT_YET_HOURLY, span.end, span.zone)
    hours = recording.statistics(states, whole, "hour", {"change"})
    minutes = recording.statistics(states, recent, "5minute", {"change"})
    found: dict[str, Amounts] = {}
    for state in states:
        rows = hours.get(state.entity_id, [])
        counted = rows[-1]["end"] if rows else whole.start
        rows += [
            row for row in minutes.get(state.entity_id, []) if row["start"] >= counted
        ]
        values = tuple(_sum(rows, start, end) for start, end in pairwise(edges))
        if any(value is not None for value in values):
            found[state.entity_id] = values
    return found


def _sum(rows: Iterable[Statistic], start: float, end: float) -> float | None:
    changes = [
        row["change"]
        for row in rows
        if start <= row["start"] < end and row.get("change") is not None
    ]
    return math.fsum(changes) if changes else None


@callback
def _chart(
    group: Sequence[tuple[State, Amounts]],
    span: Span,
    unit: str,
    state_texts: StateTexts,
) -> tuple[Chart, Plot, Span]:
    texts, daily, edges = state_texts.texts, span.length > _HOURLY, _edges(span)
    whole = Span(edges[0], edges[-1], span.zone)
    coloured = list(zip(group, COLOURS, strict=False))
    known = [value for _, amounts in group for value in amounts if value is not None]
    per = texts("chart_daily") if daily else texts("chart_hourly")
    chart = Chart(
        caption=caption(whole, unit, per, daily=daily),
        columns=(texts("chart_total"), texts("chart_mean"), texts("chart_highest")),
        rows=tuple(
            _row(texts, state.name, amounts, colour)
            for (state, amounts), colour in coloured
        ),
    )
    plot = BarGroups(
        edges,
        [(colour, amounts) for (_, amounts), colour in coloured],
        daily,
        scale(min(known), max(known), from_zero=True),
    )
    return chart, plot, whole


def _row(texts: Texts, name: str, amounts: Amounts, colour: str) -> ChartRow:
    known = [value for value in amounts if value is not None]
    total, mean, highest = map(
        _short, (sum(known), sum(known) / len(known), max(known))
    )
    line = texts("chart_amounts", name=name, total=total, mean=mean, highest=highest)
    return ChartRow(name=name, line=line, colour=colour, values=(total, mean, highest))


def _short(number: float) -> str:
    """Return a number with three digits, or all of those before the point."""
    for limit, decimals in ((100, 0), (10, 1)):
        if abs(number) >= limit:
            return rounded(number, decimals)
    return rounded(number, MOST_DECIMALS)


@dataclass(frozen=True)
class BarGroups(Plot):
    """Amounts with one unit, side by side for each hour or day."""

    edges: tuple[float, ...]
    """One more than there are values."""
    bars: Sequence[tuple[str, Amounts]]
    """The colour of each meter, and what it counted between one edge and the next."""
    daily: bool
    scale: Scale
    """It holds zero."""

    @override
    def ticks(self, span: Span) -> tuple[Tick, ...]:
        """Return the times below: a day's name stands below the middle of its bar."""
        return day_names(span) if self.daily else time_ticks(span)

    @override
    def draw(self, canvas: Canvas) -> None:
        """Draw the bars of each hour or day, up or down from zero."""
        zero = canvas.y(self.scale.share(0))
        for number, (start, end) in enumerate(pairwise(self.edges)):
            left, right = canvas.x(start), canvas.x(end)
            gap = (right - left) * (1 - _SHARE) / 2
            width = (right - left - 2 * gap) / len(self.bars)
            for place, (colour, amounts) in enumerate(self.bars):
                if value := amounts[number]:
                    x = left + gap + place * width
                    top, bottom = sorted((canvas.y(self.scale.share(value)), zero))
                    canvas.bar(x, top, x + width, bottom, colour)
        canvas.line([(canvas.left, zero), (canvas.right, zero)], BASE)


BARS = Kind(_fits, _read, _chart)
