"""Speaks with an account's server: its sessions, and a task for whatever is at work."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from functools import partial
import ssl
from typing import Any, cast

from ..clock import read_clock
from ..const import DOMAIN, STOP_GRACE
from ..smtp.errors import MailError
from ..smtp.session import SubmissionSession
from ..smtp.transcript import Transcript
from .core.models import Attempt, Level
from .view import OutboxView

IDLE_TIMEOUT = 240.0
"""Seconds that a session stays open without a message: RFC 5321 grants 300. One that
QQ has closed meanwhile is met at the next MAIL, and costs a login then, not before."""

_MOST_TRANSCRIPTS = 10
_MOST_TOLD = 100
"""Subjects and names that are left out of transcripts: those of the last messages."""
_LOGIN = "login"
"""What the task of a check is known by."""


class _CutError(Exception):
    """An attempt is not to go on: what had made it possible has changed meanwhile."""


class Sessions:
    """Owns an account's sessions, and decides nothing: it tells what came of it."""

    def __init__(self, view: OutboxView, tls_context: ssl.SSLContext) -> None:
        self.transcripts: deque[Transcript] = deque(maxlen=_MOST_TRANSCRIPTS)
        """Of the last sessions."""
        self._hass = view.hass
        self._view = view
        self._id = view.id
        self._manager = view.manager
        self._scheduler = view.scheduler
        self._tls_context = tls_context
        self._tasks: dict[asyncio.Task[None], str] = {}
        """What each is known by; one that is of no use any more may not have ended."""
        self._told: deque[str] = deque(maxlen=_MOST_TOLD)
        """What the server heard of messages, and is not to be shown."""
        self._opening = asyncio.Lock()
        self._idle: SubmissionSession | None = None
        self._idle_since = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a session that nobody uses."""
        return self._idle is not None and self._idle.is_open

    @property
    def at_work(self) -> set[str]:
        """The queue ids for which there is a task."""
        return set(self._tasks.values()) - {_LOGIN}

    def start(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        """Have something worked on, which is known by a queue id."""
        task = self._hass.async_create_background_task(work, f"{DOMAIN} {key}")
        self._tasks[task] = key
        task.add_done_callback(self._ended)

    def attempt(self, action: Attempt) -> None:
        """Try a message."""
        message = action.message
        self._told.append(message.subject)
        self._told += [to.rpartition("@")[0] for to in message.recipients[:_MOST_TOLD]]
        self.start(message.queue_id, self._attempt(action))

    def cancel(self, queue_id: str) -> None:
        """End an attempt whose text has not begun."""
        for task in [task for task, key in self._tasks.items() if key == queue_id]:
            task.cancel()

    def log_in(self) -> None:
        """Log in without a message, and keep the session for one that may come."""
        self.start(_LOGIN, self._log_in())

    async def async_stop(self) -> None:
        """Let all that is at work end, but not for long; the disk knows what it was."""
        # Each leaves the others when it has ended.
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_GRACE)
        if left := list(self._tasks):
            for task in left:
                task.cancel()
            await asyncio.wait(left)
        self.drop_idle()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)

    async def _attempt(self, action: Attempt) -> None:
        """Try a message, and tell what came of it."""
        message, queue_id = action.message, action.message.queue_id
        scheduler = self._scheduler
        session: SubmissionSession | None = None
        fresh, begun = True, False

        async def before_data() -> None:
            """Have it on disk that the server may come to have the message."""
            if not scheduler.text_begins(read_clock(), self._id, queue_id):
                raise _CutError
            self._manager.write_marks()
            if not message.in_memory:
                await self._manager.async_written(message.level)

        def before_text() -> None:
            """Begin the text, if it is still wanted: nothing happens before its octets."""
            nonlocal begun
            changed = session is None or session.account != self._view.account
            if changed or not scheduler.text_goes(read_clock(), self._id, queue_id):
                raise _CutError
            begun = True

        try:
            session = await self._take(message.level, fresh=action.fresh)
            fresh = session.fresh
            self._view.happen(scheduler.submitting, queue_id)
            home = self._manager.hands.get(message.home, self._view)
            submission = home.submission(message, session.account)
            result = await session.submit(
                submission, before_data, before_text=before_text
            )
        except _CutError:
            told = partial(self._view.happen, scheduler.cut, queue_id)
        except asyncio.CancelledError:
            if not begun:
                # It is sure to wait: nothing of it was sent.
                self._view.happen(scheduler.cut, queue_id)
            elif not self._hass.is_stopping:
                # Else it is told at the next start, when somebody listens.
                self._view.happen(scheduler.broke, queue_id, "", sent=True)
            raise
        except FileNotFoundError as err:
            if scheduler.may_send(self._id, queue_id):
                self._view.unreadable.append(str(err.filename))
                told = partial(
                    self._view.happen, scheduler.broke, queue_id, str(err), lost=True
                )
            else:
                # It was discarded, and its text with it.
                told = partial(self._view.happen, scheduler.cut, queue_id)
        except MailError as err:
            told = partial(
                self._view.happen, scheduler.failed, queue_id, err, fresh=fresh
            )
        except Exception as err:  # noqa: BLE001 - one message must not stop the others
            self._manager.report_trouble(f"Message {queue_id} waits")
            told = partial(
                self._view.happen, scheduler.broke, queue_id, str(err), sent=begun
            )
        else:
            told = partial(self._view.happen, scheduler.accepted, queue_id, result)
        if session:
            self._give_back(session)
        # Whoever is told may find that nobody is at work for it any more.
        self._ended(cast("asyncio.Task[None]", asyncio.current_task()))
        told()

    async def _log_in(self) -> None:
        try:
            self._give_back(await self._take(Level.BELOW, fresh=True))
        except _CutError:
            return
        except MailError as err:
            self._view.happen(self._scheduler.login_failed, err)
        except Exception:  # noqa: BLE001 - it must not stop the mail
            self._manager.report_trouble("Login not checked")

    async def _take(self, level: Level, *, fresh: bool) -> SubmissionSession:
        """Return a session that nobody uses, new if there is none. Raises SessionError."""
        if level is Level.HIGHEST:
            # An alarm does not wait for a connection that hangs.
            return self._take_idle(fresh=fresh) or await self._open(level)
        async with self._opening:
            return self._take_idle(fresh=fresh) or await self._open(level)

    def _take_idle(self, *, fresh: bool) -> SubmissionSession | None:
        session, self._idle = self._idle, None
        if session is None:
            return None
        idle = read_clock().steady - self._idle_since
        # Over a sleep no timer comes in time.
        if session.is_open and not fresh and idle < 2 * IDLE_TIMEOUT:
            return session
        session.drop()
        return None

    async def _open(self, level: Level) -> SubmissionSession:
        # While this waited, a login may have been refused.
        if not self._scheduler.may_log_in(read_clock(), self._id, level):
            raise _CutError
        account = self._view.account
        session = SubmissionSession(account, self._tls_context, self._told)
        self.transcripts.append(session.transcript)
        await session.open()
        if account != self._view.account:
            # A person has changed it meanwhile.
            session.drop()
            raise _CutError
        self._view.happen(self._scheduler.session_opened, session.max_size)
        return session

    def _give_back(self, session: SubmissionSession) -> None:
        """Keep a session for a while, if it can be used again."""
        if not session.is_open:
            return
        account = self._scheduler.accounts.get(self._id)
        may_keep = account is not None and account.pause is None
        if self._idle or session.account != self._view.account or not may_keep:
            self._close(session)
            return
        self._idle, self._idle_since = session, read_clock().steady
        if self._idle_timer:
            self._idle_timer.cancel()
        self._idle_timer = self._hass.loop.call_later(IDLE_TIMEOUT, self._close_idle)
        self._view.happen(self._scheduler.session_idle, idle=True)

    def _close_idle(self) -> None:
        self._idle_timer = None
        if session := self._take_idle(fresh=False):
            self._close(session)
        self._view.happen(self._scheduler.session_idle, idle=False)

    def _close(self, session: SubmissionSession) -> None:
        self._hass.async_create_background_task(session.close(), f"{DOMAIN} close")

    def drop_idle(self) -> None:
        """Have the next message log in anew."""
        if self._idle_timer:
            self._idle_timer.cancel()
            self._idle_timer = None
        if self._idle:
            self._take_idle(fresh=True)
            self._view.happen(self._scheduler.session_idle, idle=False)
