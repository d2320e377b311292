"""What was recorded, and what is drawn: plain data, without names and texts.

Times are seconds since 1970; colours are written as HTML writes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class Span:
    """What time a chart is of, and where its clock hangs."""

    start: float
    end: float
    zone: tzinfo


class Kind(Enum):
    """What an entity shows."""

    NUMBER = auto()
    AMOUNT = auto()
    """A number that only grows: what was used is what counts."""
    STATE = auto()


@dataclass(frozen=True, slots=True)
class Numbers:
    """A number over time, and what is told of it."""

    points: Sequence[tuple[float, float | None]]
    held: bool
    lowest: float
    highest: float
    mean: float


@dataclass(frozen=True, slots=True)
class Amounts:
    """What was used in each hour or day."""

    span: Span
    """Of whole hours or days."""
    edges: tuple[float, ...]
    values: tuple[float | None, ...]
    daily: bool


@dataclass(frozen=True, slots=True)
class States:
    """States, each up to its end, without the times when there was none."""

    stretches: tuple[tuple[float, float, str], ...]
    """No more of them than can be seen."""
    lasted: Mapping[str, float]
    """Seconds of each state, those first that lasted longest; of very many only those."""


type Recorded = Numbers | Amounts | States


@dataclass(frozen=True, slots=True)
class Line:
    """A number over time."""

    colour: str
    points: Sequence[tuple[float, float | None]]
    """None: from here on it is not known."""
    held: bool = True
    """Whether each value holds until the next, as states do; means do not."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Numbers with one unit."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """What was used between one edge and the next."""

    colour: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class BarGroups:
    """Amounts with one unit, side by side for each hour or day."""

    edges: tuple[float, ...]
    """One more than there are values."""
    bars: tuple[Bars, ...]
    daily: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """How long a state lasted."""

    start: float
    end: float
    colour: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """States over time: a row for each entity, from top to bottom."""

    rows: tuple[tuple[Stretch, ...], ...]


type Plot = Lines | BarGroups | Timeline


_HIGHEST = 1e100
"""Nobody measures more, and sums of it would be infinite."""


def number_of(text: str) -> float | None:
    """Return a state as a number, if it is one that can be drawn."""
    try:
        number = float(text)
    except ValueError:
        return None
    # Neither is true of what is no number.
    return number if -_HIGHEST <= number <= _HIGHEST else None
