"""Speaks with an account's server: logins, attempts, and the session that is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.outbox.core.account import Account
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import Action, Message
from custom_components.qq_mail.outbox.core.scheduler import Scheduler
from custom_components.qq_mail.smtp.errors import MailError, OutcomeUnknownError
from custom_components.qq_mail.smtp.models import Step, SubmissionResult
from custom_components.qq_mail.smtp.replies import Cause

from .keeping import Keeping
from .report import Report
from .server import OK, Server

_LOGIN, _COMMAND, _TEXT = 0.6, 0.2, 0.3
_NO_CONNECTION = 60.0
"""Seconds that a session waits for a connection."""
_NO_ANSWER = 600.0
"""Seconds that it waits for the answer to the final dot."""
_IDLE = 240.0
"""Seconds that a session is kept."""


@dataclass(slots=True)
class Entry:
    """An account as a person has set it up."""

    server: Server
    settings: Settings
    code: int = 1


class Shell(Protocol):
    """What a house does for the sessions of its accounts."""

    keeping: Keeping
    report: Report
    scheduler: Scheduler

    @property
    def now(self) -> Now:
        """What the machine's clocks say."""

    def happen(
        self, method: Callable[..., list[Action] | None], *args: Any, **kwargs: Any
    ) -> None:
        """Let the core know what happened, and do what follows."""

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Have something done after so long, if the process lives then."""

    def write_marks(self) -> None:
        """Write what is marked."""


class Sessions:
    """Owns an account's sessions, as long as the process lives."""

    def __init__(self, shell: Shell, account_id: str, entry: Entry) -> None:
        """Begin with none."""
        self.server = entry.server
        self._shell = shell
        self._id = account_id
        self._entry = entry
        self._attempts: dict[str, int] = {}
        """Which attempt of a message runs."""
        self._attempt = 0
        self._session = 0
        """Which session was kept last."""
        self._idle = False
        """Whether it is still there, and nobody uses it."""

    @property
    def account(self) -> Account:
        """What the core knows of the account."""
        return self._shell.scheduler.accounts[self._id]

    @property
    def takes_mail(self) -> bool:
        """Whether the server can be reached, and takes the account's messages."""
        return not (
            self.server.away
            or self.server.refuses
            or self.account.pause
            or self._entry.code != self.server.code
        )

    @property
    def is_well(self) -> bool:
        """Whether an alert that is raised now can go out."""
        return self.takes_mail and self.server.is_well

    def attempt(self, message: Message, *, fresh: bool) -> None:
        """Try a message."""
        self._attempt += 1
        self._attempts[message.queue_id] = self._attempt
        is_idle, self._idle = self._idle, False
        if is_idle and not fresh:
            self._later(message, 0, lambda: self._submit(message, fresh=False))
        elif self._shell.scheduler.may_log_in(self._shell.now, self._id, message.level):
            self._later(message, self._login, lambda: self._open(message))
        else:
            self._later(message, 0, lambda: self._cut(message))

    def cancel(self, message: Message) -> None:
        """End an attempt whose text has not begun."""
        if self._attempts.pop(message.queue_id, None):
            self._shell.later(0, lambda: self._cut(message))

    def log_in(self) -> None:
        """Log in without a message."""
        self._shell.later(self._login, self._log_in)

    def renew_code(self) -> None:
        """Use another code from now on."""
        self._entry.code = self.server.code
        self._idle = False
        self._happen(self._shell.scheduler.code_renewed)

    @property
    def _login(self) -> float:
        return _NO_CONNECTION if self.server.hangs else _LOGIN

    def _happen(
        self, method: Callable[..., list[Action] | None], *args: Any, **kwargs: Any
    ) -> None:
        self._shell.happen(method, self._id, *args, **kwargs)

    def _later(
        self, message: Message, seconds: float, do: Callable[[], object]
    ) -> None:
        """Go on with an attempt after so long, if it is not ended before."""
        attempt = self._attempts[message.queue_id]

        def do_if_wanted() -> None:
            if self._attempts.get(message.queue_id) == attempt:
                do()

        self._shell.later(seconds, do_if_wanted)

    def _open(self, message: Message) -> None:
        if error := self.server.log_in(self._entry.code):
            self._fail(message, error, fresh=True)
        else:
            self._happen(self._shell.scheduler.session_opened, None)
            self._submit(message, fresh=True)

    def _log_in(self) -> None:
        if error := self.server.log_in(self._entry.code):
            self._happen(self._shell.scheduler.login_failed, error)
        else:
            self._happen(self._shell.scheduler.session_opened, None)
            self._give_back()

    def _submit(self, message: Message, *, fresh: bool) -> None:
        self._happen(self._shell.scheduler.submitting, message.queue_id)
        self._later(message, _COMMAND, lambda: self._name(message, fresh=fresh))

    def _name(self, message: Message, *, fresh: bool) -> None:
        """Send MAIL, RCPT and DATA."""
        scheduler, queue_id = self._shell.scheduler, message.queue_id
        if error := self.server.begin(message.recipients):
            self._fail(message, error, fresh=fresh)
            return
        if scheduler.text_begins(self._shell.now, self._id, queue_id):
            self._shell.write_marks()
            attempt = self._attempts[queue_id]
            self._shell.keeping.then(
                lambda _: self._begin(message, attempt, fresh=fresh)
            )
            return
        self._cut(message)

    def _begin(self, message: Message, attempt: int, *, fresh: bool) -> None:
        """Begin the text, if it is still wanted."""
        queue_id = message.queue_id
        if self._attempts.get(queue_id) != attempt:
            return
        if self._shell.scheduler.text_goes(self._shell.now, self._id, queue_id):
            self._later(message, _TEXT, lambda: self._end(message, fresh=fresh))
        else:
            self._cut(message)

    def _end(self, message: Message, *, fresh: bool) -> None:
        """Send the final dot."""
        if self.server.away or self.server.breaks:
            self._fail(message, self.server.broken(Step.BODY), fresh=fresh)
            return
        self.server.accept(message.queue_id, message.recipients)
        if self.server.late:
            self._later(
                message, _NO_ANSWER, lambda: self._give_up(message, fresh=fresh)
            )
        else:
            self._later(message, _COMMAND, lambda: self._accepted(message))

    def _give_up(self, message: Message, *, fresh: bool) -> None:
        """Stop waiting for an answer."""
        self._shell.report.allow_copy(message.queue_id)
        error = OutcomeUnknownError(Cause.OUTCOME_UNKNOWN, Step.END_OF_DATA)
        self._fail(message, error, fresh=fresh)

    def _accepted(self, message: Message) -> None:
        self._give_back()
        result = SubmissionResult(OK, message.recipients, {})
        self._attempts.pop(message.queue_id)
        self._happen(self._shell.scheduler.accepted, message.queue_id, result)

    def _fail(self, message: Message, error: MailError, *, fresh: bool) -> None:
        self._attempts.pop(message.queue_id)
        scheduler = self._shell.scheduler
        self._happen(scheduler.failed, message.queue_id, error, fresh=fresh)

    def _cut(self, message: Message) -> None:
        self._attempts.pop(message.queue_id, None)
        self._happen(self._shell.scheduler.cut, message.queue_id)

    def _give_back(self) -> None:
        """Keep a session for a while."""
        self._idle = self.account.pause is None
        if self._idle:
            self._session += 1
            self._shell.later(_IDLE, partial(self._close, self._session))
            self._happen(self._shell.scheduler.session_idle, idle=True)

    def _close(self, session: int) -> None:
        if self._idle and session == self._session:
            self._idle = False
            self._happen(self._shell.scheduler.session_idle, idle=False)
