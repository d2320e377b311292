"""Why a message could not be submitted: causes and replies, no texts for users."""

from collections.abc import Mapping
from typing import override

from .models import Reply, Step
from .replies import Cause

# Closing, and three that say that client and server disagree on where they are:
# unknown command, bad sequence, login or encryption wanted (RFC 5321 section 4.2.3,
# RFC 4954 section 6).
_SESSION_CODES = (421, 502, 503, 530)


class MailError(Exception):
    """A message was not accepted; the base of all that a session raises."""

    def __init__(
        self,
        cause: Cause,
        step: Step,
        reply: Reply | None = None,
        detail: str = "",
        refused: Mapping[str, Reply] | None = None,
    ) -> None:
        """Keep the cause, where it happened and what the server said."""
        super().__init__(cause, step, reply, detail)
        self.cause = cause
        self.step = step
        self.reply = reply
        self.detail = detail
        """A technical addition, in English: the certificate's fault, say."""
        self.refused = refused or {}
        """The recipients that were refused before the transaction ended."""
        self.of_flight = False
        """Whether it may have come of several commands in one flight: a server may
        say that it takes them, and not mean it."""

    @property
    def speaks_of_session(self) -> bool:
        """Whether the session has to be left: only what a new one meets counts."""
        return False

    @override
    def __str__(self) -> str:
        """Return a line for the log."""
        said = self.reply or self.detail
        return f"{self.cause} at {self.step}" + (f": {said}" if said else "")


class SessionError(MailError):
    """There is no session, or it broke: the message itself was not judged."""

    @property
    @override
    def speaks_of_session(self) -> bool:
        """Whether there was a session, and it broke in a mail transaction."""
        return self.step.in_transaction


class AuthenticationError(SessionError):
    """The login was refused, in words or by closing the connection."""


class MessageRefusedError(MailError):
    """The server refused the message, for now or for good."""

    reply: Reply

    def __init__(
        self,
        cause: Cause,
        step: Step,
        reply: Reply,
        refused: Mapping[str, Reply] | None = None,
    ) -> None:
        """Keep the reply: there always is one."""
        super().__init__(cause, step, reply, refused=refused)

    @property
    @override
    def speaks_of_session(self) -> bool:
        """Whether the reply is one to the session, at whichever command it came."""
        return self.reply.code in _SESSION_CODES


class RecipientsRefusedError(MessageRefusedError):
    """The server refused every recipient."""

    def __init__(
        self, cause: Cause, step: Step, reply: Reply, refused: Mapping[str, Reply]
    ) -> None:
        """Keep the reply for each recipient; the first one is the cause."""
        super().__init__(cause, step, reply, refused)


class OutcomeUnknownError(MailError):
    """The connection was lost between the final dot and the server's answer."""
