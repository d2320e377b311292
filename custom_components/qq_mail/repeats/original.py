"""An alert that went out or is to, and how often the same one came since."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from ..clock import Now
from ..mime.models import Priority
from ..outbox.composing import Ticket
from ..outbox.core.record import Record
from ..outbox.manager import RESTORED
from .alerts import Alert, Counted, read_counted, read_recipients, stored_counted


@dataclass(slots=True, kw_only=True, eq=False)
class Original:
    """A message that went out or is to, and how often the same alert came since."""

    alert: Alert
    queue_id: str
    began: float
    """When it was raised, by the steady clock; as are all instants but datetimes."""
    length: float
    """Seconds for which the same is counted. 0: it only tells of earlier ones."""
    raised: datetime
    counted: Counted = field(default_factory=Counted)
    """Since it was raised."""
    carried: Counted = field(default_factory=Counted)
    """Those that it tells of, until it has gone out."""
    went_out: bool = False
    """Whether the server has it."""
    restored: bool = False
    """It comes from a backup: the house that it was copied from goes on with it."""
    telling: bool = False
    """Whether a mail is being made of what was counted: nothing is counted any more."""
    ticket: Ticket | None = None
    """None: an earlier run had it."""

    @property
    def until(self) -> float:
        """When the time is over, unless it has not gone out by then."""
        return self.began + self.length

    @property
    def is_counting(self) -> bool:
        """Whether it went out, and its time will be over by itself."""
        return self.went_out and not (self.restored or self.telling)

    @property
    def untold(self) -> Counted:
        """All that nobody was told of yet."""
        return self.carried.plus(self.counted)

    def covers(self, now: Now, within: timedelta) -> bool:
        """Tell whether the same alert is counted now.

        What has not gone out yet covers it however long that takes: it will tell.
        """
        if not self.length:
            return False
        length = min(self.length, within.total_seconds())
        return not self.went_out or now.steady - self.began < length

    def add(self, now: Now) -> None:
        """Count the same alert once more."""
        self.counted = self.counted.plus(Counted(1, now.wall, now.wall))

    def take(self) -> Counted:
        """Return what was counted, which is told by another message from now on."""
        counted, self.counted = self.counted, Counted()
        return counted

    def as_dict(self, now: Now) -> dict[str, Any]:
        """Return what can be written as JSON."""
        alert = self.alert
        return {
            "key": alert.key,
            "tag": alert.tag,
            "title": alert.title,
            "recipients": alert.recipients.as_dict(),
            "priority": alert.priority,
            "until": now.wall_at(self.until).isoformat(),
            "length": self.length,
            "raised": self.raised.isoformat(),
            "counted": stored_counted(self.counted),
            "carried": stored_counted(self.carried),
            "went_out": self.went_out,
            RESTORED: self.restored,
        }

    @classmethod
    def read(cls, queue_id: str, data: object, now: Now) -> Self:
        """Return what was written. Raises ValueError."""
        record = Record.of(data)
        length = record.seconds("length")
        left = (record.time("until") - now.wall).total_seconds()
        # A clock that was set makes nothing last longer than it was to.
        until = now.steady + min(max(left, 0.0), length)
        alert = Alert(
            key=record.text("key"),
            tag=record.text("tag"),
            title=record.text("title"),
            recipients=read_recipients(record.optional("recipients", dict)),
            priority=Priority(record.text("priority")),
        )
        return cls(
            alert=alert,
            queue_id=queue_id,
            began=until - length,
            length=length,
            raised=record.time("raised"),
            counted=read_counted(record.optional("counted", dict)),
            carried=read_counted(record.optional("carried", dict)),
            went_out=record.flag("went_out"),
            restored=record.flag(RESTORED),
        )
