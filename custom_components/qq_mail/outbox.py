"""The queue of an account: what waits, when it is tried, and what came of it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from random import SystemRandom
import ssl
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_at_time

from .const import (
    BACK_OFF,
    IDLE_TIMEOUT,
    JITTER,
    LATE_AFTER,
    LOGGER,
    LOGIN_CHECK_INTERVAL,
    LOGIN_PAUSE,
    MAX_BYTES,
    MAX_MESSAGES,
    MAX_RATE_LIMIT_PAUSE,
    MAX_SHARE_OF_DISK,
    RATE_LIMIT_PAUSE,
    STOP_GRACE,
)
from .mail.diagnosis import Cause, Treatment, diagnose
from .mail.exceptions import (
    AuthenticationError,
    MailError,
    OutcomeUnknownError,
    RecipientsRefusedError,
    SessionError,
)
from .mail.message import with_note
from .mail.models import Account, Reply, Step, Submission, SubmissionResult
from .mail.session import SubmissionSession
from .store import QueuedMessage, Spool


class Outcome(StrEnum):
    """What came of an attempt, or of a message that got none in time."""

    ACCEPTED = "accepted"
    """QQ took it; whether it arrives is another matter."""
    DEFERRED = "deferred"
    """It waits for the next attempt."""
    REJECTED = "rejected"
    """Refused for good, and removed."""
    EXPIRED = "expired"
    """Too old, and removed."""
    UNKNOWN = "unknown"
    """QQ may have it: the connection was lost before the answer. It is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEvent:
    """An outcome, and whom it concerns."""

    outcome: Outcome
    queue_id: str
    subject: str
    recipients: tuple[str, ...]
    attempts: int
    message_id: str
    cause: Cause | None = None
    reply: Reply | None = None
    detail: str = ""
    next_attempt: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing goes out at all for now."""

    cause: Cause
    until: datetime | None
    """None: until there is a new authorization code."""
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast messages may go out: so many at once, then so many a minute."""

    burst: int
    per_minute: float
    """0: as fast as the server takes them."""


_CHANCE = SystemRandom()
_UNKNOWN = Cause.OUTCOME_UNKNOWN


class OutboxFullError(Exception):
    """There is no room for another message."""


class OutboxClosedError(Exception):
    """The account is being unloaded; another outbox may own the spool already."""


def _order(message: QueuedMessage) -> tuple[int, str]:
    """Sort the important first, then the older."""
    return -message.importance, message.queue_id


class Outbox:
    """Keeps messages until the server has answered for each of their recipients.

    One worker, one session: messages go out one after the other, the important ones
    first, then the older ones. It alone knows when the next login is due.
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
        self.hold: Hold | None = None
        self.last_accepted: datetime | None = None
        self.damaged: list[str] = []
        self._tls_context = tls_context
        self._spool = spool
        self._pace = pace
        self._expires_after = expires_after
        self._request_new_code = request_new_code
        self._late_note = late_note
        self._messages: dict[str, QueuedMessage] = {}
        self._waiters: dict[str, asyncio.Future[OutboxEvent | None]] = {}
        self._listeners: set[Callable[[OutboxEvent | None], None]] = set()
        self._wake = asyncio.Event()
        self._session: SubmissionSession | None = None
        self._session_idle_at = dt_util.utcnow()
        self._attempting: str | None = None
        self._worker: asyncio.Future[None] = hass.loop.create_future()
        self._worker.set_result(None)
        self._stopping = False
        self._taking = asyncio.Lock()
        self._closed = False
        self._last_taken = 0.0
        self._tokens = float(pace.burst)
        self._tokens_at = dt_util.utcnow()
        self._login_refused = False
        self._pauses = 0
        self._accepted_on = dt_util.now().date()
        self._accepted = 0
        self._check_login_at: datetime | None = None

    @property
    def messages(self) -> list[QueuedMessage]:
        """What waits, in the order in which it goes out."""
        return sorted(self._messages.values(), key=_order)

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._messages)

    @property
    def session_open(self) -> bool:
        """Whether the next message needs no login."""
        return self._session is not None and self._session.is_open

    @property
    def accepted_today(self) -> int:
        """How many messages were accepted since midnight."""
        return self._accepted if self._accepted_on == dt_util.now().date() else 0

    @property
    def next_attempt(self) -> datetime | None:
        """When something is tried next; None where nothing waits, or for a code."""
        if not self._messages or (self.hold and self.hold.until is None):
            return None
        earliest = min(message.next_attempt for message in self._messages.values())
        return (
            max(earliest, self.hold.until)
            if self.hold and self.hold.until
            else earliest
        )

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
        loaded = await self.hass.async_add_executor_job(self._spool.load)
        self._messages = {message.queue_id: message for message in loaded.messages}
        self._wake_deferred()
        self.damaged = [str(file) for file in loaded.damaged]
        try:
            self._restore(loaded.state)
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            LOGGER.error("Ignoring what was kept of the account: %s", err)
        self._check_login_at = dt_util.utcnow()
        if not check_login:
            self._check_login_at += LOGIN_CHECK_INTERVAL

    def _restore(self, state: dict[str, Any]) -> None:
        self._login_refused = bool(state.get("login_refused"))
        self._pauses = int(state.get("pauses", 0))
        if hold := state.get("hold"):
            until = hold["until"] and datetime.fromisoformat(hold["until"])
            self.hold = Hold(Cause(hold["cause"]), until)
        if last_accepted := state.get("last_accepted"):
            self.last_accepted = datetime.fromisoformat(last_accepted)
            self._accepted_on = dt_util.as_local(self.last_accepted).date()
            self._accepted = int(state.get("accepted", 0))

    @callback
    def async_start(self, worker: asyncio.Task[None]) -> None:
        """Keep the task that runs `async_run`."""
        self._worker = worker

    async def async_stop(self) -> None:
        """Let an attempt in the air end, but not for long; it is marked on disk."""
        self._stopping = True
        self._wake.set()
        await asyncio.wait({self._worker}, timeout=STOP_GRACE)
        self._worker.cancel()
        await asyncio.wait({self._worker})
        self._release_waiters()
        await self._keep_state()

    async def async_close(self) -> None:
        """Take nothing more; what was being taken is on disk when this returns."""
        async with self._taking:
            self._closed = True

    async def async_submit(
        self,
        compose: Callable[[], Submission],
        *,
        subject: str,
        created: datetime,
        wait: float,
        importance: int = 0,
    ) -> OutboxEvent | None:
        """Take a message, and wait so many seconds for its first attempt.

        `compose` is called in an executor. When this returns, the message was
        accepted, or refused for good, or is on disk. None: it was not tried within
        that time. Raises OutboxFullError, OutboxClosedError, and OSError where the
        disk takes nothing.
        """
        # A call that is cancelled must not leave a message that nobody knows of.
        message = await asyncio.shield(
            self.hass.async_create_task(
                self._keep(compose, subject, created, importance)
            )
        )
        waiter: asyncio.Future[OutboxEvent | None] = self.hass.loop.create_future()
        self._waiters[message.queue_id] = waiter
        if self._stopping or self.hold:
            self._release_waiters()
        try:
            async with asyncio.timeout(wait):
                return await waiter
        except TimeoutError:
            return None
        finally:
            self._waiters.pop(message.queue_id, None)

    @callback
    def async_retry(self, queue_id: str | None = None) -> int:
        """Try a message, or all of them, at once; return how many that are."""
        chosen = self._chosen(queue_id)
        for message in chosen:
            self._messages[message.queue_id] = replace(
                message, next_attempt=dt_util.utcnow()
            )
        if chosen or queue_id is None:
            self._release()
        return len(chosen)

    async def async_discard(self, queue_id: str | None = None) -> int:
        """Remove a message, or all of them; return how many that are.

        Not the one that is just being tried.
        """
        chosen = [m for m in self._chosen(queue_id) if m.queue_id != self._attempting]
        for message in chosen:
            await self._forget(message)
        self._tell(None)
        return len(chosen)

    async def async_run(self) -> None:
        """Work until stopped: expire, try what is due, wait for what comes next."""
        try:
            await self._recover()
            while not self._stopping:
                await self._expire()
                self._end_hold()
                if message := self._due():
                    await self._attempt(message)
                elif self._login_check_is_due():
                    await self._check_login()
                elif self._session and self._session_idle_at <= dt_util.utcnow():
                    await self._close_session()
                    await self._keep_state()
                else:
                    await self._sleep()
        finally:
            if self._session:
                self._session.drop()
                self._session = None

    def _release(self) -> None:
        """Go on although the account rests: the user knows that it works again."""
        self.hold = None
        self._login_refused = False
        self._wake.set()
        self._tell(None)

    async def _keep(
        self,
        compose: Callable[[], Submission],
        subject: str,
        created: datetime,
        importance: int,
    ) -> QueuedMessage:
        """Take messages one after the other, so that they go out as they came."""
        async with self._taking:
            if self._closed:
                raise OutboxClosedError
            message = await self.hass.async_add_executor_job(
                self._take, compose, subject, created, importance
            )
        self._messages[message.queue_id] = message
        self._wake.set()
        self._tell(None)
        return message

    def _take(
        self,
        compose: Callable[[], Submission],
        subject: str,
        created: datetime,
        importance: int,
    ) -> QueuedMessage:
        """Compose and write a message in an executor, if there is room for it."""
        submission = compose()
        self._last_taken = max(self._last_taken + 0.001, created.timestamp())
        message = QueuedMessage(
            queue_id=ulid_at_time(self._last_taken),
            subject=subject,
            reverse_path=submission.envelope.reverse_path,
            recipients=submission.envelope.recipients,
            message_id=submission.message_id,
            importance=importance,
            size=len(submission.wire),
            text_at=submission.text_at,
            text_encoding=submission.text_encoding,
            created=created,
            expires=created + self._expires_after,
            next_attempt=created,
        )
        waiting = sum(queued.size for queued in list(self._messages.values()))
        room = min(MAX_BYTES, (self._spool.free_space() + waiting) * MAX_SHARE_OF_DISK)
        if len(self._messages) >= MAX_MESSAGES or waiting + message.size > room:
            raise OutboxFullError
        self._spool.add(message, submission)
        return message

    def _chosen(self, queue_id: str | None) -> list[QueuedMessage]:
        return [m for m in self.messages if queue_id in (None, m.queue_id)]

    async def _recover(self) -> None:
        """Report what was in the air when Home Assistant was killed."""
        for message in self.messages:
            if message.in_data:
                deferred = await self._deferred(message, _UNKNOWN, None)
                self._report(deferred, Outcome.UNKNOWN, cause=_UNKNOWN)

    async def _expire(self) -> None:
        for message in list(self._messages.values()):
            if message.expires <= dt_util.utcnow():
                LOGGER.error(
                    "Message %s expired after %s attempts: %s",
                    message.queue_id,
                    message.attempts,
                    message.reply or message.cause,
                )
                await self._forget(message)
                self._report(
                    message, Outcome.EXPIRED, cause=message.cause, reply=message.reply
                )

    def _end_hold(self) -> None:
        if self.hold and self.hold.until and self.hold.until <= dt_util.utcnow():
            self.hold = None
            self._tell(None)

    def _due(self) -> QueuedMessage | None:
        """Return the message to try now, if the pace allows one."""
        if self.hold or self._pace_allows_at() > dt_util.utcnow():
            return None
        now = dt_util.utcnow()
        due = (m for m in self._messages.values() if m.next_attempt <= now)
        return min(due, key=_order, default=None)

    def _pace_allows_at(self) -> datetime:
        """Return when the next message may go out: a bucket that refills steadily."""
        now = dt_util.utcnow()
        if not self._pace.per_minute:
            return now
        refilled = (now - self._tokens_at).total_seconds() * self._pace.per_minute / 60
        self._tokens = min(self._tokens + max(refilled, 0), self._pace.burst)
        self._tokens_at = now
        missing = max(1 - self._tokens, 0)
        return now + timedelta(minutes=missing / self._pace.per_minute)

    def _login_check_is_due(self) -> bool:
        if self.hold or not self._check_login_at:
            return False
        return self._check_login_at <= dt_util.utcnow()

    async def _check_login(self) -> None:
        """Log in without a message; being offline is not worth a word."""
        self._check_login_at = dt_util.utcnow() + LOGIN_CHECK_INTERVAL
        await self._close_session()
        try:
            await self._open_session()
        except AuthenticationError as err:
            await self._hold_if_needed(err)
            if self.hold and self.hold.until:
                self._check_login_at = self.hold.until
        except SessionError as err:
            LOGGER.debug("Login not checked: %s", err)

    async def _sleep(self) -> None:
        """Wait for a wake-up call, or until something is due."""
        self._wake.clear()
        # Once a day at least, so that there is always something to wait for.
        times = [dt_util.utcnow() + LOGIN_CHECK_INTERVAL]
        times += [message.expires for message in self._messages.values()]
        if not self.hold:
            times += [
                max(message.next_attempt, self._pace_allows_at())
                for message in self._messages.values()
            ]
            times += [self._check_login_at] if self._check_login_at else []
        elif self.hold.until:
            times.append(self.hold.until)
        if self._session:
            times.append(self._session_idle_at)
        cancel = async_track_point_in_utc_time(
            self.hass, self._time_has_come, min(times)
        )
        try:
            await self._wake.wait()
        finally:
            cancel()

    @callback
    def _time_has_come(self, _now: datetime) -> None:
        self._wake.set()

    async def _open_session(self) -> SubmissionSession:
        """Return the session, new if there is none. Raises SessionError."""
        if self._session and self._session.is_open:
            return self._session
        session = SubmissionSession(self.account, self._tls_context)
        await session.open()
        self._session = session
        self._keep_session_for_a_while()
        self._login_refused = False
        self._check_login_at = dt_util.utcnow() + LOGIN_CHECK_INTERVAL
        return session

    def _keep_session_for_a_while(self) -> None:
        self._session_idle_at = dt_util.utcnow() + timedelta(seconds=IDLE_TIMEOUT)

    async def _close_session(self) -> None:
        if self._session:
            session, self._session = self._session, None
            await session.close()

    async def _attempt(self, message: QueuedMessage) -> None:
        """Try a message, and see to what came of it."""
        self._attempting = message.queue_id
        self._tokens -= 1
        try:
            submission = await self._submission(message)
            result = await self._submit(message, submission)
        except FileNotFoundError as err:
            LOGGER.error("Cannot read message %s: %s", message.queue_id, err)
            self.damaged.append(str(err.filename))
            await self._forget(message)
            self._report(message, Outcome.REJECTED, detail=str(err))
        except MailError as err:
            await self._failed(message, err)
        except Exception as err:  # noqa: BLE001 - the worker must not die of it
            LOGGER.exception("Message %s waits", message.queue_id)
            deferred = await self._deferred(message, Cause.TEMPORARY, None)
            self._report(
                deferred, Outcome.DEFERRED, cause=deferred.cause, detail=str(err)
            )
        else:
            await self._accepted_for(message, result)
        finally:
            self._attempting = None
            self._keep_session_for_a_while()

    async def _submission(self, message: QueuedMessage) -> Submission:
        wire = await self.hass.async_add_executor_job(
            self._spool.wire, message.queue_id
        )
        late = dt_util.utcnow() - message.created
        if late > LATE_AFTER:
            wire = with_note(
                wire,
                text_at=message.text_at,
                text_encoding=message.text_encoding,
                note=self._late_note(message.created, late),
            )
        return Submission(message.envelope, message.message_id, wire)

    async def _submit(
        self, message: QueuedMessage, submission: Submission
    ) -> SubmissionResult:
        kept = self._session is not None
        session = await self._open_session()
        mark = partial(self._update, replace(message, in_data=True))
        try:
            return await session.submit(submission, mark)
        except MailError as err:
            # The server may close a kept session just before the next MAIL.
            if not kept or err.step is not Step.MAIL or session.is_open:
                raise
        session = await self._open_session()
        return await session.submit(submission, mark)

    async def _accepted_for(
        self, message: QueuedMessage, result: SubmissionResult
    ) -> None:
        """Go on with whoever was refused, and wake the others: the way is free."""
        self._accepted = self.accepted_today + 1
        self._accepted_on = dt_util.now().date()
        self.last_accepted = dt_util.utcnow()
        self._pauses = 0
        self._wake_deferred()
        accepted = replace(
            message, recipients=result.accepted, attempts=message.attempts + 1
        )
        if not result.refused:
            await self._forget(message)
        waiting = await self._without_rejected(message, result.refused)
        self._report(accepted, Outcome.ACCEPTED, reply=result.reply)
        self._report_refused(message, result.refused, waiting)

    async def _failed(self, message: QueuedMessage, err: MailError) -> None:
        """Defer a message or reject it, and let the account rest where needed."""
        if isinstance(err, RecipientsRefusedError):
            waiting = await self._without_rejected(message, err.refused)
            self._report_refused(message, err.refused, waiting)
            return
        if err.cause.treatment in (
            Treatment.REJECT_MESSAGE,
            Treatment.REJECT_RECIPIENT,
        ):
            await self._forget(message)
            self._report_rejected(message, err.cause, err.reply)
            return
        await self._hold_if_needed(err)
        deferred = await self._deferred(message, err.cause, err.reply)
        if isinstance(err, SessionError):
            # It would be the same for the others.
            for other in self._messages.values():
                if other.next_attempt < deferred.next_attempt:
                    self._messages[other.queue_id] = replace(
                        other, next_attempt=deferred.next_attempt
                    )
        unknown = isinstance(err, OutcomeUnknownError)
        self._report(
            deferred,
            Outcome.UNKNOWN if unknown else Outcome.DEFERRED,
            cause=err.cause,
            reply=err.reply,
            detail=err.detail,
        )
        if self.hold or isinstance(err, SessionError):
            self._release_waiters()

    async def _without_rejected(
        self, message: QueuedMessage, refused: Mapping[str, Reply]
    ) -> QueuedMessage | None:
        """Keep a message for those who were refused for now, if there are any."""
        if not refused:
            return None
        deferred = {
            recipient: reply
            for recipient, reply in refused.items()
            if diagnose(reply, Step.RCPT).treatment is Treatment.RETRY
        }
        if not deferred:
            await self._forget(message)
            return None
        reply = next(iter(deferred.values()))
        return await self._deferred(
            replace(message, recipients=tuple(deferred)),
            diagnose(reply, Step.RCPT),
            reply,
        )

    def _report_refused(
        self,
        message: QueuedMessage,
        refused: Mapping[str, Reply],
        waiting: QueuedMessage | None,
    ) -> None:
        """Report those who were refused for good, and those who were for now."""
        if waiting:
            self._report(
                waiting, Outcome.DEFERRED, cause=waiting.cause, reply=waiting.reply
            )
        kept = waiting.recipients if waiting else ()
        for recipient, reply in refused.items():
            if recipient not in kept:
                self._report_rejected(
                    replace(message, recipients=(recipient,)),
                    diagnose(reply, Step.RCPT),
                    reply,
                )

    def _report_rejected(
        self, message: QueuedMessage, cause: Cause, reply: Reply | None
    ) -> None:
        LOGGER.error("Message %s was rejected: %s", message.queue_id, reply or cause)
        self._report(
            replace(message, attempts=message.attempts + 1),
            Outcome.REJECTED,
            cause=cause,
            reply=reply,
        )

    async def _deferred(
        self, message: QueuedMessage, cause: Cause, reply: Reply | None
    ) -> QueuedMessage:
        """Keep a message for its next attempt, later after each one."""
        attempts = message.attempts + 1
        back_off = BACK_OFF[min(attempts, len(BACK_OFF)) - 1]
        deferred = replace(
            message,
            attempts=attempts,
            next_attempt=dt_util.utcnow() + back_off * (1 + _CHANCE.uniform(0, JITTER)),
            in_data=False,
            cause=cause,
            reply=reply,
        )
        await self._update(deferred)
        return deferred

    async def _hold_if_needed(self, err: MailError) -> None:
        """Let the account rest where each further try would make it worse."""
        now = dt_util.utcnow()
        match err.cause.treatment:
            case Treatment.PAUSE:
                pause = min(RATE_LIMIT_PAUSE * 2**self._pauses, MAX_RATE_LIMIT_PAUSE)
                self._pauses += 1
                self.hold = Hold(err.cause, now + pause, err.reply)
            case Treatment.LOGIN_LATER if not self._login_refused:
                self._login_refused = True
                self.hold = Hold(err.cause, now + LOGIN_PAUSE, err.reply)
            case Treatment.LOGIN_LATER | Treatment.NEW_CODE:
                self.hold = Hold(err.cause, None, err.reply)
                self._request_new_code()
            case _:
                return
        LOGGER.warning("Nothing is submitted until %s: %s", self.hold.until, err)
        await self._keep_state()
        self._tell(None)

    def _wake_deferred(self) -> None:
        """Try what waits at once: the way is free."""
        now = dt_util.utcnow()
        for message in self._messages.values():
            # Second copies are not to be hurried.
            if message.next_attempt > now and message.cause is not _UNKNOWN:
                self._messages[message.queue_id] = replace(message, next_attempt=now)

    async def _update(self, message: QueuedMessage) -> None:
        self._messages[message.queue_id] = message
        await self._write(self._spool.update, message)

    async def _forget(self, message: QueuedMessage) -> None:
        del self._messages[message.queue_id]
        await self._write(self._spool.remove, message.queue_id)

    async def _keep_state(self) -> None:
        """Keep what has to hold after a restart as well."""
        hold = self.hold and {
            "cause": self.hold.cause,
            "until": self.hold.until and self.hold.until.isoformat(),
        }
        state = {
            "hold": hold,
            "login_refused": self._login_refused,
            "pauses": self._pauses,
            "last_accepted": self.last_accepted and self.last_accepted.isoformat(),
            "accepted": self._accepted,
        }
        await self._write(self._spool.write_state, state)

    async def _write[T](self, write: Callable[[T], None], what: T) -> None:
        """Write to the spool. Going on without is better than stopping the mail."""
        try:
            await self.hass.async_add_executor_job(write, what)
        except OSError as err:
            LOGGER.error("Cannot write to the spool: %s", err)

    def _release_waiters(self) -> None:
        """Let calls return whose messages will not be tried for a while."""
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_result(None)

    def _report(
        self,
        message: QueuedMessage,
        outcome: Outcome,
        *,
        cause: Cause | None = None,
        reply: Reply | None = None,
        detail: str = "",
    ) -> None:
        """Tell everyone of an outcome, first of all the call that waits for it."""
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
        waiter = self._waiters.get(message.queue_id)
        if waiter and not waiter.done():
            waiter.set_result(event)
        self._tell(event)

    @callback
    def _tell(self, event: OutboxEvent | None) -> None:
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - whatever it is, the mail goes on
                LOGGER.exception("A listener failed at %s", event)
