"""What people see of an account's outbox: all of it comes from the scheduler."""

from dataclasses import dataclass
from datetime import datetime

from homeassistant.util import dt as dt_util

from ..clock import read_clock
from ..const import DEFAULT_MAX_SIZE
from ..smtp.models import Reply
from ..smtp.replies import Cause
from .core.account import Account
from .core.models import NEVER, Message, Plan
from .core.plan import plans
from .manager import Manager


@dataclass(frozen=True, slots=True)
class ShownPause:
    """Why an account sends nothing for now, and until when, as people read it."""

    cause: Cause
    until: datetime
    reply: Reply | None = None


class OutboxView:
    """An account's messages, limits and state, as they are at this moment."""

    def __init__(self, manager: Manager, account_id: str) -> None:
        """Keep where to look."""
        self.manager = manager
        self.id = account_id

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self.state.queue)

    def __bool__(self) -> bool:
        """Return that there is one, though nothing may wait in it."""
        return True

    @property
    def state(self) -> Account:
        """What the scheduler knows of the account."""
        return self.manager.account(self.id)

    @property
    def running(self) -> bool:
        """Whether messages are tried; else they are only kept."""
        return self.state.running

    @property
    def troubles(self) -> int:
        """How often something went wrong that nobody expected."""
        return self.manager.troubles

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

    @property
    def next_plan(self) -> Plan | None:
        """When something is tried next, and why not now; None where nothing waits."""
        return self.manager.scheduler.next_plan(read_clock(), self.id)

    @property
    def next_attempt(self) -> datetime | None:
        """When something is tried next; None where nothing waits."""
        plan = self.next_plan
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
    def per_day(self) -> int:
        """How many messages may go out within 24 hours; 0: any number."""
        return self.state.limits.settings.per_day

    @property
    def left_today(self) -> int | None:
        """How many of them are left; None: there is no limit."""
        return self.state.limits.left_today(read_clock().steady)

    @property
    def sent_most(self) -> list[tuple[str, int]]:
        """The titles of which most went out since yesterday, and how often."""
        return self.state.tally.most()

    @property
    def last_accepted(self) -> datetime | None:
        """When the last one was."""
        return self.state.tally.last_accepted

    @property
    def oldest_waiting(self) -> datetime | None:
        """When the oldest alert was raised that waits; a digest's is its newest one."""
        oldest = self.state.queue.oldest()
        return self.raised_at(oldest) if oldest else None

    @property
    def expired(self) -> bool:
        """Whether a message expired, and none was accepted since."""
        return self.state.expired

    @property
    def restored(self) -> list[str]:
        """What comes from a backup and waits for a person's decision."""
        return sorted(self.state.queue.restored)

    def holds(self, queue_id: str) -> bool:
        """Tell whether a message waits, or is being tried, be it in a digest."""
        return self.state.queue.get_whole(queue_id) is not None

    def age_of(self, message: Message) -> float:
        """Return the seconds since an alert was raised."""
        return read_clock().steady - message.raised

    def raised_at(self, message: Message) -> datetime:
        """Return when an alert was raised."""
        return read_clock().wall_at(message.raised)

    def messages(self) -> list[tuple[Message, Plan]]:
        """Return what waits, in the order in which it goes out, with its plan."""
        return list(plans(self.state, read_clock().steady))

    @staticmethod
    def time_of(plan: Plan) -> datetime | None:
        """Return a plan's time as people read it; None: when a person decides."""
        return None if plan.at == NEVER else read_clock().wall_at(plan.at)
