"""Alerts that are the same as one that went out: what is known of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
import json
from typing import Any, Self

from ..mime.address import Mailbox, Recipients
from ..mime.models import Priority
from ..outbox.clock import Now
from ..outbox.intake import Ticket
from ..outbox.record import Record

_MAX_TITLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What an alert is told by from others, and what a mail about it needs."""

    key: str
    """A hash of its tag, or of its title and text, and of its recipients."""
    tag: str
    title: str
    recipients: Recipients
    priority: Priority

    @property
    def addresses(self) -> tuple[str, ...]:
        """Everyone who gets it."""
        recipients = self.recipients
        everyone = (*recipients.to, *recipients.cc, *recipients.bcc)
        return tuple(one.addr_spec for one in everyone)

    @classmethod
    def of(
        cls,
        *,
        tag: str,
        title: str,
        texts: tuple[str, ...],
        recipients: Recipients,
        priority: Priority,
    ) -> Self:
        """Return what stands for an alert; its texts are only hashed."""
        everyone = (*recipients.to, *recipients.cc, *recipients.bcc)
        same = [
            ["tag", tag] if tag else ["texts", title, *texts],
            sorted({one.addr_spec.lower() for one in everyone}),
        ]
        # Without a title, the text's beginning is what people know it by.
        shown = " ".join((title or next(filter(None, texts), "")).split())
        return cls(
            key=sha256(json.dumps(same).encode()).hexdigest(),
            tag=tag,
            title=shown[:_MAX_TITLE],
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
class Count:
    """A message that went out or is to, and the alerts that it stands for."""

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
    ticket: Ticket | None = None
    """None: an earlier run had it."""

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
            "recipients": stored_recipients(alert.recipients),
            "priority": alert.priority,
            "queue_id": self.queue_id,
            "until": now.wall_at(self.until).isoformat(),
            "length": self.length,
            "raised": self.raised.isoformat(),
            "counted": _stored(self.counted),
            "carried": _stored(self.carried),
            "went_out": self.went_out,
        }

    @classmethod
    def read(cls, data: object, now: Now) -> Self:
        """Return what was written. Raises ValueError."""
        record = record_of(data)
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
            queue_id=record.text("queue_id"),
            began=until - length,
            length=length,
            raised=record.time("raised"),
            counted=_read(record.optional("counted", dict)),
            carried=_read(record.optional("carried", dict)),
            went_out=record.flag("went_out"),
        )


def record_of(data: object) -> Record:
    """Return what reads an object. Raises ValueError."""
    if not isinstance(data, dict):
        raise ValueError("no object")  # noqa: TRY004 - as all that is wrong on disk
    return Record(data)


def stored_recipients(recipients: Recipients) -> dict[str, list[str]]:
    """Return them as JSON."""
    return {
        "to": list(map(str, recipients.to)),
        "cc": list(map(str, recipients.cc)),
        "bcc": list(map(str, recipients.bcc)),
    }


def read_recipients(data: object) -> Recipients:
    """Return those that were written. Raises ValueError."""
    record = record_of(data)
    recipients = Recipients(
        to=_mailboxes(record.items("to")),
        cc=_mailboxes(record.items("cc")),
        bcc=_mailboxes(record.items("bcc")),
    )
    if recipients == Recipients():
        raise ValueError("no recipients")
    return recipients


def _mailboxes(texts: Iterable[object]) -> tuple[Mailbox, ...]:
    return tuple(Mailbox.stored(str(text)) for text in texts)


def _stored(counted: Counted) -> dict[str, Any] | None:
    if not (counted.first and counted.last):
        return None
    return {
        "number": counted.number,
        "first": counted.first.isoformat(),
        "last": counted.last.isoformat(),
    }


def _read(data: dict[str, Any] | None) -> Counted:
    if data is None:
        return Counted()
    record = Record(data)
    return Counted(record.count("number"), record.time("first"), record.time("last"))
