"""Where the ticks are: at numbers and at times that a person would choose."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count, takewhile
import math

from .models import Span

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7
"""Days."""
_STEPS = (
    *(minutes * MINUTE for minutes in (5, 10, 15, 30)),
    *(hours * HOUR for hours in (1, 2, 3, 4, 6, 12)),
)
_DAYS = (1, 2)
_INTERVALS = 5
"""Between numbers, at most, as long as they begin with a round one."""
_MANY = 1e5
_ALIKE = 1e-9
"""Of a number: a smaller difference is one of rounding."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers from the lower to the upper edge of a chart."""

    lowest: float
    highest: float
    ticks: tuple[float, ...]
    decimals: int

    def label(self, tick: float) -> str:
        """Return a tick as text, as short as it can be told from the others."""
        if tick and self.ticks[1] - self.ticks[0] >= _MANY:
            # Nobody counts zeros.
            mantissa, exponent = f"{tick:.9e}".split("e")
            return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        text = f"{tick:.{self.decimals}f}"
        return text.removeprefix("-") if not float(text) else text


def scale(lowest: float, highest: float, *, from_zero: bool = False) -> Scale:
    """Return a scale on which all between two numbers can be shown."""
    if from_zero:
        lowest, highest = min(lowest, 0.0), max(highest, 0.0)
    spread = highest - lowest
    least = max(abs(lowest), abs(highest), 1.0) * _ALIKE
    if spread <= least:
        room = max(abs(lowest) * 0.05, 1.0)
        lowest, highest = lowest - (0 if from_zero else room), highest + room
        spread = highest - lowest
    step = _round_step(spread / _INTERVALS)
    first, last = math.floor(lowest / step + 1e-6), math.ceil(highest / step - 1e-6)
    ticks = tuple(number * step for number in range(first, last + 1))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return Scale(ticks[0], ticks[-1], ticks, decimals)


def _round_step(step: float) -> float:
    """Return 1, 2 or 5 with zeros: no less than this."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(
        factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999
    )


@dataclass(frozen=True, slots=True)
class Tick:
    """A time with its text."""

    time: float
    label: str


def time_ticks(span: Span, most: int) -> tuple[Tick, ...]:
    """Return at most so many ticks: full hours of the day, or days."""
    length = span.end - span.start
    for step in _STEPS:
        if length / step <= most:
            return tuple(_clock_ticks(span, step))
    days = next((days for days in _DAYS if length / (days * DAY) <= most), WEEK)
    return tuple(Tick(time, label) for time, label in _day_ticks(span, days))


def _clock_ticks(span: Span, step: int) -> Iterator[Tick]:
    """Yield the times of the day that a clock on the wall shows, each time it does."""
    times: dict[float, Tick] = {}
    for day in _days(span):
        begin = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - on the wall
        for seconds in range(0, DAY, step):
            for fold in (0, 1):
                wall = begin + timedelta(seconds=seconds)
                local = wall.replace(tzinfo=span.zone, fold=fold)
                time = local.timestamp()
                # An hour that is left out in spring has no such time; what comes twice
                # in autumn would stand close to itself.
                seen = datetime.fromtimestamp(time, span.zone).replace(tzinfo=None)
                if seen == wall and (not fold or step <= HOUR):
                    label = f"{wall:%H:%M}" if seconds else f"{wall:%m-%d}"
                    times[time] = Tick(time, label)
    yield from (times[time] for time in sorted(times) if _within(span, time))


def _day_ticks(span: Span, days: int) -> Iterator[tuple[float, str]]:
    # Counted from the last one back, which is the one that matters.
    for day in list(_days(span))[::-1][::days][::-1]:
        time = midnight(day, span).timestamp()
        if _within(span, time):
            yield time, f"{day:%m-%d}"


def _within(span: Span, time: float) -> bool:
    return span.start <= time <= span.end


def midnight(day: date, span: Span) -> datetime:
    """Return when a day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=span.zone)


def _days(span: Span) -> Iterator[date]:
    """Yield the days that a span touches."""
    first = datetime.fromtimestamp(span.start, span.zone).date()
    # A day that begins just then is none of it.
    last = datetime.fromtimestamp(span.end - 1, span.zone).date()
    every = (first + timedelta(days=number) for number in count())
    return takewhile(lambda day: day <= last, every)


def day_edges(span: Span) -> tuple[float, ...]:
    """Return when the days begin that a span touches, and when the last one ends."""
    days = list(_days(span))
    days.append(days[-1] + timedelta(days=1))
    return tuple(midnight(day, span).timestamp() for day in days)


def hour_edges(span: Span) -> tuple[float, ...]:
    """Return the same for hours, as the recorder counts them."""
    first, last = int(span.start // HOUR), math.ceil(span.end / HOUR)
    return tuple(float(hour * HOUR) for hour in range(first, last + 1))


def caption(span: Span, *, daily: bool = False) -> str:
    """Return from when to when it is, as the mail writes times."""
    # Of whole days the last one is named, and not the midnight that ends it.
    ends = (span.start, span.end - daily)
    form = "%m-%d" if daily else "%m-%d %H:%M"
    times = [f"{datetime.fromtimestamp(time, span.zone):{form}}" for time in ends]
    return " \u2013 ".join(times)
