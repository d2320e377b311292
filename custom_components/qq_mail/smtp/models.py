"""What a session is given and what it returns: all of it immutable."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, override

from ..mime.models import Insertion


class Encryption(StrEnum):
    """How a session is encrypted. There is no session without encryption."""

    TLS = "tls"
    """Implicit TLS from the first byte (RFC 8314), port 465."""
    STARTTLS = "starttls"
    """An upgrade of a plaintext connection (RFC 3207), port 587."""


class Step(StrEnum):
    """The step of a session at which something happened."""

    CONNECT = "connect"
    """Up to the greeting, implicit TLS included."""
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    END_OF_DATA = "end_of_data"

    @property
    def before_login(self) -> bool:
        """Whether a refusal here is about the connection, and not about the account."""
        return self in (Step.CONNECT, Step.EHLO, Step.STARTTLS)

    @property
    def in_transaction(self) -> bool:
        """Whether it belongs to a mail transaction, after the login."""
        return not self.before_login and self is not Step.AUTH


@dataclass(frozen=True, slots=True)
class Submission:
    """A message in wire form with its envelope (RFC 5321 section 2.3.1)."""

    reverse_path: str
    recipients: tuple[str, ...]
    open: Callable[[], BinaryIO]
    """Opens the message at its first octet; it is read to the end and closed.

    Called in a thread, and may block. Raises OSError.
    """
    size: int
    """Octets, insertions included."""
    insertions: tuple[Insertion, ...] = ()
    """What is put into the message, in order of place."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The server's answer to a command (RFC 5321 section 4.2)."""

    code: int
    text: str

    @property
    def positive(self) -> bool:
        """Whether the server did what it was asked (2yz)."""
        return self.code in range(200, 300)

    @property
    def transient(self) -> bool:
        """Whether the same may succeed later (4yz)."""
        return self.code in range(400, 500)

    @property
    def permanent(self) -> bool:
        """Whether the same will not succeed later (5yz)."""
        return self.code in range(500, 600)

    @override
    def __str__(self) -> str:
        return f"{self.code} {self.text}"


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """The server accepted a message, for all recipients or for some.

    Accepted does not mean delivered: a bounce may follow by mail.
    """

    reply: Reply
    accepted: tuple[str, ...]
    refused: Mapping[str, Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How to reach a server, and as whom; also one of IMAP, by implicit TLS."""

    username: str
    password: str
    """The authorization code."""
    host: str
    port: int
    encryption: Encryption
    timeout: float
    """Seconds for connecting, and for each reply but that to the final dot."""

    @override
    def __repr__(self) -> str:
        """Return what may stand in a log: all but the authorization code."""
        return f"Account({self.username}, {self.host}:{self.port}, {self.encryption})"
