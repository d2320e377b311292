"""The outbox of an account: it takes messages, keeps them, and tells what came of it."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
import ssl
from typing import BinaryIO

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_at_time, ulid_to_bytes

from ..const import DOMAIN, LOGGER
from ..mime.address import Mailbox
from ..mime.models import Composed
from ..smtp.models import Account
from ..smtp.replies import Cause
from ..smtp.transcript import Transcript
from .account import Thread
from .calls import Call
from .clock import read_clock
from .errors import OutboxClosedError
from .events import CodeRenewed, DiscardAsked, OverSaid, RetryAsked, Taken
from .intake import Intake, Made, Order, Ticket
from .manager import QueueManager, Settings
from .message import QueuedMessage
from .outcome import OutboxEvent, Outcome, Receipt, Rest
from .spool import Loaded, Spool
from .turn import next_attempt

DATA_OUTBOXES: HassKey[dict[str, Outbox]] = HassKey(DOMAIN)
"""Each account's, by its entry's id: they outlive the loading of the entries."""

_MEMORY_TIMEOUT = 60.0
"""Seconds that a message which cannot be kept waits for its turn."""
_DISCARD_AT_ONCE = 200


class Outbox:
    """Keeps messages until the server has answered for each of their recipients.

    The room's front door. It lives as long as the account, and does not end when that
    is loaded anew.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        account: Account,
        tls_context: ssl.SSLContext,
        spool: Spool,
        settings: Settings,
        *,
        ask_for_code: Callable[[], None],
        stop_asking: Callable[[], None],
    ) -> None:
        """Prepare; the callables ask a person for a new code, and withdraw that."""
        self.hass = hass
        self.account = account
        self._spool = spool
        self._intake = Intake(hass, spool)
        self._manager = QueueManager(
            hass,
            account,
            tls_context,
            spool,
            settings,
            ask_for_code=ask_for_code,
            stop_asking=stop_asking,
            new_id=self._new_id,
        )
        self._tickets: set[Ticket] = set()
        """Of messages that are being made."""
        self._orders: set[Ticket] = set()
        """Of those among them that are being taken, be their calls cancelled or not."""
        self._ends: list[Callable[[], None]] = []
        self._discard_listeners: set[Callable[[Collection[str]], None]] = set()
        self._adding: dict[str, int] = {}
        """Octets of those among them that are being put on disk."""
        self._taking = asyncio.Lock()
        self._closed = False
        self._abandoned = False
        self._last_id = 0.0
        self._loaded = Loaded()

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._manager.queue)

    def __bool__(self) -> bool:
        """Return that there is one, though nothing may wait in it."""
        return True

    @property
    def running(self) -> bool:
        """Whether messages are tried; else they are only kept."""
        return self._manager.running

    @property
    def damaged(self) -> list[str]:
        """The files that could not be read."""
        return self._manager.damaged

    @property
    def troubles(self) -> int:
        """How often something went wrong that nobody expected."""
        return self._manager.troubles

    @property
    def max_size(self) -> int:
        """Octets of a message that the server takes, as it said last."""
        return self._manager.max_size

    @property
    def session_open(self) -> bool:
        """Whether the next message needs no login."""
        return self._manager.session_open

    @property
    def transcripts(self) -> Collection[Transcript]:
        """What was said in the last sessions, without what is private."""
        return self._manager.transcripts

    @property
    def rest(self) -> Rest | None:
        """Why nothing goes out at all for now."""
        hold = self._manager.kept.standing.hold
        if not hold:
            return None
        return Rest(hold.cause, read_clock().wall_at(hold.until), hold.reply)

    @property
    def next_attempt(self) -> datetime | None:
        """When something is tried next; None where nothing waits."""
        now, standing = read_clock(), self._manager.kept.standing
        queue = self._manager.queue
        if (message := queue.next()) is None:
            return None
        allowed = standing.allowance.next_at(now.steady, message.importance)
        due = max(queue.due_of(message), allowed)
        if standing.hold:
            due = max(due, standing.hold.until)
        if standing.down and not standing.down.probe:
            due = max(due, standing.down.until)
        return now.wall_at(due)

    @property
    def accepted_today(self) -> int:
        """How many messages were accepted since midnight."""
        return self._manager.kept.tally.today

    @property
    def pace(self) -> float | None:
        """How many messages a minute may go out; None: any number."""
        return self._manager.kept.standing.bucket.rate(read_clock().steady)

    @property
    def per_day(self) -> int:
        """How many messages may go out within 24 hours; 0: any number."""
        return self._manager.settings.pace.per_day

    @property
    def left_today(self) -> int | None:
        """How many of them are left; None: there is no limit."""
        return self._manager.kept.standing.allowance.left(read_clock().steady)

    @property
    def sent_most(self) -> list[tuple[str, int]]:
        """The titles of which most went out since yesterday, and how often."""
        return self._manager.kept.titles.most()

    @property
    def last_accepted(self) -> datetime | None:
        """When the last one was."""
        return self._manager.kept.tally.last_accepted

    @property
    def restored(self) -> list[str]:
        """What comes from a backup and waits for a person's decision."""
        return sorted(self._manager.queue.restored)

    @property
    def from_backup(self) -> bool:
        """Whether what was found on disk is a copy: the original may be at work."""
        return self._loaded.from_backup

    def holds(self, queue_id: str) -> bool:
        """Tell whether a message waits, or is in the air, be it in a digest."""
        return self._manager.queue.get_whole(queue_id) is not None

    @property
    def not_written(self) -> int:
        """How many changes the disk does not take."""
        return self._manager.writer.stuck

    def age_of(self, message: QueuedMessage) -> float:
        """Return the seconds since an alert was raised."""
        return read_clock().steady - message.raised

    def raised_at(self, message: QueuedMessage) -> datetime:
        """Return when an alert was raised."""
        return read_clock().wall_at(message.raised)

    def messages(self) -> list[QueuedMessage]:
        """Return what waits, in the order in which it goes out."""
        return self._manager.queue.in_order()

    def next_attempt_of(self, message: QueuedMessage) -> datetime | None:
        """Return when a message is tried next; None: when a person decides."""
        return next_attempt(
            self._manager.queue, self._manager.kept.standing, read_clock(), message
        )

    @callback
    def async_add_listener(
        self, listener: Callable[[OutboxEvent | None], None]
    ) -> CALLBACK_TYPE:
        """Hear of each outcome, and by None of any other change."""
        return self._manager.reports.async_add_listener(listener)

    @callback
    def async_add_watcher(
        self, watcher: Callable[[OutboxEvent], None]
    ) -> CALLBACK_TYPE:
        """Hear of each outcome when it happens, be it while Home Assistant starts."""
        return self._manager.reports.async_add_watcher(watcher)

    @callback
    def async_add_discard_listener(
        self, listener: Callable[[Collection[str]], None]
    ) -> CALLBACK_TYPE:
        """Hear which messages a person discards; of a digest, those in it as well."""
        self._discard_listeners.add(listener)
        return partial(self._discard_listeners.discard, listener)

    @callback
    def async_show(self) -> None:
        """Have everyone look again: what is shown beside the messages has changed."""
        self._manager.reports.tell(None)

    async def async_load(self) -> None:
        """Read the spool, whatever the disk makes of it."""
        now, manager = read_clock(), self._manager
        loaded = await self.hass.async_add_executor_job(self._spool.load, now)
        manager.queue = loaded.queue
        manager.damaged += [str(file) for file in loaded.damaged]
        manager.kept.read(loaded.state, now)
        if loaded.last_id:
            octets = ulid_to_bytes(loaded.last_id)[:6]
            self._last_id = int.from_bytes(octets) / 1000
        self._loaded = loaded

    @callback
    def start(self, *, check_login: bool) -> None:
        """Begin to work; with `check_login`, with a login.

        So a code that was revoked is noticed by day, and not at the alarm.
        """
        self._manager.start(self._loaded, check_login=check_login)

    @callback
    def configure(self, account: Account, settings: Settings) -> None:
        """Go on with other settings; what is in the air is not disturbed."""
        self.account = account
        self._manager.use_account(account)
        self._manager.configure(settings)

    async def async_stop(self) -> None:
        """Stop working, and let no call wait for it; what comes now is only kept."""
        await self._manager.async_stop()

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
        async with self._taking:
            self._closed = True
        await self._manager.writer.async_end()
        self._spool.close()
        while self._ends:
            self._ends.pop()()

    @contextmanager
    def making(self, tag: str = "") -> Iterator[Ticket]:
        """Announce a message that is being made, so that a clear finds it."""
        ticket = Ticket(self._new_id(), read_clock(), tag)
        self._tickets.add(ticket)
        try:
            yield ticket
        finally:
            self._tickets.discard(ticket)
            self._settle(ticket)

    async def async_submit(
        self,
        ticket: Ticket,
        compose: Callable[[BinaryIO], Composed],
        *,
        subject: str,
        wait: float,
        importance: int = 0,
        expires_after: timedelta | None = None,
        reads_files: bool = False,
        acts: bool = False,
    ) -> Receipt | None:
        """Take a message, and wait so many seconds for its first attempt.

        `compose` is called in an executor, with the file to write to; `reads_files`
        that it reads files, which may hang; `acts` that it has buttons that act. When
        this returns, the message was accepted, or refused for good, or is on disk.
        None: it was cleared before it was taken.

        Raises OutboxClosedError and StalledError; OutboxFullError and OSError where it
        cannot be kept and was not accepted at once either.
        """
        order = Order(
            ticket=ticket,
            compose=compose,
            subject=subject,
            importance=importance,
            lifetime=(
                expires_after or self._manager.settings.expires_after
            ).total_seconds(),
            reads_files=reads_files,
            acts=acts,
        )
        # A call that is cancelled must not leave a message that nobody knows of.
        taken = await asyncio.shield(self.hass.async_create_task(self._take(order)))
        if taken is None:
            return None
        call, made = taken
        receipt = call.receipt
        if not self._manager.running:
            call.tried.set()
        if made.trouble:
            await self._one_try(call, made.trouble)
        else:
            try:
                async with asyncio.timeout(wait):
                    await call.tried.wait()
                    await self._manager.writer.flush()
            except TimeoutError:
                LOGGER.debug("Message %s is not waited for longer", receipt.queue_id)
        message = None
        if not self._abandoned:
            message = self._manager.queue.get_whole(receipt.queue_id)
        if message:
            receipt.next_attempt = self.next_attempt_of(message)
            # When it came there may have been room.
            receipt.for_allowance = self._waits_for_allowance(message)
        else:
            event = receipt.decisive
            receipt.dropped = event is None or event.outcome is Outcome.DEFERRED
        return receipt

    @callback
    def tell_refused(
        self, receipt: Receipt, subject: str, addresses: tuple[str, ...], why: str
    ) -> None:
        """Tell that a message never goes to some, who were named but are no addresses."""
        self._manager.reports.report(
            OutboxEvent(
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

    async def async_thread(self, tag: str, subject: str) -> Thread:
        """Return the conversation that a message with this tag belongs to."""
        domain = Mailbox(self.account.username).domain
        thread, is_new = self._manager.kept.threads.continued(tag, subject, domain)
        if is_new:
            self._manager.keep()
            await self._manager.writer.flush()
        return thread

    async def async_clear(self, tag: str) -> tuple[int, Thread | None]:
        """Discard what waits under a tag, which is over, or is being made.

        Return how many messages that were, and the conversation if something had
        gone out: then it is for the caller to say so, or to call `reopen`.
        """
        discarded = 0
        for ticket in self._tickets | self._orders:
            if ticket.tag == tag and not ticket.cleared:
                ticket.cleared = True
                discarded += 1
        chosen = [
            message.queue_id for message in self._manager.queue if message.tag == tag
        ]
        in_the_air = any(queue_id in self._manager.queue.in_air for queue_id in chosen)
        told = in_the_air or self._is_told_with_others(tag)
        discarded += await self._discard(chosen)
        told = told or self._is_told_with_others(tag)
        thread = self._manager.kept.threads.get(tag)
        if not thread or not (thread.went_out or told):
            return discarded, None
        self._manager.kept.threads.mark(tag, went_out=False)
        self._manager.apply(OverSaid(tag))
        return discarded, thread

    def _is_told_with_others(self, tag: str) -> bool:
        """Tell whether a digest goes out for others' sake that speaks of a tag, too."""
        queue = self._manager.queue
        digests = [{part.tag for part in one.merged} for one in queue]
        digests += [
            {one.tag for one in map(queue.get, merging.queue_ids) if one}
            for merging in queue.groups.merging.values()
            if merging.writing
        ]
        return any(tag in tags and len(tags) > 1 for tags in digests)

    async def async_said(self) -> None:
        """Put on disk that something was declared over."""
        self._manager.keep()
        await self._manager.writer.flush()

    @callback
    def reopen(self, tag: str) -> None:
        """Take back that a tag was declared over: that could not be said."""
        self._manager.kept.threads.mark(tag, went_out=True)
        self._manager.keep()

    @callback
    def async_retry(self, queue_id: str | None = None) -> int:
        """Try a message, or all of them, at once; return how many that are.

        The user knows that it works again: the account need not rest any longer.
        """
        if queue_id is not None and not self._manager.queue.get(queue_id):
            return 0
        self._manager.apply(RetryAsked(queue_id))
        return len(self._manager.queue) if queue_id is None else 1

    async def async_discard(self, queue_id: str | None = None) -> int:
        """Remove a message, or all of them; return how many that are.

        One that is just being tried is not counted, and goes if it is not accepted.
        """
        chosen = [
            message
            for message in self._manager.queue
            if queue_id in (None, message.queue_id)
        ]
        gone = [message.queue_id for message in chosen]
        gone += [one.queue_id for message in chosen for one in message.merged]
        for listener in list(self._discard_listeners):
            listener(gone)
        return await self._discard([message.queue_id for message in chosen])

    @callback
    def async_code_renewed(self, account: Account) -> None:
        """Go on: a person gave a code, or a server, with which a login worked."""
        # At once: the next login is not to be one with the old code.
        self.account = account
        self._manager.use_account(account)
        self._manager.apply(CodeRenewed())

    def _new_id(self) -> str:
        """Return a queue id that comes after all others."""
        self._last_id = max(self._last_id + 0.001, read_clock().wall.timestamp())
        return ulid_at_time(self._last_id)

    async def _discard(self, queue_ids: list[str]) -> int:
        """Remove messages, so many at once that nobody has to wait for it."""
        removed = 0
        for start in range(0, len(queue_ids), _DISCARD_AT_ONCE):
            some = tuple(queue_ids[start : start + _DISCARD_AT_ONCE])
            before = len(self._manager.queue)
            self._manager.apply(DiscardAsked(some))
            removed += before - len(self._manager.queue)
            await asyncio.sleep(0)
        await self._discard_digests(set(queue_ids))
        await self._manager.writer.flush()
        return removed

    async def _discard_digests(self, queue_ids: set[str]) -> None:
        """Remove what some of many messages became while the others were discarded."""
        queue = self._manager.queue
        digests = {queue.groups.digests.get(queue_id) for queue_id in queue_ids}
        self._manager.apply(
            DiscardAsked(
                tuple(
                    digest.queue_id
                    for queue_id in digests
                    if queue_id and (digest := queue.get(queue_id))
                    if queue_ids.issuperset(one.queue_id for one in digest.merged)
                )
            )
        )

    def _waits_for_allowance(self, message: QueuedMessage) -> bool:
        """Tell whether nothing but what went out lately keeps a message waiting."""
        now, standing = read_clock().steady, self._manager.kept.standing
        if standing.hold or (standing.down and standing.down.refused):
            return False
        return standing.allowance.next_at(now, message.importance) > now

    async def _take(self, order: Order) -> tuple[Call, Made] | None:
        """Take a message, which a clear can find until it is taken."""
        self._orders.add(order.ticket)
        try:
            return await self._make_and_take(order)
        finally:
            self._orders.discard(order.ticket)
            self._settle(order.ticket)

    def _settle(self, ticket: Ticket) -> None:
        """Know that a message was not taken, once nobody is at it any more."""
        if not ticket.taken.done() and ticket not in self._tickets | self._orders:
            ticket.taken.set_result(False)

    async def _make_and_take(self, order: Order) -> tuple[Call, Made] | None:
        """Make a message durable first, then known."""
        made = None
        if order.reads_files:
            # What hangs here holds up nobody else.
            made = await self._make(order)
        async with self._taking:
            # One after the other, so that they go out as they came.
            if self._closed:
                if made:
                    await self._intake.async_drop(made)
                raise OutboxClosedError
            if made is None:
                made = await self._make(order)
            if made.body is None:
                added = self._manager.writer.add(made.message, made.draft, read_clock())
                self._adding[made.message.queue_id] = made.message.size
        if made.body is None:
            # Whoever comes meanwhile shares the next sync.
            try:
                await asyncio.shield(added)
            except OSError as trouble:
                # What the disk does not let go would be sent after the next start.
                self._manager.writer.remove(order.ticket.queue_id)
                made = await self._intake.async_make_in_memory(order, trouble)
            finally:
                del self._adding[order.ticket.queue_id]
        # From here on without an await: nobody can come between.
        message = made.message
        self._tickets.discard(order.ticket)
        if order.ticket.cleared:
            self._manager.writer.remove(message.queue_id)
            return None
        call = self._manager.calls.open(message)
        if made.body is not None:
            self._manager.bodies[message.queue_id] = made.body
        self._manager.apply(Taken(message))
        order.ticket.taken.set_result(True)
        return call, made

    async def _make(self, order: Order) -> Made:
        """Compose a message, if there is room beside all that is kept or about to be."""
        queue, adding = self._manager.queue, self._adding
        return await self._intake.async_make(
            order, queue.size + sum(adding.values()), len(queue) + len(adding)
        )

    async def _one_try(self, call: Call, trouble: Exception) -> None:
        """Wait until a message that is only in memory was tried. Raises the trouble."""
        queue_id = call.receipt.queue_id
        with suppress(TimeoutError):
            async with asyncio.timeout(_MEMORY_TIMEOUT):
                await call.tried.wait()
        while queue_id in self._manager.queue.in_air and self._manager.running:
            call.tried.clear()
            await call.tried.wait()
        await self._discard([queue_id])
        decisive = call.receipt.decisive
        if decisive is None or decisive.outcome in (Outcome.DEFERRED, Outcome.EXPIRED):
            raise trouble
