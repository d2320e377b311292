"""How much may go out in an hour and in a day, and how often an account logs in.

QQ keeps its limits secret, so that what it was seen to bear is counted.
"""

from dataclasses import dataclass, replace

from .pace import DAY, HIGH, HIGHEST, HOUR, steps_back

_SLOT = 600.0
"""Seconds: what went out is counted in slots of so long."""
_SHARE_OF_ALL = 0.9
"""Of a day's messages: the rest is for the important ones."""
_TELLING = 30
"""Messages in the hour before a refusal from which on it can have been the hour's."""
_LEARNED_SHARE = 0.8
"""Of what went out in that hour."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What went out in the last 24 hours, and what that leaves."""

    per_day: int
    """Messages; 0: no limit."""
    slots: tuple[tuple[float, int], ...] = ()
    """When each began, in steady seconds as all instants here, and how many it has."""
    released_at: float | None = None
    """When the last message went out of those that go once an hour."""
    per_hour: int | None = None
    """Messages that the server was seen to bear."""
    learned_at: float = 0.0

    def sent(self, now: float, seconds: float = DAY) -> int:
        """Return how many went out in the last seconds, rather too many than too few."""
        return sum(
            number for began, number in self.slots if began + _SLOT > now - seconds
        )

    def left(self, now: float) -> int | None:
        """Return how many the day has left; None: there is no limit."""
        return max(self.per_day - self.sent(now), 0) if self.per_day else None

    def hourly(self, now: float, importance: int) -> bool:
        """Tell whether messages that are so important go but once an hour, for all.

        From nine tenths of a day's messages on those below high importance, after all
        of them the others. The most important ones always go.
        """
        if not self.per_day or importance >= HIGHEST:
            return False
        share = 1.0 if importance >= HIGH else _SHARE_OF_ALL
        return self.sent(now) >= self.per_day * share

    def next_at(self, now: float, importance: int) -> float:
        """Return when a message may go that is so important."""
        if self.hourly(now, importance):
            if self.released_at is None:
                return now
            return max(now, self.released_at + HOUR)
        if importance >= HIGH or self._has_room(now):
            return now
        # The hour is full until its oldest messages are over.
        ends = (began + _SLOT + HOUR for began, _ in self.slots)
        return min((at for at in ends if at > now), default=now)

    def went_out(self, now: float, importance: int) -> Allowance:
        """Count a message that the server has, or may have."""
        released_at = now if self.hourly(now, importance) else self.released_at
        began, slots = now // _SLOT * _SLOT, self.slots
        number = 1
        if slots and slots[-1][0] == began:
            number, slots = slots[-1][1] + 1, slots[:-1]
        slots = tuple(slot for slot in slots if slot[0] + _SLOT > now - DAY)
        return replace(self, slots=(*slots, (began, number)), released_at=released_at)

    def slower(self, now: float) -> Allowance:
        """Learn from a refusal: if much went out in the last hour, it was too much."""
        sent = self.sent(now, HOUR)
        if sent < _TELLING:
            return self
        learned = int(sent * _LEARNED_SHARE)
        if (known := self.hour_room(now)) is not None:
            learned = min(learned, known)
        return replace(self, per_hour=learned, learned_at=now)

    def hour_room(self, now: float) -> int | None:
        """Return the messages an hour that the server bears, as far as that is known."""
        if self.per_hour is None:
            return None
        return int(self.per_hour * steps_back(self.learned_at, now))

    def _has_room(self, now: float) -> bool:
        room = self.hour_room(now)
        return room is None or self.sent(now, HOUR) < room


@dataclass(frozen=True, slots=True)
class Logins:
    """Logins that are left: never more in an hour than that, and one for an alarm.

    Half of them at once, the others one by one over the hour.
    """

    per_hour: int
    """0: no limit."""
    tokens: float
    filled_at: float

    @classmethod
    def full(cls, per_hour: int, now: float) -> Logins:
        """Begin with as many as there may be at once."""
        return cls(per_hour, float(per_hour // 2), now)

    def next_at(self, now: float, importance: int) -> float:
        """Return when there may be a login for a message that is so important."""
        if not self.per_hour:
            return now
        needed = 1.0 if importance >= HIGHEST else 2.0
        # Not for the last digits of a number.
        missing = max(round(needed - self.left(now), 6), 0.0)
        return now + missing * HOUR / (self.per_hour - self.per_hour // 2)

    def scarce(self, now: float) -> bool:
        """Tell whether a session that is open is better kept: few are left at once."""
        return self.left(now) < self.per_hour // 2 - 1

    def take(self, now: float) -> Logins:
        """Count a login, be it refused."""
        return replace(self, tokens=self.left(now) - 1, filled_at=now)

    def left(self, now: float) -> float:
        """Return how many there may be at once."""
        at_once = self.per_hour // 2
        rate = (self.per_hour - at_once) / HOUR
        refilled = max(now - self.filled_at, 0.0) * rate
        return min(self.tokens + refilled, float(at_once))
