"""The front door of an account: it takes messages, keeps them, tells what came of it."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import make_msgid
from functools import partial
from io import BytesIO
import ssl
from typing import Any, BinaryIO

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..clock import read_clock
from ..const import LATE_AFTER, LOGGER
from ..mime.address import Mailbox
from ..mime.header import head
from ..mime.message import insertions
from ..mime.models import Composed, Envelope, Insertion, Priority
from ..smtp.models import Account, Submission
from ..smtp.replies import Cause
from ..smtp.transcript import Transcript
from .composing import Order, Ticket
from .core.account import Conversation
from .core.limits import Settings as Limits
from .core.models import Attempt, Merge, Message, OutboxEvent, Outcome
from .core.turn import ACCOUNT, CONVERSATION, LOGIN, MESSAGE, SENT
from .delays import Delays
from .digests import Digests, Prepare
from .intake import Intake
from .listeners import Listeners
from .manager import Manager
from .receipts import Call, Receipt
from .sessions import Sessions
from .view import OutboxView

_MEMORY_TIMEOUT = 60.0
"""Seconds that a message which cannot be kept waits for its turn."""
_DISCARD_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person can set."""

    limits: Limits
    expires_after: timedelta
    late_note: Callable[[datetime, timedelta], str]
    """Words when an alert was raised, and how late it is."""
    digest: Prepare
    """Prepares what makes one message of many."""


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
        *,
        ask_for_code: Callable[[], None],
        stop_asking: Callable[[], None],
    ) -> None:
        """Prepare; the callables ask a person for a new code, and withdraw that."""
        super().__init__(manager, account_id)
        self.hass = hass
        self.account = account
        self.listeners = Listeners(hass)
        self.delays = Delays(hass, self)
        self.listeners.async_add(lambda _: self.delays.watch(self.async_show))
        self.unreadable: list[str] = []
        """What could not be read of what waits."""
        self.ask_for_code = ask_for_code
        self.stop_asking = stop_asking
        self._settings = settings
        self._scheduler = manager.scheduler
        self._sessions = Sessions(
            hass,
            manager,
            account_id,
            account,
            tls_context,
            submission=self._submission,
            unreadable=self.unreadable.append,
        )
        self._digests = Digests(hass, manager, account_id)
        self._intake = Intake(hass, self, self.message_id_of)
        self._ends: list[Callable[[], None]] = []
        self._abandoned = False

    @property
    def session_open(self) -> bool:
        """Whether the next message needs no login."""
        return self._sessions.is_open

    @property
    def transcripts(self) -> Collection[Transcript]:
        """What was said in the last sessions, without what is private."""
        return self._sessions.transcripts

    @callback
    def async_show(self) -> None:
        """Have everyone look again: what is shown beside the messages has changed."""
        self.listeners.tell(None)

    # Its life

    @callback
    def async_load(self) -> None:
        """Know what is on disk of the account; an earlier loading may know it already."""
        if self.id not in self._scheduler.accounts:
            records = self.manager.take_records(
                self.id, ACCOUNT, CONVERSATION, LOGIN, MESSAGE, SENT
            )
            loaded = self._scheduler.add_account(
                read_clock(), self.id, self._settings.limits, records
            )
            self.unreadable += [f"{kind} {key}" for kind, key in loaded.unreadable]
        self.manager.hands[self.id] = self

    @callback
    def start(self, *, check_login: bool) -> None:
        """Begin to work; with `check_login`, with a login."""
        self._digests.start()
        self._happen(self._scheduler.start, check_login=check_login)

    @callback
    def configure(self, account: Account, settings: Settings) -> None:
        """Go on with other settings; what is being tried is not disturbed."""
        self.account, self._settings = account, settings
        self._sessions.use_account(account)
        if self.state.asked:
            # Home Assistant withdraws the question when an entry is loaded anew.
            self.ask_for_code()
        self._happen(self._scheduler.configure, settings.limits)

    async def async_stop(self) -> None:
        """Stop working, and let no call wait for it; what comes now is only kept."""
        self._scheduler.stop(self.id)
        self.delays.stop()
        await self._digests.async_stop()
        await self._sessions.async_stop()
        self.manager.release_calls(self.id)
        self.manager.write_marks()

    @callback
    def abandon(self) -> None:
        """Know that nothing of what waits will be sent: the account is removed."""
        self._abandoned = True

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

    async def async_submit(
        self,
        ticket: Ticket,
        compose: Callable[[BinaryIO], Composed],
        *,
        subject: str,
        wait: float,
        sender_name: str = "",
        priority: Priority = Priority.NORMAL,
        expires_after: timedelta | None = None,
        reads_files: bool = False,
        alone: bool = False,
        kept: Callable[[], None] | None = None,
    ) -> Receipt | None:
        """Take a message, and wait so many seconds for an attempt that runs.

        `compose` is called in an executor, with the stream to write to; `reads_files`
        that it reads files, which may hang; `alone`: it is never merged. `kept` marks what belongs to the message and
        is to be on disk by the same round. When this returns, the message was accepted,
        or refused for good, or is on disk. None: it was cleared before it was taken.

        Raises OutboxClosedError and StalledError; OutboxFullError and OSError where it
        cannot be kept and was not accepted at once either.
        """
        order = Order(
            ticket=ticket,
            compose=compose,
            subject=subject,
            sender_name=sender_name,
            message_id=make_msgid(domain="x")[1:].partition("@")[0],
            priority=priority,
            lifetime=(expires_after or self._settings.expires_after).total_seconds(),
            reads_files=reads_files,
            alone=alone,
        )
        # A call that is cancelled must not leave a message that nobody knows of.
        call = await asyncio.shield(
            self.hass.async_create_task(self._take(order, kept))
        )
        if call is None:
            return None
        receipt = call.receipt
        try:
            async with asyncio.timeout(wait):
                await call.tried.wait()
                await self.manager.async_written()
        except TimeoutError:
            LOGGER.debug("Message %s is not waited for longer", receipt.queue_id)
        plan = None
        if not self._abandoned:
            plan = self.manager.plan(self.id, receipt.queue_id)
        if plan:
            receipt.plan, receipt.next_attempt = plan, self.time_of(plan)
        else:
            event = receipt.decisive
            receipt.dropped = event is None or event.outcome is Outcome.DEFERRED
        return receipt

    @callback
    def tell_refused(
        self, receipt: Receipt, subject: str, addresses: tuple[str, ...], why: str
    ) -> None:
        """Tell that a message never goes to some, who were named but are no addresses."""
        self.listeners.report(
            OutboxEvent(
                account=self.id,
                outcome=Outcome.REJECTED,
                queue_id=receipt.queue_id,
                subject=subject,
                recipients=addresses,
                attempts=0,
                message_id=receipt.message_id,
                cause=Cause.RECIPIENT,
                detail=why,
            )
        )

    # Conversations

    @callback
    def conversation(self, tag: str, subject: str) -> Conversation:
        """Return the conversation that a message with this tag belongs to.

        What is new of it is written together with the message.
        """
        references = make_msgid(domain=self.domain)
        return self._scheduler.conversation(
            read_clock(), self.id, tag, subject, references
        )

    async def async_clear(self, tag: str) -> tuple[int, Conversation | None]:
        """Discard what waits under a tag, which is over, or is being made.

        Return how many messages that were, and the conversation if something had
        gone out: then it is for the caller to say so, or to call `undo_clear`.
        """
        discarded = self._intake.clear(tag)
        queue = self.state.queue
        chosen = [message.queue_id for message in queue if message.tag == tag]
        told = any(queue_id in queue.in_progress for queue_id in chosen)
        told = told or self._is_told_with_others(tag)
        discarded += await self._discard(chosen)
        if told or self._is_told_with_others(tag):
            self._scheduler.tell_with_others(read_clock(), self.id, tag)
        conversation = self._scheduler.say_over(read_clock(), self.id, tag)
        self.manager.write_marks()
        return discarded, conversation

    @callback
    def undo_clear(self, tag: str) -> None:
        """Take back that a tag was declared over: that could not be said."""
        self._scheduler.undo_over(read_clock(), self.id, tag)
        self.manager.write_marks()

    # What a person asks for

    @callback
    def async_retry(self, queue_id: str | None = None) -> int:
        """Try a message, or all of them, at once; return how many that are.

        The user knows that it works again: the account need not be paused any longer.
        """
        if queue_id is not None and not self.state.queue.get(queue_id):
            return 0
        self._happen(self._scheduler.retry, queue_id)
        return len(self) if queue_id is None else 1

    async def async_discard(
        self, queue_id: str | None = None, tag: str = ""
    ) -> list[Message]:
        """Remove a message, or those of a tag, or all; return which these are.

        One that is just being tried goes if it is not accepted.
        """
        chosen = [
            message
            for message in self.state.queue
            if queue_id in (None, message.queue_id) and tag in ("", message.tag)
        ]
        gone = [message.queue_id for message in chosen]
        gone += [part.queue_id for message in chosen for part in message.parts]
        self.listeners.tell_discarded(gone)
        await self._discard([message.queue_id for message in chosen])
        return chosen

    @callback
    def async_code_renewed(self, account: Account) -> None:
        """Go on: a person gave a code, or a server, with which a login worked."""
        # At once: the next login is not to be one with the old code.
        self.account = account
        self._sessions.use_account(account)
        self._happen(self._scheduler.code_renewed)

    @callback
    def async_count_login(self, *, imap: bool = False) -> None:
        """Count a login that a form has made in vain, or to see whether IMAP works."""
        self._scheduler.login_tried(read_clock(), self.id, imap=imap)
        self.manager.write_marks()

    @callback
    def async_log_in_to_read(self) -> float:
        """Count an IMAP login, and return 0, or the seconds until one may be made."""
        seconds = self._scheduler.log_in_to_read(read_clock(), self.id)
        self.manager.write_marks()
        return seconds

    # What the manager has done by it

    @property
    def attempting(self) -> set[str]:
        """The queue ids that are being tried."""
        return self._sessions.attempting

    @property
    def merging(self) -> set[str]:
        """The first messages of the digests that are being made."""
        return self._digests.at_work

    @callback
    def attempt(self, action: Attempt) -> None:
        """Try a message."""
        self._sessions.attempt(action)

    @callback
    def log_in(self) -> None:
        """Log in without a message."""
        self._sessions.log_in()

    @callback
    def merge(self, action: Merge) -> None:
        """Make a digest."""
        self._digests.merge(action, self._settings.digest)

    # How it does that

    @property
    def domain(self) -> str:
        """The domain of the account, for message ids."""
        return Mailbox(self.account.username).domain

    def message_id_of(self, message_id: str) -> str:
        """Return a Message-ID as its header field has it."""
        return f"<{message_id}@{self.domain}>"

    def _happen(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.manager.happen(method, self.id, *args, **kwargs)

    async def _discard(self, queue_ids: list[str]) -> int:
        """Remove messages, so many at once that nobody has to wait for it."""
        removed = 0
        for start in range(0, len(queue_ids), _DISCARD_AT_ONCE):
            some = tuple(queue_ids[start : start + _DISCARD_AT_ONCE])
            before = len(self)
            self._happen(self._scheduler.discard, some)
            removed += before - len(self)
            await asyncio.sleep(0)
        # What some of many became while the others were discarded.
        chosen, queue = set(queue_ids), self.state.queue
        digests = {queue.get(queue.groups.digests.get(one, "")) for one in chosen}
        whole = [
            digest.queue_id
            for digest in digests
            if digest and chosen.issuperset(part.queue_id for part in digest.parts)
        ]
        self._happen(self._scheduler.discard, tuple(whole))
        await self.manager.async_written()
        return removed

    def _is_told_with_others(self, tag: str) -> bool:
        """Tell whether a digest goes out for others' sake that speaks of a tag, too."""
        queue = self.state.queue
        digests = [{part.tag for part in one.parts} for one in queue]
        digests += [
            {one.tag for one in map(queue.get, merging.queue_ids) if one}
            for merging in queue.groups.merging.values()
            if merging.writing
        ]
        return any(tag in tags and len(tags) > 1 for tags in digests)

    async def _take(self, order: Order, kept: Callable[[], None] | None) -> Call | None:
        """Take a message; one that the disk did not take has its try when this ends."""
        taken = await self._intake.async_take(order, kept)
        if taken is None:
            return None
        call, trouble = taken
        if trouble:
            await self._one_try(call, trouble)
        return call

    async def _one_try(self, call: Call, trouble: Exception) -> None:
        """Wait until a message that is only in memory was tried. Raises the trouble."""
        queue_id, queue = call.receipt.queue_id, self.state.queue
        until = read_clock().steady + _MEMORY_TIMEOUT
        with suppress(TimeoutError):
            async with asyncio.timeout(_MEMORY_TIMEOUT):
                while self.running and self._comes_by(until, queue_id):
                    call.tried.clear()
                    await call.tried.wait()
        while queue_id in queue.in_progress and self.running:
            call.tried.clear()
            await call.tried.wait()
        await self._discard([queue_id])
        self._intake.bodies.pop(queue_id, None)
        decisive = call.receipt.decisive
        if decisive is None or decisive.outcome in (Outcome.DEFERRED, Outcome.EXPIRED):
            raise trouble

    def _comes_by(self, until: float, queue_id: str) -> bool:
        """Tell whether a message that is there has its turn by then."""
        plan = self.manager.plan(self.id, queue_id)
        return plan is not None and plan.at < until

    def _submission(self, message: Message) -> Submission:
        """Return a message as it is to go out: a late one says so."""
        now = read_clock()
        raised = now.wall_at(message.raised)
        late = timedelta(seconds=now.steady - message.raised)
        sender = Mailbox(self.account.username, message.sender_name)
        message_id = self.message_id_of(message.message_id)
        put_in = [Insertion(0, head(sender, message_id, dt_util.as_local(raised)))]
        if late > LATE_AFTER:
            put_in += insertions(message.gaps, self._settings.late_note(raised, late))
        body = self._intake.bodies.get(message.queue_id)
        key = (MESSAGE, self.id, message.queue_id)
        return Submission(
            Envelope(self.account.username, message.recipients),
            self.manager.store.text(key).open if body is None else partial(_open, body),
            message.size + sum(len(one.octets) for one in put_in),
            tuple(put_in),
        )


def _open(body: bytes) -> BinaryIO:
    return BytesIO(body)
