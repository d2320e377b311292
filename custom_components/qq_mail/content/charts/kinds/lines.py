"""Lines: numbers over time, such as temperatures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise
import math

from homeassistant.components.sensor import (
    ATTR_STATE_CLASS,
    DOMAIN as SENSOR_DOMAIN,
    async_rounded_state,
)
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import State, callback

from ....mime.chart import ChartRow
from ..axes import DAY, HOUR, Scale, Tick, caption, scale, time_ticks
from ..drawing import PLOT_HEIGHT, WIDTH, Canvas, Frame
from ..models import Points, Span, number_of
from ..recording import Recording, Statistic
from ..words import MOST_DECIMALS, decimals_of, rounded
from .kind import COLOURS, Context, Kind, Plan, joined

_NUMBER_DOMAINS = ("counter", "input_number", "number")
_DETAILED = 2 * DAY
"""Seconds. A chart of a longer time is made of hourly means up to its last hours."""
_RECENT = 6 * HOUR
"""Seconds before the end that are drawn state by state: the mail may be about them."""
_WIDTH = 2.5
"""How thick a line is, in pixels."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was recorded of an entity whose states are numbers."""

    means: Points
    """Means of hours, drawn as one line from each to the next."""
    states: Points
    """States of the time after those; each one holds until the next."""
    lowest: float
    highest: float
    mean: float


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
            if hour.mean is not None and hour.end <= span.end - _RECENT
        ]
        tally = _Tally()
        means = list(tally.of_hours(hours))
        start = hours[-1].end if hours else span.start
        numbers = recording.numbers(state, start, counted=bool(hours))
        points = tuple(_thinned(tally.of_states(numbers, span.end), span))
        # Until a number is found the lowest is above the highest.
        if tally.lowest <= tally.highest:
            if hours and points and points[0][0] == start:
                # The line goes on without a gap.
                means.append(points[0])
            found[state.entity_id] = Numbers(
                means, points, tally.lowest, tally.highest, tally.mean
            )
    return found


@dataclass(slots=True)
class _Tally:
    """The lowest, the highest and the mean of numbers of which not all are kept."""

    lowest: float = math.inf
    highest: float = -math.inf
    last: float = math.nan
    total: float = 0.0
    """Numbers times seconds."""
    lasted: float = 0.0
    """Seconds for which a number was known."""

    def of_hours(
        self, hours: Iterable[Statistic]
    ) -> Iterator[tuple[float, float | None]]:
        """Yield the middle of each hour with its mean; None where a gap begins."""
        end = math.inf
        for hour in hours:
            mean = hour.mean or 0.0
            self._count(mean, hour.end - hour.start)
            # A mean of angles comes without a lowest and a highest.
            self._count(mean if hour.lowest is None else hour.lowest, 0)
            self._count(mean if hour.highest is None else hour.highest, 0)
            if hour.start > end:
                yield end, None
            yield (hour.start + hour.end) / 2, mean
            end = hour.end

    def of_states(
        self, numbers: Iterable[tuple[float, float | None]], end: float
    ) -> Iterator[tuple[float, float | None]]:
        """Yield numbers as they are; the last one holds up to the end."""
        for (time, number), (until, _) in pairwise(chain(numbers, [(end, None)])):
            if number is not None:
                self._count(number, until - time)
            yield time, number

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


def _thinned(
    points: Iterable[tuple[float, float | None]], span: Span
) -> Iterator[tuple[float, float | None]]:
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
def _plan(group: Sequence[tuple[State, Numbers]], context: Context) -> Plan:
    texts, span = context.texts, context.span
    coloured = [
        (state, numbers, colour)
        for (state, numbers), colour in zip(group, COLOURS, strict=False)
    ]
    plot = Lines(
        tuple(
            line
            for _, numbers, colour in coloured
            for line in (
                Line(colour, numbers.means, held=False),
                Line(colour, numbers.states),
            )
        ),
        scale(
            min(numbers.lowest for _, numbers in group),
            max(numbers.highest for _, numbers in group),
        ),
    )
    columns = (
        texts("chart_now"),
        texts("chart_lowest"),
        texts("chart_highest"),
        texts("chart_mean"),
    )
    return Plan(
        plot,
        span,
        joined(caption(span), context.unit),
        columns,
        tuple(_row(context, *of_entity) for of_entity in coloured),
    )


@callback
def _row(context: Context, state: State, numbers: Numbers, colour: str) -> ChartRow:
    """Say what a number is, and its lowest, highest and mean."""
    now = state.state
    if number_of(now) is not None and state.domain == SENSOR_DOMAIN:
        now = async_rounded_state(context.state_texts.hass, state.entity_id, state)
    if now != state.state:
        decimals = decimals_of(now)
    else:
        shown = (now, f"{numbers.lowest:g}", f"{numbers.highest:g}")
        decimals = min(max(map(decimals_of, shown)), MOST_DECIMALS)
    number = number_of(now)
    now = (
        context.state_texts(state, now) if number is None else rounded(number, decimals)
    )
    lowest, highest, mean = (
        rounded(value, decimals)
        for value in (numbers.lowest, numbers.highest, numbers.mean)
    )
    return ChartRow(
        name=state.name,
        line=context.texts(
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


@dataclass(frozen=True, slots=True)
class Line:
    """A line in one colour."""

    colour: str
    points: Points
    held: bool = True
    """Whether each number holds until the next, as a state does; a mean does not."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines on one scale."""

    lines: tuple[Line, ...]
    scale: Scale
    height: int = PLOT_HEIGHT

    @property
    def labels(self) -> tuple[tuple[str, float], ...]:
        """The numbers at the left."""
        return self.scale.labels

    def ticks(self, span: Span) -> tuple[Tick, ...]:
        """Return the times below."""
        return time_ticks(span)

    def draw(self, canvas: Canvas, frame: Frame) -> None:
        """Draw each line in as many pieces as its gaps make."""
        for line in self.lines:
            for path in self._paths(frame, line):
                if len(path) == 1:
                    canvas.dot(*path[0], line.colour)
                else:
                    canvas.line(path, line.colour, _WIDTH)

    def _paths(self, frame: Frame, line: Line) -> Iterator[list[tuple[float, float]]]:
        """Yield the points of each piece; a gap ends one."""
        path: list[tuple[float, float]] = []
        for time, value in sorted(line.points, key=lambda point: point[0]):
            x = frame.x(time)
            if line.held and path:
                path.append((x, path[-1][1]))
            if value is not None:
                path.append((x, frame.y(self.scale.share(value))))
            elif path:
                yield path
                path = []
        if path:
            if line.held:
                path.append((frame.right, path[-1][1]))
            yield path


LINES = Kind(_fits, _read, _plan)
