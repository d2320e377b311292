"""What is drawn: plain data, without names and texts, which stand beside the picture.

Times are seconds since 1970; colours are written as HTML writes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo


@dataclass(frozen=True, slots=True)
class Span:
    """What time a chart is of, and where its clock hangs."""

    start: float
    end: float
    zone: tzinfo


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
