"""What the server can be told to do in place of its usual answer."""

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """Where in a session an action takes place."""

    CONNECT = "connect"
    """Before TLS and greeting."""
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH_COMMAND = "auth_command"
    """The answer to the AUTH command line itself."""
    AUTH = "auth"
    """The final answer of a login, by whichever mechanism."""
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    """Once the first octets of the body were read."""
    DOT = "dot"
    """After the final dot, before the message is accepted."""
    ACCEPTED = "accepted"
    """After the message was accepted, in place of the 250."""
    RSET = "rset"
    NOOP = "noop"
    QUIT = "quit"


class ImapStep(StrEnum):
    """Where in an IMAP session an action takes place: instead of a command's answer."""

    CONNECT = "connect"
    """Before TLS."""
    GREETING = "greeting"
    CAPABILITY = "capability"
    LOGIN = "login"
    EXAMINE = "examine"
    FETCH = "fetch"
    IDLE = "idle"
    DONE = "done"
    LOGOUT = "logout"


@dataclass(frozen=True)
class Answer:
    """A reply; several lines where the text has several."""

    code: int
    text: str | bytes

    @property
    def wire(self) -> bytes:
        """The reply as it is sent (RFC 5321 section 4.2.1)."""
        text = self.text.encode() if isinstance(self.text, str) else self.text
        *first, last = text.split(b"\n")
        lines = [b"%d-%b\r\n" % (self.code, line) for line in first]
        return b"".join([*lines, b"%d %b\r\n" % (self.code, last)])


@dataclass(frozen=True)
class Raw:
    """Any octets: half a reply, leaked bytes, a megabyte."""

    data: bytes
    close: bool = False
    reset: bool = False
    """Closed by RST, as by a broken router."""


@dataclass(frozen=True)
class Close:
    """The connection ends without a reply."""

    reset: bool = False
    """By RST, as from a broken router, rather than in good order."""


@dataclass(frozen=True)
class Hang:
    """No reply ever, on a connection that stays open."""


@dataclass(frozen=True)
class Stall:
    """No reply, and nothing more is read: the client meets back pressure."""


@dataclass(frozen=True)
class Tagged:
    """The end of an IMAP command, with the tag that this has, and what comes before."""

    text: str
    before: bytes = b""


type Action = Answer | Raw | Close | Hang | Stall | Tagged


@dataclass
class Rule:
    """An action at a step: how often, after how many, on which command line."""

    step: Step | ImapStep
    action: Action
    times: int | None
    match: str
    skip: int

    def applies(self, step: Step | ImapStep, line: str) -> bool:
        """Tell whether it is the rule's turn, and count that."""
        if step is not self.step or self.match not in line or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True
