"""From a draft to a message in wire form."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from email.headerregistry import Address
from email.message import MIMEPart
from email.policy import SMTP
from email.quoprimime import body_encode
from email.utils import format_datetime, formataddr
from io import BytesIO
from pathlib import Path
import re
from secrets import token_hex
from typing import BinaryIO
from urllib.parse import quote

from ..mime.errors import UnreadablePartError
from ..mime.models import (
    BodyPart,
    Composed,
    Draft,
    Envelope,
    Gap,
    Insertion,
    Priority,
    TextEncoding,
)
from .address import Mailbox, one_line
from .card import note_html
from .markup import start_of_content

# 7bit: what is not ASCII is encoded, whatever servers on the way make of 8BITMIME.
# With a blank before it, an encoded-word then has the 75 octets that it may have.
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)

BASE64_LINE = (57, 78)
"""Octets that go into a line of base64 (RFC 2045 section 6.8), and octets of it."""

# X-Priority is what mail programs show, Importance (RFC 2156) what Outlook reads.
_PRIORITIES = {
    Priority.HIGHEST: ("1 (Highest)", "high"),
    Priority.HIGH: ("2 (High)", "high"),
    Priority.LOW: ("4 (Low)", "low"),
    Priority.LOWEST: ("5 (Lowest)", "low"),
}

_PARAMETER_LENGTH = 50
"""Octets, so that a line with it is no longer than RFC 5322 recommends."""

_DATE_FIELD = b"\r\nDate: "
_DATE_OCTETS = len("Wed, 25 Nov 2026 03:09:53 +0000")
_ENCODED_WORD = "=?utf-8?b?{}?="
_PRINTABLE = bytes(range(32, 127))
# Quotes and semicolons are allowed in quotes, but not every program knows that.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 ._()+@-]+")
_LINES_AT_A_TIME = 1024
_LINE_STARTS_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n?")
# These may not be encoded in base64 (RFC 2046 section 5), or promise a structure.
_NOT_FOR_FILES = ("message/", "multipart/")


def compose(
    stream: BinaryIO,
    draft: Draft,
    *,
    sender: Mailbox,
    message_id: str,
    date: datetime,
) -> Composed:
    """Write the message in wire form (RFC 5321 section 4.5.2), piece by piece.

    It blocks. The date is the time of the alert, whenever the message goes out; it
    can be corrected by then, should the clock have been wrong.
    Raises UnreadablePartError where a part's file cannot be read, and OSError where
    the stream cannot be written.
    """
    writer = _Writer(stream)
    header = _from_field(sender) + _header(draft, message_id, date)
    writer.write(header)
    # Without HTML there is nothing to show them in.
    pictures = [part for part in draft.parts if part.inline and draft.html]
    files = [part for part in draft.parts if part not in pictures]

    def text() -> None:
        writer.text("plain", draft.text, gap_at=0)

    def html() -> None:
        text = _clean(draft.html)
        writer.text("html", text, gap_at=start_of_content(text))

    def shown() -> None:
        children = [html, *map(writer.child, pictures)]
        writer.multipart('related;\r\n type="text/html"', children)

    def body() -> None:
        writer.multipart("alternative", [text, shown if pictures else html])

    readable = body if draft.html else text
    if files:
        writer.multipart("mixed", [readable, *map(writer.child, files)])
    else:
        readable()
    return Composed(
        Envelope(sender.addr_spec, draft.recipients.addr_specs),
        message_id,
        writer.size,
        tuple(writer.gaps),
        # No other field can contain it: a folded line begins with a blank.
        header.index(_DATE_FIELD) + len(_DATE_FIELD),
    )


def insertions(gaps: Iterable[Gap], note: str) -> tuple[Insertion, ...]:
    """Encode a line for each text of a composed message, to be put before it."""
    return tuple(
        Insertion(
            gap.at,
            _encoded(
                f"{note_html(note)}\n" if gap.html else f"{note}\n\n", gap.encoding
            ),
        )
        for gap in gaps
    )


def date_insertion(at: int, date: datetime) -> Insertion:
    """Return what corrects the Date field of a composed message."""
    return Insertion(at, format_datetime(date).encode(), replaced=_DATE_OCTETS)


def stuffed(wire: bytes) -> bytes:
    """Double the dot that a line begins with (RFC 5321 section 4.5.2)."""
    return _LINE_STARTS_WITH_DOT.sub(b"..", wire)


class _Writer:
    """Writes entities (RFC 2045 section 2.4) one after the other."""

    def __init__(self, stream: BinaryIO) -> None:
        self.size = 0
        self.gaps: list[Gap] = []
        self._stream = stream

    def write(self, wire: bytes) -> None:
        """Write what is in wire form already."""
        self._stream.write(wire)
        self.size += len(wire)

    def text(self, subtype: str, text: str, *, gap_at: int) -> None:
        """Write a text, in which something can be put in at one place."""
        text = _clean(text)
        encoding = _text_encoding(text)
        self.write(
            f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode()
        )
        if gap_at:
            self.write(_encoded(f"{text[:gap_at]}\n", encoding))
        self.gaps.append(Gap(self.size, encoding, subtype == "html"))
        rest = text[gap_at:]
        if not rest.endswith("\n"):
            rest += "\n"
        self.write(_encoded(rest, encoding, last=True))

    def multipart(self, subtype: str, children: Iterable[Callable[[], None]]) -> None:
        """Write several entities as one (RFC 2046 section 5.1)."""
        # With an underscore after the equals sign, neither encoding can contain it.
        boundary = f"=_{token_hex(16)}"
        self.write(
            f"Content-Type: multipart/{subtype};\r\n"
            f' boundary="{boundary}"\r\n\r\n'.encode()
        )
        for child in children:
            self.write(f"--{boundary}\r\n".encode())
            child()
        self.write(f"--{boundary}--\r\n".encode())

    def child(self, part: BodyPart) -> Callable[[], None]:
        """Return what writes a body part in base64."""

        def write() -> None:
            self.write(_part_header(part))
            for octets in _pieces(part):
                self.write(_base64(octets))

        return write


def _header(draft: Draft, message_id: str, date: datetime) -> bytes:
    """Return all of the header but From, and without its end."""
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
    header["Date"] = date
    header["Message-ID"] = message_id
    if draft.references:
        header["References"] = draft.references
    if draft.priority in _PRIORITIES:
        header["X-Priority"], header["Importance"] = _PRIORITIES[draft.priority]
    # Keeps out-of-office answers away (RFC 3834 section 5).
    header["Auto-Submitted"] = "auto-generated"
    header["MIME-Version"] = "1.0"
    # Without the empty line behind them.
    return header.as_bytes().partition(b"\r\n\r\n")[0] + b"\r\n"


def _part_header(part: BodyPart) -> bytes:
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


def _filename_parameter(filename: str) -> str:
    """Encode a file name, in several pieces where it is long (RFC 2231 section 4.1)."""
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
    """Cut a text into encoded-words that fit into a line (RFC 2047 section 2)."""
    # Fifteen characters of three octets each; rarer ones take four.
    for start in range(0, len(text), 11):
        octets = text[start : start + 11].encode()
        yield _ENCODED_WORD.format(b64encode(octets).decode())


def _pieces(part: BodyPart) -> Iterator[bytes]:
    """Read a part piece by piece, each of them whole lines of base64."""
    try:
        opened = (
            part.content.open("rb")
            if isinstance(part.content, Path)
            else BytesIO(part.content)
        )
        with opened as stream:
            # A buffered stream reads less than this only at the end.
            while octets := stream.read(BASE64_LINE[0] * _LINES_AT_A_TIME):
                yield octets
    except OSError as err:
        raise UnreadablePartError(part) from err


def _encoded(text: str, encoding: TextEncoding, *, last: bool = False) -> bytes:
    """Encode a piece of a text, which ends with a line end."""
    if encoding is TextEncoding.BASE64:
        octets = text.replace("\n", "\r\n").encode()
        if not last:
            # Whole groups of three octets, so that no padding stands in the middle.
            octets = octets.rjust(len(octets) + -len(octets) % 3)
        return _base64(octets)
    return stuffed(body_encode(text.encode().decode("latin-1"), eol="\r\n").encode())


def _base64(octets: bytes) -> bytes:
    """Encode octets in lines."""
    encoded = b64encode(octets)
    length = BASE64_LINE[1] - 2
    return b"".join(
        encoded[start : start + length] + b"\r\n"
        for start in range(0, len(encoded), length)
    )


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


def _addresses(mailboxes: tuple[Mailbox, ...]) -> str:
    """Write addresses, all of them in brackets: filters distrust those without."""
    return ", ".join(
        str(Address(mailbox.display_name, addr_spec=mailbox.addr_spec))
        if mailbox.display_name
        else f"<{mailbox.addr_spec}>"
        for mailbox in mailboxes
    )


def _clean(text: str) -> str:
    """Return what of a text can be written in a mail."""
    encodable = text.encode("utf-8", "replace").decode()
    return _CONTROL_CHARACTERS.sub("", _LINE_END.sub("\n", encodable))
