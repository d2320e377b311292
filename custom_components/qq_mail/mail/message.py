"""From a draft to a message in wire form."""

from base64 import b64encode
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.quoprimime import body_encode
from email.utils import formataddr
import re

from .models import Draft, Envelope, Mailbox, Submission, TextEncoding, one_line

# 7bit: what is not ASCII is encoded, whatever servers on the way make of 8BITMIME.
_POLICY = SMTP.clone(cte_type="7bit")

SENDER_NAME_MAX_BYTES = 45
"""What fits into one encoded-word (RFC 2047 section 2), in UTF-8: 15 Hanzi."""

_ENCODED_WORD = "=?utf-8?b?{}?="
_PRINTABLE = bytes(range(32, 127))
_END_OF_HEADER = b"\r\n\r\n"
_LINE_STARTS_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def compose(
    draft: Draft, *, sender: Mailbox, message_id: str, date: datetime
) -> Submission:
    """Write the message; it takes milliseconds, so keep it off the event loop.

    The date is the time of the alert, whenever the message goes out.
    """
    recipients = draft.recipients
    message = EmailMessage(_POLICY)
    if recipients.to:
        message["To"] = _addresses(recipients.to)
    elif not recipients.cc:
        # A message for blind copies alone still names someone for old readers.
        message["To"] = "undisclosed-recipients:;"
    if recipients.cc:
        message["Cc"] = _addresses(recipients.cc)
    if draft.reply_to:
        message["Reply-To"] = _addresses((draft.reply_to,))
    message["Subject"] = one_line(draft.subject)
    message["Date"] = date
    message["Message-ID"] = message_id
    # Keeps out-of-office answers away (RFC 3834 section 5).
    message["Auto-Submitted"] = "auto-generated"
    text = _CONTROL_CHARACTERS.sub("", _encodable(draft.text))
    encoding = _text_encoding(text)
    message.set_content(text, cte=encoding.value)

    wire = stuffed(_from_field(sender) + message.as_bytes())
    return Submission(
        Envelope(sender.addr_spec, _unique_addresses(draft)),
        message_id,
        wire,
        text_at=wire.index(_END_OF_HEADER) + len(_END_OF_HEADER),
        text_encoding=encoding,
    )


def with_note(
    wire: bytes, *, text_at: int, text_encoding: TextEncoding, note: str
) -> bytes:
    """Put a line before the text of a composed message, without reading the rest."""
    if text_encoding is TextEncoding.BASE64:
        # Whole groups of three octets, so that no padding stands in the middle.
        octets = f"{note}\r\n\r\n".encode()
        octets = octets.rjust(len(octets) + -len(octets) % 3)
        encoded = b"".join(
            b64encode(octets[at : at + 57]) + b"\r\n"
            for at in range(0, len(octets), 57)
        )
    else:
        encoded = stuffed(
            body_encode(f"{note}\n\n".encode().decode("latin-1"), eol="\r\n").encode()
        )
    return wire[:text_at] + encoded + wire[text_at:]


def stuffed(wire: bytes) -> bytes:
    """Double the dot that a line begins with (RFC 5321 section 4.5.2)."""
    return _LINE_STARTS_WITH_DOT.sub(b"..", wire)


def _text_encoding(text: str) -> TextEncoding:
    """Choose what is shorter, as Python's email package does."""
    octets = text.encode()
    special = len(octets.translate(None, delete=_PRINTABLE))
    return (
        TextEncoding.BASE64
        if special * 3 > len(octets)
        else TextEncoding.QUOTED_PRINTABLE
    )


def _from_field(sender: Mailbox) -> bytes:
    """Write From as QQ wants it: one base64 encoded-word or ASCII, on one line.

    Source: https://service.mail.qq.com/detail/124/995. Python's email package
    would choose quoted-printable for names that are mostly ASCII, and may fold.
    """
    name = sender.display_name
    if name.isascii() and "=?" not in name:
        mailbox = formataddr((name, sender.addr_spec))
    else:
        word = _ENCODED_WORD.format(b64encode(name.encode()).decode())
        mailbox = f"{word} <{sender.addr_spec}>"
    return f"From: {mailbox}\r\n".encode("ascii")


def _addresses(mailboxes: tuple[Mailbox, ...]) -> tuple[Address, ...]:
    return tuple(
        Address(mailbox.display_name, addr_spec=mailbox.addr_spec)
        for mailbox in mailboxes
    )


def _unique_addresses(draft: Draft) -> tuple[str, ...]:
    """Name each address once, however often the draft does."""
    everyone = draft.recipients.to + draft.recipients.cc + draft.recipients.bcc
    return tuple(
        {mailbox.addr_spec.lower(): mailbox.addr_spec for mailbox in everyone}.values()
    )


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
