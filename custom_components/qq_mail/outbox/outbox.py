"""The queue of an account: it takes messages, keeps them, and tells what came of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
import ssl
from typing import BinaryIO
from weakref import WeakValueDictionary

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_at_time

from ..const import LOGGER, MAX_BYTES, MAX_MESSAGES, MAX_SHARE_OF_DISK
from ..mail.address import Mailbox
from ..mail.diagnosis import Cause
from ..mail.models import Account, Composed, Reply
from .account import AccountState, Thread
from .outcome import (
    MessageTooLargeError,
    OutboxClosedError,
    OutboxEvent,
    OutboxFullError,
    Outcome,
    Receipt,
)
from .pace import Pace
from .spool import QueuedMessage, Spool
from .waiting import Waiting
from .worker import Worker


@dataclass(eq=False, slots=True, weakref_slot=True)
class _Call:
    """A call that waits for the first attempt of its message."""

    receipt: Receipt
    tried: asyncio.Event = field(default_factory=asyncio.Event)


class Outbox:
    """Keeps messages until the server has answered for each of their recipients.

    One worker, one session: messages go out one after the other, the important ones
    first, then the older ones.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        account: Account,
        tls_context: ssl.SSLContext,
        spool: Spool,
        *,
        pace: Pace,
        expires_after: timedelta,
        request_new_code: Callable[[], None],
        late_note: Callable[[datetime, timedelta], str],
    ) -> None:
        """Prepare; `late_note` words when an alert was raised, and how late it is."""
        self.hass = hass
        self.account = account
        self.state = AccountState()
        self.waiting = Waiting(hass, spool)
        self.worker = Worker(self, tls_context, pace, request_new_code, late_note)
        self.damaged: list[str] = []
        self._expires_after = expires_after
        # A call that was cancelled drops out of it.
        self._calls = WeakValueDictionary[str, _Call]()
        self._listeners: set[Callable[[OutboxEvent | None], None]] = set()
        self._taking = asyncio.Lock()
        self._closed = False
        self._last_taken = 0.0

    @property
    def next_attempt(self) -> datetime | None:
        """When something is tried next; None where nothing waits, or for a code."""
        time = self.waiting.next_attempt
        return self.not_before(time) if time else None

    def not_before(self, time: datetime) -> datetime | None:
        """Return when that can really be; None: not before there is a new code."""
        if not self.state.hold:
            return time
        until = self.state.hold.until
        return max(time, until) if until else None

    @callback
    def async_add_listener(
        self, listener: Callable[[OutboxEvent | None], None]
    ) -> CALLBACK_TYPE:
        """Hear of each outcome, and by None of any other change."""
        self._listeners.add(listener)
        return partial(self._listeners.discard, listener)

    async def async_load(self, *, check_login: bool) -> None:
        """Read the spool; with `check_login` the worker begins with a login.

        So a code that was revoked is noticed by day, and not at the alarm.
        """
        loaded = await self.waiting.async_load()
        self.damaged = [str(file) for file in loaded.damaged]
        try:
            self.state = AccountState.from_dict(loaded.state)
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            LOGGER.error("Ignoring what was kept of the account: %s", err)
        if not check_login:
            self.worker.put_login_check_off()

    async def async_stop(self) -> None:
        """Stop the worker, and let no call wait for it."""
        await self.worker.async_stop()
        self.release_calls()
        await self.async_keep_state()

    async def async_close(self) -> None:
        """Take nothing more; what was being taken is on disk when this returns."""
        async with self._taking:
            self._closed = True

    async def async_submit(
        self,
        compose: Callable[[BinaryIO], Composed],
        *,
        subject: str,
        created: datetime,
        wait: float,
        importance: int = 0,
        expires_after: timedelta | None = None,
        tag: str = "",
    ) -> Receipt:
        """Take a message, and wait so many seconds for its first attempt.

        `compose` is called in an executor, with the file to write to. When this
        returns, the message was accepted, or refused for good, or is on disk.
        Raises OutboxFullError, OutboxClosedError, MessageTooLargeError, and OSError
        where the disk takes nothing.
        """
        take = partial(
            self._take,
            compose,
            subject=subject,
            created=created,
            importance=importance,
            expires=created + (expires_after or self._expires_after),
            tag=tag,
        )
        # A call that is cancelled must not leave a message that nobody knows of.
        call = await asyncio.shield(self.hass.async_create_task(self._keep(take)))
        if self.worker.stopping or self.state.hold:
            self.release_calls()
        receipt = call.receipt
        try:
            async with asyncio.timeout(wait):
                await call.tried.wait()
        except TimeoutError:
            LOGGER.debug("Message %s is not waited for any longer", receipt.queue_id)
        if message := self.waiting.get(receipt.queue_id):
            receipt.next_attempt = self.not_before(message.next_attempt)
        return receipt

    async def async_thread(self, tag: str, subject: str) -> Thread:
        """Return the conversation that a message with this tag belongs to."""
        known = self.state.threads.get(tag)
        thread = self.state.continue_thread(
            tag, subject, Mailbox(self.account.username).domain
        )
        if thread is not known:
            await self.async_keep_state()
        return thread

    async def async_clear(self, tag: str) -> tuple[int, Thread | None]:
        """Discard what waits under a tag, which is over.

        Return how many messages that were, and the conversation if something had
        gone out.
        """
        chosen = [message for message in self.waiting if message.tag == tag]
        discarded = await self._discard(chosen)
        thread = self.state.threads.get(tag)
        in_the_air = discarded < len(chosen)
        if not thread or not (thread.went_out or in_the_air):
            return discarded, None
        self.state.mark_thread(tag, went_out=False)
        await self.async_keep_state()
        return discarded, thread

    @callback
    def async_retry(self, queue_id: str | None = None) -> int:
        """Try a message, or all of them, at once; return how many that are.

        The user knows that it works again: the account need not rest any longer.
        """
        chosen = self._chosen(queue_id)
        for message in chosen:
            self.waiting.schedule(message, dt_util.utcnow())
        if chosen or queue_id is None:
            self.state.hold = None
            self.state.login_refused = False
            self.worker.wake()
            self.changed()
        return len(chosen)

    async def async_discard(self, queue_id: str | None = None) -> int:
        """Remove a message, or all of them; return how many that are.

        Not the one that is just being tried.
        """
        return await self._discard(self._chosen(queue_id))

    async def async_keep_state(self) -> None:
        """Keep what has to hold after a restart as well."""
        await self.waiting.async_keep_state(self.state)

    @callback
    def release_calls(self) -> None:
        """Let calls return whose messages will not be tried for a while."""
        for queue_id in list(self._calls):
            self.release_call(queue_id)

    @callback
    def release_call(self, queue_id: str) -> None:
        """Let the call return that waits for this message, if one does."""
        if call := self._calls.get(queue_id):
            call.tried.set()

    @callback
    def report(
        self,
        message: QueuedMessage,
        outcome: Outcome,
        *,
        cause: Cause | None = None,
        reply: Reply | None = None,
        detail: str = "",
    ) -> None:
        """Tell everyone of an outcome, first of all the call that has it written."""
        waits = outcome in (Outcome.DEFERRED, Outcome.UNKNOWN)
        event = OutboxEvent(
            outcome=outcome,
            queue_id=message.queue_id,
            subject=message.subject,
            recipients=message.recipients,
            attempts=message.attempts,
            message_id=message.message_id,
            cause=cause,
            reply=reply,
            detail=detail,
            next_attempt=message.next_attempt if waits else None,
        )
        if call := self._calls.get(message.queue_id):
            call.receipt.events.append(event)
        self._tell(event)

    @callback
    def changed(self) -> None:
        """Tell everyone that something changed, though no message's fate."""
        self._tell(None)

    async def _keep(self, take: Callable[[], QueuedMessage]) -> _Call:
        """Take messages one after the other, so that they go out as they came."""
        async with self._taking:
            if self._closed:
                raise OutboxClosedError
            message = await self.hass.async_add_executor_job(take)
        call = _Call(
            Receipt(
                queue_id=message.queue_id,
                message_id=message.message_id,
                recipients=message.recipients,
            )
        )
        self._calls[message.queue_id] = call
        self.waiting.add(message)
        self.worker.wake()
        self.changed()
        return call

    def _take(
        self,
        compose: Callable[[BinaryIO], Composed],
        *,
        subject: str,
        created: datetime,
        importance: int,
        expires: datetime,
        tag: str,
    ) -> QueuedMessage:
        """Compose and write a message in an executor, if there is room for it."""
        if len(self.waiting) >= MAX_MESSAGES:
            raise OutboxFullError
        self._last_taken = max(self._last_taken + 0.001, created.timestamp())
        queue_id = ulid_at_time(self._last_taken)
        free = self.waiting.spool.free_space()
        room = min(MAX_BYTES, (free + self.waiting.size) * MAX_SHARE_OF_DISK)

        def write(stream: BinaryIO) -> QueuedMessage:
            composed = compose(stream)
            if composed.size > self.state.max_size:
                raise MessageTooLargeError(composed.size, self.state.max_size)
            if self.waiting.size + composed.size > room:
                raise OutboxFullError
            return QueuedMessage(
                queue_id=queue_id,
                subject=subject,
                reverse_path=composed.envelope.reverse_path,
                recipients=composed.envelope.recipients,
                message_id=composed.message_id,
                importance=importance,
                tag=tag,
                size=composed.size,
                gaps=composed.gaps,
                created=created,
                expires=expires,
                next_attempt=created,
            )

        return self.waiting.spool.add(queue_id, write)

    def _chosen(self, queue_id: str | None) -> list[QueuedMessage]:
        return [m for m in self.waiting if queue_id in (None, m.queue_id)]

    async def _discard(self, chosen: list[QueuedMessage]) -> int:
        """Remove messages, but for the one that is just being tried."""
        discarded = [m for m in chosen if m.queue_id != self.worker.attempting]
        for message in discarded:
            await self.waiting.async_forget(message)
        self.changed()
        return len(discarded)

    def _tell(self, event: OutboxEvent | None) -> None:
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - whatever it is, the mail goes on
                LOGGER.exception("A listener failed at %s", event)
