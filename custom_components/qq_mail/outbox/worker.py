"""Does what the heart decides on the network: sessions, attempts, logins."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
import ssl
from typing import TYPE_CHECKING, Any, cast

from homeassistant.core import HomeAssistant, callback

from ..const import DOMAIN, STOP_GRACE
from ..loading import async_load_session
from ..smtp.errors import MailError
from ..smtp.models import Account, Submission
from .clock import read_clock
from .events import (
    Attempt,
    AttemptBroke,
    AttemptCut,
    AttemptFailed,
    DataEnds,
    Event,
    LoginFailed,
    SessionOpened,
    Submitted,
    Submitting,
    TimePassed,
)
from .message import QueuedMessage

if TYPE_CHECKING:
    from ..smtp.session import SubmissionSession
    from ..smtp.transcript import Transcript

_MOST_TRANSCRIPTS = 10
_MOST_TOLD = 100
"""Subjects and names that are left out of transcripts: those of the last messages."""


_OF_CHECK = 0
"""How important it is to check the login."""


class _CutError(Exception):
    """An attempt is not to go on: what had made it possible has changed meanwhile."""


@dataclass(slots=True)
class _Line:
    """Who goes over one session, one after the other."""

    message: QueuedMessage
    word_by_word: bool
    session: SubmissionSession | None = None
    marked: asyncio.Task[None] | None = None
    """Done when the disk knows that the server may come to have the message."""
    sent: bool = False
    """Whether its final dot may have gone out."""
    next: QueuedMessage | None = None
    next_marked: asyncio.Task[None] | None = None
    spoiled: bool = False
    """Whether the server waits for a text that will not come."""


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
        may_send: Callable[[str], bool],
        written: Callable[[], Awaitable[None]],
        may_log_in: Callable[[], bool],
        login_is_left: Callable[[int], bool],
        idle_timeout: Callable[[], float],
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
        self._may_send = may_send
        self._written = written
        self._may_log_in = may_log_in
        self._login_is_left = login_is_left
        self._idle_timeout = idle_timeout
        self._lost = lost
        self._report = trouble
        self._tell_idle = idle
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._lines: dict[str, _Line] = {}
        """By the message that is being submitted."""
        self._told: deque[str] = deque(maxlen=_MOST_TOLD)
        """What the server heard of messages, and is not to be shown."""
        self.transcripts: deque[Transcript] = deque(maxlen=_MOST_TRANSCRIPTS)
        """Of the last sessions."""
        self._stopping = False
        self._opening = asyncio.Lock()
        self._kept: SubmissionSession | None = None
        self._kept_since = self._kept_for = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None

    @property
    def session_open(self) -> bool:
        """Whether the next message needs no login."""
        return self._kept is not None and self._kept.is_open

    @property
    def attempting(self) -> set[str]:
        """The queue ids for which there is a task."""
        following = (line.next.queue_id for line in self._lines.values() if line.next)
        return {*self._tasks, *following}

    @callback
    def attempt(self, attempt: Attempt) -> None:
        """Try a message: by a fresh session if asked for, or behind another one."""
        message = attempt.message
        self._told.append(message.subject)
        self._told += [to.rpartition("@")[0] for to in message.recipients[:_MOST_TOLD]]
        if attempt.behind is None:
            line = self._lines[message.queue_id] = _Line(message, attempt.word_by_word)
            self._start(message.queue_id, self._work(line, fresh=attempt.fresh))
            return
        line = self._lines[attempt.behind]
        session = cast("SubmissionSession", line.session)
        try:
            line.next_marked = self._mark(message.queue_id)
        except _CutError:
            # Whoever heard of the same turn has withdrawn it already.
            self._tell(AttemptCut(message.queue_id))
            return
        session.follow(self._submission(message))
        line.next = message

    @callback
    def recall(self, behind: str) -> None:
        """Let nobody follow this one any more: its answer takes too long."""
        line = self._lines[behind]
        line.next, line.spoiled = None, True

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
        self._stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=STOP_GRACE)
        tasks = set(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._drop_kept()

    def _start(self, key: str, attempt: Coroutine[Any, Any, None]) -> None:
        task = self._hass.async_create_background_task(attempt, f"{DOMAIN} {key}")
        self._tasks[key] = task
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        # The same message may be in the air again already, in a fresh session.
        for key in [key for key, one in self._tasks.items() if one is task]:
            del self._tasks[key]
            self._lines.pop(key, None)

    async def _work(self, line: _Line, *, fresh: bool) -> None:
        """Try a message, and whoever is to follow it over the same session."""
        while True:
            queue_id = line.message.queue_id
            try:
                event = await self._attempt(line, fresh=fresh)
            except asyncio.CancelledError:
                self._abandon(line)
                raise
            if line.session and line.spoiled:
                line.session.drop()
            follower = line.next
            if line.session and not follower:
                self._give_back(line.session)
            # Whoever is told may find that nobody is at work for it any more.
            del self._lines[queue_id]
            if follower:
                line.message, line.marked = follower, line.next_marked
                line.next, line.sent = None, False
                self._lines[follower.queue_id] = line
                self._tasks[follower.queue_id] = self._tasks[queue_id]
            self._tasks.pop(queue_id, None)
            self._tell(event)
            if not follower:
                return
            session = cast("SubmissionSession", line.session)
            if self._stopping or not session.is_open:
                # Nothing of its text was sent.
                session.drop()
                del self._lines[follower.queue_id]
                self._tasks.pop(follower.queue_id, None)
                self._tell(AttemptCut(follower.queue_id))
                return

    async def _attempt(self, line: _Line, *, fresh: bool) -> Event:
        """Try a message, and return what came of it."""
        message, queue_id, was_fresh = line.message, line.message.queue_id, True
        try:
            if not line.session:
                line.session = await self._take(message.importance, fresh=fresh)
                was_fresh = line.session.fresh
                self._tell(Submitting(queue_id))
            else:
                was_fresh = False
            result = await line.session.submit(
                self._submission(message),
                partial(self._before_text, line),
                in_flight=not line.word_by_word,
                beginning=partial(self._begin, line),
                ending=partial(self._end, line),
            )
        except _CutError:
            return AttemptCut(queue_id)
        except FileNotFoundError as err:
            self._lost(str(err.filename))
            return AttemptBroke(queue_id, str(err), lost=True)
        except MailError as err:
            return AttemptFailed(queue_id, err, was_fresh)
        except Exception as err:  # noqa: BLE001 - one message must not stop the others
            self._report(f"Message {queue_id} waits")
            return AttemptBroke(queue_id, str(err), sent=line.sent)
        return Submitted(queue_id, result)

    def _begin(self, line: _Line) -> None:
        line.marked = self._mark(line.message.queue_id)

    async def _before_text(self, line: _Line) -> None:
        """See to it that a crash finds on disk that the server may have a message."""
        if not line.marked:
            line.marked = self._mark(line.message.queue_id)
        await line.marked
        # From here to its first octet nothing else happens.
        session = cast("SubmissionSession", line.session)
        if not self._may_send(line.message.queue_id) or session.account != self.account:
            raise _CutError

    def _end(self, line: _Line) -> None:
        """Let another message follow, where the server takes that."""
        line.sent = True
        session = cast("SubmissionSession", line.session)
        if session.pipelining and not line.word_by_word:
            self._tell(DataEnds(line.message.queue_id))

    def _mark(self, queue_id: str) -> asyncio.Task[None]:
        """Begin to put on disk that the server may come to have a message."""
        if not self._before_data(queue_id):
            raise _CutError
        return self._hass.async_create_background_task(
            self._flushed(), f"{DOMAIN} mark {queue_id}"
        )

    async def _flushed(self) -> None:
        await self._written()

    def _abandon(self, line: _Line) -> None:
        """Tell of those that will not go on, and were not sent: they are sure to wait."""
        queue_ids = [] if line.sent else [line.message.queue_id]
        if line.next:
            queue_ids.append(line.next.queue_id)
        for queue_id in queue_ids:
            self._tell(AttemptCut(queue_id))

    async def _check_login(self) -> None:
        """Log in, and keep the session for a message that may come."""
        try:
            self._give_back(await self._take(_OF_CHECK, fresh=True))
            # Whoever waits for a login need not any longer.
            self._tell(TimePassed())
        except _CutError:
            return
        except MailError as err:
            self._tell(LoginFailed(err))
        except Exception as err:  # noqa: BLE001 - it must not stop the mail
            self._report(f"Login not checked: {err}")

    async def _take(self, importance: int, *, fresh: bool) -> SubmissionSession:
        """Return a session that nobody uses, new if there is none. Raises SessionError."""
        async with self._opening:
            await async_load_session(self._hass)
            from ..smtp.session import SubmissionSession  # noqa: PLC0415 - loaded just before, by a thread

            # While this waited, a login may have been refused.
            if not self._may_log_in():
                raise _CutError
            session, self._kept = self._kept, None
            if session:
                idle = read_clock().steady - self._kept_since
                # Over a sleep no timer comes in time.
                if session.is_open and not fresh and idle < 2 * self._kept_for:
                    return session
                session.drop()
            if not self._login_is_left(importance):
                raise _CutError
            session = SubmissionSession(self.account, self._tls_context, self._told)
            self.transcripts.append(session.transcript)
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
        outdated = session.account != self.account
        if self._kept or outdated or not self._may_log_in():
            self._close(session)
            return
        self._kept, self._kept_since = session, read_clock().steady
        if self._idle_timer:
            self._idle_timer.cancel()
        self._kept_for = self._idle_timeout()
        self._idle_timer = self._hass.loop.call_later(self._kept_for, self._close_idle)

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
