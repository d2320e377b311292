"""A server that behaves like QQ's, and misbehaves when it is told to."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from custom_components.qq_mail.smtp.errors import (
    MailError,
    MessageRefusedError,
    SessionError,
)
from custom_components.qq_mail.smtp.models import Reply, Step
from custom_components.qq_mail.smtp.replies import Cause, diagnose

from .agenda import DAY, MINUTE, Agenda

OK = Reply(250, "OK: queued as.")
_LOGIN_FAIL = Reply(
    535,
    "Login fail. Account is abnormal, service is not open, password is incorrect,"
    " login frequency limited, or system is busy.",
)
_TOO_MANY = Reply(550, "Too many attempts. Unable to send. Try again later")
_NO_SUCH = Reply(550, "Mailbox not found or access denied")


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the server took for a recipient."""

    at: float
    queue_id: str
    recipient: str


class Server:
    """Answers, and counts what it is asked."""

    def __init__(self, agenda: Agenda) -> None:
        """Begin well."""
        self.away = False
        self.hangs = False
        """Nobody answers who connects."""
        self.breaks = False
        """The connection is lost while a text is sent."""
        self.late = False
        """It takes messages, but its answer to the final dot does not come in time."""
        self.busy_logins = 0
        """So many logins it refuses in passing."""
        self.code = 1
        """Which authorization code it takes."""
        self.limits: Mapping[float, int] = {}
        """Messages in so many seconds; beyond that it refuses everything for a while."""
        self.penalty = 30 * MINUTE
        """So long; each try begins it anew."""
        self.drops: set[str] = set()
        """Recipients that it refuses for good, and hangs up."""
        self.logins = self.mails = self.refused = 0
        self.refused_for_rate: list[float] = []
        """When."""
        self.has: set[str] = set()
        """The queue ids of what it took."""
        self.taken: list[Taken] = []
        self.logins_at: list[float] = []
        """When each login was asked for, be it refused."""
        self._agenda = agenda
        self._recent: deque[float] = deque()
        self._refuses_until = 0.0

    def log_in(self, code: int) -> MailError | None:
        """Take a login, or say why not."""
        if self.away or self.hangs:
            cause = Cause.TIMED_OUT if self.hangs else Cause.CONNECTION_REFUSED
            return SessionError(cause, Step.CONNECT)
        self.logins += 1
        self.logins_at.append(self._agenda.now)
        if self.busy_logins or code != self.code:
            self.busy_logins = max(self.busy_logins - 1, 0)
            self.refused += 1
            return SessionError(Cause.LOGIN_AMBIGUOUS, Step.AUTH, _LOGIN_FAIL)
        return None

    def begin(self, recipients: Iterable[str]) -> MailError | None:
        """Take MAIL and RCPT, or say why not."""
        if self.away:
            return self.broken(Step.MAIL)
        self.mails += 1
        if self._is_too_much():
            self.refused += 1
            self.refused_for_rate.append(self._agenda.now)
            cause = diagnose(_TOO_MANY, Step.MAIL)
            return MessageRefusedError(cause, Step.MAIL, _TOO_MANY)
        for recipient in recipients:
            if recipient in self.drops:
                self.refused += 1
                return self.broken(Step.RCPT, {recipient: _NO_SUCH})
        return None

    def broken(
        self, step: Step, refused: Mapping[str, Reply] | None = None
    ) -> MailError:
        """Return what a connection that breaks is to the other side."""
        return SessionError(Cause.CONNECTION_LOST, step, refused=refused)

    def accept(self, queue_id: str, recipients: Iterable[str]) -> None:
        """Take a message."""
        self._recent.append(self._agenda.now)
        self.has.add(queue_id)
        self.taken += [
            Taken(self._agenda.now, queue_id, recipient) for recipient in recipients
        ]

    def accept_from_others(self, number: int) -> None:
        """Take messages that somebody else sends by the same account."""
        self._recent.extend([self._agenda.now] * number)

    @property
    def refuses(self) -> bool:
        """Whether it refuses everything now, whatever the account sends."""
        return bool(self.limits) and self._agenda.now < self._refuses_until

    @property
    def is_well(self) -> bool:
        """Whether it takes the next message within seconds."""
        return not (
            self.away
            or self.hangs
            or self.breaks
            or self.late
            or self.busy_logins
            or self.refuses
            or self._is_full
        )

    @property
    def _is_full(self) -> bool:
        """Whether it has taken as much lately as it takes."""
        now = self._agenda.now
        while self._recent and self._recent[0] <= now - DAY:
            self._recent.popleft()
        return any(
            len(self._recent) - bisect_right(self._recent, now - seconds) >= number
            for seconds, number in self.limits.items()
        )

    def _is_too_much(self) -> bool:
        if self.refuses or self._is_full:
            self._refuses_until = self._agenda.now + self.penalty
            return True
        return False
