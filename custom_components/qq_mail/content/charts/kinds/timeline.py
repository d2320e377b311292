"""Timelines: states over time, such as a door's; a row for each entity."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
import math
from typing import override

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import State, callback

from ....mime.card import Chart, ChartRow, Mark, signs_of
from ....texts import Texts
from ...states import StateTexts
from ..axes import HOUR, MINUTE, Span, caption
from ..drawing import COLUMNS, Canvas, Plot
from ..recording import Recording
from .kind import AT_REST, COLOURS, Kind

_REST = (
    *("off", "closed", "idle", "not_home", "standby", "locked", "docked"),
    *("disarmed", "below_horizon"),
)
_MOST_KEPT = 100
"""States that have a colour of their own and a length: some texts never repeat."""
_MOST_SAID = 8
"""States of an entity that are named beside the picture."""
_ROW, _BAR = 38, 26
"""Pixels: how high a row is, and the bar in it."""


type Stretch = tuple[float, float, str]
"""From when to when a state was, and the state, or its colour."""


@dataclass(frozen=True, slots=True)
class States:
    """What was recorded of an entity, without the times when it was unavailable."""

    stretches: Sequence[Stretch]
    """No more of them than can be seen."""
    lasted: Mapping[str, float]
    """Seconds of each state, the longest first; of very many only those."""


def _read(recording: Recording, states: Sequence[State]) -> dict[str, States]:
    found: dict[str, States] = {}
    for state in states:
        lasted: Counter[str] = Counter()
        stretches = _stretches(recording.states(state), recording.span, lasted)
        if seen := list(_seen(stretches, recording.span)):
            found[state.entity_id] = States(seen, dict(lasted.most_common(_MOST_KEPT)))
    return found


def _stretches(
    states: Iterable[tuple[float, str]], span: Span, lasted: Counter[str]
) -> Iterator[Stretch]:
    """Yield from when to when each state was, and add its seconds to a counter."""
    for (time, text), (until, _) in pairwise(chain(states, [(span.end, "")])):
        if text not in (STATE_UNAVAILABLE, STATE_UNKNOWN, ""):
            lasted[text] += until - time  # type: ignore[assignment] # a float
            yield time, until, text


def _seen(stretches: Iterable[Stretch], span: Span) -> Iterator[Stretch]:
    """Yield no more than can be seen: of many states within a pixel the first."""
    pixel = span.length / COLUMNS
    last = -math.inf
    for time, until, text in stretches:
        if until - time >= pixel or time - last >= pixel:
            yield time, until, text
            last = time


@callback
def _chart(
    group: Sequence[tuple[State, States]],
    span: Span,
    _unit: str,
    state_texts: StateTexts,
) -> tuple[Chart, Plot, Span]:
    lasted: Counter[str] = Counter()
    for _, states in group:
        lasted.update({text: round(time) for text, time in states.lasted.items()})
    active = [text for text, _ in lasted.most_common() if text not in _REST]
    # Of more states than colours, those that lasted shortest share the last one, and
    # so do those that were not kept.
    last = COLOURS[min(len(active), len(COLOURS)) - 1]
    colours = (
        dict.fromkeys(lasted, AT_REST)
        | dict.fromkeys(active, last)
        | dict(zip(active, COLOURS, strict=False))
    )
    chart = Chart(
        caption=caption(span),
        rows=tuple(_row(state_texts, *one, colours) for one in group),
    )
    rows = [
        [(start, end, colours.get(text, last)) for start, end, text in states.stretches]
        for _, states in group
    ]
    return chart, Timeline(rows), span


def _row(
    state_texts: StateTexts, state: State, states: States, colours: Mapping[str, str]
) -> ChartRow:
    marks = tuple(
        Mark(
            colours[text],
            f"{state_texts(state, text)} {_duration(seconds, state_texts.texts)}",
        )
        for text, seconds in islice(states.lasted.items(), _MOST_SAID)
    )
    signs = signs_of(state_texts.hass.config.language)
    said = signs.comma.join(mark.text for mark in marks)
    return ChartRow(name=state.name, line=signs.said(state.name, said), marks=marks)


def _duration(seconds: float, texts: Texts) -> str:
    """Return a time in its two largest units; nobody says 12 hours and 0 minutes."""
    minutes = round(seconds / MINUTE)
    if not minutes:
        return texts("chart_minutes", minutes="<1")
    hours, minutes = divmod(minutes, HOUR // MINUTE)
    days, hours = divmod(hours, 24)
    units = (
        (days, texts("chart_days", days=str(days))),
        (hours, texts("chart_hours", hours=str(hours))),
        (minutes, texts("chart_minutes", minutes=str(minutes))),
    )
    largest = 0 if days else 1
    return " ".join(text for number, text in units[largest : largest + 2] if number)


@dataclass(frozen=True)
class Timeline(Plot):
    """Rows of states, from top to bottom."""

    rows: Sequence[Sequence[Stretch]]

    @property
    @override
    def height(self) -> int:
        """Pixels, as many for each row."""
        return len(self.rows) * _ROW

    @property
    @override
    def labels(self) -> list[tuple[str, float]]:
        """The rows' numbers at the left: names stand beside the picture."""
        return [(str(row + 1), self.share(row)) for row in range(len(self.rows))]

    def share(self, row: int) -> float:
        """Return how high the middle of a row is, as a share of the height."""
        return 1 - (row + 0.5) / len(self.rows)

    @override
    def draw(self, canvas: Canvas) -> None:
        for number, row in enumerate(self.rows):
            top = canvas.y(self.share(number)) - _BAR / 2
            for start, end, colour in row:
                left = canvas.x(start)
                # A door that was opened for a moment is to be seen.
                right = max(canvas.x(end), left + 1)
                canvas.bar(left, top, right, top + _BAR, colour)


TIMELINE = Kind(lambda _: True, _read, _chart)
