"""Lines: numbers over time, such as temperatures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise
import math
from typing import override

from homeassistant.components.sensor import (
    ATTR_STATE_CLASS,
    DOMAIN as SENSOR_DOMAIN,
    async_rounded_state,
)
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import State, callback

from ....mime.card import Chart, ChartRow
from ...states import StateTexts
from ..axes import DAY, HOUR, Scale, Span, caption, scale
from ..drawing import WIDTH, Canvas, Plot
from ..recording import Point, Recording, Statistic, number_of
from .kind import COLOURS, MOST_DECIMALS, Kind, rounded

_NUMBER_DOMAINS = ("counter", "input_number", "number")
_DETAILED = 2 * DAY
"""Seconds. A chart of a longer time is made of hourly means up to its last hours."""
_RECENT = 6 * HOUR
"""Seconds before the end that are drawn state by state: the mail may be about them."""
_WIDTH = 2.5
"""How thick a line is, in pixels."""


def _fits(state: State) -> bool:
    return (
        ATTR_STATE_CLASS in state.attributes
        or ATTR_UNIT_OF_MEASUREMENT in state.attributes
        or state.domain in _NUMBER_DOMAINS
    )


def _read(recording: Recording, states: Sequence[State]) -> dict[str, Numbers]:
    span = recording.span
    counted: dict[str, list[Statistic]] = {}
    if span.length > _DETAILED:
        counted = recording.statistics(states, span, "hour", {"mean", "min", "max"})
    found: dict[str, Numbers] = {}
    for state in states:
        hours = [
            hour
            for hour in counted.get(state.entity_id, ())
            if hour.get("mean") is not None and hour["end"] <= span.end - _RECENT
        ]
        numbers = Numbers()
        points = list(numbers.means(hours))
        start = hours[-1]["end"] if hours else span.start
        recorded = recording.numbers(state, start, counted=bool(hours))
        later = list(_thinned(numbers.held(recorded, span.end), span))
        if later and later[0][0] > start:
            # Else the line goes on without a gap.
            points.append((start, None))
        numbers.points = points + later
        # Until a number is found the lowest is above the highest.
        if numbers.lowest <= numbers.highest:
            found[state.entity_id] = numbers
    return found


@dataclass(slots=True)
class Numbers:
    """What was recorded of an entity whose states are numbers."""

    points: Sequence[Point] = ()
    """The corners of its line."""
    lowest: float = math.inf
    highest: float = -math.inf
    last: float = math.nan
    total: float = 0.0
    """Numbers times seconds."""
    lasted: float = 0.0
    """Seconds for which a number was known."""

    def means(self, hours: Iterable[Statistic]) -> Iterator[Point]:
        """Yield the middle of each hour with its mean, and where a gap begins."""
        end = math.inf
        for hour in hours:
            mean = hour["mean"]
            self._count(mean, hour["end"] - hour["start"])
            for name in ("min", "max"):
                # A mean of angles comes without a lowest and a highest.
                if (number := hour.get(name)) is not None:
                    self._count(number, 0)
            if hour["start"] > end:
                yield end, None
            yield (hour["start"] + hour["end"]) / 2, mean
            end = hour["end"]

    def held(self, states: Iterable[Point], end: float) -> Iterator[Point]:
        """Yield the corners where each number holds until the next, or the end."""
        for (time, number), (until, _) in pairwise(chain(states, [(end, None)])):
            yield time, number
            if number is not None:
                self._count(number, until - time)
                yield until, number

    def _count(self, number: float, seconds: float) -> None:
        self.lowest = min(self.lowest, number)
        self.highest = max(self.highest, number)
        self.last = number
        self.total += number * seconds
        self.lasted += seconds

    @property
    def mean(self) -> float:
        """The mean over time, or the last number where none lasted."""
        return self.total / self.lasted if self.lasted else self.last


def _thinned(points: Iterable[Point], span: Span) -> Iterator[Point]:
    """Yield no more points than can be seen.

    Those are the first, the lowest, the highest and the last within a pixel.
    """
    pixel = span.length / WIDTH
    for _, group in groupby(points, lambda point: point[0] // pixel):
        some = list(group)
        known = [(time, value) for time, value in some if value is not None]
        if known:
            values = [value for _, value in known]
            lowest, highest = values.index(min(values)), values.index(max(values))
            for place in sorted({0, lowest, highest, len(known) - 1}):
                yield known[place]
        if some[-1][1] is None:
            yield some[-1]


@callback
def _chart(
    group: Sequence[tuple[State, Numbers]],
    span: Span,
    unit: str,
    state_texts: StateTexts,
) -> tuple[Chart, Plot, Span]:
    texts = state_texts.texts
    coloured = list(zip(group, COLOURS, strict=False))
    chart = Chart(
        caption=caption(span, unit),
        columns=(
            texts("chart_now"),
            texts("chart_lowest"),
            texts("chart_highest"),
            texts("chart_mean"),
        ),
        rows=tuple(
            _row(state_texts, state, numbers, colour)
            for (state, numbers), colour in coloured
        ),
    )
    lines = [(colour, numbers.points) for (_, numbers), colour in coloured]
    lowest = min(numbers.lowest for _, numbers in group)
    highest = max(numbers.highest for _, numbers in group)
    return chart, Lines(lines, scale(lowest, highest)), span


@callback
def _row(
    state_texts: StateTexts, state: State, numbers: Numbers, colour: str
) -> ChartRow:
    now = state.state
    if number_of(now) is not None and state.domain == SENSOR_DOMAIN:
        now = async_rounded_state(state_texts.hass, state.entity_id, state)
    if now != state.state:
        decimals = _decimals_of(now)
    else:
        shown = (now, f"{numbers.lowest:g}", f"{numbers.highest:g}")
        decimals = min(max(map(_decimals_of, shown)), MOST_DECIMALS)
    number = number_of(now)
    now = state_texts(state, now) if number is None else rounded(number, decimals)
    lowest, highest, mean = (
        rounded(value, decimals)
        for value in (numbers.lowest, numbers.highest, numbers.mean)
    )
    return ChartRow(
        name=state.name,
        line=state_texts.texts(
            "chart_numbers",
            name=state.name,
            now=now,
            lowest=lowest,
            highest=highest,
            mean=mean,
        ),
        colour=colour,
        values=(now, lowest, highest, mean),
    )


def _decimals_of(number: str) -> int:
    return len(number.partition(".")[2]) if "e" not in number.lower() else 0


@dataclass(frozen=True)
class Lines(Plot):
    """Lines on one scale."""

    lines: Sequence[tuple[str, Sequence[Point]]]
    """The colour and the corners of each."""
    scale: Scale

    @override
    def draw(self, canvas: Canvas) -> None:
        """Draw each line in as many pieces as its gaps make."""
        for colour, points in self.lines:
            in_order = sorted(points, key=lambda point: point[0])
            for _, piece in groupby(in_order, lambda point: point[1] is None):
                path = [
                    (canvas.x(time), canvas.y(self.scale.share(number)))
                    for time, number in piece
                    if number is not None
                ]
                if len(path) == 1:
                    canvas.dot(*path[0], colour)
                elif path:
                    canvas.line(path, colour, _WIDTH)


LINES = Kind(_fits, _read, _chart)
