"""What travels between a session and its callers: all of it immutable."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, override

from ..mime.models import Envelope, Insertion


class Encryption(StrEnum):
    """How a session is encrypted; without encryption there is none."""

    TLS = "tls"
    """Implicit TLS from the first byte (RFC 8314), port 465."""
    STARTTLS = "starttls"
    """An upgrade of a plaintext connection (RFC 3207), port 587."""


class Step(StrEnum):
    """Where in a session something happened."""

    CONNECT = "connect"
    """Up to the greeting, with implicit TLS where that is used."""
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
        """Whether a refusal here judges the connection, not the account."""
        return self in (Step.CONNECT, Step.EHLO, Step.STARTTLS)

    @property
    def in_transaction(self) -> bool:
        """Whether a message was being handed over, over a session that worked."""
        return not self.before_login and self is not Step.AUTH


@dataclass(frozen=True, slots=True)
class Submission:
    """A message in wire form with its envelope."""

    envelope: Envelope
    open: Callable[[], BinaryIO]
    """Opens the message where it begins, to be read to its end and closed.

    Called in a thread, as all reading is. Raises OSError.
    """
    size: int
    """Octets, with what is put in."""
    insertions: tuple[Insertion, ...] = ()
    """In the order of their places."""


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
        """Whether the server may be asked again later (4yz)."""
        return self.code in range(400, 500)

    @property
    def permanent(self) -> bool:
        """Whether the server does not want to be asked again (5yz)."""
        return self.code in range(500, 600)

    @override
    def __str__(self) -> str:
        """Return the answer as it came."""
        return f"{self.code} {self.text}"


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """A message that the server accepted, for all recipients or for some."""

    reply: Reply
    accepted: tuple[str, ...]
    refused: Mapping[str, Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How to reach a submission server, and as whom."""

    username: str
    password: str
    """The authorization code."""
    host: str
    port: int
    encryption: Encryption
    timeout: float
    """Seconds, for connecting and for each answer but that to the final dot."""

    @override
    def __repr__(self) -> str:
        """Leave out the authorization code: it must not reach a log."""
        return f"Account({self.username}, {self.host}:{self.port}, {self.encryption})"
