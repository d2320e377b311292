"""The queue manager: the shell around the heart."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom
import ssl
from typing import cast

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..const import IDLE_TIMEOUT, LATE_AFTER, LOGGER, LONG_IDLE_TIMEOUT
from ..smtp.models import Account, Submission
from ..smtp.transcript import Transcript
from .account import Kept
from .calls import Calls
from .clock import read_clock
from .events import (
    AskForCode,
    Attempt,
    CheckLogin,
    CountAccepted,
    DataBegins,
    Decision,
    DiscardAsked,
    Event,
    KeepStanding,
    MarkGoneOut,
    Merge,
    Recall,
    Release,
    Remove,
    Started,
    StopAsking,
    Tell,
    TimePassed,
    Write,
)
from .merging import Merger, WriteDigest
from .message import AT_ONCE, QueuedMessage
from .pace import Pace
from .queue import Queue
from .reports import Reports
from .scheduler import step, wake_at
from .spool import Loaded, Spool
from .worker import Worker
from .writer import SpoolWriter

_CHANCE = SystemRandom()

_LONGEST_SLEEP = 60.0
"""Seconds between two looks at the clock: timers do not count the machine's sleep."""
_AFTER_TROUBLE = 60.0
"""Seconds until work goes on after an error that nobody expected."""
_DATE_TOLERANCE = 60.0
"""Seconds by which a Date field may be wrong: less than that is no clock that was set."""


type _Prepare = Callable[[], Awaitable[WriteDigest]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person can set."""

    pace: Pace
    expires_after: timedelta
    late_note: Callable[[datetime, timedelta], str]
    """Words when an alert was raised, and how late it is."""
    digest: _Prepare | None = None
    """Prepares what merges messages; None: they go out one by one."""


class QueueManager:
    """Owns an account's messages, files, sessions and timers, and works on them.

    Whatever happens is told to `apply`, which changes memory without an await, and
    does what the heart (scheduler.py) has decided.
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
        new_id: Callable[[], str],
    ) -> None:
        """Prepare; the callables ask for a new code, withdraw that, name a message."""
        self.settings = settings
        self.queue = Queue()
        self.kept = Kept.new(settings.pace, read_clock())
        self.writer = SpoolWriter(hass, spool)
        self.reports = Reports(hass)
        self.calls = Calls()
        self.bodies: dict[str, bytes] = {}
        """Of messages that the disk did not take."""
        self.damaged: list[str] = []
        self.troubles = 0
        """How often something went wrong that nobody expected."""
        self.running = False
        """Whether messages are tried; else they are only kept."""
        self._hass = hass
        self._spool = spool
        self._worker = Worker(
            hass,
            account,
            tls_context,
            tell=self.apply,
            submission=self._submission,
            before_data=self._data_begins,
            may_send=self._may_send,
            written=self.writer.flush,
            may_log_in=lambda: not self.kept.standing.hold,
            login_is_left=self._login_is_left,
            idle_timeout=self._idle_timeout,
            lost=self.damaged.append,
            trouble=self._report_trouble,
            idle=self.keep,
        )
        self._merger = Merger(
            hass,
            spool,
            self.writer,
            tell=self.apply,
            queue=lambda: self.queue,
            new_id=new_id,
            trouble=self._report_trouble,
        )
        self._ask_for_code = ask_for_code
        self._stop_asking = stop_asking
        self._timer: asyncio.TimerHandle | None = None
        self._resume_at = AT_ONCE

    @property
    def max_size(self) -> int:
        """Octets of a message that the server takes, as it said last."""
        return self._worker.max_size or self.kept.max_size

    @property
    def session_open(self) -> bool:
        """Whether the next message needs no login."""
        return self._worker.session_open

    @property
    def transcripts(self) -> Collection[Transcript]:
        """What was said in the last sessions."""
        return self._worker.transcripts

    @callback
    def start(self, loaded: Loaded, *, check_login: bool) -> None:
        """Begin to work; with `check_login`, with a login."""
        self.running = True
        self._merger.start()
        if not check_login:
            self.kept.put_login_check_off(read_clock())
        if loaded.restored:
            self.writer.hold_restored(list(self.queue), read_clock())
        self.apply(Started(tuple(loaded.cut_off)))

    @callback
    def use_account(self, account: Account) -> None:
        """Log in as this account from now on."""
        self._worker.use_account(account)

    @callback
    def configure(self, settings: Settings) -> None:
        """Go on with other settings; what is in the air is not disturbed."""
        self.settings = settings
        self.kept.use_pace(settings.pace)
        if self.kept.standing.asked:
            # Home Assistant withdraws the question when an entry is loaded anew.
            self._ask_for_code()
        self.apply(TimePassed())

    async def async_stop(self) -> None:
        """Stop working, and let no call wait for it; what comes now is only kept."""
        self.running = False
        self._cancel_timer()
        await self._merger.async_stop()
        await self._worker.async_stop()
        self.calls.release_all()
        self.keep()
        await self.writer.async_close()

    @callback
    def apply(self, event: Event) -> None:
        """Let the heart decide what an event means, and do that at once."""
        try:
            self.kept.standing, decisions = step(
                self.queue,
                self.kept.standing,
                event,
                read_clock(),
                chance=_CHANCE.random,
                may_start=self.running and read_clock().steady >= self._resume_at,
                session_open=self.session_open,
                digest=self.settings.digest is not None,
            )
        except Exception:  # noqa: BLE001 - whatever it is, the mail goes on
            self._note_trouble(f"at {type(event).__name__}")
            decisions = []
        for decision in decisions:
            try:
                self._do(decision)
            except Exception:  # noqa: BLE001
                self._note_trouble(f"at {type(decision).__name__}")
        self.reports.tell(None)
        self._schedule()

    def _do(self, decision: Decision) -> None:
        """Do what the heart decided; nothing here waits."""
        match decision:
            case Attempt():
                self._worker.attempt(decision)
            case Recall():
                self._worker.recall(decision.behind)
            case Merge():
                self._merger.merge(
                    decision.messages, cast("_Prepare", self.settings.digest)
                )
            case CheckLogin():
                self._worker.check_login()
            case Write():
                if not decision.message.in_memory:
                    self.writer.update(decision.message, read_clock())
            case Remove():
                if self.bodies.pop(decision.message.queue_id, None) is None:
                    self.writer.remove(decision.message.queue_id)
            case KeepStanding():
                self.keep()
            case MarkGoneOut():
                if self.kept.threads.mark(decision.tag, went_out=True):
                    self.keep()
            case CountAccepted():
                self.kept.tally.count()
                for subject in decision.subjects:
                    self.kept.titles.count(subject)
            case Tell():
                self.calls.note(decision.event)
                self.reports.report(decision.event)
            case Release():
                self._release(decision)
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
        for queue_id in self.queue.in_air.keys() - self._worker.attempting:
            landed = self.queue.land(queue_id)
            if landed and landed[1].unwanted:
                # It was discarded meanwhile.
                self.apply(DiscardAsked((queue_id,)))
        for first in self.queue.groups.merging.keys() - self._merger.at_work:
            self.queue.split(first)

    def _report_trouble(self, text: str) -> None:
        """Let a person know of the exception that is being handled."""
        LOGGER.exception(text)
        self.troubles += 1
        self.reports.tell(None)

    def _schedule(self) -> None:
        """Look again when there is something to do."""
        self._cancel_timer()
        if not self.running:
            return
        now = read_clock().steady
        try:
            at = wake_at(
                self.queue, self.kept.standing, now, session_open=self.session_open
            )
        except Exception:  # noqa: BLE001 - whatever it is, the mail goes on
            self._note_trouble("while looking ahead")
            at = self._resume_at
        delay = min(max(at, self._resume_at) - now, _LONGEST_SLEEP)
        self._timer = self._hass.loop.call_later(
            max(delay, 0.0), self.apply, TimePassed()
        )

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def keep(self) -> None:
        """Keep what has to hold after a restart as well."""
        self.kept.max_size = self.max_size
        self.writer.keep_state(self.kept.as_dict(read_clock()))

    def _login_is_left(self, importance: int) -> bool:
        now, logins = read_clock().steady, self.kept.standing.logins
        return logins.next_at(now, importance) <= now

    def _idle_timeout(self) -> float:
        """Return the seconds that a session stays open without a message."""
        scarce = self.kept.standing.logins.scarce(read_clock().steady)
        return LONG_IDLE_TIMEOUT if scarce else IDLE_TIMEOUT

    def _data_begins(self, queue_id: str) -> bool:
        """Note that the server may come to have a message; False: it is not wanted."""
        flight = self.queue.in_air.get(queue_id)
        if not flight or flight.unwanted:
            return False
        self.apply(DataBegins(queue_id))
        return True

    def _may_send(self, queue_id: str) -> bool:
        """Tell whether a message is still wanted, and the account need not rest."""
        flight, hold = self.queue.in_air.get(queue_id), self.kept.standing.hold
        return bool(
            flight and not flight.unwanted and not (hold and not hold.for_login)
        )

    def _submission(self, message: QueuedMessage) -> Submission:
        """Return a message as it is to go out: a late one says so."""
        # Loaded together with the session that is to have it.
        from ..mime.message import date_insertion, insertions  # noqa: PLC0415 - loaded with the session

        now = read_clock()
        raised = now.wall_at(message.raised)
        late = timedelta(seconds=now.steady - message.raised)
        put_in = []
        if abs((raised - message.dated).total_seconds()) > _DATE_TOLERANCE:
            # The clock was set since.
            put_in.append(date_insertion(message.date_at, dt_util.as_local(raised)))
        if late > LATE_AFTER:
            put_in += insertions(message.gaps, self.settings.late_note(raised, late))
        body = self.bodies.get(message.queue_id)
        return Submission(
            message.envelope,
            self._spool.body(message.queue_id) if body is None else body,
            message.size + sum(len(one.octets) - one.replaced for one in put_in),
            tuple(put_in),
        )

    def _release(self, release: Release) -> None:
        """Let the call return that waits for a message, or those of all that wait."""
        if release.queue_id is None:
            self.calls.release_all(but=self.queue.in_air)
        else:
            self.calls.release(release.queue_id, release)
