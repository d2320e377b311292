"""What a call is told, which waits for its message's first attempt."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from .core.models import OutboxEvent, Outcome, Plan


@dataclass(eq=False, slots=True, kw_only=True, weakref_slot=True)
class Receipt:
    """What has become of a message by the time its call returns."""

    account: str
    queue_id: str
    recipients: tuple[str, ...]
    plan: Plan | None = None
    """When it goes and why not now, if it waits."""
    kept: bool = True
    """Whether the disk has it."""
    dropped: bool = False
    """Whether somebody discarded it, or removed its account, before it went out."""
    events: list[OutboxEvent] = field(default_factory=list)
    """Of its first attempt: one for those who were accepted, one for those who wait,
    and one for each who was refused. Empty: it was not tried yet."""
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where there is nothing to wait for any more."""

    @property
    def decisive(self) -> OutboxEvent | None:
        """The event that says what became of it: what was accepted counts first."""
        weights = list(Outcome)
        return min(
            self.events, key=lambda one: weights.index(one.outcome), default=None
        )

    @property
    def by(self) -> str:
        """The account that has tried it, or will; empty: its own."""
        if self.plan:
            return self.plan.by
        return self.decisive.by if self.decisive else ""

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
