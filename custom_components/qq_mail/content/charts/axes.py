"""Ticks at numbers and at times that a person would choose.

Times are in seconds since 1970, UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
import math

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_STEPS = (
    *(minutes * MINUTE for minutes in (5, 10, 15, 30)),
    *(hours * HOUR for hours in (1, 2, 3, 4, 6, 12)),
)
_DAYS = (1, 2)
_WEEK = 7
_MOST_TICKS, _MOST_DAYS = 6, 8
"""So that times, and names of days, do not touch on a phone."""
_INTERVALS = 5
"""Between the ticks of numbers; one more where the lowest number is no tick."""
_MANY = 1e5
"""From this distance between two ticks on, powers of ten are written."""
_ALIKE = 1e-9
"""Share of a number below which a difference comes from rounding."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when a chart is, and the time zone in which its times are written."""

    start: float
    end: float
    zone: tzinfo

    @property
    def length(self) -> float:
        """How long the chart's time is, in seconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers from the lower to the upper edge of a chart."""

    lowest: float
    highest: float
    ticks: tuple[float, ...]
    decimals: int

    def share(self, number: float) -> float:
        """Return how high a number is, 0 at the lowest and 1 at the highest."""
        return (number - self.lowest) / (self.highest - self.lowest)

    def label(self, tick: float) -> str:
        """Return a tick as a text that is short and differs from the others."""
        if tick and self.ticks[1] - self.ticks[0] >= _MANY:
            # Nobody counts zeros.
            mantissa, exponent = f"{tick:.9e}".split("e")
            return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        text = f"{tick:.{self.decimals}f}"
        return text.removeprefix("-") if not float(text) else text


def scale(lowest: float, highest: float, *, from_zero: bool = False) -> Scale:
    """Return a scale that holds two numbers, and zero where it is to begin there."""
    if from_zero:
        lowest, highest = min(lowest, 0.0), max(highest, 0.0)
    spread = highest - lowest
    if spread <= max(abs(lowest), abs(highest), 1.0) * _ALIKE:
        room = max(abs(lowest) * 0.05, 1.0)
        lowest, highest = lowest - (0 if from_zero else room), highest + room
        spread = highest - lowest
    # The next of 1, 2, 5, 10, 20, 50 and so on.
    least = spread / _INTERVALS
    power = 10.0 ** math.floor(math.log10(least))
    step = next(
        factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999
    )
    first, last = math.floor(lowest / step + 1e-6), math.ceil(highest / step - 1e-6)
    ticks = tuple(number * step for number in range(first, last + 1))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return Scale(ticks[0], ticks[-1], ticks, decimals)


@dataclass(frozen=True, slots=True)
class Tick:
    """A time below a chart."""

    time: float
    label: str
    marked: bool = True
    """Whether a line points to it; not where a text stands below the whole of a day."""


def time_ticks(span: Span) -> tuple[Tick, ...]:
    """Return full hours of the day, or days, as many as can be read."""
    for step in _STEPS:
        if span.length / step <= _MOST_TICKS:
            return tuple(_clock_ticks(span, step))
    return tuple(
        Tick(begin.timestamp(), f"{begin:%m-%d}")
        for begin in _midnights(span, _MOST_TICKS)
    )


def day_names(span: Span) -> tuple[Tick, ...]:
    """Return days, each at its noon, as many as can be read."""
    return tuple(
        Tick(begin.replace(hour=12).timestamp(), f"{begin:%m-%d}", marked=False)
        for begin in _midnights(span, _MOST_DAYS)
    )


def _clock_ticks(span: Span, step: int) -> Iterator[Tick]:
    """Yield times of day that are so many seconds apart on the wall clock."""
    # The offset of every zone is a multiple of five minutes.
    least = _STEPS[0]
    first = math.ceil(span.start / least) * least
    for time in range(first, math.floor(span.end) + 1, least):
        local = datetime.fromtimestamp(time, span.zone)
        seconds = local.hour * HOUR + local.minute * MINUTE
        # What comes twice in autumn would stand close to itself.
        if seconds % step == 0 and (not local.fold or step <= HOUR):
            yield Tick(time, f"{local:%H:%M}" if seconds else f"{local:%m-%d}")


def _midnights(span: Span, most: int) -> Iterator[datetime]:
    """Yield when days begin: each, every second, or every seventh one."""
    step = next((days for days in _DAYS if span.length / (days * DAY) <= most), _WEEK)
    # Counted from the last one back, which is the one that matters.
    for begin in _days(span)[-2::-1][::step][::-1]:
        if begin.timestamp() >= span.start:
            yield begin


def _days(span: Span) -> list[datetime]:
    """Return when each day begins of which a part is in a span, and the last one ends."""
    # A day that begins just at the end is none of it.
    first, last = (
        datetime.fromtimestamp(time, span.zone).replace(
            hour=0, minute=0, second=0, microsecond=0, fold=0
        )
        for time in (span.start, span.end - 1)
    )
    return [
        first + timedelta(days=number)
        for number in range((last.date() - first.date()).days + 2)
    ]


def day_edges(span: Span) -> tuple[float, ...]:
    """Return when each day of a span begins, and when the last one ends."""
    return tuple(midnight.timestamp() for midnight in _days(span))


def hour_edges(span: Span) -> tuple[float, ...]:
    """Return when each hour of a span begins, and when the last one ends, in UTC."""
    first, last = int(span.start // HOUR), math.ceil(span.end / HOUR)
    return tuple(float(hour * HOUR) for hour in range(first, last + 1))


def caption(span: Span, *about: str, daily: bool = False) -> str:
    """Return from when to when a chart is, and the unit, in one line."""
    # Of whole days the last one is named, and not the midnight that ends it.
    ends = (span.start, span.end - daily)
    form = "%m-%d" if daily else "%m-%d %H:%M"
    times = [f"{datetime.fromtimestamp(time, span.zone):{form}}" for time in ends]
    return " · ".join(filter(None, (" \u2013 ".join(times), *about)))
