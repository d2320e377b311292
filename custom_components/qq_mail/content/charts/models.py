"""What all charts share. Times are in seconds since 1970, UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

type Points = Sequence[tuple[float, float | None]]
"""Times with their numbers; None: from this time on the number is not known."""

_HIGHEST = 1e100
"""A larger number is taken for a fault: sums of it would be infinite."""


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


def number_of(text: str) -> float | None:
    """Return a state as a number, or None where it is none that can be drawn."""
    try:
        number = float(text)
    except ValueError:
        return None
    # False for nan as well.
    return number if -_HIGHEST <= number <= _HIGHEST else None
