"""The scheduler: all accounts of the house, and what follows from what happens.

One object without I/O. It has a method for each thing that can happen, changes its own
data, marks what has to be written, and returns the few actions that the shell must do.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date, datetime
from functools import wraps
import logging
from typing import Concatenate

from ...clock import Now
from . import failures, fallback, happenings, merge
from .account import Account, Conversation, Records
from .limits import Settings
from .loading import count_anew, load
from .models import AT_ONCE, NEVER, Action, Level, LogIn, Message, Outcome, Plan
from .plan import heads, plan_of
from .turn import Marks, Turn

AFTER_TROUBLE = 60.0
"""Seconds until work goes on after an error that nobody expected."""
EXPIRE_AT_ONCE = 20
"""Messages that are given up in one turn: whoever is told has something to do."""


def _happens[**P](
    happened: Callable[Concatenate[Turn, P], None],
) -> Callable[Concatenate[Scheduler, Now, str, P], list[Action]]:
    """Return a method that lets something happen to an account, and what follows."""

    @wraps(happened)
    def method(
        self: Scheduler, now: Now, account_id: str, /, *args: P.args, **kwargs: P.kwargs
    ) -> list[Action]:
        turn = self.turn(now, account_id)
        happened(turn, *args, **kwargs)
        return self.end(turn)

    return method


class Scheduler:
    """Decides whose turn it is, when to look again, and whom a failure concerns."""

    def __init__(
        self, chance: Callable[[], float], today: Callable[[datetime], date]
    ) -> None:
        """`chance` gives numbers from 0 to 1, `today` the house's day of an instant."""
        self.accounts: dict[str, Account] = {}
        self.marks: Marks = {}
        """What is to be written since it was last asked for."""
        self._chance = chance
        self._today = today
        self._resume_at: float = AT_ONCE

    # What happens to an account: each takes the clock, its id, and what is named there

    start = _happens(happenings.start)
    stop = _happens(happenings.stop)
    configure = _happens(happenings.configure)

    take = _happens(happenings.take)
    retry = _happens(happenings.retry)
    discard = _happens(happenings.discard)

    session_opened = _happens(happenings.session_opened)
    session_idle = _happens(happenings.session_idle)
    login_failed = _happens(happenings.login_failed)
    code_renewed = _happens(happenings.code_renewed)

    submitting = _happens(happenings.submitting)
    accepted = _happens(failures.accepted)
    failed = _happens(failures.failed)
    broke = _happens(failures.broke)
    cut = _happens(failures.cut)

    merged = _happens(merge.merged)
    merge_failed = _happens(merge.merge_failed)

    # Accounts

    def add_account(
        self, now: Now, account_id: str, settings: Settings, records: Records
    ) -> list[tuple[str, str]]:
        """Know an account, with what is on disk of it; it does not send yet.

        Return kind and key of what could not be read.
        """
        account, unreadable = load(account_id, settings, self.accounts, records, now)
        self.accounts[account_id] = account
        return unreadable

    def remove_account(self, account_id: str) -> None:
        """Forget an account with all that waits; what it has taken over is at home."""
        if account := self.accounts.get(account_id):
            for other, message in account.elsewhere():
                other.queue.remove(message.queue_id)
            del self.accounts[account_id]

    def time_passed(self, now: Now) -> list[Action]:
        """Do what is due in all accounts."""
        running = (one.id for one in self.accounts.values() if one.running)
        account_id = next(running, None)
        return self.end(self.turn(now, account_id)) if account_id else []

    def wake_at(self, now: Now) -> float:
        """Return when there is something to do if nothing happens before."""
        running = [one for one in self.accounts.values() if one.running]
        times = [_wake_at(account, now.steady) for account in running]
        return max(min(times, default=NEVER), self._resume_at)

    def recover(self, now: Now, account_id: str, at_work: Collection[str]) -> None:
        """Begin nothing for a minute after an error that nobody expected.

        `at_work` are queue ids, of a digest's messages the first one. Nobody works on
        what is not among them: it waits again.
        """
        self._resume_at = now.steady + AFTER_TROUBLE
        turn = self.turn(now, account_id)
        for queue_id in turn.queue.in_progress.keys() - at_work:
            failures.cut(turn, queue_id)
        for first in turn.queue.groups.merging.keys() - at_work:
            merge.merge_failed(turn, first, again=True)

    def turn(self, now: Now, account_id: str) -> Turn:
        """Return a new turn of an account."""
        account = self.accounts[account_id]
        return Turn(account, now, self.marks, self._chance, self._today)

    def end(self, turn: Turn) -> list[Action]:
        """Do what is due then, and return all that follows."""
        turns = [turn.of(account) for account in self.accounts.values()]
        for each in turns:
            if each.account.running or each.account is turn.account:
                count_anew(each)
                _end_what_is_over(each)
        # What one may not send, another one may.
        done = -1
        while turn.now.steady >= self._resume_at and done < len(turn.actions):
            done = len(turn.actions)
            for each in turns:
                fallback.hand_over(each)
            for each in turns:
                if each.account.running:
                    _start_what_is_due(each)
        return turn.actions

    # Messages

    def plan(self, now: Now, account_id: str, queue_id: str) -> Plan | None:
        """Return when a message, or its digest, goes, and why not now; None: it is gone."""
        if account_id not in self.accounts:
            return None
        account = self.accounts[account_id].owner_of(queue_id)
        message = account.queue.get_whole(queue_id)
        return plan_of(account, now.steady, message) if message else None

    # Logins

    def may_log_in(self, now: Now, account_id: str, level: Level) -> bool:
        """Tell whether there may be a login now, for a message of this level."""
        account = self.accounts.get(account_id)
        return (
            account is not None
            and account.pause is None
            and account.limits.login_at(now.steady, level) <= now.steady
        )

    def login_tried(
        self, now: Now, account_id: str, at: Now | None = None, *, imap: bool = False
    ) -> None:
        """Count a login of a form, be it refused; `imap`: it was to read the inbox.

        `at`: when it was, if not now.
        """
        self.turn(at or now, account_id).count_login(imap=imap)

    def log_in_to_read(self, now: Now, account_id: str) -> float:
        """Count a login to read the inbox, and return 0, or the seconds until one may be.

        It never takes what an alarm needs, and none is made while the account is paused.
        """
        turn = self.turn(now, account_id)
        account = turn.account
        at = account.limits.imap_login_at(now.steady)
        if account.pause:
            at = max(at, account.pause.until)
        if at > now.steady:
            return at - now.steady
        turn.count_login(imap=True)
        return 0.0

    # Texts

    def may_send(self, account_id: str, queue_id: str) -> Message | None:
        """Return a message if it is still wanted, and its account may send it."""
        account = self.accounts.get(account_id)
        attempt = account.queue.in_progress.get(queue_id) if account else None
        if account is None or attempt is None:
            return None
        message = account.queue.get(queue_id)
        goes_by_other = attempt.taken_over and attempt.text_since is None
        paused = account.pause is not None and not account.paused_for_login
        if message is None or message.unwanted or goes_by_other or paused:
            return None
        return message

    def text_begins(self, now: Now, account_id: str, queue_id: str) -> bool:
        """Mark that the server may come to have a message; False: it is not wanted."""
        if not (message := self.may_send(account_id, queue_id)):
            return False
        turn = self.turn(now, account_id)
        turn.count_sent(message)
        turn.write(replace(message, in_data=True))
        return True

    def text_goes(self, now: Now, account_id: str, queue_id: str) -> bool:
        """Know that the first octet of a text is sent; False: it is not wanted."""
        if not self.may_send(account_id, queue_id):
            return False
        in_progress = self.accounts[account_id].queue.in_progress
        in_progress[queue_id].text_since = now.steady
        return True

    # Conversations

    def conversation(
        self, now: Now, account_id: str, tag: str, subject: str, references: str
    ) -> Conversation:
        """Return the conversation of a tag; `references` are those of a new one."""
        new = Conversation(
            references=references, subject=subject, started=now.wall, used=now.wall
        )
        return self.turn(now, account_id).use_conversation(tag, new)

    def is_told_with_others(self, account_id: str, tag: str) -> bool:
        """Tell whether a digest goes out for others' sake that speaks of a tag, too."""
        digests = (
            {part.tag for part in one.parts}
            for account in self.accounts.values()
            for one in account.queue
            if (one.home or account.id) == account_id
        )
        return any(tag in tags and len(tags) > 1 for tags in digests)

    def say_over(self, now: Now, account_id: str, tag: str) -> Conversation | None:
        """Declare a tag over; return its conversation if something of it went out.

        The disk hears of that by `keep_over`, together with what tells people.
        """
        turn = self.turn(now, account_id)
        known = turn.account.conversations.get(tag)
        if not known or not known.went_out:
            return None
        turn.account.conversations[tag] = replace(known, went_out=False)
        for account in self.accounts.values():
            merge.forget_tag(turn.of(account), account_id, tag)
        return known

    def keep_over(self, now: Now, account_id: str, tag: str) -> None:
        """Have it written that a tag was declared over, unless more went out since."""
        self.turn(now, account_id).write_conversation(tag)

    def not_over(self, now: Now, account_id: str, tag: str) -> None:
        """Know that a tag is not over: that could not be said, or something goes out."""
        self.turn(now, account_id).not_over(tag)


def _end_what_is_over(turn: Turn) -> None:
    """End floods, messages and a pause whose time is over."""
    merge.end_floods(turn)
    for message in turn.queue.expired(turn.now.steady, EXPIRE_AT_ONCE):
        turn.log(
            logging.ERROR,
            f"Message {message.queue_id} expired after {message.attempts} attempts:"
            f" {message.reply or message.cause}",
        )
        turn.remove(message)
        turn.tell(message, Outcome.EXPIRED)
    account = turn.account
    if account.pause and account.pause.until <= turn.now.steady:
        account.pause = None
        turn.write_account()


def _start_what_is_due(turn: Turn) -> None:
    """Try, or merge, whatever may go now; without any of that, perhaps check the login."""
    account, now = turn.account, turn.now.steady
    # The most important of those that may go.
    while found := next((one for one in heads(account, now) if one[1] <= now), None):
        message, _ = found
        if not merge.merge(turn, message):
            account.idle_session = False
            turn.attempt(message)
    if _login_check_at(account, now) <= now:
        turn.put_login_check_off()
        turn.do(LogIn(account.id))


def _wake_at(account: Account, now: float) -> float:
    """Return when there is something due if nothing happens before."""
    queue = account.queue
    times = [queue.next_expiry(), fallback.wake_at(account, now)]
    if account.pause:
        return min(*times, account.pause.until)
    times.append(_login_check_at(account, now))
    if later := queue.first_later():
        times.append(max(later[0], account.down.until if account.down else now))
    return min([*times, *(at for _, at in heads(account, now))])


def _login_check_at(account: Account, now: float) -> float:
    """Return when the login is checked: a revoked code is to be noticed by day."""
    if account.pause or account.queue.in_progress:
        return NEVER
    return max(account.check_login_at, account.limits.login_at(now, Level.BELOW))
