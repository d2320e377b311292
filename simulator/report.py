"""What is told of a simulation: a line for each thing of note, and a summary."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.models import Message, OutboxEvent, Outcome

from .agenda import MINUTE, Agenda, duration
from .server import Server, Taken


class FaultError(Exception):
    """Something came about that must never be."""


@dataclass(slots=True)
class Alert:
    """An alert, and what was told of it."""

    subject: str
    priority: Priority
    recipients: tuple[str, ...]
    raised: float
    in_memory: bool
    """The disk did not take it."""
    settled: dict[str, Outcome] = field(default_factory=dict)
    """By recipient."""
    online: bool = True
    """Whether there was a server."""
    reachable: bool = True
    """Whether it took the account's messages, too."""
    may_copy: bool = False
    """Whether there was a reason to send it twice."""
    refused: bool = False
    """Whether its call failed: it may not be kept, and need not go out."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of it all; counted by recipients where it says so."""

    raised: int
    accepted: int
    rejected: int
    """Recipients."""
    expired: int
    unknown: int
    """Given up without an answer."""
    failed: int
    """Calls that failed, because neither disk nor server took the alert."""
    copies: int
    """Recipients that got one again."""
    lost: int
    """Recipients that did not get it, with nobody told."""
    needless: int
    """Copies without a reason."""
    waiting: int
    """What never went out."""
    late: int
    """Alerts of the highest priority that could go out, and did not in time."""
    worst: dict[Priority, float]
    """Seconds until the server had it."""
    logins: int
    mails: int
    refused: int

    @property
    def faults(self) -> list[str]:
        """Why this is no good."""
        faults = {
            "lost with nobody told": self.lost,
            "sent twice without a reason": self.needless,
            "still waiting in the end": self.waiting,
            "of the highest priority too late": self.late,
        }
        return [f"{number} {what}" for what, number in faults.items() if number]

    def lines(self) -> list[str]:
        """Word it."""
        worst = ", ".join(
            f"{priority} {duration(seconds)}"
            for priority, seconds in self.worst.items()
        )
        return [
            f"raised {self.raised}, accepted {self.accepted}, lost {self.lost}",
            f"copies {self.copies}, without a reason {self.needless}",
            f"rejected {self.rejected}, expired {self.expired}, unknown {self.unknown}",
            f"calls that failed {self.failed}",
            f"worst wait: {worst}",
            f"logins {self.logins}, MAIL commands {self.mails}, refused {self.refused}",
        ]


class Report:
    """Listens, prints what is of note, and keeps count."""

    def __init__(self, agenda: Agenda, say: Callable[[str], object]) -> None:
        """Begin with nothing told; `say` prints a line."""
        self.alerts: dict[str, Alert] = {}
        self.digests: dict[str, tuple[str, ...]] = {}
        """By queue ids: what they are made of; a copy is made of its first one."""
        self._agenda = agenda
        self._say = say
        self._late: list[float] = []
        self._late_alarms: set[str] = set()

    def note(self, text: str) -> None:
        """Print what happened just now."""
        time = timedelta(seconds=int(self._agenda.now))
        hours, rest = divmod(time.seconds, 3600)
        clock = f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
        self._say(f"day {time.days + 1} {clock}  {text}")

    def take(self, message: Message, *, online: bool, reachable: bool) -> Alert:
        """Note an alert."""
        alert = self.alerts[message.queue_id] = Alert(
            subject=message.subject,
            priority=message.priority,
            recipients=message.recipients,
            raised=self._agenda.now,
            in_memory=message.in_memory,
            online=online,
            reachable=reachable,
        )
        return alert

    def merge(self, digest: Message) -> None:
        """Note a digest; what became of each message in it is told for that."""
        self.digests[digest.queue_id] = tuple(one.queue_id for one in digest.parts)

    def copy(self, first: Message, copy: Message) -> None:
        """Note that another account sends a copy of an alarm, which may arrive twice."""
        self.digests[copy.queue_id] = (first.queue_id,)
        self.allow_copy(first.queue_id)
        self.note(f"{first.subject}: another account sends a copy")

    def names_of(self, queue_id: str) -> set[str]:
        """Return the queue ids of the mails that tell of an alert."""
        names = {one for one, parts in self.digests.items() if queue_id in parts}
        return names | {queue_id}

    def is_settled(self, queue_id: str) -> bool:
        """Tell whether something final was told of an alert, or its call failed."""
        alert = self.alerts[queue_id]
        return alert.refused or bool(alert.settled)

    def in_mail(self, queue_id: str) -> tuple[str, ...]:
        """Return the alerts that a mail tells of."""
        return self.digests.get(queue_id, (queue_id,))

    def allow_copy(self, queue_id: str) -> None:
        """Note that there is a reason to send a mail twice."""
        for one in self.in_mail(queue_id):
            self.alerts[one].may_copy = True

    def hear(self, event: OutboxEvent) -> None:
        """Note an outcome."""
        if event.plan or event.queue_id in self.digests:
            # Of a copy: what became of the alarm is told of its first one.
            return
        alert = self.alerts[event.queue_id]
        if alert.in_memory and event.outcome is Outcome.EXPIRED:
            self.fail(event.queue_id)
            return
        alert.settled |= dict.fromkeys(event.recipients, event.outcome)
        waited = self._agenda.now - alert.raised
        if event.outcome is not Outcome.ACCEPTED:
            why = event.reply or event.cause or event.detail
            whom = ", ".join(event.recipients)
            self.note(
                f"{alert.subject}: {event.outcome} for {whom}, after"
                f" {duration(waited)}: {why}"
            )
        elif waited > 5 * MINUTE:
            self._late.append(waited)

    def fail(self, queue_id: str) -> None:
        """Note a call that fails: whoever made it is told."""
        alert = self.alerts[queue_id]
        alert.refused = True
        self.note(f"{alert.subject}: the call fails, it is neither kept nor sent")

    def be_late(self, queue_id: str) -> None:
        """Note an alert of the highest priority that did not go out at once."""
        self._late_alarms.add(queue_id)
        self.note(f"{self.alerts[queue_id].subject}: it should have gone out by now")

    def look(self, waiting: int) -> None:
        """Say so when those that were late are out."""
        if self._late and not waiting:
            self.note(
                f"nothing waits any more: {len(self._late)} went out late, the worst"
                f" after {duration(max(self._late))}"
            )
            self._late = []

    def summary(self, servers: Collection[Server], waiting: int) -> Summary:
        """Count."""
        first: dict[tuple[str, str], float] = {}
        copies = needless = 0
        for one in taken_by(servers):
            for queue_id in self.in_mail(one.queue_id):
                key = (queue_id, one.recipient)
                if key in first:
                    copies += 1
                    needless += not self.alerts[queue_id].may_copy
                first.setdefault(key, one.at)
        reached = {queue_id for queue_id, _ in first}
        waits: dict[Priority, float] = {}
        for (queue_id, _), at in first.items():
            alert = self.alerts[queue_id]
            waited = at - alert.raised
            waits[alert.priority] = max(waits.get(alert.priority, 0.0), waited)
        told = [
            outcome
            for alert in self.alerts.values()
            for outcome in alert.settled.values()
        ]
        lost = sum(
            (queue_id, recipient) not in first and recipient not in alert.settled
            for queue_id, alert in self.alerts.items()
            for recipient in alert.recipients
            if not alert.refused
        )
        return Summary(
            raised=len(self.alerts),
            accepted=len(reached),
            rejected=told.count(Outcome.REJECTED),
            expired=told.count(Outcome.EXPIRED),
            unknown=told.count(Outcome.UNKNOWN),
            failed=sum(
                alert.refused and queue_id not in reached
                for queue_id, alert in self.alerts.items()
            ),
            copies=copies,
            lost=lost,
            needless=needless,
            waiting=waiting,
            late=len(self._late_alarms),
            worst={one: waits[one] for one in Priority if one in waits},
            logins=sum(one.logins for one in servers),
            mails=sum(one.mails for one in servers),
            refused=sum(one.refused for one in servers),
        )


def taken_by(servers: Collection[Server]) -> list[Taken]:
    """Return what the servers took, in the order of time."""
    taken = [each for one in servers for each in one.taken]
    return sorted(taken, key=lambda one: one.at)
