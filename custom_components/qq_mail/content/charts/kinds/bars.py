"""Bars: what a meter counted in each hour or day, such as energy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
import math

from homeassistant.components.sensor import (
    ATTR_STATE_CLASS,
    DOMAIN as SENSOR_DOMAIN,
    SensorStateClass,
)
from homeassistant.core import State, callback

from ....mime.chart import ChartRow
from ..axes import (
    DAY,
    HOUR,
    Scale,
    Tick,
    caption,
    day_edges,
    day_names,
    hour_edges,
    scale,
    time_ticks,
)
from ..drawing import BASE, PLOT_HEIGHT, Canvas, Frame
from ..models import Span
from ..recording import Recording, Statistic
from ..words import short
from .kind import COLOURS, Context, Kind, Plan, joined

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
    return day_edges(span) if _is_daily(span) else hour_edges(span)


def _is_daily(span: Span) -> bool:
    return span.length > _HOURLY


def _read(recording: Recording, states: Sequence[State]) -> dict[str, Amounts]:
    span, edges = recording.span, _edges(recording.span)
    whole = Span(edges[0], edges[-1], span.zone)
    recent = Span(span.end - _NOT_YET_HOURLY, span.end, span.zone)
    hours = recording.statistics(states, whole, "hour", {"change"})
    minutes = recording.statistics(states, recent, "5minute", {"change"})
    found: dict[str, Amounts] = {}
    for state in states:
        rows = hours.get(state.entity_id, [])
        counted = rows[-1].end if rows else whole.start
        rows += [
            row for row in minutes.get(state.entity_id, []) if row.start >= counted
        ]
        values = tuple(_sum(rows, start, end) for start, end in pairwise(edges))
        if any(value is not None for value in values):
            found[state.entity_id] = values
    return found


def _sum(rows: Iterable[Statistic], start: float, end: float) -> float | None:
    changes = [
        row.change
        for row in rows
        if start <= row.start < end and row.change is not None
    ]
    return math.fsum(changes) if changes else None


@callback
def _plan(group: Sequence[tuple[State, Amounts]], context: Context) -> Plan:
    texts, daily, edges = context.texts, _is_daily(context.span), _edges(context.span)
    whole = Span(edges[0], edges[-1], context.span.zone)
    bars = tuple(
        Bars(colour, amounts)
        for (_, amounts), colour in zip(group, COLOURS, strict=False)
    )
    per = texts("chart_daily") if daily else texts("chart_hourly")
    return Plan(
        BarGroups(edges, bars, daily),
        whole,
        joined(caption(whole, daily=daily), context.unit, per),
        (texts("chart_total"), texts("chart_mean"), texts("chart_highest")),
        tuple(
            _row(context, state, amounts, colour)
            for (state, amounts), colour in zip(group, COLOURS, strict=False)
        ),
    )


def _row(context: Context, state: State, amounts: Amounts, colour: str) -> ChartRow:
    """Say how much was counted."""
    known = [value for value in amounts if value is not None]
    total, mean, highest = (
        short(value) for value in (sum(known), sum(known) / len(known), max(known))
    )
    return ChartRow(
        name=state.name,
        line=context.texts(
            "chart_amounts", name=state.name, total=total, mean=mean, highest=highest
        ),
        colour=colour,
        values=(total, mean, highest),
    )


@dataclass(frozen=True, slots=True)
class Bars:
    """What one meter counted between one edge and the next."""

    colour: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class BarGroups:
    """Amounts with one unit, side by side for each hour or day."""

    edges: tuple[float, ...]
    """One more than there are values."""
    bars: tuple[Bars, ...]
    daily: bool
    height: int = PLOT_HEIGHT

    @property
    def scale(self) -> Scale:
        """The scale of all bars, which holds zero."""
        known = [
            value for bars in self.bars for value in bars.values if value is not None
        ]
        return scale(min(known), max(known), from_zero=True)

    @property
    def labels(self) -> tuple[tuple[str, float], ...]:
        """The amounts at the left."""
        return self.scale.labels

    def ticks(self, span: Span) -> tuple[Tick, ...]:
        """Return the times below: a day's name stands below the middle of its bar."""
        return day_names(span) if self.daily else time_ticks(span)

    def draw(self, canvas: Canvas, frame: Frame) -> None:
        """Draw the bars of each hour or day, up or down from zero."""
        heights = self.scale
        zero = frame.y(heights.share(0))
        for number, (start, end) in enumerate(pairwise(self.edges)):
            left, right = frame.x(start), frame.x(end)
            gap = (right - left) * (1 - _SHARE) / 2
            width = (right - left - 2 * gap) / len(self.bars)
            for place, bars in enumerate(self.bars):
                if value := bars.values[number]:
                    x = left + gap + place * width
                    top, bottom = sorted((frame.y(heights.share(value)), zero))
                    canvas.bar(x, top, x + width, bottom, bars.colour)
        canvas.line([(frame.left, zero), (frame.right, zero)], BASE)


BARS = Kind(_fits, _read, _plan)
