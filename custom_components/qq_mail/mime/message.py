"""Writes drafts in wire form, and what is put into them when they are submitted."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from email.quoprimime import body_encode
import re
from secrets import token_hex
from typing import BinaryIO

from .header import message_header, part_header
from .markup import start_of_content
from .models import BodyPart, Composed, Draft, Gap, Insertion, TextEncoding
from .render import note_html

BASE64_LINE = (57, 78)
"""Octets before and after encoding, of a line of base64 (RFC 2045 section 6.8)."""

_PRINTABLE = bytes(range(32, 127))
_LINES_AT_A_TIME = 1024
_LINE_STARTS_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n?")


class UnreadablePartError(Exception):
    """The file of a body part cannot be read, or no longer."""

    def __init__(self, part: BodyPart) -> None:
        """Keep the part, so that the caller can compose the message without it."""
        super().__init__(part.filename)
        self.part = part


def compose(stream: BinaryIO, draft: Draft) -> Composed:
    """Write a message in wire form (RFC 5321 section 4.5.2), piece by piece.

    From, Date and Message-ID are missing: `head` writes them when it is submitted.
    It blocks. Raises UnreadablePartError where a part's file cannot be read, and
    OSError where the stream cannot be written.
    """
    writer = _Writer(stream)
    writer.write(message_header(draft))
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
        draft.recipients.addr_specs,
        writer.size,
        tuple(writer.gaps),
        reply_to=draft.reply_to is not None,
    )


def insertions(gaps: Iterable[Gap], note: str) -> tuple[Insertion, ...]:
    """Return what puts a note before each text of a composed message."""
    return tuple(
        Insertion(
            gap.at,
            _encoded(
                f"{note_html(note)}\n" if gap.html else f"{note}\n\n", gap.encoding
            ),
        )
        for gap in gaps
    )


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
        """Write a text, with a gap for a note behind so many characters."""
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
            self.write(part_header(part))
            for octets in _pieces(part):
                self.write(_base64(octets))

        return write


def _pieces(part: BodyPart) -> Iterator[bytes]:
    """Yield the octets of a part in pieces that make whole lines of base64."""
    try:
        with part.open() as stream:
            # A buffered stream reads less than this only at the end.
            while octets := stream.read(BASE64_LINE[0] * _LINES_AT_A_TIME):
                yield octets
    except OSError as err:
        raise UnreadablePartError(part) from err


def _encoded(text: str, encoding: TextEncoding, *, last: bool = False) -> bytes:
    """Encode a piece of a text. It ends with a line end."""
    if encoding is TextEncoding.BASE64:
        octets = text.replace("\n", "\r\n").encode()
        if not last:
            # Whole groups of three octets, so that no padding stands in the middle.
            octets = octets.rjust(len(octets) + -len(octets) % 3)
        return _base64(octets)
    wire = body_encode(text.encode().decode("latin-1"), eol="\r\n").encode()
    # Doubles the dot that a line begins with (RFC 5321 section 4.5.2).
    return _LINE_STARTS_WITH_DOT.sub(b"..", wire)


def _base64(octets: bytes) -> bytes:
    """Encode octets in lines of base64."""
    encoded = b64encode(octets)
    length = BASE64_LINE[1] - 2
    return b"".join(
        encoded[start : start + length] + b"\r\n"
        for start in range(0, len(encoded), length)
    )


def _text_encoding(text: str) -> TextEncoding:
    """Return the encoding that is shorter, as Python's email package chooses it."""
    octets = text.encode()
    special = len(octets.translate(None, delete=_PRINTABLE))
    return (
        TextEncoding.BASE64
        if special * 3 > len(octets)
        else TextEncoding.QUOTED_PRINTABLE
    )


def _clean(text: str) -> str:
    """Return a text with LF line ends, without what cannot be written in a mail."""
    encodable = text.encode("utf-8", "replace").decode()
    return _CONTROL_CHARACTERS.sub("", _LINE_END.sub("\n", encodable))
