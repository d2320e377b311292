"""Messages in wire form read back, for the one that tells what all of them do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from secrets import token_hex
from typing import cast

from ..mime.models import BodyPart, KeptMessage
from .address import Mailbox
from .message import BASE64_LINE

_HEAD = 512 * 1024
"""Octets that hold header and texts: files come after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A message that waits, as people read it."""

    raised: datetime
    dated: datetime
    title: str
    text: str
    sender: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    reply_to: Mailbox | None
    references: str
    parts: tuple[BodyPart, ...]
    """What went with it, as far as there is room."""
    size: int
    """Octets of those."""
    left_out: int
    """How many parts of it there was no room for."""


def read_alert(kept: KeptMessage, room: int, places: int) -> Alert:
    """Read a message of ours back, with so many parts of so many octets together.

    It blocks. Raises OSError where its file cannot be read.
    """
    wire, whole = _read(kept.content, _HEAD + room * BASE64_LINE[1] // BASE64_LINE[0])
    message = message_from_bytes(wire.replace(b"\r\n..", b"\r\n."), policy=default)
    # A message of ours always has one.
    body = cast("EmailMessage", message.get_body(("plain",)))
    parts: list[BodyPart] = []
    size = left_out = 0
    for part in _files(message):
        content = cast("bytes", part.get_payload(decode=True))
        if not whole or size + len(content) > room or len(parts) == places:
            left_out += 1
            continue
        size += len(content)
        parts.append(
            BodyPart(
                content=content,
                media_type=part.get_content_type(),
                filename=part.get_filename(""),
                content_id=f"{token_hex(8)}@digest",
                inline=part.get_content_disposition() == "inline",
            )
        )
    reply_to = _mailboxes(message, "Reply-To")
    return Alert(
        raised=kept.raised,
        dated=kept.dated,
        title=kept.subject,
        text=str(body.get_content()).replace("\r\n", "\n").strip(),
        sender=_mailboxes(message, "From")[0],
        to=_mailboxes(message, "To"),
        cc=_mailboxes(message, "Cc"),
        reply_to=reply_to[0] if reply_to else None,
        references=str(message["References"] or ""),
        parts=tuple(parts),
        size=size,
        left_out=left_out,
    )


def _read(content: Path | bytes, most: int) -> tuple[bytes, bool]:
    """Return a message, or its beginning; and whether it is whole."""
    if isinstance(content, bytes):
        return content, True
    with content.open("rb") as stream:
        wire = stream.read(most)
        return wire, not stream.read(1)


def _files(message: EmailMessage) -> Iterator[EmailMessage]:
    """Go through the pictures and files of a message."""
    for part in message.walk():
        if part.get_content_disposition() in ("inline", "attachment"):
            yield part


def _mailboxes(message: EmailMessage, field: str) -> tuple[Mailbox, ...]:
    """Return the addresses of a header field; a group without any has none."""
    header = cast("AddressHeader | None", message[field])
    if header is None:
        return ()
    return tuple(
        Mailbox(address.addr_spec, address.display_name) for address in header.addresses
    )
