"""Does what the heart decides on the network: sessions, attempts, logins."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
import ssl
from typing import TYPE_CHECKING, Any

from homeassistant.core import HomeAssistant, callback

from ..const import DOMAIN, IDLE_TIMEOUT, STOP_GRACE
from ..loading import async_load_session
from ..mail.errors import MailError
from ..mail.models import Account, Submission
from .clock import read_clock
from .events import (
    AttemptBroke,
    AttemptCut,
    AttemptFailed,
    Event,
    LoginFailed,
    SessionOpened,
    Submitted,
    Submitting,
)
from .message import QueuedMessage

if TYPE_CHECKING:
    from ..mail.session import SubmissionSession


class _CutError(Exception):
    """An attempt is not to go on: what had made it possible has changed meanwhile."""


class Worker:
    """Owns the sessions, and a task for each attempt.

    It decides nothing: it tells what came of what it was told to do.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        account: Account,
        tls_context: ssl.SSLContext,
        *,
        tell: Callable[[Event], None],
        submission: Callable[[QueuedMessage], Submission],
        before_data: Callable[[str], bool],
        written: Callable[[], Awaitable[None]],
        may_log_in: Callable[[], bool],
        lost: Callable[[str], None],
        trouble: Callable[[str], None],
        idle: Callable[[], None],
    ) -> None:
        """Prepare. The callables belong to the outbox, whose hands this is."""
        self.account = account
        self.max_size: int | None = None
        """Octets that the server takes, as it said last."""
        self._hass = hass
        self._tls_context = tls_context
        self._tell = tell
        self._submission = submission
        self._before_data = before_data
        self._written = written
        self._may_log_in = may_log_in
        self._lost = lost
        self._report = trouble
        self._tell_idle = idle
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._opening = asyncio.Lock()
        self._kept: SubmissionSession | None = None
        self._kept_since = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None

    @property
    def session_open(self) -> bool:
        """Whether the next message needs no login."""
        return self._kept is not None and self._kept.is_open

    @property
    def attempting(self) -> set[str]:
        """The queue ids for which there is a task."""
        return set(self._tasks)

    @callback
    def attempt(self, message: QueuedMessage, *, fresh: bool) -> None:
        """Try a message; by a fresh session where it is asked for."""
        self._start(message.queue_id, self._attempt(message, fresh=fresh))

    @callback
    def check_login(self) -> None:
        """Log in without a message."""
        self._start("login", self._check_login())

    @callback
    def use_account(self, account: Account) -> None:
        """Log in as this account from now on."""
        if account != self.account:
            self.account = account
            self._drop_kept()

    async def async_stop(self) -> None:
        """Let what is in the air end, but not for long; it is marked on disk."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=STOP_GRACE)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._drop_kept()

    def _start(self, key: str, attempt: Coroutine[Any, Any, None]) -> None:
        task = self._hass.async_create_background_task(attempt, f"{DOMAIN} {key}")
        self._tasks[key] = task
        task.add_done_callback(partial(self._ended, key))

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        # The same message may be in the air again already, in a fresh session.
        if self._tasks.get(key) is task:
            del self._tasks[key]

    async def _attempt(self, message: QueuedMessage, *, fresh: bool) -> None:
        """Try a message, and tell what came of it."""
        queue_id, was_fresh = message.queue_id, True
        session: SubmissionSession | None = None
        event: Event
        try:
            # What was accepted before is off the disk, or a crash would send it again.
            await self._written()
            session = await self._take(fresh=fresh)
            was_fresh = session.fresh
            self._tell(Submitting(queue_id))
            result = await session.submit(
                self._submission(message), partial(self._mark, queue_id)
            )
            event = Submitted(queue_id, result)
        except _CutError:
            event = AttemptCut(queue_id)
        except FileNotFoundError as err:
            self._lost(str(err.filename))
            event = AttemptBroke(queue_id, str(err), lost=True)
        except MailError as err:
            event = AttemptFailed(queue_id, err, was_fresh)
        except Exception as err:  # noqa: BLE001 - one message must not stop the others
            self._report(f"Message {queue_id} waits")
            event = AttemptBroke(queue_id, str(err))
        finally:
            if session:
                self._give_back(session)
        # Whoever is told may find that nobody is at work for it any more.
        self._tasks.pop(queue_id, None)
        self._tell(event)

    async def _mark(self, queue_id: str) -> None:
        """See to it that a crash finds on disk that the server may have a message."""
        if not self._before_data(queue_id):
            raise _CutError
        await self._written()

    async def _check_login(self) -> None:
        """Log in, and keep the session for a message that may come."""
        try:
            self._give_back(await self._take(fresh=True))
        except _CutError:
            return
        except MailError as err:
            self._tell(LoginFailed(err))
        except Exception as err:  # noqa: BLE001 - it must not stop the mail
            self._report(f"Login not checked: {err}")

    async def _take(self, *, fresh: bool) -> SubmissionSession:
        """Return a session that nobody uses, new if there is none. Raises SessionError."""
        async with self._opening:
            await async_load_session(self._hass)
            from ..mail.session import SubmissionSession  # noqa: PLC0415

            # While this waited, a login may have been refused.
            if not self._may_log_in():
                raise _CutError
            session, self._kept = self._kept, None
            if session:
                idle = read_clock().steady - self._kept_since
                # Over a sleep no timer comes in time.
                if session.is_open and not fresh and idle < 2 * IDLE_TIMEOUT:
                    return session
                session.drop()
            session = SubmissionSession(self.account, self._tls_context)
            account = self.account
            await session.open()
            if account != self.account:
                # A person has changed it meanwhile.
                session.drop()
                raise _CutError
            if session.max_size:
                self.max_size = session.max_size
            self._tell(SessionOpened())
            return session

    def _give_back(self, session: SubmissionSession) -> None:
        """Keep a session for a while, if it can be used again."""
        if not session.is_open:
            return
        if self._kept or not self._may_log_in():
            self._close(session)
            return
        self._kept, self._kept_since = session, read_clock().steady
        if self._idle_timer:
            self._idle_timer.cancel()
        self._idle_timer = self._hass.loop.call_later(IDLE_TIMEOUT, self._close_idle)

    def _close_idle(self) -> None:
        self._idle_timer = None
        if self._kept:
            session, self._kept = self._kept, None
            self._close(session)
        self._tell_idle()

    def _close(self, session: SubmissionSession) -> None:
        self._hass.async_create_background_task(session.close(), f"{DOMAIN} close")

    def _drop_kept(self) -> None:
        if self._idle_timer:
            self._idle_timer.cancel()
            self._idle_timer = None
        if self._kept:
            self._kept.drop()
            self._kept = None
