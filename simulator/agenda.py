"""Time that passes as fast as there is something to do."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


class Agenda:
    """What happens when, in seconds since the beginning."""

    def __init__(self) -> None:
        """Begin with nothing to do."""
        self.now = 0.0
        self.after_each: Callable[[], object] = lambda: None
        """Called after each thing that was done."""
        self._number = count()
        self._entries: list[tuple[float, int, Callable[[], object]]] = []

    def at(self, time: float, do: Callable[[], object]) -> None:
        """Have something done then, or now if that is over."""
        heappush(self._entries, (max(time, self.now), next(self._number), do))

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Have something done after so long."""
        self.at(self.now + seconds, do)

    def run(self, end: float) -> None:
        """Do what there is to do until then."""
        while self._entries and self._entries[0][0] <= end:
            self.now, _, do = heappop(self._entries)
            do()
            self.after_each()
        self.now = end


def duration(seconds: float) -> str:
    """Word how long something took."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.1f} h"
