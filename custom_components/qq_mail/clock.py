"""The one clock: how much time has passed, and what time it is for people."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import time
from typing import Final

UNSURE_FOR: Final = 900.0
"""Seconds after a start for which the wall clock may still be set for the first time.

A machine without a battery for its clock boots in the past, and learns minutes later
what time it is. What was read from disk until then is counted anew.
"""
_JUMP: Final = timedelta(minutes=1)
"""How far ahead the wall clock jumps at least where it is set."""

# Counts the time that the machine sleeps, where the system has such a clock (Linux).
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Now:
    """An instant, by both clocks."""

    steady: float
    """Seconds by a clock that cannot be set and counts sleep; its zero means nothing."""
    wall: datetime
    """By the clock that can be set, and jumps: for the disk and for people."""

    def wall_at(self, steady: float) -> datetime:
        """Return when that is or was, as the clock on the wall counts now."""
        return self.wall + timedelta(seconds=steady - self.steady)

    def is_set_since(self, before: Now) -> bool:
        """Tell whether the wall clock was set ahead since then."""
        return self.wall - before.wall_at(self.steady) > _JUMP


def seconds_until(steady: float) -> float:
    """Return how long a timer may sleep until then: it does not count the machine's sleep.

    So the clock is looked at once a minute.
    """
    return min(max(steady - read_clock().steady, 0.0), 60.0)


def read_clock() -> Now:
    """Read both clocks at once, the steady one to the millisecond.

    Nothing here needs more, and an instant that people were told is then not a
    microsecond too early.
    """
    return Now(round(time.clock_gettime(_STEADY), 3), datetime.now(UTC))
