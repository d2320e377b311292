"""An alarm that is sent again until someone acknowledges it: what is known of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from ..clock import Now
from ..mime.address import Recipients
from ..mime.models import Priority
from ..outbox.composing import Ticket
from ..outbox.core.record import Record
from ..outbox.manager import RESTORED
from .alerts import read_recipients

_MAX_MAILS = 1500
"""Of one alarm that are remembered: one a minute for a day."""
_AT_THIS_PACE = 5
"""Mails after which the time between two doubles: nobody reads them."""
_LONGEST_INTERVAL = 3600.0


@dataclass(slots=True, kw_only=True, eq=False)
class Reminder:
    """An alarm that nobody has acknowledged. Instants are of the steady clock."""

    queue_id: str
    """Of its first mail."""
    again: dict[str, Any]
    """What the call said, to be read once more: what it names is fetched anew."""
    tag: str
    """Its own, or one of its call's: all of its mails are one conversation."""
    recipients: Recipients
    priority: Priority
    raised: datetime
    every: float
    """Seconds from when a mail went out to the next one, in the beginning."""
    length: float
    """Seconds after which it is over by itself."""
    due: float
    ends: float
    unanswered: float
    """When it is told that nobody has acknowledged it, at its end at the latest.

    Raised again and again, it is told as for the first one.
    """
    number: int = 1
    """Mails so far."""
    queue_ids: list[str] = field(default_factory=list)
    """Of all of them: who presses a button of any has acknowledged all."""
    waits: bool = True
    """Whether the last one has not gone out yet: the next one waits for it."""
    restored: bool = False
    """It comes from a backup: a person has to decide."""
    ticket: Ticket | None = None
    """Of the last one, if this run has made it."""

    @property
    def interval(self) -> float:
        """Seconds to the next mail: doubling from the sixth one on, to an hour.

        An alarm that nobody acknowledges is not to use up what the account may send.
        """
        doubled = self.every * 2.0 ** min(max(self.number - _AT_THIS_PACE, 0), 20)
        return max(min(doubled, _LONGEST_INTERVAL), self.every)

    @property
    def title(self) -> str:
        """What people know it by."""
        return str(self.again.get("title") or self.tag)

    @property
    def for_whom(self) -> tuple[str, frozenset[str]]:
        """What tells it from other alarms: its tag, and to whom it goes."""
        people = frozenset(one.lower() for one in self.recipients.addr_specs)
        return self.tag, people

    def as_dict(self, now: Now) -> dict[str, Any]:
        """Return what can be written as JSON."""
        return {
            "again": self.again,
            "tag": self.tag,
            "recipients": self.recipients.as_dict(),
            "priority": self.priority,
            "raised": self.raised.isoformat(),
            "every": self.every,
            "length": self.length,
            "due": now.wall_at(self.due).isoformat(),
            "ends": now.wall_at(self.ends).isoformat(),
            "unanswered": now.wall_at(self.unanswered).isoformat(),
            "number": self.number,
            "queue_ids": self.queue_ids[-_MAX_MAILS:],
            RESTORED: self.restored,
        }

    @classmethod
    def read(cls, queue_id: str, data: object, now: Now) -> Self:
        """Return what was written. Raises ValueError."""
        record = Record.of(data)
        every, length = record.seconds("every"), record.seconds("length")
        # A clock that was set makes nothing wait longer than it was to.
        due = (record.time("due") - now.wall).total_seconds()
        ends = (record.time("ends") - now.wall).total_seconds()
        unanswered = (record.time("unanswered") - now.wall).total_seconds()
        longest = max(every, _LONGEST_INTERVAL)
        return cls(
            queue_id=queue_id,
            again=record.optional("again", dict) or {},
            tag=record.text("tag"),
            recipients=read_recipients(record.optional("recipients", dict)),
            priority=Priority(record.text("priority")),
            raised=record.time("raised"),
            every=every,
            length=length,
            due=now.steady + min(max(due, 0.0), longest),
            ends=now.steady + min(ends, length),
            unanswered=now.steady + min(unanswered, ends, length),
            number=record.count("number"),
            queue_ids=list(record.all_texts("queue_ids")),
            restored=record.flag(RESTORED),
        )
