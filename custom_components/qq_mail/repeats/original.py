"""An alert, the message that it became, and how often the same one came since."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
import json
from typing import Self, override

from ..clock import Now
from ..mime.address import Recipients
from ..mime.models import Priority
from ..typed import PASSING, Steady
from .kept import Keepable

_MAX_TITLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What an alert is told by from others, and what a mail about it needs."""

    key: str
    """A hash of what makes it the same alert: its tag, or all that it says and shows; and
    its recipients."""
    tag: str
    title: str
    recipients: Recipients
    priority: Priority

    @classmethod
    def of(
        cls,
        *,
        tag: str,
        title: str,
        texts: tuple[str, ...],
        shown: Iterable[object] = (),
        recipients: Recipients,
        priority: Priority,
    ) -> Self:
        """Return what stands for an alert; its texts are only hashed.

        `shown` are the pictures, entities and charts that it names: the same camera is
        the same, whatever it sees.
        """
        same = [
            ["tag", tag] if tag else ["texts", title, *texts, *map(str, shown)],
            sorted(map(str.lower, recipients.addr_specs)),
        ]
        # Without a title, the text's beginning is what people know it by.
        known_by = " ".join((title or next(filter(None, texts), "")).split())
        return cls(
            key=sha256(json.dumps(same).encode()).hexdigest(),
            tag=tag,
            title=known_by[:_MAX_TITLE],
            recipients=recipients,
            priority=priority,
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """How many alerts were not sent, and when they were raised."""

    number: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def plus(self, later: Counted) -> Counted:
        """Return both as one."""
        return Counted(
            self.number + later.number,
            self.first or later.first,
            later.last or self.last,
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Original(Keepable):
    """A message that went out or is to, and how often the same alert came since."""

    alert: Alert
    began: Steady
    """When it was raised."""
    length: float
    """Seconds for which the same is counted. 0: it only tells of earlier ones."""
    raised: datetime
    counted: Counted = field(default_factory=Counted)
    """Since it was raised."""
    carried: Counted = field(default_factory=Counted)
    """Those that it tells of, until it has gone out."""
    went_out: bool = False
    """Whether the server has it."""
    telling: bool = field(default=False, metadata=PASSING)
    """Whether a mail is being made of what was counted: nothing is counted any more."""

    @property
    def until(self) -> float:
        """When the time is over, unless it has not gone out by then."""
        return self.began + self.length

    @property
    def untold(self) -> Counted:
        """All that nobody was told of yet."""
        return self.carried.plus(self.counted)

    def covers(self, now: Now, within: timedelta) -> bool:
        """Tell whether the same alert is counted now.

        What has not gone out yet covers it however long that takes: it will tell.
        """
        length = min(self.length, within.total_seconds())
        return not self.went_out or now.steady - self.began < length

    @override
    def bound(self, now: Now) -> None:
        if self.alert.recipients == Recipients():
            raise ValueError("no recipients")
        left = min(max(self.until - now.steady, 0.0), self.length)
        self.began = now.steady + left - self.length
