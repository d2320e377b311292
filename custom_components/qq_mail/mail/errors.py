"""Why a message could not be submitted: causes and replies, no texts for users."""

from collections.abc import Mapping
from typing import override

from .diagnosis import Cause
from .models import BodyPart, Reply, Step


class UnreadablePartError(Exception):
    """A file that was to go with a message cannot be read (any more)."""

    def __init__(self, part: BodyPart) -> None:
        """Keep the part, so that the message can be composed without it."""
        super().__init__(part.filename)
        self.part = part


class MailError(Exception):
    """A message was not accepted; the base of all that a session raises."""

    def __init__(
        self, cause: Cause, step: Step, reply: Reply | None = None, detail: str = ""
    ) -> None:
        """Keep the cause, where it happened and what the server said."""
        super().__init__(cause, step, reply, detail)
        self.cause = cause
        self.step = step
        self.reply = reply
        self.detail = detail
        """A technical addition, in English: the certificate's fault, say."""

    @override
    def __str__(self) -> str:
        """Return a line for the log."""
        said = self.reply or self.detail
        return f"{self.cause} at {self.step}" + (f": {said}" if said else "")


class SessionError(MailError):
    """There is no session, or it broke: the message itself was not judged."""


class AuthenticationError(SessionError):
    """The login was refused, in words or by closing the connection."""


class MessageRefusedError(MailError):
    """The server refused the message, for now or for good."""

    reply: Reply

    def __init__(self, cause: Cause, step: Step, reply: Reply) -> None:
        """Keep the reply: there always is one."""
        super().__init__(cause, step, reply)


class RecipientsRefusedError(MessageRefusedError):
    """The server refused every recipient."""

    def __init__(
        self, cause: Cause, step: Step, reply: Reply, refused: Mapping[str, Reply]
    ) -> None:
        """Keep the reply for each recipient; the first one is the cause."""
        super().__init__(cause, step, reply)
        self.refused = refused


class OutcomeUnknownError(MailError):
    """The connection was lost between the final dot and the server's answer."""
