"""Notices that messages wait longer than they should, once for each episode."""

import asyncio
from dataclasses import dataclass
from math import inf
from typing import Final

from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.signal_type import SignalType

from ..clock import read_clock
from ..const import DOMAIN
from ..mime.models import Priority
from .core.account import Account
from .core.models import Level, Message, Plan, Reason
from .core.plan import gate, plan_of
from .view import OutboxView

INTERVAL: Final = 10.0
"""Seconds between two looks, while something waits."""
_PATIENCE = {Level.BELOW: 300.0, Level.HIGH: 60.0, Level.HIGHEST: 60.0}
"""Seconds that a message may wait since it could first be tried."""
_AS_PROMISED = (Reason.PACE, Reason.DIGEST, Reason.DAY, Reason.HOUR, Reason.DECISION)
"""Reasons for which a message waits by the house's own rules, or for a person."""
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """That messages wait too long, and why the most important of them does."""

    number: int
    titles: tuple[str, ...]
    """Of the most important ones."""
    recipients: tuple[str, ...]
    """Of the most important one."""
    priority: Priority
    """Its priority."""
    plan: Plan
    """When it goes, and why not now."""


SIGNAL_DELAY: SignalType[str, Delay] = SignalType(f"{DOMAIN}_delay")
"""An account's messages wait too long: once for each episode, and again only of something
more important."""


class Delays:
    """Looks after an account's messages, and tells when an episode begins or grows."""

    def __init__(self, view: OutboxView) -> None:
        self.current: Delay | None = None
        self._hass = view.hass
        self._view = view
        self._promised: dict[str, float] = {}
        """When a message that waits for long was last seen to wait as promised."""
        self._worst = -inf
        """The rank of the most important message of this episode."""
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Look again in a while, as long as something waits."""
        if not len(self._view):
            self.current, self._worst = None, -inf
        elif self._timer is None and self._view.running:
            self._timer = self._hass.loop.call_later(INTERVAL, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        before, now = self.current, read_clock().steady
        self._promised = {
            key: at for key, at in self._promised.items() if self._view.holds(key)
        }
        late = [
            (message, plan)
            for account, message in self._view.state.raised()
            if (plan := self._late(account, message, now))
        ]
        late.sort(key=lambda one: (-one[0].rank, one[0].queue_id))
        if late:
            worst, plan = late[0]
            self.current = Delay(
                number=len(late),
                titles=tuple(one.subject for one, _ in late[:_MOST_NAMED]),
                recipients=worst.recipients,
                priority=worst.priority,
                plan=plan,
            )
            if worst.rank > self._worst:
                self._worst = worst.rank
                async_dispatcher_send(
                    self._hass, SIGNAL_DELAY, self._view.id, self.current
                )
        else:
            self.current, self._worst = None, -inf
        if self.current != before:
            self._view.listeners.tell(None)
        self.watch()

    def _late(self, account: Account, message: Message, now: float) -> Plan | None:
        """Return the plan of a message that waits for longer than it should.

        After a start, and after what was promised, it has as long again to be tried.
        """
        since = self._promised.get(message.queue_id, message.arrived)
        if now - max(message.raised, since) <= _PATIENCE[message.level]:
            return None
        plan = plan_of(account, now, message, 0)
        held = gate(account, now, message) if plan.reason is Reason.TURN else None
        # Behind one that is being tried, it may wait for its hour all the same.
        promised = (held or plan).reason in _AS_PROMISED or (
            # What was promised ends at this moment, as it seems.
            plan.reason in (Reason.ATTEMPT, Reason.TURN)
            and message.level is Level.BELOW
            and not message.attempts
            and message.queue_id not in self._promised
        )
        if promised:
            self._promised[message.queue_id] = now
            return None
        return plan
