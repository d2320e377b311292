"""Two accounts of one house, of which the second takes over for the first."""

from dataclasses import replace
from datetime import timedelta
import json
from typing import Any

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.account import Account
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import (
    Action,
    Attempt,
    Message,
    OutboxEvent,
    Plan,
    TakeOver,
)
from custom_components.qq_mail.outbox.core.record import message_as_dict
from custom_components.qq_mail.outbox.core.scheduler import Scheduler
from custom_components.qq_mail.outbox.core.turn import MESSAGE
from custom_components.qq_mail.smtp.errors import MailError
from custom_components.qq_mail.smtp.models import SubmissionResult

from .play import NOON, OK, message

FIRST, SECOND = "first", "second"
SETTINGS = {
    FIRST: Settings(server="smtp.qq.com", fallback=SECOND),
    SECOND: Settings(server="smtp.qq.com"),
}


class Pair:
    """A scheduler with two accounts, its clock and disk, and what was told."""

    def __init__(self, **changed: Settings) -> None:
        """Begin with both at work, and nothing that waits."""
        self.settings = SETTINGS | changed
        self.now = Now(1_000_000.0, NOON)
        self.disk: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.tried: list[tuple[str, str]] = []
        """Which account tried which message."""
        self.taken_over: list[TakeOver] = []
        self.told: list[OutboxEvent] = []
        self.number = 0
        self.begin()

    def begin(self, *order: str) -> None:
        """Load the accounts in this order, from what is on disk."""
        self.scheduler = Scheduler(lambda: 0.0, lambda wall: wall.date())
        for account in order or (FIRST, SECOND):
            records = {
                (kind, key): record
                for (kind, owner, key), record in self.disk.items()
                if owner == account
            }
            settings = self.settings[account]
            self.scheduler.add_account(self.now, account, settings, records)
        for account in order or (FIRST, SECOND):
            self.happen("start", account, check_login=False)

    def restart(self, *order: str) -> None:
        """Kill the process, and begin anew a minute later."""
        self.now = Now(50.0, self.now.wall + timedelta(minutes=1))
        self.begin(*order)

    def account(self, name: str) -> Account:
        """Return what is known of an account."""
        return self.scheduler.accounts[name]

    def happen(self, what: str, account: str, *args: Any, **kwargs: Any) -> None:
        """Let something happen to an account."""
        method = getattr(self.scheduler, what)
        self.took(method(self.now, account, *args, **kwargs))

    def took(self, actions: list[Action] | None) -> None:
        """Do what follows, and look at what must hold."""
        marks, self.scheduler.marks = self.scheduler.marks, {}
        for key, record in marks.items():
            if record is None:
                self.disk.pop(key, None)
            else:
                self.disk[key] = json.loads(json.dumps(record()))
        for action in actions or ():
            match action:
                case Attempt(account, one):
                    self.tried.append((account, one.subject))
                case TakeOver():
                    self.taken_over.append(action)
                case OutboxEvent():
                    self.told.append(action)
        assert self.scheduler.wake_at(self.now) > self.now.steady
        owners = [
            one.queue_id
            for each in self.scheduler.accounts.values()
            for one in each.queue
            if not one.in_memory
        ]
        assert len(owners) == len(set(owners))
        on_disk = {key for kind, _, key in self.disk if kind == MESSAGE}
        assert on_disk == set(owners)

    def take(self, account: str = FIRST, **values: Any) -> Message:
        """Raise an alert, the highest if nothing else is said."""
        self.number += 1
        values = {"priority": Priority.HIGHEST} | values
        one = message(self.number, self.now, **values)
        if not one.in_memory:
            record = json.loads(json.dumps(message_as_dict(one, self.now)))
            self.disk[(MESSAGE, account, one.queue_id)] = record
        self.happen("take", account, one)
        return one

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with a look whenever something is due."""
        end = self.now.steady + seconds
        while self.now.steady < end:
            at = min(max(self.scheduler.wake_at(self.now), self.now.steady), end)
            passed = at - self.now.steady
            self.now = Now(at, self.now.wall + timedelta(seconds=passed))
            self.took(self.scheduler.time_passed(self.now))

    def fail(self, account: str, one: Message, error: MailError) -> None:
        """Have an attempt fail, in a fresh session."""
        self.happen("failed", account, one.queue_id, error)

    def begin_text(self, account: str, one: Message) -> None:
        """Come to the point from which the server may have a message."""
        self.happen("submitting", account, one.queue_id)
        assert self.scheduler.text_begins(self.now, account, one.queue_id)
        assert self.scheduler.text_goes(self.now, account, one.queue_id)
        self.took([])

    def accept(self, account: str, one: Message) -> None:
        """Have a message accepted."""
        self.begin_text(account, one)
        self.accepted(account, one)

    def accepted(self, account: str, one: Message) -> None:
        """Have a message accepted whose text has begun."""
        result = SubmissionResult(OK, one.recipients, {})
        self.happen("accepted", account, one.queue_id, result)

    def owner(self, one: Message) -> str:
        """Return the account in whose queue a message is."""
        (owner,) = (
            name
            for name, each in self.scheduler.accounts.items()
            if each.queue.get(one.queue_id)
        )
        return owner

    def plan(self, one: Message) -> Plan:
        """Return when a message of the first account goes, and why not now."""
        plan = self.scheduler.plan(self.now, FIRST, one.queue_id)
        assert plan
        return plan

    def waits_in(self, one: Message) -> float:
        """Return the seconds until then."""
        return self.plan(one).at - self.now.steady

    def set(self, account: str, **values: Any) -> None:
        """Set an account otherwise."""
        settings = replace(self.account(account).limits.settings, **values)
        self.settings[account] = settings
        self.happen("configure", account, settings)
