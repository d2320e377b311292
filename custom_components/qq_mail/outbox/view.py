"""What an account's outbox shows: to people, and to whoever works for it.

What waits, and how the account stands, comes from the scheduler.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..clock import read_clock
from ..const import DEFAULT_MAX_SIZE, LATE_AFTER
from ..mime.address import Mailbox
from ..mime.header import head
from ..mime.message import insertions
from ..mime.models import Insertion, WriteDigest
from ..smtp.models import Account, Reply, Submission
from ..smtp.replies import Cause
from .core.account import Account as Standing
from .core.limits import Settings as Limits
from .core.models import NEVER, Message, Plan, Reason
from .core.plan import next_plan, plan_of, plans
from .core.turn import MESSAGE
from .listeners import Listeners
from .manager import Manager


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person can set."""

    limits: Limits
    expires_after: timedelta
    digest: Callable[[], Awaitable[WriteDigest]]
    """Prepares what makes one message of many."""
    late: Callable[[datetime, timedelta], str]
    """Says when an alert was raised, and how late it is."""
    by_other: Callable[[str, bool], str]
    """Says which account sends instead, and whether it may be the second copy."""


@dataclass(frozen=True, slots=True)
class ShownPause:
    """Why an account sends nothing for now, and until when, as people read it."""

    cause: Cause
    until: datetime
    reply: Reply | None = None


class OutboxView:
    """An account's messages, limits and state, as they are at this moment.

    Sessions, digests, intake and delays work with it: it is all they know of an outbox.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        manager: Manager,
        account_id: str,
        account: Account,
        settings: Settings,
    ) -> None:
        self.hass = hass
        self.manager = manager
        self.scheduler = manager.scheduler
        self.id = account_id
        self.account = account
        self.settings = settings
        self.listeners = Listeners(hass)
        self.reads_answers = False
        """Whether the account's inbox is read, should somebody answer a mail."""
        self.bodies: dict[str, bytes] = {}
        """Texts of messages that the disk did not take, by their queue ids."""
        self.unreadable: list[str] = []
        """What could not be read of what waits."""

    def __len__(self) -> int:
        queue = self.state.queue
        return len(queue) - len(queue.guests) + len(self.state.elsewhere())

    def __bool__(self) -> bool:
        """Return that there is one, though nothing may wait in it."""
        return True

    @property
    def state(self) -> Standing:
        """What the scheduler knows of the account."""
        return self.scheduler.accounts[self.id]

    def happen(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Let a method of the scheduler know what happened to the account."""
        self.manager.happen(method, self.id, *args, **kwargs)

    @property
    def running(self) -> bool:
        """Whether messages are tried; else they are only kept."""
        return self.state.running

    @property
    def max_size(self) -> int:
        """Octets of a message that the server takes, as it said last."""
        return self.state.max_size or DEFAULT_MAX_SIZE

    @property
    def pause(self) -> ShownPause | None:
        """Why nothing goes out at all for now."""
        if not (pause := self.state.pause):
            return None
        until = read_clock().wall_at(pause.until)
        return ShownPause(pause.cause, until, pause.reply)

    def name_of(self, account_id: str) -> str:
        """Return the address of an account, be it another one; empty: it is away."""
        hands = self.manager.hands.get(account_id)
        return hands.account.username if hands else ""

    @property
    def helped_by(self) -> str:
        """The address of the account that sends what this one may not; empty: none."""
        if self.state.helped_since is None:
            return ""
        return self.name_of(self.state.limits.settings.fallback)

    @property
    def helped_since(self) -> datetime | None:
        """Since when another account sends what this one may not."""
        since = self.state.helped_since
        return None if since is None else read_clock().wall_at(since)

    @property
    def next_attempt(self) -> datetime | None:
        """When something is tried next; None where nothing waits."""
        plan = next_plan(self.state, read_clock().steady)
        return self.time_of(plan) if plan else None

    @property
    def accepted_today(self) -> int:
        """How many messages were accepted since midnight."""
        return self.state.tally.accepted_on(dt_util.now().date())

    @property
    def pace(self) -> float | None:
        """How many messages a minute may go out; None: any number."""
        return self.state.limits.rate(read_clock().steady)

    @property
    def left_today(self) -> int | None:
        """How many of them are left; None: there is no limit."""
        return self.state.limits.left_today(read_clock().steady)

    @property
    def oldest_waiting(self) -> datetime | None:
        """When the oldest alert was raised that waits; a digest's is its newest one."""
        there = [message for _, message in self.state.elsewhere()]
        waiting = filter(None, [self.state.queue.oldest(), *there])
        oldest = min(waiting, key=lambda one: one.queue_id, default=None)
        return self.raised_at(oldest) if oldest else None

    @property
    def restored(self) -> list[str]:
        """What comes from a backup and waits for a person's decision."""
        return sorted(one.queue_id for one in self.state.queue if one.restored)

    def holds(self, queue_id: str) -> bool:
        """Tell whether a message waits, or is being tried, be it in a digest."""
        return self.find(queue_id) is not None

    def find(self, queue_id: str) -> Message | None:
        """Return a message, or the digest that it is a part of, wherever it waits."""
        return self.state.find(queue_id)

    def is_tried(self, queue_id: str) -> bool:
        """Tell whether a message is being tried."""
        plan = self.manager.plan(self.id, queue_id)
        return plan is not None and plan.reason is Reason.ATTEMPT

    def waiting(self) -> list[Message]:
        """Return what was raised here and waits, be it with another account."""
        return [message for _, message in self.state.raised()]

    def age_of(self, message: Message) -> float:
        """Return the seconds since an alert was raised."""
        return read_clock().steady - message.raised

    def raised_at(self, message: Message) -> datetime:
        """Return when an alert was raised."""
        return read_clock().wall_at(message.raised)

    def plans(self) -> Iterator[tuple[Message, Plan]]:
        """Yield what waits, in the order in which it goes out, with its plan.

        What another account has taken over comes first.
        """
        now, state = read_clock().steady, self.state
        for other, message in state.elsewhere():
            yield message, plan_of(other, now, message, 0)
        for message, plan in plans(state, now):
            if not message.home:
                yield message, plan

    @staticmethod
    def time_of(plan: Plan) -> datetime | None:
        """Return a plan's time as people read it; None: when a person decides."""
        return None if plan.at == NEVER else read_clock().wall_at(plan.at)

    def submission(self, message: Message, account: Account) -> Submission:
        """Return a message as an account sends it, be it another one.

        One that is late, or another account's, says so.
        """
        raised = self.raised_at(message)
        late = timedelta(seconds=self.age_of(message))
        sender = Mailbox(account.username, message.sender_name)
        message_id = message_id_at(message.queue_id, account.username)
        reply_to = ""
        if message.home and not message.reply_to and self.reads_answers:
            # Where the other account reads its own inbox, answers come by themselves;
            # but only its own account knows the buttons of a copy.
            other = self.manager.hands.get(message.by)
            if message.copy or not (other and other.reads_answers):
                reply_to = self.account.username
        fields = head(sender, message_id, dt_util.as_local(raised), reply_to)
        said = [self.settings.late(raised, late)] if late > LATE_AFTER else []
        if message.home:
            said.append(self.settings.by_other(account.username, message.copy))
        put_in = [Insertion(0, fields)]
        if said:
            put_in += insertions(message.gaps, " ".join(said))
        body = self.bodies.get(message.queue_id)
        key = (MESSAGE, message.home or self.id, message.queue_id)
        return Submission(
            account.username,
            message.recipients,
            self.manager.store.text(key) if body is None else partial(BytesIO, body),
            message.size + sum(len(one.octets) for one in put_in),
            tuple(put_in),
        )


def message_id_at(queue_id: str, username: str) -> str:
    """Return a Message-ID as its header field has it: the same over all attempts."""
    return f"<{queue_id.lower()}@{Mailbox(username).domain}>"
