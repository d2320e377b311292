"""A disk, and what is kept on it."""

from dataclasses import dataclass, field, replace

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.outbox.core.models import Message
from custom_components.qq_mail.outbox.pace import Pace
from custom_components.qq_mail.outbox.queue import Queue
from custom_components.qq_mail.outbox.record import as_json, from_json
from custom_components.qq_mail.outbox.standing import Hold, Standing
from custom_components.qq_mail.outbox.used import read_used, used_as_dict


@dataclass
class Disk:
    """Holds records; what it does not take is tried again once it takes writes."""

    records: dict[str, str] = field(default_factory=dict)
    standing: tuple[Standing, Now] | None = None
    pending: dict[str, str | None] = field(default_factory=dict)
    """What was not written; None: what was not removed."""
    pending_standing: tuple[Standing, Now] | None = None
    full: bool = False

    def write(self, message: Message, now: Now) -> None:
        """Put on disk what is known of a message."""
        self._change(message.queue_id, as_json(message, now))

    def remove(self, queue_id: str) -> None:
        """Remove a message."""
        self._change(queue_id, None)

    def keep(self, standing: Standing, now: Now) -> None:
        """Put on disk how the account stands."""
        if self.full:
            self.pending_standing = (standing, now)
        else:
            self.standing = (standing, now)

    def make_room(self) -> None:
        """Take writes again, those that were refused first."""
        self.full = False
        pending, self.pending = self.pending, {}
        for queue_id, content in pending.items():
            self._change(queue_id, content)
        self.standing = self.pending_standing or self.standing
        self.pending_standing = None

    def lose_what_is_pending(self) -> None:
        """Forget with the process what was not written."""
        self.pending = {}
        self.pending_standing = None

    def load(self, now: Now) -> tuple[Queue, tuple[str, ...]]:
        """Return what a start finds, and what was in the air before."""
        queue, cut_off = Queue(), []
        for content in self.records.values():
            message = from_json(content, now)
            queue.put(message)
            if message.in_data:
                cut_off.append(message.queue_id)
        return queue, tuple(cut_off)

    def load_standing(self, pace: Pace, now: Now) -> Standing:
        """Return how the account stands at a start; the integration keeps as much."""
        new = Standing.new(pace, now.steady, check_login_at=now.steady)
        if self.standing is None:
            return new
        old, then = self.standing
        hold = old.hold and _hold(old.hold, then, now)
        return replace(
            read_used(used_as_dict(old, then), new, now),
            hold=hold,
            login_refusals=old.login_refusals,
            asked=old.asked,
            pauses=old.pauses,
            check_login_at=hold.until if hold and hold.for_login else now.steady,
        )

    def _change(self, queue_id: str, content: str | None) -> None:
        if self.full:
            self.pending[queue_id] = content
        elif content is None:
            self.records.pop(queue_id, None)
        else:
            self.records[queue_id] = content


def _hold(hold: Hold, then: Now, now: Now) -> Hold | None:
    rest = (then.wall_at(hold.until) - now.wall).total_seconds()
    if rest <= 0:
        return None
    return Hold(hold.cause, now.steady + min(rest, hold.length), hold.length)
