"""What is found in a mailbox, and why it cannot be read."""

from dataclasses import dataclass
from typing import override

from ..smtp.replies import Cause
from .reading import Incoming


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the INBOX of an account was read; for another one it means nothing."""

    account: str
    uid_validity: int
    uid: int
    """The first UID that was not read yet."""


@dataclass(frozen=True, slots=True)
class Head:
    """A mail of which the header was read."""

    uid: int
    size: int
    """Octets of all of it; 0 where the server does not say."""
    mail: Incoming


class MailboxError(Exception):
    """A mailbox cannot be read now; where the login is refused, `cause.of_login` tells.

    It never says anything of the authorization code: SMTP alone decides whether that works.
    """

    def __init__(self, cause: Cause, detail: str = "") -> None:
        """Keep the cause, and in English what the server or the system said."""
        super().__init__(cause, detail)
        self.cause = cause
        self.detail = detail

    @override
    def __str__(self) -> str:
        return f"{self.cause}: {self.detail}" if self.detail else str(self.cause)
