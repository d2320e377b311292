"""The front door of an account: it takes messages, keeps them, tells what came of it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from email.utils import make_msgid
from itertools import batched
import ssl

from homeassistant.core import HomeAssistant, callback

from ..clock import Now, read_clock
from ..const import DOMAIN, LOGGER
from ..mime.address import Mailbox
from ..smtp.models import Account
from .composing import Order, OutboxClosedError, Receipt, Ticket
from .core.account import Conversation
from .core.models import Attempt, LogIn, Merge, Message, Outcome, TakeOver, Work
from .core.turn import ACCOUNT, CONVERSATION, LOGIN, MESSAGE, SENT
from .delays import Delays
from .digests import async_copy, async_merge
from .intake import Intake
from .manager import Manager
from .sessions import Sessions
from .view import OutboxView, Settings

_DISCARDED_AT_ONCE = 200
"""Messages, before others have their turn."""


class Outbox(OutboxView):
    """Keeps an account's messages until the server has answered for each recipient.

    It lives as long as the account is enabled, and does not end when that is loaded
    anew.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        manager: Manager,
        account_id: str,
        account: Account,
        tls_context: ssl.SSLContext,
        settings: Settings,
    ) -> None:
        """Know what is on disk of the account; nothing is sent yet."""
        super().__init__(hass, manager, account_id, account, settings)
        self.delays = Delays(self)
        self.listeners.async_add(lambda _: self.delays.watch())
        self.sessions = Sessions(self, tls_context)
        self._intake = Intake(self)
        self._ends: list[Callable[[], None]] = []
        self.abandoned = False
        """Whether nothing of what waits will be sent: the account is removed."""
        manager.hands[account_id] = self
        if self._is_known:
            # The account was disabled for a while. What is over is ended by `start`, when
            # everybody can hear of it.
            self.state.limits.settings = settings.limits
        else:
            kinds = (ACCOUNT, CONVERSATION, LOGIN, MESSAGE, SENT)
            records = manager.take_records(account_id, *kinds)
            unreadable = self.scheduler.add_account(
                read_clock(), account_id, settings.limits, records
            )
            self.unreadable += [f"{kind} {key}" for kind, key in unreadable]

    # Its life

    def start(self, *, check_login: bool) -> None:
        """Begin to work; with `check_login`, with a login."""
        self.happen(self.scheduler.start, check_login=check_login)

    def configure(self, account: Account, settings: Settings) -> None:
        """Go on with other settings; what is being tried is not disturbed."""
        self.settings = settings
        self._use(account)
        self.happen(self.scheduler.configure, settings.limits)

    async def async_stop(self) -> None:
        """Stop working, and let no call wait for it; what comes now is only kept."""
        self.happen(self.scheduler.stop)
        self.delays.stop()
        await self.sessions.async_stop()
        for receipt in list(self.manager.receipts.values()):
            if receipt.account == self.id:
                receipt.tried.set()
        self.manager.write_marks()

    @callback
    def async_on_close(self, end: Callable[[], None]) -> None:
        """Have something ended together with the outbox."""
        self._ends.append(end)

    async def async_close(self) -> None:
        """Take nothing more; what was being taken is on disk when this returns."""
        await self._intake.async_close()
        await self.manager.async_written()
        while self._ends:
            self._ends.pop()()
        del self.manager.hands[self.id]

    # Taking messages

    def making(self, tag: str = "") -> AbstractContextManager[Ticket]:
        """Announce a message that is being made, so that a clear finds it."""
        return self._intake.making(tag)

    async def async_submit(self, order: Order, wait: float) -> Receipt | None:
        """Take a message, and wait so many seconds for an attempt that runs.

        When this returns, it was accepted, or refused for good, or is on disk. None: it
        was cleared before.

        Raises OutboxClosedError and StalledError; OutboxFullError and OSError where it
        cannot be kept and was not accepted at once either.
        """
        # A call that is cancelled must not leave a message that nobody knows of.
        receipt = await asyncio.shield(
            self.hass.async_create_task(self._intake.async_take(order))
        )
        if receipt is None:
            return None
        try:
            async with asyncio.timeout(wait):
                await receipt.tried.wait()
                receipt.kept = await self.manager.async_written()
        except TimeoutError:
            LOGGER.debug("Message %s is not waited for longer", receipt.queue_id)
        self.manager.receipts.pop(receipt.queue_id, None)
        if not self.abandoned:
            receipt.plan = self.manager.plan(self.id, receipt.queue_id)
        if not receipt.plan:
            event = receipt.decisive
            receipt.dropped = event is None or event.outcome is Outcome.DEFERRED
        return receipt

    # Conversations

    def conversation(self, tag: str, subject: str) -> Conversation:
        """Return the conversation that a message with this tag belongs to.

        What is new of it is written with the message. Raises OutboxClosedError.
        """
        if not self._is_known:
            raise OutboxClosedError
        references = make_msgid(domain=Mailbox(self.account.username).domain)
        return self.scheduler.conversation(
            read_clock(), self.id, tag, subject, references
        )

    async def async_clear(self, tag: str) -> tuple[int, Conversation | None]:
        """Discard what waits under a tag, which is over, or is being made.

        Return how many messages that were, and the conversation if something had
        gone out: then it is for the caller to say so, and to call `keep_clear` when that
        is put on disk, or `undo_clear`. With an account that is removed meanwhile, all
        of it goes.
        """
        discarded = self._intake.clear(tag)
        chosen = [message for message in self.waiting() if message.tag == tag]
        discarded += await self._discard(chosen)
        if not self._is_known:
            return discarded, None
        told = any(self.is_tried(message.queue_id) for message in chosen)
        if told or self.scheduler.is_told_with_others(self.id, tag):
            # What went out meanwhile is known to have done so; at once, for a listener
            # can be what calls this.
            self.scheduler.not_over(read_clock(), self.id, tag)
        conversation = self.scheduler.say_over(read_clock(), self.id, tag)
        self.manager.write_marks()
        return discarded, conversation

    def keep_clear(self, tag: str) -> None:
        """Have it written that a tag is over, by the same round as what says so."""
        self.scheduler.keep_over(read_clock(), self.id, tag)

    def undo_clear(self, tag: str) -> None:
        """Take back that a tag was declared over: that could not be said."""
        if self._is_known:
            self.happen(self.scheduler.not_over, tag)

    # What a person asks for

    @callback
    def async_retry(self, queue_id: str | None = None) -> int:
        """Try a message, or all of them, at once; return how many that are.

        The user knows that it works again: the account need not be paused any longer.
        """
        found = None if queue_id is None else self.find(queue_id)
        if queue_id is not None and (not found or found.queue_id != queue_id):
            return 0
        self.happen(self.scheduler.retry, queue_id)
        return len(self) if queue_id is None else 1

    async def async_discard(
        self, queue_id: str | None = None, tag: str = ""
    ) -> list[Message]:
        """Remove a message, or those of a tag, or all; return which these are.

        One that is just being tried goes if it is not accepted. The disk follows.
        """
        chosen = [
            message
            for message in self.waiting()
            if queue_id in (None, message.queue_id) and tag in ("", message.tag)
        ]
        await self._discard(chosen)
        return chosen

    @callback
    def async_code_renewed(self, account: Account) -> None:
        """Go on: a person gave a code, or a server, with which a login worked."""
        # At once: the next login is not to be one with the old code.
        self._use(account)
        self.happen(self.scheduler.code_renewed)

    @callback
    def async_count_login(self, at: Now | None = None, *, imap: bool = False) -> None:
        """Count a login that a form has made in vain, or to see whether IMAP works.

        `at`: then, if it was not now.
        """
        # The account may have been removed while that took its time.
        if self._is_known:
            self.happen(self.scheduler.login_tried, at, imap=imap)

    @callback
    def async_log_in_to_read(self) -> float:
        """Count an IMAP login, and return 0, or the seconds until one may be made."""
        seconds = self.scheduler.log_in_to_read(read_clock(), self.id)
        self.manager.write_marks()
        return seconds

    # What the manager has done by it

    @property
    def at_work(self) -> set[str]:
        """The queue ids of what is being tried, and the first ones of digests."""
        return self.sessions.at_work

    def do(self, action: Work) -> None:
        """Do on the network and on the disk what follows for the account."""
        match action:
            case Attempt():
                self.sessions.attempt(action)
            case LogIn():
                self.sessions.log_in()
            case Merge():
                self.sessions.start(action.queue_ids[0], async_merge(self, action))
            case TakeOver(copy=True):
                self.hass.async_create_background_task(
                    async_copy(self, action), f"{DOMAIN} copy"
                )
            case _:
                self.sessions.cancel(action.message.queue_id)

    # How it does that

    @property
    def _is_known(self) -> bool:
        """Whether the account was not removed meanwhile."""
        return self.id in self.scheduler.accounts

    def _use(self, account: Account) -> None:
        """Log in as this account from now on."""
        if account != self.account:
            self.account = account
            self.sessions.drop_idle()

    async def _discard(self, chosen: list[Message]) -> int:
        """Remove messages, and let others work in between; return how many went at once.

        One that is being tried goes if it is not accepted. With an account that is
        removed meanwhile go all of its messages.
        """
        queue_ids = [message.queue_id for message in chosen]
        parts = [part.queue_id for message in chosen for part in message.parts]
        self.listeners.tell_discarded([*queue_ids, *parts])
        for some in batched(queue_ids, _DISCARDED_AT_ONCE, strict=False):
            if self._is_known:
                self.happen(self.scheduler.discard, some)
            await asyncio.sleep(0)
        if not self._is_known:
            return len(queue_ids)
        # What some of many became while the others were discarded.
        left = {queue_id for queue_id in queue_ids if self.holds(queue_id)}
        whole = [
            one.queue_id
            for one in set(filter(None, map(self.find, left)))
            if one.parts and left.issuperset(part.queue_id for part in one.parts)
        ]
        self.happen(self.scheduler.discard, whole)
        return len(queue_ids) - len(left)
