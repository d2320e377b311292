"""One turn of the scheduler: an account, what time it is, what follows and is kept."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from itertools import count
import logging
from typing import Any, Final

from ...clock import Now
from .account import CONVERSATION_DURATION, MAX_CONVERSATIONS, Account, Conversation
from .limits import Entry, people_of
from .models import AT_ONCE, Action, Attempt, Log, Message, OutboxEvent, Outcome
from .plan import plan_of
from .queue import Queue
from .record import as_record, message_as_dict
from .retry import LOGIN_CHECK_INTERVAL, back_off

type Key = tuple[str, str, str]
"""Kind, account, and what it is known by: as the store has it."""
type Marks = dict[Key, Callable[[], Mapping[str, Any]] | None]
"""What is to be written: what makes a record; None: it is to be gone."""

ACCOUNT: Final = "account"
CONVERSATION: Final = "conversation"
LOGIN: Final = "login"
MESSAGE: Final = "message"
SENT: Final = "sent"


@dataclass(slots=True)
class Turn:
    """Collects what follows from one thing that happened to an account."""

    account: Account
    now: Now
    marks: Marks
    chance: Callable[[], float]
    """Gives numbers between 0 and 1."""
    today: Callable[[datetime], date]
    """Gives the house's day of an instant."""
    actions: list[Action] = field(default_factory=list)

    @property
    def queue(self) -> Queue:
        """The account's messages."""
        return self.account.queue

    def of(self, account: Account) -> Turn:
        """Return the same turn of another account: what follows is done together."""
        now, chance, today = self.now, self.chance, self.today
        return Turn(account, now, self.marks, chance, today, self.actions)

    def at_home(self, message: Message) -> Turn:
        """Return the turn of the account in which a message was raised."""
        home = self.account.house.get(message.home)
        return self.of(home) if home else self

    def do(self, action: Action) -> None:
        """Have something done by the shell."""
        self.actions.append(action)

    def attempt(self, message: Message, *, fresh: bool = False) -> None:
        """Have a message tried; `fresh`: not by a session that was kept."""
        attempt = Attempt(self.account.id, message, fresh, self.now.steady)
        self.queue.begin_attempt(attempt)
        self.do(attempt)

    def hurry(self, message: Message) -> None:
        """Let a message that waits be tried as soon as possible."""
        is_due = message.due <= self.now.steady and not message.restored
        if is_due or self.queue.is_owned(message.queue_id):
            return
        hurried = replace(message, due=AT_ONCE)
        if message.restored:
            # What it was in the middle of then is no news: a person has decided.
            self.write(replace(hurried, restored=False, in_data=False, by=""))
        else:
            self.queue.put(hurried)

    def after(self, seconds: float) -> float:
        """Return the instant so many seconds from now, to the millisecond."""
        return round(self.now.steady + seconds, 3)

    def back_off(self, failures: int) -> float:
        """Return the instant to wait for after so many failures."""
        return self.after(back_off(failures, self.chance()))

    def put_login_check_off(self) -> None:
        """Have the login checked a day from now, if no message does it before."""
        self.account.check_login_at = self.after(LOGIN_CHECK_INTERVAL)

    def log(self, level: int, text: str) -> None:
        """Have something said in the log."""
        self.do(Log(level, text))

    def write(self, message: Message) -> None:
        """Put what is known of a message where it waits, and on disk."""
        self.queue.put(message)
        if not message.in_memory:
            record = partial(message_as_dict, message, self.now)
            self._mark(MESSAGE, message.queue_id, record, message.home)

    def write_account(self) -> None:
        """Have it written how the account stands."""
        self._keep(ACCOUNT, "", self.account)

    def count_sent(self, message: Message) -> None:
        """Count a message that the server may come to have."""
        entry = Entry(
            self.now.steady,
            _sent_key(message),
            people_of(message.recipients),
            message.level,
        )
        self._count(SENT, entry, self.account.limits.count_sent(entry))

    def uncount_sent(self, message: Message) -> None:
        """Take back that count: the server got nothing of it after all."""
        key, sent = _sent_key(message), self.account.limits.sent
        sent[:] = [one for one in sent if one.key != key]
        self._mark(SENT, key, None)

    def went_out(self, message: Message) -> None:
        """Know that the server has, or may have, a message: a clear has to be told."""
        home = self.at_home(message)
        for tag in sorted({message.tag, *(one.tag for one in message.parts)} - {""}):
            home.not_over(tag)

    def not_over(self, tag: str) -> None:
        """Note that something went out under a tag that was not declared over."""
        known = self.account.conversations.get(tag)
        if known and not known.went_out:
            self.account.conversations[tag] = replace(known, went_out=True)
            self.write_conversation(tag)

    def write_conversation(self, tag: str) -> None:
        """Have it written what is known of a tag, unless it was forgotten."""
        if known := self.account.conversations.get(tag):
            self._keep(CONVERSATION, tag, known)

    def use_conversation(self, tag: str, new: Conversation) -> Conversation:
        """Return a tag's conversation: the new one where there is none, or an old one.

        Beyond a thousand those are forgotten first that are over, then the longest
        unused.
        """
        conversations = self.account.conversations
        known = conversations.pop(tag, None)
        # A clock that was set back makes none older.
        if known and new.started - known.started < CONVERSATION_DURATION:
            new = replace(known, used=new.used)
        too_many = len(conversations) + 1 - MAX_CONVERSATIONS
        if too_many > 0:
            over = [one for one, its in conversations.items() if not its.went_out]
            for gone in list(dict.fromkeys([*over, *conversations]))[:too_many]:
                del conversations[gone]
                self._mark(CONVERSATION, gone, None)
        conversations[tag] = new
        self._keep(CONVERSATION, tag, new)
        return new

    def count_login(self, *, imap: bool = False) -> None:
        """Count a login, be it refused; `imap`: it is to read the inbox."""
        stamp = round(self.now.wall.timestamp() * 1000)
        taken = {one.key for one in self.account.limits.logins}
        # The wall clock may be set back.
        keys = (f"{stamp}.{number}" for number in count())
        key = next(key for key in keys if key not in taken)
        entry = Entry(self.now.steady, key, imap=imap)
        self._count(LOGIN, entry, self.account.limits.count_login(entry))

    def count_accepted(self, message: Message) -> None:
        """Count a message for the day."""
        subjects = tuple(one.subject for one in message.parts) or (message.subject,)
        today = self.today(self.now.wall)
        self.account.tally.count(self.now, today, subjects)
        self.account.expired = False
        self.write_account()

    def tell(self, message: Message, outcome: Outcome, detail: str = "") -> None:
        """Tell of an outcome, with a message's cause; what waits is told with its plan.

        Of a digest each of its messages is told, when it is known what became of it.
        """
        if outcome is Outcome.EXPIRED:
            home = self.at_home(message)
            home.account.expired = True
            home.write_account()
        waits = self.queue.get(message.queue_id) is not None
        waits = waits and outcome in (Outcome.DEFERRED, Outcome.UNKNOWN)
        event = OutboxEvent(
            account=message.home or self.account.id,
            by=self.account.id,
            outcome=outcome,
            queue_id=message.queue_id,
            subject=message.subject,
            recipients=message.recipients,
            attempts=message.attempts,
            priority=message.priority,
            tag=message.tag,
            cause=message.cause,
            reply=message.reply,
            detail=detail,
            plan=plan_of(self.account, self.now.steady, message) if waits else None,
            of=len(message.parts),
        )
        if waits or not message.parts:
            self.do(event)
            return
        for number, part in enumerate(message.parts):
            told = replace(
                event,
                queue_id=part.queue_id,
                subject=part.subject,
                tag=part.tag,
                digest=message.queue_id,
                part=number,
            )
            self.do(told)

    def remove(self, message: Message) -> None:
        """Let a message go: it was answered, or expired, or a person said so."""
        self.queue.remove(message.queue_id)
        self.forget(message)

    def forget(self, message: Message) -> None:
        """Have nothing of a message on disk any more."""
        if not message.in_memory:
            self._mark(MESSAGE, message.queue_id, None, message.home)

    def reject(self, message: Message, detail: str = "") -> None:
        """Report that a message was refused for good, with its cause."""
        self.log(
            logging.ERROR,
            f"Message {message.queue_id} was rejected:"
            f" {message.reply or detail or message.cause}",
        )
        self.tell(message, Outcome.REJECTED, detail)

    def _count(self, kind: str, entry: Entry, old: Collection[Entry]) -> None:
        """Have it written what counts, and nothing of what is too old."""
        self._keep(kind, entry.key, entry)
        for one in old:
            self._mark(kind, one.key, None)

    def _keep(self, kind: str, key: str, value: object) -> None:
        self._mark(kind, key, partial(as_record, value, self.now))

    def _mark(
        self,
        kind: str,
        key: str,
        record: Callable[[], Mapping[str, Any]] | None,
        home: str = "",
    ) -> None:
        self.marks[(kind, home or self.account.id, key)] = record


def _sent_key(message: Message) -> str:
    return f"{message.queue_id}.{message.attempts}"
