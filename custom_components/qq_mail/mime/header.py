"""Header fields in wire form: those of a message, and those of its parts."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from email.headerregistry import Address
from email.message import MIMEPart
from email.policy import SMTP
from email.utils import format_datetime, formataddr
import re
from urllib.parse import quote

from .address import Mailbox, one_line
from .models import BodyPart, Draft, Priority

# 7bit: what is not ASCII is encoded, whatever servers on the way make of 8BITMIME.
# With a blank before it, an encoded-word then has the 75 octets that it may have.
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)

# X-Priority is what mail programs show, Importance (RFC 2156) what Outlook reads.
PRIORITIES = {
    Priority.HIGHEST: ("1 (Highest)", "high"),
    Priority.HIGH: ("2 (High)", "high"),
    Priority.LOW: ("4 (Low)", "low"),
    Priority.LOWEST: ("5 (Lowest)", "low"),
}
"""The values of X-Priority and Importance; a normal message has neither."""

_PARAMETER_LENGTH = 50
"""Octets, so that a line with it is no longer than RFC 5322 recommends."""
_ENCODED_WORD = "=?utf-8?b?{}?="
# Quotes and semicolons are allowed in quotes, but not every program knows that.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 ._()+@-]+")
# These may not be encoded in base64 (RFC 2046 section 5), or promise a structure.
_NOT_FOR_FILES = ("message/", "multipart/")


def head(sender: Mailbox, message_id: str, date: datetime, reply_to: str = "") -> bytes:
    """Return From, Date and Message-ID, which stand before a composed message.

    They are written when it is submitted. The date is the time of the alert; answers go
    to `reply_to`, an addr_spec, instead of the sender.
    """
    fields = (
        f"From: {_from(sender)}\r\n"
        f"Date: {format_datetime(date)}\r\n"
        f"Message-ID: {message_id}\r\n"
    )
    if reply_to:
        fields += f"Reply-To: {reply_to}\r\n"
    return fields.encode("ascii")


def message_header(draft: Draft) -> bytes:
    """Return the fields of a draft, without those that describe its content."""
    recipients = draft.recipients
    header = MIMEPart(_POLICY)
    if recipients.to:
        header["To"] = _addresses(recipients.to)
    elif not recipients.cc:
        # A message for blind copies alone still names someone for old readers.
        header["To"] = "undisclosed-recipients:;"
    if recipients.cc:
        header["Cc"] = _addresses(recipients.cc)
    if draft.reply_to:
        header["Reply-To"] = _addresses((draft.reply_to,))
    header["Subject"] = one_line(draft.subject)
    if draft.priority in PRIORITIES:
        header["X-Priority"], header["Importance"] = PRIORITIES[draft.priority]
    # Keeps out-of-office answers away (RFC 3834 section 5).
    header["Auto-Submitted"] = "auto-replied" if draft.answers else "auto-generated"
    header["MIME-Version"] = "1.0"
    ids = _message_ids("In-Reply-To", draft.answers)
    ids += _message_ids("References", draft.references)
    # Without the empty line behind them.
    return header.as_bytes().partition(b"\r\n\r\n")[0] + b"\r\n" + ids


def part_header(part: BodyPart) -> bytes:
    """Return a part's header, with the file name in two forms.

    Content-Disposition has it as RFC 2231 wants; Content-Type as an encoded-word
    (RFC 2047) in quotes, which no RFC allows and which QQ Mail and Outlook read.
    """
    media_type = part.media_type
    if media_type.startswith(_NOT_FOR_FILES):
        media_type = "application/octet-stream"
    if media_type.startswith("text/"):
        # What Home Assistant and its users write.
        media_type += '; charset="utf-8"'
    filename = one_line(part.filename)
    if _PLAIN_NAME.fullmatch(filename):
        name, disposition_name = f'"{filename}"', f'filename="{filename}"'
    else:
        # In both forms nothing is left that a program could stumble over.
        name = f'"{"\r\n ".join(_encoded_words(filename))}"'
        disposition_name = _filename_parameter(filename)
    disposition = "inline" if part.inline else "attachment"
    # Not left to the email package, which would encode a long one.
    content_id = f"Content-ID: <{part.content_id}>\r\n" if part.content_id else ""
    return (
        f"Content-Type: {media_type};\r\n name={name}\r\n"
        f"Content-Transfer-Encoding: base64\r\n{content_id}"
        f"Content-Disposition: {disposition};\r\n {disposition_name}\r\n\r\n"
    ).encode()


def _message_ids(name: str, ids: str) -> bytes:
    """Return a field of message ids: the email package would encode a long one."""
    return f"{name}: {'\r\n '.join(ids.split())}\r\n".encode("ascii") if ids else b""


def _filename_parameter(filename: str) -> str:
    """Encode a file name, a long one in several pieces (RFC 2231 section 4.1)."""
    pieces = [""]
    for character in filename:
        encoded = quote(character, safe="")
        if len(pieces[-1]) + len(encoded) > _PARAMETER_LENGTH:
            pieces.append("")
        pieces[-1] += encoded
    if len(pieces) == 1:
        return f"filename*=utf-8''{pieces[0]}"
    pieces[0] = f"utf-8''{pieces[0]}"
    return ";\r\n ".join(
        f"filename*{number}*={piece}" for number, piece in enumerate(pieces)
    )


def _encoded_words(text: str) -> Iterator[str]:
    """Yield encoded-words that each fit into a line (RFC 2047 section 2)."""
    # Fifteen characters of three octets each; rarer ones take four.
    for start in range(0, len(text), 11):
        octets = text[start : start + 11].encode()
        yield _ENCODED_WORD.format(b64encode(octets).decode())


def _from(sender: Mailbox) -> str:
    """Return the value of From as QQ wants it: ASCII or one base64 encoded-word.

    Source: https://service.mail.qq.com/detail/124/995. Python's email package
    would choose quoted-printable for names that are mostly ASCII, and may fold.
    """
    name = sender.display_name
    if name.isascii() and "=?" not in name:
        return formataddr((name, sender.addr_spec))
    word = _ENCODED_WORD.format(b64encode(name.encode()).decode())
    return f"{word} <{sender.addr_spec}>"


def _addresses(mailboxes: tuple[Mailbox, ...]) -> str:
    """Return mailboxes, each in angle brackets: filters distrust those without."""
    return ", ".join(
        str(Address(mailbox.display_name, addr_spec=mailbox.addr_spec))
        if mailbox.display_name
        else f"<{mailbox.addr_spec}>"
        for mailbox in mailboxes
    )
