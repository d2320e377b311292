"""Reading Home Assistant's recorder. All of it blocks, and runs in a thread."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from threading import Event
from typing import Any, Literal

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant, State
from homeassistant.util.unit_conversion import BaseUnitConverter

from .axes import Span

_PAGE = 5000
"""How many states are in memory at once: some entities have millions."""
_INSTANT = 1e-6
"""Seconds: the precision of the recorder's times."""


_HIGHEST = 1e100
"""A larger number is taken for a fault: sums of it would be infinite."""

type Point = tuple[float, float | None]
"""A time and its number; None: from this time on the number is not known."""
type Statistic = Mapping[str, Any]
"""The recorder's row of five minutes or an hour: `start`, `end`, and what was asked."""


def number_of(text: str) -> float | None:
    """Return a state as a number, or None where it is none that can be drawn."""
    try:
        number = float(text)
    except ValueError:
        return None
    # False for nan as well.
    return number if -_HIGHEST <= number <= _HIGHEST else None


class Recording:
    """What was recorded within the time of a chart."""

    def __init__(self, hass: HomeAssistant, span: Span, given_up: Event) -> None:
        """Load the recorder: some houses have none, and most mails have no charts.

        Reading stops once the event is set, as a thread cannot be cancelled.
        """
        from homeassistant.components.recorder import history, statistics  # noqa: PLC0415

        self.span = span
        self.other_units: set[str] = set()
        """Entities that had a unit which cannot be converted to that of now."""
        self._hass = hass
        self._given_up = given_up
        self._history = history
        self._statistics = statistics

    def states(self, state: State) -> Iterator[tuple[float, str]]:
        """Yield when each state of an entity began, from the first within the time.

        The first is the one it had at the start; the last is the given one, of now.
        """
        for time, row in self._rows(state, self.span.start, with_units=False):
            yield time, row.state

    def numbers(self, state: State, start: float, *, counted: bool) -> Iterator[Point]:
        """Yield the same from a start on, as numbers in the unit of now.

        Where statistics were counted before that start, the number of now is yielded
        even if no state is found.
        """
        unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
        for time, row in self._rows(state, start, with_units=True, counted=counted):
            number = number_of(row.state)
            before = row.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
            if number is not None and before != unit:
                if converter := self._converter(before, unit):
                    number = converter.convert(number, before, unit)
                else:
                    self.other_units.add(state.entity_id)
                    number = None
            yield time, number

    def statistics(
        self,
        states: Iterable[State],
        span: Span,
        period: Literal["5minute", "hour"],
        types: set[Literal["change", "max", "mean", "min"]],
    ) -> dict[str, list[Statistic]]:
        """Return the statistics of those entities that have some, in the unit of now.

        The recorder converts them; those that it cannot convert are left out.
        """
        units = {
            state.entity_id: state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
            for state in states
        }
        found: dict[str, Any] = self._statistics.statistics_during_period(
            self._hass, _utc(span.start), _utc(span.end), set(units), period, None,
            {*types},
        )  # fmt: skip
        metadata = self._statistics.get_metadata(self._hass, statistic_ids=set(found))
        for entity_id, (_, about) in metadata.items():
            before, unit = about["unit_of_measurement"], units[entity_id]
            if before != unit and not self._converter(
                before, unit, about["unit_class"]
            ):
                self.other_units.add(entity_id)
                del found[entity_id]
        return found

    def _rows(
        self, state: State, start: float, *, with_units: bool, counted: bool = False
    ) -> Iterator[tuple[float, State]]:
        """Yield an entity's states with their beginnings; they are read page by page."""
        after, last = start, start if counted else None
        first = True
        while not self._given_up.is_set():
            page = self._history.state_changes_during_period(
                self._hass,
                _utc(after),
                _utc(self.span.end),
                state.entity_id,
                no_attributes=not with_units,
                limit=_PAGE,
                include_start_time_state=first,
            ).get(state.entity_id, [])
            first = False
            for row in page:
                last = max(row.last_updated_timestamp, start)
                yield last, row
            if len(page) < _PAGE:
                break
            # Later by all means: the recorder may have rounded.
            after = max(page[-1].last_updated_timestamp, after) + _INSTANT
        # The recorder writes what is new after some seconds, and it may be what the
        # mail is about. Entities that it leaves out have no chart, though.
        if last is not None and state.last_changed_timestamp > last:
            yield min(state.last_changed_timestamp, self.span.end), state

    def _converter(
        self, before: str | None, unit: str | None, unit_class: str | None = None
    ) -> type[BaseUnitConverter] | None:
        """Return what converts between two units, as the recorder chooses it."""
        by_class = self._statistics.UNIT_CLASS_TO_UNIT_CONVERTER.get(unit_class)
        by_unit = self._statistics.STATISTIC_UNIT_TO_UNIT_CONVERTER.get(before)
        for converter in filter(None, (by_class, by_unit)):
            if {before, unit} <= converter.VALID_UNITS:
                return converter
        return None


def _utc(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC)
