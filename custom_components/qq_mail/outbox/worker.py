"""The worker of an outbox: when a message is tried, and over which session."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
import ssl
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from ..const import (
    DEFAULT_MAX_SIZE,
    IDLE_TIMEOUT,
    LATE_AFTER,
    LOGGER,
    LOGIN_CHECK_INTERVAL,
    STOP_GRACE,
)
from ..mail.errors import AuthenticationError, MailError, SessionError
from ..mail.message import insertions
from ..mail.models import Step, Submission, SubmissionResult
from ..mail.session import SubmissionSession
from .pace import Bucket, Pace
from .policy import Policy
from .spool import QueuedMessage

if TYPE_CHECKING:
    from .outbox import Outbox


class Worker:
    """Tries the messages of an outbox one after the other, over one session.

    It alone knows when the next login is due.
    """

    def __init__(
        self,
        outbox: Outbox,
        tls_context: ssl.SSLContext,
        pace: Pace,
        request_new_code: Callable[[], None],
        late_note: Callable[[datetime, timedelta], str],
    ) -> None:
        """Prepare; `late_note` words when an alert was raised, and how late it is."""
        self.attempting: str | None = None
        """The queue id of the message that is just being tried."""
        self.stopping = False
        self._outbox = outbox
        self._waiting = outbox.waiting
        self._tls_context = tls_context
        self._bucket = Bucket(pace)
        self._policy = Policy(outbox, request_new_code)
        self._late_note = late_note
        self._wake = asyncio.Event()
        self._session: SubmissionSession | None = None
        self._session_idle_at = dt_util.utcnow()
        self._check_login_at = dt_util.utcnow()
        self._task: asyncio.Future[None] = outbox.hass.loop.create_future()
        self._task.set_result(None)

    @property
    def session_open(self) -> bool:
        """Whether the next message needs no login."""
        return self._session is not None and self._session.is_open

    @callback
    def put_login_check_off(self) -> None:
        """Have the login checked a day from now, if no message does it before."""
        self._check_login_at = dt_util.utcnow() + LOGIN_CHECK_INTERVAL

    @callback
    def start(self, task: asyncio.Task[None]) -> None:
        """Keep the task that runs `async_run`."""
        self._task = task

    @callback
    def wake(self) -> None:
        """Have it look again at what is due."""
        self._wake.set()

    async def async_stop(self) -> None:
        """Let an attempt in the air end, but not for long; it is marked on disk."""
        self.stopping = True
        self.wake()
        await asyncio.wait({self._task}, timeout=STOP_GRACE)
        self._task.cancel()
        await asyncio.wait({self._task})

    async def async_run(self) -> None:
        """Work until stopped: expire, try what is due, wait for what comes next."""
        try:
            await self._policy.async_recover()
            while not self.stopping:
                await self._policy.async_expire()
                self._end_hold()
                if message := self._due():
                    await self._attempt(message)
                elif self._login_check_is_due():
                    await self._check_login()
                elif self._session and self._session_idle_at <= dt_util.utcnow():
                    await self._close_session()
                    await self._outbox.async_keep_state()
                else:
                    await self._sleep()
        finally:
            if self._session:
                self._session.drop()
                self._session = None

    def _end_hold(self) -> None:
        hold = self._outbox.state.hold
        if hold and hold.until and hold.until <= dt_util.utcnow():
            self._outbox.state.hold = None
            self._outbox.changed()

    def _due(self) -> QueuedMessage | None:
        """Return the message to try now, if the pace allows one."""
        if self._outbox.state.hold or self._bucket.next_at > dt_util.utcnow():
            return None
        return self._waiting.due()

    def _login_check_is_due(self) -> bool:
        return not self._outbox.state.hold and self._check_login_at <= dt_util.utcnow()

    async def _check_login(self) -> None:
        """Log in without a message; being offline is not worth a word."""
        self.put_login_check_off()
        await self._close_session()
        try:
            await self._open_session()
        except AuthenticationError as err:
            await self._policy.async_hold_if_needed(err)
            if self._outbox.state.hold and self._outbox.state.hold.until:
                self._check_login_at = self._outbox.state.hold.until
        except SessionError as err:
            LOGGER.debug("Login not checked: %s", err)

    async def _sleep(self) -> None:
        """Wait for a wake-up call, or until something is due."""
        self._wake.clear()
        # Once a day at least, so that there is always something to wait for.
        times = [
            dt_util.utcnow() + LOGIN_CHECK_INTERVAL,
            self._waiting.next_expiry,
            self._session_idle_at if self._session else None,
        ]
        if hold := self._outbox.state.hold:
            times.append(hold.until)
        else:
            times.append(self._check_login_at)
            if next_attempt := self._waiting.next_attempt:
                times.append(max(next_attempt, self._bucket.next_at))
        cancel = async_track_point_in_utc_time(
            self._outbox.hass, self._time_has_come, min(filter(None, times))
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
        session = SubmissionSession(self._outbox.account, self._tls_context)
        await session.open()
        self._session = session
        self._keep_session_for_a_while()
        self._outbox.state.login_refused = False
        self._outbox.state.max_size = session.max_size or DEFAULT_MAX_SIZE
        self.put_login_check_off()
        return session

    def _keep_session_for_a_while(self) -> None:
        self._session_idle_at = dt_util.utcnow() + timedelta(seconds=IDLE_TIMEOUT)

    async def _close_session(self) -> None:
        if self._session:
            session, self._session = self._session, None
            await session.close()

    async def _attempt(self, message: QueuedMessage) -> None:
        """Try a message, and see to what came of it."""
        self.attempting = message.queue_id
        self._bucket.take()
        try:
            result = await self._submit(message, self._submission(message))
        except FileNotFoundError as err:
            await self._policy.async_lost(message, err)
        except MailError as err:
            await self._policy.async_failed(message, err)
        except Exception as err:  # noqa: BLE001 - the worker must not die of it
            LOGGER.exception("Message %s waits", message.queue_id)
            await self._policy.async_defer(message, str(err))
        else:
            await self._policy.async_accepted(message, result)
        finally:
            self.attempting = None
            self._keep_session_for_a_while()
            self._outbox.release_call(message.queue_id)

    def _submission(self, message: QueuedMessage) -> Submission:
        """Return a message as it is to go out: a late one says so."""
        late = dt_util.utcnow() - message.created
        noted = (
            insertions(message.gaps, self._late_note(message.created, late))
            if late > LATE_AFTER
            else ()
        )
        return Submission(
            message.envelope,
            self._waiting.spool.body(message.queue_id),
            message.size + sum(len(note.octets) for note in noted),
            noted,
        )

    async def _submit(
        self, message: QueuedMessage, submission: Submission
    ) -> SubmissionResult:
        kept = self._session is not None
        session = await self._open_session()
        mark = partial(self._waiting.async_update, replace(message, in_data=True))
        try:
            return await session.submit(submission, mark)
        except MailError as err:
            # The server may close a kept session just before the next MAIL.
            if not kept or err.step is not Step.MAIL or session.is_open:
                raise
        session = await self._open_session()
        return await session.submit(submission, mark)
