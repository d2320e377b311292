"""What an outbox tells: of a message, of a call's message, of the account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..smtp.models import Reply
from ..smtp.replies import Cause


class Outcome(StrEnum):
    """What came of an attempt, or of a message that got none in time."""

    ACCEPTED = "accepted"
    """QQ took it; whether it arrives is another matter."""
    DEFERRED = "deferred"
    """It waits for the next attempt."""
    REJECTED = "rejected"
    """Refused for good, and removed."""
    EXPIRED = "expired"
    """Too old, or nowhere to be kept, and removed."""
    UNKNOWN = "unknown"
    """QQ may have it: all was sent, and no answer came. It is tried again, unless
    there is no next attempt: then it was given up after the third time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEvent:
    """An outcome, and whom it concerns."""

    outcome: Outcome
    queue_id: str
    subject: str
    recipients: tuple[str, ...]
    attempts: int
    message_id: str
    cause: Cause | None = None
    reply: Reply | None = None
    detail: str = ""
    next_attempt: datetime | None = None
    digest: str = ""
    """The queue id of the digest that this message was a part of."""


@dataclass(slots=True, kw_only=True)
class Receipt:
    """What has become of a message by the time its call returns."""

    queue_id: str
    message_id: str
    recipients: tuple[str, ...]
    next_attempt: datetime | None = None
    dropped: bool = False
    """Whether somebody discarded it, or removed its account, before it went out."""
    for_digest: bool = False
    """Whether it goes out in one mail with others."""
    for_allowance: bool = False
    """Whether it waits because of how much went out in the hour or the day."""
    events: list[OutboxEvent] = field(default_factory=list)
    """Of its first attempt: one for those who were accepted, one for those who wait,
    and one for each who was refused. Empty: it was not tried yet."""

    @property
    def decisive(self) -> OutboxEvent | None:
        """The event that says what became of it: what was accepted counts first."""
        return min(self.events, key=_by_weight, default=None)

    @property
    def accepted(self) -> tuple[str, ...]:
        """Who was accepted."""
        return self._with(Outcome.ACCEPTED)

    @property
    def deferred(self) -> tuple[str, ...]:
        """Who waits: all, if nothing was tried."""
        if self.dropped:
            return ()
        if not self.events:
            return self.recipients
        return self._with(Outcome.DEFERRED, Outcome.UNKNOWN)

    @property
    def refused(self) -> Mapping[str, OutboxEvent]:
        """Who was refused for good, or waited too long, and how that was said."""
        return {
            recipient: event
            for event in self.events
            if event.outcome in (Outcome.REJECTED, Outcome.EXPIRED)
            for recipient in event.recipients
        }

    def _with(self, *outcomes: Outcome) -> tuple[str, ...]:
        return tuple(
            recipient
            for event in self.events
            if event.outcome in outcomes
            for recipient in event.recipients
        )


@dataclass(frozen=True, slots=True)
class Rest:
    """Why nothing goes out at all for now, and until when, as people read it."""

    cause: Cause
    until: datetime
    reply: Reply | None = None


def _by_weight(event: OutboxEvent) -> int:
    return list(Outcome).index(event.outcome)
