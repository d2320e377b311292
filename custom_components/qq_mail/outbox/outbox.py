"""The outbox of an account: it takes messages, keeps them, and tells what came of it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import SystemRandom
import ssl
from typing import BinaryIO
from weakref import WeakValueDictionary

from homeassistant.core import CALLBACK_TYPE, CoreState, HomeAssistant, callback
from homeassistant.helpers.start import async_at_started
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_at_time, ulid_to_bytes

from ..const import DOMAIN, LATE_AFTER, LOGGER
from ..mail.address import Mailbox
from ..mail.message import date_insertion, insertions
from ..mail.models import Account, Composed, Submission
from .account import Kept, Thread
from .clock import read_clock
from .errors import OutboxClosedError
from .events import (
    AskForCode,
    Attempt,
    CheckLogin,
    CodeRenewed,
    CountAccepted,
    DataBegins,
    Decision,
    DiscardAsked,
    Event,
    KeepStanding,
    MarkGoneOut,
    Release,
    Remove,
    RetryAsked,
    Started,
    StopAsking,
    Taken,
    Tell,
    TimePassed,
    Write,
)
from .intake import Intake, Made, Order, Ticket
from .message import AT_ONCE, QueuedMessage
from .outcome import OutboxEvent, Outcome, Receipt, Rest
from .pace import Pace
from .queue import Queue
from .scheduler import step, wake_at
from .spool import Spool
from .turn import next_attempt
from .worker import Worker
from .writer import SpoolWriter

DATA_OUTBOXES: HassKey[dict[str, Outbox]] = HassKey(DOMAIN)
"""Each account's, by its entry's id: they outlive the loading of the entries."""

_CHANCE = SystemRandom()

_LONGEST_SLEEP = 60.0
"""Seconds between two looks at the clock: timers do not count the machine's sleep."""
_AFTER_TROUBLE = 60.0
"""Seconds until work goes on after an error that nobody expected."""
_START_TIMEOUT = 10.0
"""Seconds that others get at the start to begin to listen."""
_MEMORY_TIMEOUT = 60.0
"""Seconds that a message which cannot be kept waits for its turn."""
_DATE_TOLERANCE = 60.0
"""Seconds by which a Date field may be wrong: less than that is no clock that was set."""
_DISCARD_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person can set."""

    pace: Pace
    expires_after: timedelta
    late_note: Callable[[datetime, timedelta], str]
    """Words when an alert was raised, and how late it is."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class _Call:
    """A call that waits for the first attempt of its message."""

    receipt: Receipt
    tried: asyncio.Event = field(default_factory=asyncio.Event)


class Outbox:
    """Keeps messages until the server has answered for each of their recipients.

    The shell around the heart (scheduler.py): whatever happens is told to `_apply`,
    which changes memory without an await, and does what is decided then. It lives as
    long as the account, and does not end when that is loaded anew.
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
        self.damaged: list[str] = []
        self.troubles = 0
        """How often something went wrong that nobody expected."""
        self._queue = Queue()
        self._kept = Kept.new(settings.pace, read_clock())
        self._spool = spool
        self._intake = Intake(hass, spool)
        self._writer = SpoolWriter(hass, spool)
        self._worker = Worker(
            hass,
            account,
            tls_context,
            tell=self._apply,
            submission=self._submission,
            before_data=self._data_begins,
            written=self._writer.flush,
            may_log_in=lambda: not self._kept.standing.hold,
            lost=self.damaged.append,
            trouble=self._report_trouble,
            idle=self._keep,
        )
        self._settings = settings
        self._ask_for_code = ask_for_code
        self._stop_asking = stop_asking
        # A call that was cancelled drops out of it.
        self._calls = WeakValueDictionary[str, _Call]()
        self._bodies: dict[str, bytes] = {}
        """Of messages that the disk did not take."""
        self._tickets: set[Ticket] = set()
        """Of messages that are being made."""
        self._orders: set[Ticket] = set()
        """Of those among them that are being taken, be their calls cancelled or not."""
        self._listeners: set[Callable[[OutboxEvent | None], None]] = set()
        self._ends: list[Callable[[], None]] = []
        self._taking = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self.running = False
        """Whether messages are tried; else they are only kept."""
        self._closed = False
        self._last_id = 0.0
        self._resume_at = AT_ONCE
        self._cut_off: tuple[str, ...] = ()
        self._restored = False
        self._reports: list[OutboxEvent] = []

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._queue)

    def __bool__(self) -> bool:
        """Return that there is one, though nothing may wait in it."""
        return True

    @property
    def rest(self) -> Rest | None:
        """Why nothing goes out at all for now."""
        hold = self._kept.standing.hold
        if not hold:
            return None
        return Rest(hold.cause, read_clock().wall_at(hold.until), hold.reply)

    @property
    def next_attempt(self) -> datetime | None:
        """When something is tried next; None where nothing waits."""
        now, standing = read_clock(), self._kept.standing
        due = self._queue.next_due()
        if due is None:
            return None
        due = max(due, now.steady)
        if standing.hold:
            due = max(due, standing.hold.until)
        if standing.down and not standing.down.probe:
            due = max(due, standing.down.until)
        return now.wall_at(due)

    @property
    def accepted_today(self) -> int:
        """How many messages were accepted since midnight."""
        return self._kept.tally.today

    @property
    def last_accepted(self) -> datetime | None:
        """When the last one was."""
        return self._kept.tally.last_accepted

    @property
    def max_size(self) -> int:
        """Octets of a message that the server takes, as it said last."""
        return self._worker.max_size or self._kept.max_size

    @property
    def session_open(self) -> bool:
        """Whether the next message needs no login."""
        return self._worker.session_open

    @property
    def restored(self) -> list[str]:
        """What comes from a backup and waits for a person's decision."""
        return sorted(self._queue.restored)

    @property
    def not_written(self) -> int:
        """How many changes the disk does not take."""
        return self._writer.stuck

    def age_of(self, message: QueuedMessage) -> float:
        """Return the seconds since an alert was raised."""
        return read_clock().steady - message.raised

    def raised_at(self, message: QueuedMessage) -> datetime:
        """Return when an alert was raised."""
        return read_clock().wall_at(message.raised)

    def messages(self) -> list[QueuedMessage]:
        """Return what waits, in the order in which it goes out."""
        return self._queue.in_order()

    def next_attempt_of(self, message: QueuedMessage) -> datetime | None:
        """Return when a message is tried next; None: when a person decides."""
        return next_attempt(self._queue, self._kept.standing, read_clock(), message)

    @callback
    def async_add_listener(
        self, listener: Callable[[OutboxEvent | None], None]
    ) -> CALLBACK_TYPE:
        """Hear of each outcome, and by None of any other change."""
        self._listeners.add(listener)
        return partial(self._listeners.discard, listener)

    async def async_load(self) -> None:
        """Read the spool, whatever the disk makes of it."""
        now = read_clock()
        loaded = await self.hass.async_add_executor_job(self._spool.load, now)
        self._queue = loaded.queue
        self.damaged += [str(file) for file in loaded.damaged]
        self._kept.read(loaded.state, now)
        self._worker.max_size = None
        if loaded.last_id:
            octets = ulid_to_bytes(loaded.last_id)[:6]
            self._last_id = int.from_bytes(octets) / 1000
        self._cut_off = tuple(loaded.cut_off)
        self._restored = loaded.restored

    @callback
    def start(self, *, check_login: bool) -> None:
        """Begin to work; with `check_login`, with a login.

        So a code that was revoked is noticed by day, and not at the alarm.
        """
        self.running = True
        if not check_login:
            self._kept.put_login_check_off(read_clock())
        if self._restored:
            self._writer.hold_restored(list(self._queue), read_clock())
        self._apply(Started(self._cut_off))

    @callback
    def configure(self, account: Account, settings: Settings) -> None:
        """Go on with other settings; what is in the air is not disturbed."""
        self.account = account
        self._worker.use_account(account)
        self._settings = settings
        self._kept.use_pace(settings.pace)
        if self._kept.standing.asked:
            # Home Assistant withdraws the question when an entry is loaded anew.
            self._ask_for_code()
        self._apply(TimePassed())

    async def async_stop(self) -> None:
        """Stop working, and let no call wait for it; what comes now is only kept."""
        self.running = False
        self._cancel_timer()
        await self._worker.async_stop()
        self._release(None)
        self._keep()
        await self._writer.async_close()

    @callback
    def async_on_close(self, end: Callable[[], None]) -> None:
        """Have something ended together with the outbox."""
        self._ends.append(end)

    async def async_close(self) -> None:
        """Take nothing more; what was being taken is on disk when this returns."""
        async with self._taking:
            self._closed = True
        self._spool.close()
        await self._writer.async_end()
        while self._ends:
            self._ends.pop()()

    @contextmanager
    def making(self, tag: str = "") -> Iterator[Ticket]:
        """Announce a message that is being made, so that a clear finds it."""
        now = read_clock()
        self._last_id = max(self._last_id + 0.001, now.wall.timestamp())
        ticket = Ticket(ulid_at_time(self._last_id), now, tag)
        self._tickets.add(ticket)
        try:
            yield ticket
        finally:
            self._tickets.discard(ticket)

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
    ) -> Receipt | None:
        """Take a message, and wait so many seconds for its first attempt.

        `compose` is called in an executor, with the file to write to; `reads_files`
        that it reads files, which may hang. When this returns, the message was accepted, or
        refused for good, or is on disk. None: it was cleared before it was taken.

        Raises OutboxClosedError, MessageTooLargeError and StalledError; OutboxFullError
        and OSError where it cannot be kept and was not accepted at once either.
        """
        order = Order(
            ticket=ticket,
            compose=compose,
            subject=subject,
            importance=importance,
            lifetime=(expires_after or self._settings.expires_after).total_seconds(),
            reads_files=reads_files,
        )
        # A call that is cancelled must not leave a message that nobody knows of.
        taken = await asyncio.shield(self.hass.async_create_task(self._take(order)))
        if taken is None:
            return None
        call, made = taken
        receipt = call.receipt
        if not self.running:
            call.tried.set()
        if made.trouble:
            await self._one_try(call, made.trouble)
        else:
            try:
                async with asyncio.timeout(wait):
                    await call.tried.wait()
                    await self._writer.flush()
            except TimeoutError:
                LOGGER.debug("Message %s is not waited for longer", receipt.queue_id)
        if message := self._queue.get(receipt.queue_id):
            receipt.next_attempt = self.next_attempt_of(message)
        return receipt

    async def async_thread(self, tag: str, subject: str) -> Thread:
        """Return the conversation that a message with this tag belongs to."""
        domain = Mailbox(self.account.username).domain
        thread, is_new = self._kept.threads.continued(tag, subject, domain)
        if is_new:
            self._keep()
            await self._writer.flush()
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
        chosen = [message.queue_id for message in self._queue if message.tag == tag]
        in_the_air = any(queue_id in self._queue.in_air for queue_id in chosen)
        discarded += await self._discard(chosen)
        thread = self._kept.threads.get(tag)
        if not thread or not (thread.went_out or in_the_air):
            return discarded, None
        self._kept.threads.mark(tag, went_out=False)
        return discarded, thread

    async def async_said(self) -> None:
        """Put on disk that something was declared over."""
        self._keep()
        await self._writer.flush()

    @callback
    def reopen(self, tag: str) -> None:
        """Take back that a tag was declared over: that could not be said."""
        self._kept.threads.mark(tag, went_out=True)
        self._keep()

    @callback
    def async_retry(self, queue_id: str | None = None) -> int:
        """Try a message, or all of them, at once; return how many that are.

        The user knows that it works again: the account need not rest any longer.
        """
        if queue_id is not None and not self._queue.get(queue_id):
            return 0
        self._apply(RetryAsked(queue_id))
        return len(self._queue) if queue_id is None else 1

    async def async_discard(self, queue_id: str | None = None) -> int:
        """Remove a message, or all of them; return how many that are.

        One that is just being tried is not counted, and goes if it is not accepted.
        """
        if queue_id is None:
            return await self._discard([m.queue_id for m in self._queue])
        return await self._discard([queue_id])

    @callback
    def async_code_renewed(self, account: Account) -> None:
        """Go on: a person gave a code, or a server, with which a login worked."""
        # At once: the next login is not to be one with the old code.
        self.account = account
        self._worker.use_account(account)
        self._apply(CodeRenewed())

    async def _discard(self, queue_ids: list[str]) -> int:
        """Remove messages, so many at once that nobody has to wait for it."""
        removed = 0
        for start in range(0, len(queue_ids), _DISCARD_AT_ONCE):
            some = tuple(queue_ids[start : start + _DISCARD_AT_ONCE])
            before = len(self._queue)
            self._apply(DiscardAsked(some))
            removed += before - len(self._queue)
            await asyncio.sleep(0)
        await self._writer.flush()
        return removed

    @callback
    def _apply(self, event: Event) -> None:
        """Let the heart decide what an event means, and do that at once."""
        try:
            self._kept.standing, decisions = step(
                self._queue,
                self._kept.standing,
                event,
                read_clock(),
                chance=_CHANCE.random,
                may_start=self.running and read_clock().steady >= self._resume_at,
            )
        except Exception:  # noqa: BLE001 - whatever it is, the mail goes on
            self._note_trouble(f"at {type(event).__name__}")
            decisions = []
        for decision in decisions:
            try:
                self._do(decision)
            except Exception:  # noqa: BLE001
                self._note_trouble(f"at {type(decision).__name__}")
        self._tell_listeners(None)
        self._schedule()

    def _do(self, decision: Decision) -> None:
        """Do what the heart decided; nothing here waits."""
        match decision:
            case Attempt():
                self._worker.attempt(decision.message, fresh=decision.fresh)
            case CheckLogin():
                self._worker.check_login()
            case Write():
                if not decision.message.in_memory:
                    self._writer.update(decision.message, read_clock())
            case Remove():
                if self._bodies.pop(decision.message.queue_id, None) is None:
                    self._writer.remove(decision.message.queue_id)
            case KeepStanding():
                self._keep()
            case MarkGoneOut():
                if self._kept.threads.mark(decision.tag, went_out=True):
                    self._keep()
            case CountAccepted():
                self._kept.tally.count()
            case Tell():
                self._report(decision.event)
            case Release():
                self._release(decision.queue_id)
            case AskForCode():
                self._ask_for_code()
            case StopAsking():
                self._stop_asking()
            case _:
                LOGGER.log(decision.level, decision.text)

    def _note_trouble(self, where: str) -> None:
        """Go on after an error that nobody expected, but not at once."""
        self._report_trouble(f"The outbox goes on after an error {where}")
        self._resume_at = read_clock().steady + _AFTER_TROUBLE
        # Whatever was decided was not done: nobody is at work for these.
        for queue_id in self._queue.in_air.keys() - self._worker.attempting:
            self._queue.land(queue_id)

    def _report_trouble(self, text: str) -> None:
        """Let a person know of the exception that is being handled."""
        LOGGER.exception(text)
        self.troubles += 1
        self._tell_listeners(None)

    def _schedule(self) -> None:
        """Look again when there is something to do."""
        self._cancel_timer()
        if not self.running:
            return
        now = read_clock().steady
        try:
            at = wake_at(self._queue, self._kept.standing, now)
        except Exception:  # noqa: BLE001 - whatever it is, the mail goes on
            self._note_trouble("while looking ahead")
            at = self._resume_at
        delay = min(max(at, self._resume_at) - now, _LONGEST_SLEEP)
        self._timer = self.hass.loop.call_later(
            max(delay, 0.0), self._apply, TimePassed()
        )

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _keep(self) -> None:
        """Keep what has to hold after a restart as well."""
        self._kept.max_size = self.max_size
        state = self._kept.as_dict(read_clock())
        self._writer.keep_state(partial(self._spool.write_state, state))

    def _data_begins(self, queue_id: str) -> bool:
        """Note that the server may come to have a message; False: it is not wanted."""
        flight = self._queue.in_air.get(queue_id)
        if not flight or flight.unwanted:
            return False
        self._apply(DataBegins(queue_id))
        return True

    def _submission(self, message: QueuedMessage) -> Submission:
        """Return a message as it is to go out: a late one says so."""
        now = read_clock()
        raised = now.wall_at(message.raised)
        late = timedelta(seconds=now.steady - message.raised)
        put_in = []
        if abs((raised - message.dated).total_seconds()) > _DATE_TOLERANCE:
            # The clock was set since.
            put_in.append(date_insertion(message.date_at, raised))
        if late > LATE_AFTER:
            put_in += insertions(message.gaps, self._settings.late_note(raised, late))
        body = self._bodies.get(message.queue_id)
        return Submission(
            message.envelope,
            self._spool.body(message.queue_id) if body is None else body,
            message.size + sum(len(one.octets) - one.replaced for one in put_in),
            tuple(put_in),
        )

    def _release(self, queue_id: str | None) -> None:
        """Let calls return whose messages will not be tried for a while."""
        for one in list(self._calls) if queue_id is None else [queue_id]:
            if queue_id is None and one in self._queue.in_air and self.running:
                continue
            if call := self._calls.get(one):
                call.tried.set()

    def _report(self, event: OutboxEvent) -> None:
        """Tell of an outcome, first of all the call that has it written.

        Automations listen only once Home Assistant has started.
        """
        if call := self._calls.get(event.queue_id):
            call.receipt.events.append(event)
        starting = self.hass.state in (CoreState.not_running, CoreState.starting)
        if self._reports:
            # In the order in which it happened.
            self._reports.append(event)
        elif starting:
            self._reports.append(event)
            async_at_started(self.hass, self._report_late)
        else:
            self._tell_listeners(event)

    async def _report_late(self, hass: HomeAssistant) -> None:
        """Tell what happened before anyone could listen."""
        # Others do at the start what makes them listen.
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_TIMEOUT):
                await hass.async_block_till_done()
        reports, self._reports = self._reports, []
        for event in reports:
            self._tell_listeners(event)

    def _tell_listeners(self, event: OutboxEvent | None) -> None:
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - whatever it is, the mail goes on
                LOGGER.exception("A listener failed at %s", event)

    async def _take(self, order: Order) -> tuple[_Call, Made] | None:
        """Take a message, which a clear can find until it is taken."""
        self._orders.add(order.ticket)
        try:
            return await self._make_and_take(order)
        finally:
            self._orders.discard(order.ticket)

    async def _make_and_take(self, order: Order) -> tuple[_Call, Made] | None:
        """Make a message durable first, then known."""
        made = None
        if order.reads_files:
            # What hangs here holds up nobody else.
            made = await self._intake.async_make(order, self._queue, self.max_size)
        async with self._taking:
            # One after the other, so that they go out as they came.
            if self._closed:
                if made:
                    await self._intake.async_drop(made)
                raise OutboxClosedError
            if made is None:
                made = await self._intake.async_make(order, self._queue, self.max_size)
            if made.body is None and (trouble := await self._intake.async_add(made)):
                # What the disk does not let go would be sent after the next start.
                self._writer.remove(order.ticket.queue_id)
                made = await self._intake.async_make_in_memory(
                    order, self.max_size, trouble
                )
        # From here on without an await: nobody can come between.
        message = made.message
        self._tickets.discard(order.ticket)
        if order.ticket.cleared:
            self._writer.remove(message.queue_id)
            return None
        call = _Call(
            Receipt(
                queue_id=message.queue_id,
                message_id=message.message_id,
                recipients=message.recipients,
            )
        )
        self._calls[message.queue_id] = call
        if made.body is not None:
            self._bodies[message.queue_id] = made.body
        self._apply(Taken(message))
        return call, made

    async def _one_try(self, call: _Call, trouble: Exception) -> None:
        """Wait until a message that is only in memory was tried. Raises the trouble."""
        queue_id = call.receipt.queue_id
        with suppress(TimeoutError):
            async with asyncio.timeout(_MEMORY_TIMEOUT):
                await call.tried.wait()
        while queue_id in self._queue.in_air and self.running:
            call.tried.clear()
            await call.tried.wait()
        await self._discard([queue_id])
        decisive = call.receipt.decisive
        if decisive is None or decisive.outcome in (Outcome.DEFERRED, Outcome.EXPIRED):
            raise trouble
