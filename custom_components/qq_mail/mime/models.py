"""What a mail is made of, and what is known of it in wire form: all of it immutable."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from .address import Mailbox, Recipients


class TextEncoding(StrEnum):
    """How a text is written (RFC 2045 section 6); in both, lines can be put before."""

    QUOTED_PRINTABLE = "quoted-printable"
    BASE64 = "base64"


class Priority(StrEnum):
    """How important a message is, for the outbox and for whoever reads it."""

    HIGHEST = "highest"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
    LOWEST = "lowest"


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPart:
    """A picture or another file that goes with a message (RFC 2046)."""

    content: bytes | Path
    """What it holds, or the file that holds it, read when the message is composed."""
    media_type: str
    """Type and subtype, such as `image/jpeg`."""
    filename: str
    content_id: str = ""
    """Without brackets (RFC 2392); the HTML refers to it by `cid:`."""
    inline: bool = False
    """Whether it is shown in the HTML; else it is an attachment (RFC 2183)."""
    title: str = ""
    """What it shows, in a person's words, where more is known than the file's name."""
    width: int = 0
    """Of a picture, in pixels; 0: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a caller wants to say, before it is a message."""

    recipients: Recipients
    subject: str
    text: str
    html: str = ""
    parts: tuple[BodyPart, ...] = ()
    reply_to: Mailbox | None = None
    priority: Priority = Priority.NORMAL
    references: str = ""
    """A message id that all messages of a conversation share; never one of theirs."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender and recipients as the server is told (RFC 5321 section 2.3.1)."""

    reverse_path: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A place in a composed message where a text can still be put in."""

    at: int
    """Octets from the beginning."""
    encoding: TextEncoding
    html: bool


@dataclass(frozen=True, slots=True)
class Composed:
    """What is known of a message that was written in wire form."""

    envelope: Envelope
    message_id: str
    size: int
    """Octets, with CRLF line ends and dots stuffed, without the final dot."""
    gaps: tuple[Gap, ...]
    date_at: int
    """Octets before the value of the Date field, which always has 31 of them."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """What is put into a composed message when it goes out."""

    at: int
    """Octets of the message before it."""
    octets: bytes
    replaced: int = 0
    """So many octets of the message are left out for it."""


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message in wire form that waits, and is to be read again."""

    raised: datetime
    dated: datetime
    """What its Date field says: right if the clock was right."""
    subject: str
    content: Path | bytes
    """The file that holds it, or the message itself."""
