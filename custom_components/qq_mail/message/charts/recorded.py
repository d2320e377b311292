"""Reading the recorder. It blocks, and is imported only where there is a recorder."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
import math
from typing import Any, Literal

from homeassistant.components.recorder.history import get_significant_states
from homeassistant.components.recorder.statistics import (
    StatisticsRow,
    statistics_during_period,
)
from homeassistant.const import (
    COMPRESSED_STATE_LAST_UPDATED,
    COMPRESSED_STATE_STATE,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import HomeAssistant

from .axes import DAY, HOUR, day_edges, hour_edges
from .models import Amounts, Kind, Numbers, Recorded, Span, States, number_of

_DETAILED = 2 * DAY
"""So far back states are read, and amounts are those of hours."""
_PIXELS = 1120


def read(
    hass: HomeAssistant, kinds: Mapping[str, Kind], span: Span
) -> dict[str, Recorded]:
    """Return what was recorded of each entity of which something was."""
    found: dict[str, Recorded] = {}
    for kind, read_kind in (
        (Kind.AMOUNT, _amounts),
        (Kind.NUMBER, _numbers),
        (Kind.STATE, _states),
    ):
        if ids := [entity_id for entity_id in kinds if kinds[entity_id] is kind]:
            found |= read_kind(hass, ids, span)
    return found


def _numbers(
    hass: HomeAssistant, ids: Sequence[str], span: Span
) -> dict[str, Recorded]:
    rows: dict[str, list[StatisticsRow]] = {}
    if span.end - span.start > _DETAILED:
        rows = _statistics(hass, ids, span, "hour", {"mean", "min", "max"})
    found: dict[str, Recorded] = {}
    for entity_id in ids:
        numbers = (
            _of_means(rows[entity_id])
            if entity_id in rows
            else _of_states(_read_states(hass, entity_id, span), span)
        )
        if numbers:
            found[entity_id] = numbers
    return found


def _of_states(states: Iterable[tuple[float, str]], span: Span) -> Numbers | None:
    points = [(time, number_of(text)) for time, text in states]
    total = lasted = 0.0
    # The last one holds up to now.
    for (time, value), (until, _) in pairwise([*points, (span.end, None)]):
        if value is not None:
            total += value * (until - time)
            lasted += until - time
    known = [value for _, value in points if value is not None]
    if not known:
        return None
    mean = total / lasted if lasted else known[-1]
    return Numbers(points, True, min(known), max(known), mean)


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


def _amounts(
    hass: HomeAssistant, ids: Sequence[str], span: Span
) -> dict[str, Recorded]:
    daily = span.end - span.start > _DETAILED
    edges = day_edges(span) if daily else hour_edges(span)
    whole = Span(edges[0], edges[-1], span.zone)
    hours = _statistics(hass, ids, whole, "hour", {"change"})
    # What the last hours do not have yet: they are counted when they are over.
    recent = Span(span.end - 2 * HOUR, span.end, span.zone)
    minutes = _statistics(hass, ids, recent, "5minute", {"change"})
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


def _states(hass: HomeAssistant, ids: Sequence[str], span: Span) -> dict[str, Recorded]:
    found: dict[str, Recorded] = {}
    for entity_id in ids:
        states = _read_states(hass, entity_id, span)
        stretches = [
            (time, until, text)
            for (time, text), (until, _) in pairwise([*states, (span.end, "")])
            if text not in (STATE_UNAVAILABLE, STATE_UNKNOWN, "")
        ]
        lasted: Counter[str] = Counter()
        for time, until, text in stretches:
            lasted[text] += until - time  # type: ignore[assignment]
        if stretches:
            found[entity_id] = States(
                tuple(_seen(stretches, span)), dict(lasted.most_common())
            )
    return found


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


def _read_states(
    hass: HomeAssistant, entity_id: str, span: Span
) -> list[tuple[float, str]]:
    """Return when a state began, from what it was at the start."""
    found: dict[str, list[Any]] = get_significant_states(
        hass,
        datetime.fromtimestamp(span.start, UTC),
        datetime.fromtimestamp(span.end, UTC),
        [entity_id],
        significant_changes_only=False,
        minimal_response=True,
        no_attributes=True,
        compressed_state_format=True,
    )
    return [
        (
            max(row[COMPRESSED_STATE_LAST_UPDATED], span.start),
            row[COMPRESSED_STATE_STATE],
        )
        for row in found.get(entity_id, [])
    ]


def _statistics(
    hass: HomeAssistant,
    ids: Sequence[str],
    span: Span,
    period: Literal["5minute", "hour"],
    types: set[Literal["change", "last_reset", "max", "mean", "min", "state", "sum"]],
) -> dict[str, list[StatisticsRow]]:
    return statistics_during_period(
        hass,
        datetime.fromtimestamp(span.start, UTC),
        datetime.fromtimestamp(span.end, UTC),
        set(ids),
        period,
        None,
        types,
    )
