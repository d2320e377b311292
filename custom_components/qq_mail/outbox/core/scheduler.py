"""The scheduler: all accounts of the house, and what follows from what happens.

One object without I/O. It has a method for each thing that can happen, changes its own
data, marks what has to be written, and returns the few actions that the shell must do.
"""

from collections.abc import Collection
from dataclasses import replace
import logging

from ...clock import Now
from ...smtp.errors import MailError
from ...smtp.models import Step, SubmissionResult
from . import failures, fallback, going_on, merge
from .account import Conversation
from .house import House
from .models import Action, Level, Message, Plan
from .plan import next_plan, plan_of


class Scheduler(House):
    """Decides whose turn it is, when to look again, and whom a failure concerns."""

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
        if account_id not in self.accounts:
            return None
        account = self.accounts[self._owner(account_id, queue_id)]
        message = account.queue.get_whole(queue_id)
        return plan_of(account, now.steady, message) if message else None

    def find(self, account_id: str, queue_id: str) -> Message | None:
        """Return a message, or the digest that it is a part of, wherever it waits."""
        return self.accounts[self._owner(account_id, queue_id)].queue.get_whole(
            queue_id
        )

    def next_plan(self, now: Now, account_id: str) -> Plan | None:
        """Return when something of an account is tried next, and why not now."""
        account = self.accounts[account_id]
        plans = [
            plan_of(other, now.steady, message, 0)
            for other, message in fallback.elsewhere(account)
        ]
        if own := next_plan(account, now.steady):
            plans.append(own)
        return min(plans, key=lambda plan: plan.at, default=None)

    def retry(
        self, now: Now, account_id: str, queue_id: str | None = None
    ) -> list[Action]:
        """Try a message, or all of them, at once: a person knows that it works again.

        Refusals are remembered: the next one is not the first.
        """
        if queue_id is not None:
            account_id = self._owner(account_id, queue_id)
        turn = self._turn(now, account_id)
        going_on.hurry(turn, queue_id, restored=True)
        return self._end(turn)

    def discard(
        self, now: Now, account_id: str, queue_ids: Collection[str]
    ) -> list[Action]:
        """Remove messages; one that is being tried goes if it is not accepted."""
        turn = self._turn(now, account_id)
        for queue_id in queue_ids:
            owner = self.accounts[self._owner(account_id, queue_id)]
            merge.discard(turn.of(owner), (queue_id,))
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

    def is_told_with_others(self, account_id: str, tag: str) -> bool:
        """Tell whether a digest goes out for others' sake that speaks of a tag, too."""
        return any(
            one.queue.is_told_with_others(
                tag, "" if one.id == account_id else account_id
            )
            for one in self.accounts.values()
        )

    def say_over(self, now: Now, account_id: str, tag: str) -> Conversation | None:
        """Declare a tag over; return its conversation if something of it went out."""
        turn = self._turn(now, account_id)
        known = turn.account.conversations.get(tag)
        if not known or not known.went_out:
            return None
        turn.mark_conversation(tag, went_out=False)
        merge.forget_tag(turn, tag)
        for other in self.accounts.values():
            merge.forget_tag(turn.of(other), tag, account_id)
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
        account.helped_since = None
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
        if attempt.taken_over and attempt.text_since is None:
            return False
        return account.pause is None or account.paused_for_login

    def text_goes(self, now: Now, account_id: str, queue_id: str) -> bool:
        """Know that the first octet of a text is sent; False: it is not wanted."""
        if not self.may_send(account_id, queue_id):
            return False
        in_progress = self.accounts[account_id].queue.in_progress
        in_progress[queue_id] = replace(in_progress[queue_id], text_since=now.steady)
        return True

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
        attempt = turn.queue.in_progress.get(queue_id)
        failures.cut(turn, queue_id)
        if attempt and attempt.taken_over:
            fallback.move_hanging(turn, queue_id)
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

    def merged(
        self,
        now: Now,
        account_id: str,
        first: str,
        digest: Message,
        alone: tuple[str, ...] = (),
    ) -> list[Action]:
        """Know that a digest was made, and is to be on disk."""
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
