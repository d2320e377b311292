"""An alarm that is sent again until someone acknowledges it: what is known of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from ..mime.address import Recipients
from ..outbox.clock import Now
from ..outbox.intake import Ticket
from .counts import read_recipients, record_of, stored_recipients

MAX_MAILS = 1500
"""Of one alarm that are remembered: one a minute for a day."""


@dataclass(slots=True, kw_only=True, eq=False)
class Reminder:
    """An alarm that nobody has acknowledged. Instants are of the steady clock."""

    again: dict[str, Any]
    """What the call said, to be read once more: what it names is fetched anew."""
    tag: str
    """Its own, or the queue id of its first mail: all of them are one conversation."""
    recipients: Recipients
    raised: datetime
    every: float
    """Seconds from when a mail went out to the next one."""
    length: float
    """Seconds after which it is over by itself."""
    due: float
    ends: float
    number: int = 1
    """Mails so far."""
    queue_ids: list[str] = field(default_factory=list)
    """Of all of them: who presses a button of any has acknowledged all."""
    waits: bool = True
    """Whether the last one has not gone out yet: the next one waits for it."""
    ticket: Ticket | None = None
    """Of the last one, if this run has made it."""
    before: Reminder | None = None
    """What goes on if the first mail cannot be sent."""

    def as_dict(self, now: Now) -> dict[str, Any]:
        """Return what can be written as JSON."""
        return {
            "again": self.again,
            "tag": self.tag,
            "recipients": stored_recipients(self.recipients),
            "raised": self.raised.isoformat(),
            "every": self.every,
            "length": self.length,
            "due": now.wall_at(self.due).isoformat(),
            "ends": now.wall_at(self.ends).isoformat(),
            "number": self.number,
            "queue_ids": self.queue_ids[-MAX_MAILS:],
        }

    @classmethod
    def read(cls, data: object, now: Now) -> Self:
        """Return what was written. Raises ValueError."""
        record = record_of(data)
        every, length = record.seconds("every"), record.seconds("length")
        # A clock that was set makes nothing wait longer than it was to.
        due = (record.time("due") - now.wall).total_seconds()
        ends = (record.time("ends") - now.wall).total_seconds()
        return cls(
            again=record.optional("again", dict) or {},
            tag=record.text("tag"),
            recipients=read_recipients(record.optional("recipients", dict)),
            raised=record.time("raised"),
            every=every,
            length=length,
            due=now.steady + min(max(due, 0.0), every),
            ends=now.steady + min(ends, length),
            number=record.count("number"),
            queue_ids=list(record.all_texts("queue_ids")),
        )
