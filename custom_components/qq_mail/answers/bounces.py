"""Finds out which mail came back, and has it told like any other outcome."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from ..clock import Now, read_clock
from ..const import LOGGER, QQ_DOMAINS
from ..history import History, Item
from ..inbox.bounce import Bounce
from ..outbox.core.models import OutboxEvent, Outcome
from ..outbox.outbox import Outbox
from ..texts import Texts
from .issues import BOUNCED, RETURNED, Issues

_COMES_BACK: Final = timedelta(hours=48)
"""How long after a mail went out to somebody outside QQ it may come back; recipients of
its own QQ refuses at once."""


class Bounces:
    """Knows from all accounts' histories which mails may come back to an account.

    Those are what it has sent, for itself or another one.
    """

    def __init__(
        self,
        outbox: Outbox,
        history: History,
        issues: Issues,
        everyone: dict[str, Bounces],
        changed: Callable[[], None],
    ) -> None:
        """Begin with the mails of earlier runs; `changed` is called where there are more.

        `everyone` are those of all accounts, this one among them from now on.
        """
        self.outbox = outbox
        self.history = history
        self._issues = issues
        self._everyone = everyone
        self._changed = changed
        self._until = 0.0
        everyone[outbox.id] = self
        outbox.async_on_close(partial(everyone.__delitem__, outbox.id))
        outbox.listeners.async_add(self._hear)
        now = read_clock()
        for one in everyone.values():
            one.expect(max((_left(at, now) for at in one.times), default=0.0))

    @property
    def left(self) -> float:
        """For how many seconds a mail may still come back."""
        return max(self._until - read_clock().steady, 0.0)

    @property
    def times(self) -> list[datetime]:
        """When those mails went out that may come back now."""
        return [at for item in self.out if (at := item.accepted_at)]

    def take(self, bounce: Bounce, references: Iterable[str], texts: Texts) -> None:
        """Tell which mail came back from whom, once each; or as much as is known."""
        # Most messages are no part of a digest, whose id is then empty.
        ids = {one[1:].partition("@")[0].upper() for one in references} - {""}
        found = [
            (one, item)
            for one in self._everyone.values()
            for item in one.history.items
            if {item.queue_id, item.digest} & ids
        ]
        if not found:
            known = {one.lower() for item in self.out for one in _outside(item)}
            for address in known.intersection(bounce.recipients):
                self._issues.tell_bounce(RETURNED, address, bounce, texts)
            return
        # They are many if it is a digest; those have the same recipients.
        found.sort(key=lambda pair: pair[1].queue_id)
        item = found[0][1]
        everyone = item.recipients_of(Outcome.ACCEPTED)
        people = [one for one in everyone if one.lower() in bounce.recipients]
        if not bounce.recipients and len(outside := _outside(item)) == 1:
            people = outside
        if not people:
            self._issues.tell_bounce(RETURNED, ", ".join(everyone), bounce, texts)
            return
        told = item.recipients_of(Outcome.BOUNCED)
        if not (new := tuple(one for one in people if one not in told)):
            return
        for part, (home, item) in enumerate(found):
            event = OutboxEvent(
                by=self.outbox.id,
                account=home.outbox.id,
                outcome=Outcome.BOUNCED,
                queue_id=item.queue_id,
                subject=item.title,
                recipients=new,
                attempts=item.results[-1].attempts,
                priority=item.priority,
                tag=item.tag,
                cause=bounce.cause,
                detail=bounce.detail,
                digest=item.digest,
                part=part,
                of=len(found) if item.digest else 0,
            )
            home.outbox.listeners.report(event)
        LOGGER.warning("Message %s came back: %s", item.queue_id, bounce.detail)
        for address in new:
            self._issues.tell_bounce(BOUNCED, address, bounce, texts)

    @property
    def out(self) -> list[Item]:
        """The mails that may come back now."""
        now = read_clock()
        return [
            item
            for one in self._everyone.values()
            for item in one.history.items
            if (at := item.accepted_at) and _left(at, now) > 0 and _outside(item)
            # As the history tells it: empty, if its own account has sent it.
            if ("" if one is self else self.outbox.account.username)
            in {result.by for result in item.results}
        ]

    def _hear(self, event: OutboxEvent | None) -> None:
        """Know of a mail that went out, if it is kept which one."""
        if (
            event
            and event.outcome is Outcome.ACCEPTED
            and not event.part
            and (item := self.history.find(event.queue_id))
            and _outside(item)
        ):
            sender = self._everyone.get(event.by, self)
            sender.expect(_COMES_BACK.total_seconds())

    def expect(self, seconds: float) -> None:
        """Know that for so long a mail may come back that this account has sent."""
        self._until = max(self._until, read_clock().steady + seconds)
        self._changed()


def _left(at: datetime, now: Now) -> float:
    """Return the seconds until a mail of then comes back no more."""
    left = min(at + _COMES_BACK - now.wall, _COMES_BACK)
    return left.total_seconds()


def _outside(item: Item) -> list[str]:
    """Return for whom QQ took a mail, to hand it on to somebody else's server."""
    return [
        one
        for one in item.recipients_of(Outcome.ACCEPTED)
        if one.rpartition("@")[2].lower() not in QQ_DOMAINS
    ]
