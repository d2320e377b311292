"""The scheduler: all accounts of the house, and what follows from what happens.

One object without I/O. It has a method for each thing that can happen, changes its own
data, marks what has to be written, and returns the few actions that the shell must do.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date, datetime
import logging

from ...clock import Now
from ...smtp.errors import MailError
from ...smtp.models import Step, SubmissionResult
from . import due, failures, going_on, merge
from .account import Account, Conversation, new_account
from .limits import Settings
from .loading import Loaded, Records, is_counted, load
from .models import AT_ONCE, NEVER, Action, Level, Message, Plan
from .plan import next_plan, plan_of
from .turn import Marks, Turn

AFTER_TROUBLE = 60.0
"""Seconds until work goes on after an error that nobody expected."""


class Scheduler:
    """Decides whose turn it is, when to look again, and whom a failure concerns."""

    def __init__(
        self, chance: Callable[[], float], today: Callable[[datetime], date]
    ) -> None:
        """Begin without accounts.

        `chance` gives numbers between 0 and 1, `today` the house's day of an instant.
        """
        self.accounts: dict[str, Account] = {}
        self.marks: Marks = {}
        """What is to be written since it was last asked for."""
        self._chance = chance
        self._today = today
        self._resume_at: float = AT_ONCE
        self._loaded: dict[str, Loaded] = {}

    # Accounts

    def add_account(
        self,
        now: Now,
        account_id: str,
        settings: Settings,
        records: Records,
    ) -> Loaded:
        """Know an account, with what is on disk of it; it does not send yet."""
        account = new_account(account_id, settings, now)
        loaded = load(account, records, now)
        self.accounts[account_id] = account
        self._loaded[account_id] = loaded
        return loaded

    def remove_account(self, account_id: str) -> None:
        """Forget an account with all that waits."""
        self.accounts.pop(account_id, None)
        self._loaded.pop(account_id, None)

    def configure(self, now: Now, account_id: str, settings: Settings) -> list[Action]:
        """Go on with other settings; what is being tried is not disturbed."""
        self.accounts[account_id].limits.settings = settings
        return self._end(self._turn(now, account_id))

    def start(self, now: Now, account_id: str, *, check_login: bool) -> list[Action]:
        """Begin to send; with `check_login`, with a login.

        So a code that was revoked is noticed by day, and not at the alarm.
        """
        turn = self._turn(now, account_id)
        account = turn.account
        account.running = True
        if not check_login:
            # A form has logged in a moment ago, so the first message may as well.
            account.put_login_check_off(now)
            account.limits.credit = True
        loaded = self._loaded.get(account_id)
        for queue_id in loaded.cut_off if loaded else ():
            if message := account.queue.get(queue_id):
                message = replace(message, attempts=message.attempts + 1)
                failures.cut_off(turn, message)
        if loaded:
            loaded.cut_off.clear()
        return self._end(turn)

    def stop(self, account_id: str) -> None:
        """Begin nothing new; what comes is only kept."""
        self.accounts[account_id].running = False

    def time_passed(self, now: Now) -> list[Action]:
        """Do what is due."""
        return [
            action
            for account_id, account in list(self.accounts.items())
            if account.running
            for action in self._end(self._turn(now, account_id))
        ]

    def wake_at(self, now: Now) -> float:
        """Return when there is something to do if nothing happens before."""
        running = [one for one in self.accounts.values() if one.running]
        times = [due.wake_at(account, now.steady) for account in running]
        return max(min(times, default=NEVER), self._resume_at)

    def recover(
        self,
        now: Now,
        account_id: str,
        attempting: Collection[str],
        merging: Collection[str],
    ) -> None:
        """Begin nothing for a minute after an error that nobody expected.

        Nobody works on what is not among `attempting` or `merging` (by the first
        message of each): it waits again.
        """
        self._resume_at = now.steady + AFTER_TROUBLE
        turn = self._turn(now, account_id)
        for queue_id in turn.queue.in_progress.keys() - attempting:
            failures.cut(turn, queue_id)
        for first in turn.queue.groups.merging.keys() - merging:
            merge.merge_failed(turn, first, again=True)

    # Messages

    def take(self, now: Now, account_id: str, message: Message) -> list[Action]:
        """Have a new message in care, which is on disk or in memory alone."""
        turn = self._turn(now, account_id)
        turn.queue.put(merge.gather(turn, message))
        down = turn.account.down
        if down and (not down.refused or message.level is Level.HIGHEST):
            # Where there was no server, an alert is a reason to look again.
            turn.account.down = replace(down, until=now.steady, times=0)
        return self._end(turn)

    def plan(self, now: Now, account_id: str, queue_id: str) -> Plan | None:
        """Return when a message, or its digest, goes, and why not now; None: it is gone."""
        account = self.accounts.get(account_id)
        message = account.queue.get_whole(queue_id) if account else None
        return plan_of(account, now.steady, message) if account and message else None

    def next_plan(self, now: Now, account_id: str) -> Plan | None:
        """Return when an account tries something next, and why not now."""
        return next_plan(self.accounts[account_id], now.steady)

    def retry(
        self, now: Now, account_id: str, queue_id: str | None = None
    ) -> list[Action]:
        """Try a message, or all of them, at once: a person knows that it works again.

        Refusals are remembered: the next one is not the first.
        """
        turn = self._turn(now, account_id)
        going_on.hurry(turn, queue_id, restored=True)
        return self._end(turn)

    def discard(
        self, now: Now, account_id: str, queue_ids: Collection[str]
    ) -> list[Action]:
        """Remove messages; one that is being tried goes if it is not accepted."""
        turn = self._turn(now, account_id)
        merge.discard(turn, queue_ids)
        return self._end(turn)

    # Conversations

    def conversation(
        self, now: Now, account_id: str, tag: str, subject: str, references: str
    ) -> Conversation:
        """Return the conversation of a tag; `references` are those of a new one."""
        turn = self._turn(now, account_id)
        wall = now.wall
        new = Conversation(
            references=references, subject=subject, started=wall, used=wall
        )
        conversation = turn.account.use_conversation(tag, new)
        turn.write_conversation(tag)
        for gone in turn.account.crowded_out():
            turn.write_conversation(gone)
        return conversation

    def say_over(self, now: Now, account_id: str, tag: str) -> Conversation | None:
        """Declare a tag over; return its conversation if something of it went out."""
        turn = self._turn(now, account_id)
        known = turn.account.conversations.get(tag)
        if not known or not known.went_out:
            return None
        turn.mark_conversation(tag, went_out=False)
        merge.forget_tag(turn, tag)
        return known

    def not_over(self, now: Now, account_id: str, tag: str) -> None:
        """Know that a tag is not over: that could not be said, or something goes out."""
        self._turn(now, account_id).mark_conversation(tag, went_out=True)

    # Attempts

    def session_opened(
        self, now: Now, account_id: str, max_size: int | None
    ) -> list[Action]:
        """Know that a login succeeded, for a message or as a check."""
        turn = self._turn(now, account_id)
        account = turn.account
        turn.count_login()
        going_on.code_works(turn)
        if max_size and max_size != account.max_size:
            account.max_size = max_size
            turn.write_account()
        return self._end(turn)

    def session_idle(self, now: Now, account_id: str, *, idle: bool) -> list[Action]:
        """Know whether there is a session that nobody uses."""
        turn = self._turn(now, account_id)
        turn.account.idle_session = idle
        return self._end(turn)

    def may_log_in(self, now: Now, account_id: str, level: Level) -> bool:
        """Tell whether there may be a login now, for a message of this level."""
        account = self.accounts.get(account_id)
        return (
            account is not None
            and account.pause is None
            and account.limits.login_at(now.steady, level) <= now.steady
        )

    def log_in_to_read(self, now: Now, account_id: str) -> float:
        """Count a login to read the inbox, and return 0, or the seconds until one may be.

        It never takes what an alarm needs, and none is made while the account is paused.
        """
        turn = self._turn(now, account_id)
        account = turn.account
        at = account.limits.imap_login_at(now.steady)
        if account.pause:
            at = max(at, account.pause.until)
        if at > now.steady:
            return at - now.steady
        turn.count_login(imap=True)
        return 0.0

    def submitting(self, now: Now, account_id: str, queue_id: str) -> list[Action]:
        """Know that a session is at work for a message."""
        turn = self._turn(now, account_id)
        if attempt := turn.queue.in_progress.get(queue_id):
            turn.queue.in_progress[queue_id] = replace(attempt, busy_since=now.steady)
        return self._end(turn)

    def text_begins(self, now: Now, account_id: str, queue_id: str) -> bool:
        """Mark that the server may come to have a message; False: it is not wanted."""
        account = self.accounts.get(account_id)
        message = account.queue.get(queue_id) if account else None
        if message is None or not self.may_send(account_id, queue_id):
            return False
        turn = self._turn(now, account_id)
        attempt = turn.queue.in_progress[queue_id]
        turn.queue.in_progress[queue_id] = replace(attempt, counted=True)
        turn.count_sent(message)
        turn.write(replace(message, in_data=True))
        return True

    def may_send(self, account_id: str, queue_id: str) -> bool:
        """Tell whether a message is still wanted, and its account may send."""
        account = self.accounts.get(account_id)
        attempt = account.queue.in_progress.get(queue_id) if account else None
        if account is None or attempt is None or attempt.unwanted:
            return False
        return account.pause is None or account.paused_for_login

    def accepted(
        self, now: Now, account_id: str, queue_id: str, result: SubmissionResult
    ) -> list[Action]:
        """Know that the server accepted a message, for all its recipients or for some."""
        turn = self._turn(now, account_id)
        failures.accepted(turn, queue_id, result)
        return self._end(turn)

    def failed(
        self,
        now: Now,
        account_id: str,
        queue_id: str,
        error: MailError,
        *,
        fresh: bool = True,
    ) -> list[Action]:
        """Know that a message was not accepted, in a session that was fresh or not."""
        turn = self._turn(now, account_id)
        failures.failed(turn, queue_id, error, fresh=fresh)
        return self._end(turn)

    def broke(
        self,
        now: Now,
        account_id: str,
        queue_id: str,
        detail: str,
        *,
        lost: bool = False,
        sent: bool = False,
    ) -> list[Action]:
        """Know that something went wrong that nobody expected (see failures.broke)."""
        turn = self._turn(now, account_id)
        failures.broke(turn, queue_id, detail, lost=lost, sent=sent)
        return self._end(turn)

    def cut(self, now: Now, account_id: str, queue_id: str) -> list[Action]:
        """Know that an attempt ended without a result: it was told to stop."""
        turn = self._turn(now, account_id)
        failures.cut(turn, queue_id)
        return self._end(turn)

    # Logins without a message

    def login_failed(self, now: Now, account_id: str, error: MailError) -> list[Action]:
        """Know that a login failed which was a check."""
        turn = self._turn(now, account_id)
        if error.step is Step.AUTH:
            turn.count_login()
        if not failures.pause_if_needed(turn, error):
            # Being offline is not worth more than that.
            turn.log(logging.DEBUG, f"Login not checked: {error}")
        return self._end(turn)

    def login_tried(self, now: Now, account_id: str, *, imap: bool = False) -> None:
        """Count a login that a form made, and that was refused, or that was IMAP's."""
        self._turn(now, account_id).count_login(imap=imap)

    def code_renewed(self, now: Now, account_id: str) -> list[Action]:
        """Know that a form has logged in: what waits can go out, by a login of its own.

        What comes from a backup waits on for its own decision.
        """
        turn = self._turn(now, account_id)
        going_on.code_works(turn)
        turn.account.limits.credit = True
        going_on.hurry(turn, None, restored=False)
        return self._end(turn)

    # Digests

    def digest_writing(self, account_id: str, first: str) -> None:
        """Know that from now on the disk may have the digest of this and others."""
        self.accounts[account_id].queue.groups.begin_writing(first)

    def merged(
        self,
        now: Now,
        account_id: str,
        first: str,
        digest: Message,
        alone: tuple[str, ...] = (),
    ) -> list[Action]:
        """Know that a digest is on disk, and what it is made of is not any more."""
        turn = self._turn(now, account_id)
        merge.merged(turn, first, digest, alone)
        return self._end(turn)

    def merge_failed(
        self,
        now: Now,
        account_id: str,
        first: str,
        *,
        again: bool = False,
        alone: tuple[str, ...] = (),
    ) -> list[Action]:
        """Know that no digest could be made; the disk has the messages as before."""
        turn = self._turn(now, account_id)
        merge.merge_failed(turn, first, again=again, alone=alone)
        return self._end(turn)

    # What each of them does

    def _turn(self, now: Now, account_id: str) -> Turn:
        return Turn(
            self.accounts[account_id],
            now,
            self.marks,
            chance=self._chance,
            today=self._today,
        )

    def _end(self, turn: Turn) -> list[Action]:
        """Do what is due then, and return all that follows."""
        account_id = turn.account.id
        loaded = self._loaded.get(account_id)
        if loaded and is_counted(turn, loaded) and turn.account.running:
            # It is as large as all that waited then.
            del self._loaded[account_id]
        due.end_what_is_over(turn)
        if turn.account.running and turn.now.steady >= self._resume_at:
            due.start_what_is_due(turn)
        return turn.actions
