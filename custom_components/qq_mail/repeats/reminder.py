"""An alarm that is sent again until someone acknowledges it: what is known of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, override

from ..clock import Now
from ..mime.address import Recipients
from ..mime.models import Priority
from ..outbox.composing import Ticket
from ..typed import PASSING, Steady
from .kept import Keepable

MAX_MAILS = 1500
"""Of one alarm that are remembered: one a minute for a day."""
_AT_THIS_PACE = 5
"""Mails after which the time between two doubles: nobody reads them."""
_LONGEST_INTERVAL = 3600.0


@dataclass(slots=True, kw_only=True, eq=False)
class Reminder(Keepable):
    """An alarm that nobody has acknowledged."""

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
    due: Steady
    ends: Steady
    unanswered: Steady
    """When it is told that nobody has acknowledged it, at its end at the latest.

    Raised again and again, it is told as for the first one.
    """
    number: int = 1
    """Mails so far."""
    queue_ids: list[str] = field(default_factory=list)
    """Of all of them: who presses a button of any has acknowledged all."""
    waits: bool = field(default=True, metadata=PASSING)
    """Whether the last one has not gone out yet: the next one waits for it."""

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

    def add_mail(self, ticket: Ticket) -> None:
        """Know the next mail, which waits."""
        self.number += 1
        self.waits, self.ticket = True, ticket
        self.queue_ids.append(ticket.queue_id)
        del self.queue_ids[:-MAX_MAILS]

    @override
    def bound(self, now: Now) -> None:
        if not self.queue_ids or self.recipients == Recipients():
            raise ValueError("no mail, or nobody to send it to")
        longest = now.steady + max(self.every, _LONGEST_INTERVAL)
        self.due = min(max(self.due, now.steady), longest)
        self.ends = min(self.ends, now.steady + self.length)
        self.unanswered = min(self.unanswered, self.ends)
