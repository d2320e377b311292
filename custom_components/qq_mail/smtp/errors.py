"""Why a message could not be submitted. Texts for users are made elsewhere."""

from collections.abc import Mapping
from typing import override

from .models import Reply, Step
from .replies import Cause

# The server closes the connection, or disagrees on the session's state: unknown
# command, bad sequence, login or encryption wanted (RFC 5321 section 4.2.3, RFC 4954
# section 6).
_SESSION_CODES = (421, 502, 503, 530)


class MailError(Exception):
    """A message was not accepted: the base of all errors of a session."""

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
        """A technical addition in English, such as what is wrong with a certificate."""
        self.refused = refused or {}
        """The reply to each recipient that was refused before the transaction ended."""

    @property
    def speaks_of_session(self) -> bool:
        """Whether it says something of the session, and nothing of the message."""
        return False

    @override
    def __str__(self) -> str:
        """Return one line for the log."""
        said = self.reply or self.detail
        return f"{self.cause} at {self.step}" + (f": {said}" if said else "")


class SessionError(MailError):
    """There is no session, or it broke; the message was not judged."""

    @property
    @override
    def speaks_of_session(self) -> bool:
        """Whether the session was logged in, and broke in a mail transaction."""
        return self.step.in_transaction


class AuthenticationError(SessionError):
    """The login was refused, by a reply or by closing the connection."""


class MessageRefusedError(MailError):
    """The server refused the message, for now or for good."""

    reply: Reply
    """There always is one."""

    @property
    @override
    def speaks_of_session(self) -> bool:
        """Whether the reply's code is about the session, whichever command it answers."""
        return self.reply.code in _SESSION_CODES


class RecipientsRefusedError(MessageRefusedError):
    """The server refused every recipient; `reply` is the first of their replies."""


class OutcomeUnknownError(MailError):
    """No reply to the final dot came: the server may have the message or not."""
