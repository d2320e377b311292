"""How fast messages may go out: what is allowed, and what the server teaches."""

from dataclasses import dataclass, replace
from typing import Final

HOUR: Final = 3600.0
DAY: Final = 86_400.0
HIGH, HIGHEST = 1, 2
"""Importance: of what is `high`, and of what is more than that."""
SLOWEST: Final = 0.2
"""Messages a minute: one in five minutes, however often the server refused."""

_LEAST = 5
"""Messages a minute that are taken for what was too much, where there is no pace."""
_UNLIMITED = 600.0
"""Messages a minute from which on a learned pace is none."""
_WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """So many messages at once, then so many a minute, and in all so many a day."""

    burst: int
    per_minute: float
    """0: as fast as the server takes them."""
    per_day: int = 0
    """0: no limit."""
    logins: int = 10
    """In an hour at most; 0: no limit."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Holds a token for each message that may go out; it refills steadily."""

    pace: Pace
    tokens: float
    filled_at: float
    """Steady seconds, as all instants here."""
    taken: tuple[float, ...] = ()
    """When messages went out in the last minute."""
    learned: float | None = None
    """Messages a minute: half of what was refused."""
    learned_at: float = 0.0

    @classmethod
    def full(cls, pace: Pace, now: float) -> Bucket:
        """Begin with as many as may go out at once."""
        return cls(pace, float(pace.burst), now)

    def with_pace(self, pace: Pace) -> Bucket:
        """Return the same with another pace, as a person has set it."""
        return replace(self, pace=pace, tokens=min(self.tokens, float(pace.burst)))

    def next_at(self, now: float, importance: int) -> float:
        """Return when there is a token for a message that is so important.

        One place is kept free for the important ones. For the most important ones there
        is credit: an alarm does not wait because of what went out before it.
        """
        rate = self.rate(now)
        if rate is None:
            return now
        missing = max(self._needed(now, importance) - self._filled(now, rate), 0.0)
        return now + missing * 60 / rate

    def within_a_minute(self, now: float) -> float:
        """Return how many messages can go out from now on within a minute."""
        rate = self.rate(now)
        return float("inf") if rate is None else self._filled(now, rate) + rate

    def take(self, now: float) -> Bucket:
        """Take a token."""
        rate = self.rate(now)
        filled = self.pace.burst if rate is None else self._filled(now, rate) - 1
        recent = (*(at for at in self.taken if at > now - _WINDOW), now)
        return replace(self, tokens=filled, filled_at=now, taken=recent)

    def filled_up(self, now: float) -> Bucket:
        """Return the same with as many tokens as it holds: a person does not wait."""
        return replace(self, tokens=self._room(now), filled_at=now)

    def slower(self, now: float) -> Bucket:
        """Halve the pace, because QQ said so; it comes back with quiet days."""
        recent = sum(at > now - _WINDOW for at in self.taken)
        rate = self.rate(now) or max(recent, _LEAST)
        learned = max(rate / 2, SLOWEST)
        return replace(self, tokens=0.0, filled_at=now, learned=learned, learned_at=now)

    def rate(self, now: float) -> float | None:
        """Return the messages a minute that are allowed now; None: any number."""
        return self._learned_rate(now) or self.pace.per_minute or None

    def _learned_rate(self, now: float) -> float | None:
        """Return what was learned, as long as that is slower than what is allowed."""
        if self.learned is None:
            return None
        rate = self.learned * steps_back(self.learned_at, now)
        return rate if rate < (self.pace.per_minute or _UNLIMITED) else None

    def _needed(self, now: float, importance: int) -> float:
        if importance >= HIGHEST:
            return 1.0 - self.pace.burst
        return 1.0 if importance >= HIGH else min(2.0, self._room(now))

    def _room(self, now: float) -> float:
        """Return how many may go out at once."""
        slowed = self._learned_rate(now) is not None
        return min(2.0 if slowed else float("inf"), float(self.pace.burst))

    def _filled(self, now: float, rate: float) -> float:
        refilled = max(now - self.filled_at, 0.0) * rate / 60
        return min(self.tokens + refilled, self._room(now))


def steps_back(since: float, now: float) -> float:
    """Return how much more than after a refusal is allowed: twice after a quiet day."""
    days = min(max(now - since, 0.0) // DAY, 60.0)
    return float(2.0**days)
