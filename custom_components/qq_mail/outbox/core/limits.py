"""What went out and every login of an account: one log, from which all limits count.

QQ keeps its limits secret, so what it was seen to bear is learned.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
import math
from typing import Final

from ...typed import PASSING, Steady
from .models import DAY, HOUR, MINUTE, Level, Plan, Reason

SLOWEST: Final = 0.2
"""Messages a minute: one in five minutes, however often the server refused."""
LOGINS: Final = 8
"""Logins at once."""
LOGIN_INTERVAL: Final = 5 * MINUTE
"""Seconds until there may be one more."""

IMAP_LOGINS: Final = 3
"""Logins within an hour that reading the inbox may make."""

_RESERVED_LOGINS = {Level.BELOW: 2, Level.HIGH: 1}
"""A message of this level may log in while more than so many logins are left."""
_SHARE_OF_DAY = {Level.BELOW: 0.9, Level.HIGH: 1.0}
"""Of a day's messages; what goes out beyond it goes once an hour."""
_UNPACED = 600.0
"""Messages a minute from which on a learned pace is none."""
_LEAST = 5
"""Messages a minute that are taken for what was too much, where there is no pace."""
_TELLING = 30
"""Messages in the hour before a refusal from which on it can have been the hour's."""
_LEARNED_SHARE = 0.8
"""Of what went out in that hour."""
_COUNTED = 200
"""Entries from which a level is counted: older ones have drained long since."""
_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person sets: so many messages at once, then so many a minute and a day."""

    burst: int = 5
    per_minute: float = 10
    """0: as fast as the server takes them."""
    per_day: int = 400
    """0: no limit."""
    digest: bool = True
    """Whether floods become one mail."""
    server: str = ""
    """The host: where it cannot be reached, no other account on it can be of help."""
    fallback: str = ""
    """The id of the account that takes over what this one may not send."""
    fallback_from: Level = Level.HIGH
    """The least important level that is taken over."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that counts: a message that the server may have, or a login."""

    at: Steady
    key: str = field(metadata=PASSING)
    """What it is known by on disk."""
    people: str = ""
    """Stands for the recipients of a message, whoever is named first."""
    level: Level = Level.BELOW
    """Of the message."""
    imap: bool = False
    """Whether it is a login to read the inbox."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What the server was seen to bear; twice as much with each quiet day since."""

    value: float
    at: Steady

    def now(self, now: float) -> float:
        """Return what may be tried by now."""
        days = min(max(now - self.at, 0.0) // DAY, 60.0)
        return float(self.value * 2.0**days)


def people_of(recipients: Iterable[str]) -> str:
    """Return what stands for a set of recipients, without their addresses."""
    text = "\n".join(sorted({one.lower() for one in recipients}))
    return sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class Limits:
    """Counts what an account may send, and when it may log in."""

    settings: Settings = field(default_factory=Settings, metadata=PASSING)
    sent: list[Entry] = field(default_factory=list, metadata=PASSING)
    """Messages of the last 24 hours, the oldest first."""
    logins: list[Entry] = field(default_factory=list, metadata=PASSING)
    minute: Learned | None = None
    """Messages a minute: half of what was refused."""
    hour: Learned | None = None
    """Messages an hour that the server bears."""
    forgiven_at: float = field(default=float("-inf"), metadata=PASSING)
    """What went out before does not slow down what comes: a person said so."""
    credit: bool = field(default=False, metadata=PASSING)
    """Whether a form has just logged in: the next login is free."""

    def count_sent(self, entry: Entry) -> list[Entry]:
        """Count a message that the server may have; return what is too old to count."""
        self.sent.append(entry)
        return _drop_old(self.sent, entry.at)

    def count_login(self, entry: Entry) -> list[Entry]:
        """Count a login, be it refused; return what is too old to count."""
        self.credit = self.credit and entry.imap
        self.logins.append(entry)
        return _drop_old(self.logins, entry.at)

    def sent_within(self, now: float, seconds: float) -> int:
        """Return how many messages went out in the last seconds."""
        return len(self.sent) - _first_after(self.sent, now - seconds)

    def left_today(self, now: float) -> int | None:
        """Return how many messages the last 24 hours leave; None: there is no limit."""
        limit = self.settings.per_day
        return max(limit - self.sent_within(now, DAY), 0) if limit else None

    def rate(self, now: float) -> float | None:
        """Return how many messages a minute are allowed now; None: any number."""
        return self._learned_rate(now) or self.settings.per_minute or None

    def room_today(self, now: float, level: Level) -> float:
        """Return how many such messages the last 24 hours leave room for."""
        if level is Level.HIGHEST or not self.settings.per_day:
            return math.inf
        return max(self._most_a_day(level) - self.sent_within(now, DAY), 0)

    def one_by_one(self, now: float, level: Level) -> float:
        """Return how many messages can go one by one; where more wait, they are merged.

        As many as the minute and the day have room for; high ones go by the day alone.
        """
        number = max(self.room_today(now, level), 1.0)
        rate = self.rate(now)
        if rate is None or level is not Level.BELOW:
            return number
        minute = self._places(now) - self._pace_level(now, rate) + rate
        return min(number, max(minute, 1.0))

    def next_at(
        self,
        now: float,
        level: Level,
        people: str,
        *,
        pending: int = 0,
        digests: int = 0,
        by_day: bool = True,
        needs_login: bool = False,
    ) -> Plan | None:
        """Return when the limits let a message go, and which of them; None: now.

        `pending` are messages that go before it and are not in the log yet, `digests`
        those that are being made; `by_day` tells whether it needs room in the day.
        """
        if level is Level.HIGHEST:
            # Counted, but an alarm never waits because of what went out before it.
            return None
        plans = []
        if by_day:
            day_at = self._day_at(now, level, people, pending + digests)
            plans.append(Plan(day_at, Reason.DAY))
        if self.hour:
            most = int(self.hour.now(now))
            plans.append(Plan(self._room_at(now, HOUR, most, pending), Reason.HOUR))
        plans.append(Plan(self._pace_at(now, level, pending), Reason.PACE))
        if needs_login:
            plans.append(Plan(self.login_at(now, level), Reason.LOGINS))
        last = max(plans, key=lambda plan: plan.at)
        return last if last.at > now else None

    def login_at(self, now: float, level: Level) -> float:
        """Return when there may be a login for a message of this level."""
        if level is Level.HIGHEST or self.credit:
            return now
        return self._login_at(now, _RESERVED_LOGINS[level])

    def imap_login_at(self, now: float) -> float:
        """Return when there may be a login to read the inbox.

        Only while more than half of the logins are left for messages.
        """
        read = [one.at for one in self.logins if one.imap and one.at > now - HOUR]
        free_at = read[-IMAP_LOGINS] + HOUR if len(read) >= IMAP_LOGINS else now
        return max(free_at, self._login_at(now, LOGINS // 2))

    def _login_at(self, now: float, reserved: int) -> float:
        """Return when there may be a login that leaves so many to others."""
        instants = [one.at for one in self.logins[-_COUNTED:]]
        filled = _level(instants, now, 1 / LOGIN_INTERVAL)
        missing = filled - (LOGINS - reserved)
        if missing < -_EPSILON:
            return now
        return _later(now, (missing + 2 * _EPSILON) * LOGIN_INTERVAL)

    def slow_down(self, now: float) -> None:
        """Learn from a refusal for rate: what went out lately was too much."""
        rate = self.rate(now) or max(self.sent_within(now, MINUTE), _LEAST)
        self.minute = Learned(max(rate / 2, SLOWEST), now)
        sent = self.sent_within(now, HOUR)
        if sent >= _TELLING:
            known = self.hour.now(now) if self.hour else math.inf
            self.hour = Learned(min(int(sent * _LEARNED_SHARE), known), now)

    def _day_at(self, now: float, level: Level, people: str, pending: int) -> float:
        limit = self._most_a_day(level)
        room_at = self._room_at(now, DAY, limit, pending) if limit else now
        if room_at <= now:
            return now
        # When there is room again, or an hour after the last one of this level to the
        # same people.
        alike = (
            one.at
            for one in reversed(self.sent)
            if one.people == people and one.level is level
        )
        last = next(alike, -math.inf)
        return max(now, min(room_at, round(last + HOUR, 3)))

    def _room_at(self, now: float, seconds: float, limit: int, pending: int) -> float:
        """Return when so many are so old that there is room for one more beside them.

        To the millisecond, as the clock is read.
        """
        first = _first_after(self.sent, now - seconds)
        too_many = len(self.sent) - first + pending - limit
        if too_many < 0 or not self.sent:
            return now
        place = min(first + too_many, len(self.sent) - 1)
        return max(now, round(self.sent[place].at + seconds, 3))

    def _most_a_day(self, level: Level) -> int:
        return math.ceil(self.settings.per_day * _SHARE_OF_DAY[level])

    def _pace_at(self, now: float, level: Level, pending: int) -> float:
        rate = self.rate(now)
        if rate is None:
            return now
        places = self._places(now)
        if level is Level.BELOW and places > 1:
            # One place is kept free for the more important ones.
            places -= 1
        missing = self._pace_level(now, rate) + pending - (places - 1)
        return now if missing < _EPSILON else _later(now, missing * MINUTE / rate)

    def _places(self, now: float) -> float:
        """Return how many messages may go out at once."""
        slowed = self._learned_rate(now) is not None
        return min(self.settings.burst, 2 if slowed else math.inf)

    def _pace_level(self, now: float, rate: float) -> float:
        since = max(self.forgiven_at, self.minute.at if self.minute else -math.inf)
        instants = [one.at for one in self.sent[-_COUNTED:] if one.at > since]
        if self.minute and self.minute.at > self.forgiven_at:
            # The server has just said that it was too much.
            full = [self.minute.at] * int(self._places(now))
            instants = full + instants
        return _level(instants, now, rate / MINUTE)

    def _learned_rate(self, now: float) -> float | None:
        """Return what was learned, as long as that is slower than what is allowed."""
        if self.minute is None:
            return None
        rate = self.minute.now(now)
        return rate if rate < (self.settings.per_minute or _UNPACED) else None


def _level(instants: list[float], now: float, rate: float) -> float:
    """Return how full a bucket is that drains steadily, at so many a second."""
    filled, last = 0.0, -math.inf
    for at in instants:
        filled = max(filled - (at - last) * rate, 0.0) + 1.0
        last = at
    return max(filled - (now - last) * rate, 0.0)


def _later(now: float, seconds: float) -> float:
    """Return the instant so many seconds from now, to the millisecond, never early."""
    return math.ceil((now + seconds) * 1000 - _EPSILON) / 1000


def _first_after(entries: list[Entry], at: float) -> int:
    return bisect_right(entries, at, key=lambda one: one.at)


def _drop_old(entries: list[Entry], now: float) -> list[Entry]:
    number = _first_after(entries, now - DAY)
    old = entries[:number]
    del entries[:number]
    return old
