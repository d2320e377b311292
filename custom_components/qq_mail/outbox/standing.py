"""How an account stands with its server."""

from dataclasses import dataclass, replace

from ..smtp.models import Reply
from ..smtp.replies import Cause, Treatment
from .allowance import Allowance, Logins
from .pace import Bucket, Pace


@dataclass(frozen=True, slots=True)
class Hold:
    """The account has to rest: each further try would make it worse."""

    cause: Cause
    until: float
    """Steady seconds (clock.py)."""
    length: float
    """Seconds, all in all: no longer can it be after a restart."""
    reply: Reply | None = None

    @property
    def for_login(self) -> bool:
        """Whether a login was refused, and not what was sent."""
        return self.cause.treatment in (Treatment.LOGIN_LATER, Treatment.NEW_CODE)


@dataclass(frozen=True, slots=True)
class Down:
    """The last attempt failed for a reason that is the same for all messages."""

    until: float
    times: int
    """How often in a row; each makes the next wait longer."""
    refused: bool
    """Whether a server said so; else there was none, or the connection broke."""
    probe: str | None = None
    """A message that came since, and is a reason to look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the account stands with its server; what is not passing is kept on disk."""

    bucket: Bucket
    allowance: Allowance
    logins: Logins
    hold: Hold | None = None
    login_refusals: int = 0
    """Logins refused in a row, a person's own tries included."""
    asked: int = 0
    """How often a new code was asked for since a login succeeded."""
    pauses: int = 0
    """How often QQ's rate limit was met since a message was accepted."""
    check_login_at: float
    accepted_at: float | None = None
    """When a message was accepted last."""
    down: Down | None = None
    word_by_word_until: float | None = None
    """Until then one command after the other: the server failed at several in one
    flight, which it says that it takes."""
    lost: str | None = None
    """The message whose attempt ended last, if it lost its connection."""

    @classmethod
    def new(cls, pace: Pace, now: float, *, check_login_at: float) -> Standing:
        """Return that of an account of which nothing is known; all in steady seconds."""
        return cls(
            bucket=Bucket.full(pace, now),
            allowance=Allowance(pace.per_day),
            logins=Logins.full(pace.logins, now),
            check_login_at=check_login_at,
        )

    def with_pace(self, pace: Pace) -> Standing:
        """Return the same with what a person allows now."""
        if pace == self.bucket.pace:
            return self
        allowance = replace(self.allowance, per_day=pace.per_day)
        logins = replace(self.logins, per_hour=pace.logins)
        bucket = self.bucket.with_pace(pace)
        return replace(self, bucket=bucket, allowance=allowance, logins=logins)

    def goes_at(self, now: float, importance: int) -> float:
        """Return when the account may send a message that is so important."""
        return max(
            self.bucket.next_at(now, importance),
            self.allowance.next_at(now, importance),
        )

    def within_a_minute(self, now: float, importance: int) -> float:
        """Return how many messages for the same recipients go out one by one."""
        if self.allowance.hourly(now, importance):
            return 1.0
        return max(self.bucket.within_a_minute(now), 1.0)

    def word_by_word(self, now: float) -> bool:
        """Tell whether each command has to wait for the answer to the one before."""
        return self.word_by_word_until is not None and now < self.word_by_word_until
