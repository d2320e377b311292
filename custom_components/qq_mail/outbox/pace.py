"""How fast messages may go out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from homeassistant.util import dt as dt_util


@dataclass(frozen=True, slots=True)
class Pace:
    """So many messages at once, then so many a minute."""

    burst: int
    per_minute: float
    """0: as fast as the server takes them."""


class Bucket:
    """Holds a token for each message that may go out; it refills steadily."""

    def __init__(self, pace: Pace) -> None:
        """Begin with as many as may go out at once."""
        self._pace = pace
        self._tokens = float(pace.burst)
        self._filled_at = dt_util.utcnow()

    def take(self) -> None:
        """Take a token."""
        self._tokens -= 1

    @property
    def next_at(self) -> datetime:
        """When there is a token for the next message."""
        now = dt_util.utcnow()
        if not self._pace.per_minute:
            return now
        refilled = (now - self._filled_at).total_seconds() * self._pace.per_minute / 60
        self._tokens = min(self._tokens + max(refilled, 0), self._pace.burst)
        self._filled_at = now
        missing = max(1 - self._tokens, 0)
        return now + timedelta(minutes=missing / self._pace.per_minute)
