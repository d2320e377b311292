"""How fast messages may go out: what is allowed, and what the server teaches."""

from dataclasses import dataclass, replace

_LEARNED_SHARE = 0.8
"""Of what went out in the minute before a refusal: that was too much."""
_TELLING = 5
"""Messages in that minute from which on it can have been the pace."""
_RECOVERY = 3600.0
"""Seconds after which a learned pace doubles."""
_UNLIMITED = 600.0
"""Messages a minute from which on a learned pace is none."""
_WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """So many messages at once, then so many a minute."""

    burst: int
    per_minute: float
    """0: as fast as the server takes them."""


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
    """Messages a minute that the server was seen to bear."""
    learned_at: float = 0.0

    @classmethod
    def full(cls, pace: Pace, now: float) -> Bucket:
        """Begin with as many as may go out at once."""
        return cls(pace, float(pace.burst), now)

    def with_pace(self, pace: Pace) -> Bucket:
        """Return the same with another pace, as a person has set it."""
        return replace(self, pace=pace, tokens=min(self.tokens, float(pace.burst)))

    def next_at(self, now: float) -> float:
        """Return when there is a token for the next message."""
        rate = self._rate(now)
        if rate is None:
            return now
        missing = max(1 - self._filled(now, rate), 0.0)
        return now + missing * 60 / rate

    def within_a_minute(self, now: float) -> float:
        """Return how many messages can go out from now on within a minute."""
        rate = self._rate(now)
        return float("inf") if rate is None else self._filled(now, rate) + rate

    def take(self, now: float) -> Bucket:
        """Take a token."""
        rate = self._rate(now)
        filled = self.pace.burst if rate is None else self._filled(now, rate) - 1
        recent = (*(at for at in self.taken if at > now - _WINDOW), now)
        learned = None if self._learned_rate(now) is None else self.learned
        return replace(
            self, tokens=filled, filled_at=now, taken=recent, learned=learned
        )

    def slower(self, now: float, until: float = 0.0) -> Bucket:
        """Learn from a refusal: what went out in the last minute was too much.

        While the account rests, until then, nothing of that is forgotten.
        """
        recent = sum(at > now - _WINDOW for at in self.taken)
        if recent < _TELLING:
            return self
        rate = self._rate(now)
        learned = recent * _LEARNED_SHARE
        if rate is not None:
            learned = min(learned, rate)
        return replace(
            self,
            tokens=0.0,
            filled_at=now,
            learned=learned,
            learned_at=max(now, until),
        )

    def forgetful(self) -> Bucket:
        """Forget what was learned: a person knows better."""
        return replace(self, learned=None)

    def _rate(self, now: float) -> float | None:
        """Return the messages a minute that are allowed now; None: any number."""
        learned, own = self._learned_rate(now), self.pace.per_minute or None
        if learned is None or own is None:
            return learned or own
        return min(learned, own)

    def _learned_rate(self, now: float) -> float | None:
        """Return what was learned, which is forgotten little by little."""
        if self.learned is None:
            return None
        doublings = min(max(now - self.learned_at, 0.0) / _RECOVERY, 60.0)
        rate = self.learned * 2**doublings
        return rate if rate < (self.pace.per_minute or _UNLIMITED) else None

    def _filled(self, now: float, rate: float) -> float:
        burst = 1.0 if self._learned_rate(now) is not None else float(self.pace.burst)
        refilled = max(now - self.filled_at, 0.0) * rate / 60
        return min(self.tokens + refilled, burst)
