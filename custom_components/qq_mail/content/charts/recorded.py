"""Reading the recorder. It blocks, and is imported only where there is a recorder."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, groupby, pairwise
import math
from threading import Event
from typing import Literal

from homeassistant.components.recorder.history import state_changes_during_period
from homeassistant.components.recorder.statistics import (
    StatisticsRow,
    statistics_during_period,
)
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State

from .axes import DAY, HOUR, day_edges, hour_edges
from .models import Amounts, Kind, Numbers, Recorded, Span, States, number_of

_DETAILED = 2 * DAY
"""So far back states are read, and amounts are those of hours."""
_PIXELS = 1120


_PAGE = 5000
"""States that are in memory at once: one that changes each second has millions."""
_INSTANT = 1e-6
"""Seconds: what the recorder is asked in."""
_MOST_STATES = 100
"""That are told apart: a text that is never the same has thousands."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read, as long as somebody waits for it."""

    hass: HomeAssistant
    span: Span
    given_up: Event


def read(reading: Reading, kinds: Iterable[tuple[State, Kind]]) -> dict[str, Recorded]:
    """Return what was recorded of each entity of which something was."""
    states: dict[Kind, list[State]] = {}
    for state, kind in kinds:
        states.setdefault(kind, []).append(state)
    found: dict[str, Recorded] = {}
    for kind, some in states.items():
        match kind:
            case Kind.AMOUNT:
                found |= _amounts(reading, [state.entity_id for state in some])
            case Kind.NUMBER:
                found |= _numbers(reading, some)
            case _:
                found |= _states(reading, some)
    return found


def _numbers(reading: Reading, states: Sequence[State]) -> dict[str, Recorded]:
    rows: dict[str, list[StatisticsRow]] = {}
    span = reading.span
    if span.end - span.start > _DETAILED:
        ids = [state.entity_id for state in states]
        rows = _statistics(reading, ids, span, "hour", {"mean", "min", "max"})
    found: dict[str, Recorded] = {}
    for state in states:
        numbers = (
            _of_means(rows[state.entity_id])
            if state.entity_id in rows
            else _of_states(_read_states(reading, state), span)
        )
        if numbers:
            found[state.entity_id] = numbers
    return found


@dataclass(slots=True)
class _Tally:
    """What is told of numbers, of which not all are kept."""

    lowest: float = math.inf
    highest: float = -math.inf
    last: float = math.nan
    total: float = 0.0
    lasted: float = 0.0

    def counted(
        self, states: Iterable[tuple[float, str]], end: float
    ) -> Iterator[tuple[float, float | None]]:
        """Yield states as numbers; the last one holds up to the end."""
        for (time, text), (until, _) in pairwise(chain(states, [(end, "")])):
            value = number_of(text)
            if value is not None:
                self.lowest = min(self.lowest, value)
                self.highest = max(self.highest, value)
                self.last = value
                self.total += value * (until - time)
                self.lasted += until - time
            yield time, value

    @property
    def mean(self) -> float:
        """The mean over time; of a moment alone what it was."""
        return self.total / self.lasted if self.lasted else self.last


def _of_states(states: Iterable[tuple[float, str]], span: Span) -> Numbers | None:
    tally = _Tally()
    points = tuple(_thinned(tally.counted(states, span.end), span))
    # Before anything was counted it is the other way round.
    if tally.lowest > tally.highest:
        return None
    return Numbers(points, True, tally.lowest, tally.highest, tally.mean)


def _thinned(
    points: Iterable[tuple[float, float | None]], span: Span
) -> Iterator[tuple[float, float | None]]:
    """Yield what can be seen: within a pixel the first, lowest, highest and last."""
    pixel = (span.end - span.start) / _PIXELS
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


def _of_means(rows: Sequence[StatisticsRow]) -> Numbers | None:
    points: list[tuple[float, float | None]] = []
    known = [row for row in rows if row.get("mean") is not None]
    if not known:
        return None
    last_end = known[0]["start"]
    for row in known:
        if row["start"] > last_end:
            points.append((last_end, None))
        points.append(((row["start"] + row["end"]) / 2, row["mean"]))
        last_end = row["end"]
    means = [row["mean"] or 0.0 for row in known]
    return Numbers(
        points,
        False,
        min(_or(row.get("min"), mean) for row, mean in zip(known, means, strict=True)),
        max(_or(row.get("max"), mean) for row, mean in zip(known, means, strict=True)),
        math.fsum(means) / len(means),
    )


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def _amounts(reading: Reading, ids: Sequence[str]) -> dict[str, Recorded]:
    span = reading.span
    daily = span.end - span.start > _DETAILED
    edges = day_edges(span) if daily else hour_edges(span)
    whole = Span(edges[0], edges[-1], span.zone)
    hours = _statistics(reading, ids, whole, "hour", {"change"})
    # What the last hours do not have yet: they are counted when they are over.
    recent = Span(span.end - 2 * HOUR, span.end, span.zone)
    minutes = _statistics(reading, ids, recent, "5minute", {"change"})
    found: dict[str, Recorded] = {}
    for entity_id in ids:
        rows = hours.get(entity_id, [])
        counted = max((row["end"] for row in rows), default=whole.start)
        rows += [row for row in minutes.get(entity_id, []) if row["start"] >= counted]
        values = tuple(_sum(rows, start, end) for start, end in pairwise(edges))
        if any(value is not None for value in values):
            found[entity_id] = Amounts(whole, edges, values, daily)
    return found


def _sum(rows: Iterable[StatisticsRow], start: float, end: float) -> float | None:
    changes = [
        change
        for row in rows
        if start <= row["start"] < end and (change := row.get("change")) is not None
    ]
    return math.fsum(changes) if changes else None


def _states(reading: Reading, states: Iterable[State]) -> dict[str, Recorded]:
    found: dict[str, Recorded] = {}
    for state in states:
        lasted: Counter[str] = Counter()
        stretches = _stretches(_read_states(reading, state), reading.span, lasted)
        if seen := tuple(_seen(stretches, reading.span)):
            found[state.entity_id] = States(
                seen, dict(lasted.most_common(_MOST_STATES))
            )
    return found


def _stretches(
    states: Iterable[tuple[float, str]], span: Span, lasted: Counter[str]
) -> Iterator[tuple[float, float, str]]:
    """Yield from when to when each state was, and add up how long."""
    for (time, text), (until, _) in pairwise(chain(states, [(span.end, "")])):
        if text not in (STATE_UNAVAILABLE, STATE_UNKNOWN, ""):
            lasted[text] += until - time  # type: ignore[assignment] # a float
            yield time, until, text


def _seen(
    stretches: Iterable[tuple[float, float, str]], span: Span
) -> Iterator[tuple[float, float, str]]:
    """Yield what can be seen: of many within a pixel only the first."""
    pixel = (span.end - span.start) / _PIXELS
    last = -math.inf
    for time, until, text in stretches:
        if until - time >= pixel or time - last >= pixel:
            yield time, until, text
            last = time


def _read_states(reading: Reading, state: State) -> Iterator[tuple[float, str]]:
    """Yield when a state began, from what it was at the start to what it is now."""
    span, after = reading.span, reading.span.start
    time: float | None = None
    while not reading.given_up.is_set():
        page = state_changes_during_period(
            reading.hass,
            datetime.fromtimestamp(after, UTC),
            datetime.fromtimestamp(span.end, UTC),
            state.entity_id,
            no_attributes=True,
            limit=_PAGE,
            include_start_time_state=time is None,
        ).get(state.entity_id, [])
        for row in page:
            time = max(row.last_updated_timestamp, span.start)
            yield time, row.state
        if len(page) < _PAGE:
            break
        # Later by all means: the recorder may have rounded.
        after = max(page[-1].last_updated_timestamp, after) + _INSTANT
    # The recorder writes what is new after some seconds, and it may be what the mail
    # is about. What it leaves out has no chart, though.
    if time is not None and state.last_changed_timestamp > time:
        yield min(state.last_changed_timestamp, span.end), state.state


def _statistics(
    reading: Reading,
    ids: Sequence[str],
    span: Span,
    period: Literal["5minute", "hour"],
    types: set[Literal["change", "last_reset", "max", "mean", "min", "state", "sum"]],
) -> dict[str, list[StatisticsRow]]:
    return statistics_during_period(
        reading.hass,
        datetime.fromtimestamp(span.start, UTC),
        datetime.fromtimestamp(span.end, UTC),
        set(ids),
        period,
        None,
        types,
    )
