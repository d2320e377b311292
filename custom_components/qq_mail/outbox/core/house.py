"""The accounts of the house: loading them, starting them, and doing what is due."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date, datetime

from ...clock import Now
from . import due, failures, fallback, merge
from .account import Account, new_account
from .limits import Settings
from .loading import Loaded, Records, is_counted, load
from .models import AT_ONCE, NEVER, Action
from .turn import Marks, Turn

AFTER_TROUBLE = 60.0
"""Seconds until work goes on after an error that nobody expected."""


class House:
    """Holds all accounts, and does what is due in each of them."""

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

    def add_account(
        self,
        now: Now,
        account_id: str,
        settings: Settings,
        records: Records,
    ) -> Loaded:
        """Know an account, with what is on disk of it; it does not send yet."""
        account = new_account(account_id, settings, now, self.accounts)
        loaded = load(account, records, now)
        self.accounts[account_id] = account
        self._loaded[account_id] = loaded
        return loaded

    def remove_account(self, now: Now, account_id: str) -> None:
        """Forget an account with all that waits; what it has taken over goes home."""
        self._loaded.pop(account_id, None)
        if account_id not in self.accounts:
            return
        fallback.part(self._turn(now, account_id))
        del self.accounts[account_id]

    def configure(self, now: Now, account_id: str, settings: Settings) -> list[Action]:
        """Go on with other settings; what is being tried is not disturbed."""
        account = self.accounts[account_id]
        account.limits.settings, account.helped_since = settings, None
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
        for each in self.accounts.values():
            fallback.place(turn.of(each))
        loaded = self._loaded.get(account_id)
        for queue_id in loaded.cut_off if loaded else ():
            owner = turn.of(self.accounts[self._owner(account_id, queue_id)])
            if message := owner.queue.get(queue_id):
                message = replace(message, attempts=message.attempts + 1)
                failures.cut_off(owner, message)
        if loaded:
            loaded.cut_off.clear()
        return self._end(turn)

    def stop(self, now: Now, account_id: str) -> list[Action]:
        """Begin nothing new; what comes is only kept."""
        self.accounts[account_id].running = False
        return self._end(self._turn(now, account_id))

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
        for each in map(turn.of, self.accounts.values()):
            if each.account.running or each.account is turn.account:
                due.end_what_is_over(each)
        if turn.now.steady >= self._resume_at:
            self._start_what_is_due(turn)
        return turn.actions

    def _start_what_is_due(self, turn: Turn) -> None:
        """Start it in each account: what one may not send, another one may."""
        turns = [turn.of(account) for account in self.accounts.values()]
        done = -1
        while done < len(turn.actions):
            done = len(turn.actions)
            for each in turns:
                fallback.hand_over(each)
            for each in turns:
                if each.account.running:
                    due.start_what_is_due(each)

    def _owner(self, account_id: str, queue_id: str) -> str:
        """Return the account that has a message, or its digest; by default its own."""
        accounts = self.accounts.values()
        owners = (one.id for one in accounts if one.queue.get_whole(queue_id))
        return next(owners, account_id)
