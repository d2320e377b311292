"""What a mail is made of, and what is known of one in wire form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from .address import Mailbox, Recipients

CONTENT_WIDTH = 560
"""Pixels between the edges of a card. Outlook needs a width for each picture."""


class TextEncoding(StrEnum):
    """How a text is encoded (RFC 2045 section 6); another text can precede either."""

    QUOTED_PRINTABLE = "quoted-printable"
    BASE64 = "base64"


class Priority(StrEnum):
    """How important a message is, for the outbox and for whoever reads it."""

    HIGHEST = "highest"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
    LOWEST = "lowest"

    @property
    def is_urgent(self) -> bool:
        """Whether it is above normal."""
        return self in (Priority.HIGHEST, Priority.HIGH)


def new_content_id() -> str:
    """Return a content id that no other body part has (RFC 2392)."""
    return f"{token_hex(8)}@qq-mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPart:
    """A picture or another file that goes with a message (RFC 2046)."""

    content: bytes | Path
    """The octets, or the file with them, which is read when the message is composed."""
    media_type: str
    """Type and subtype, such as `image/jpeg`."""
    filename: str
    content_id: str = ""
    """Without brackets (RFC 2392); the HTML refers to it by `cid:`."""
    inline: bool = False
    """Whether it is shown in the HTML; else it is an attachment (RFC 2183)."""
    title: str = ""
    """What it shows, in words, if more is known than the file's name."""
    width: int = 0
    """Pixels, of a picture; 0: not known."""

    @property
    def name(self) -> str:
        """What it is called for those who do not see it."""
        return self.title or self.filename

    @property
    def shown_width(self) -> int:
        """How wide it is in a card, in pixels."""
        return min(self.width or CONTENT_WIDTH, CONTENT_WIDTH)

    def open(self) -> BinaryIO:
        """Open the octets for reading. Raises OSError."""
        if isinstance(self.content, Path):
            return self.content.open("rb")
        return BytesIO(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What `compose` writes: a message without From, Date and Message-ID.

    Those are written by `head` when it is submitted, so that a message that waits
    belongs to no account.
    """

    recipients: Recipients
    subject: str
    text: str = ""
    html: str = ""
    parts: tuple[BodyPart, ...] = ()
    reply_to: Mailbox | None = None
    priority: Priority = Priority.NORMAL
    references: str = ""
    """Message ids that it refers to, with blanks between them: first the one that all
    messages of a conversation refer to, which none of them has."""
    answers: str = ""
    """The Message-ID of the mail that it answers by itself; empty: it answers none."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A place in a composed message, before one of its texts, for `insertions`."""

    at: int
    """Octets from the beginning."""
    encoding: TextEncoding
    html: bool


@dataclass(frozen=True, slots=True)
class Composed:
    """What is known of a message that was written in wire form."""

    recipients: tuple[str, ...]
    """Each address once, blind copies included."""
    size: int
    """Octets, with CRLF line ends and dots stuffed, without the final dot."""
    gaps: tuple[Gap, ...]
    reply_to: bool = False
    """Whether it says to whom an answer goes."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """Octets that are put into a composed message when it is submitted."""

    at: int
    """Octets of the message before it."""
    octets: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """A message that waits, and may become a part of a digest."""

    queue_id: str
    tag: str
    subject: str
    raised: datetime
    open: Callable[[], BinaryIO]
    """Opens what was composed, for reading. It blocks, and raises OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDigest:
    """A digest that was written, and which messages it tells of.

    A message that is neither a part nor alone waits for the next digest. The recipients
    are those of any of its parts: what was composed knows only who is named in it.
    """

    subject: str
    composed: Composed
    parts: tuple[str, ...]
    """Queue ids of the messages that it tells of, the oldest first."""
    alone: tuple[str, ...]
    """Queue ids of the messages that fit into no digest: each is a mail of its own."""
    kept: Callable[[], None] = lambda: None
    """Called when it is put on disk, for what belongs to it."""


type WriteDigest = Callable[
    [BinaryIO, Sequence[KeptMessage], Callable[[], None]], WrittenDigest | None
]
"""Writes one message that tells of others, which come with the oldest first.

None: fewer than two of them fit together, and nothing was written. It blocks, and calls
the last argument before each message that it reads, which may raise to end the work.
Raises OSError where a message cannot be read.
"""
