"""Writes drafts in wire form, and what is put into them when they are submitted."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import replace
from email.quoprimime import body_encode
from itertools import chain
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

type _Entity = Iterator[bytes | Gap]
"""Pieces of one (RFC 2045 section 2.4) in wire form; a Gap where a note fits in."""


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
    # Without HTML there is nothing to show them in.
    pictures = [part for part in draft.parts if part.inline and draft.html]
    files = [part for part in draft.parts if part not in pictures]
    entity = _text("plain", draft.text)
    if draft.html:
        html = _text("html", draft.html)
        if pictures:
            html = _multipart(
                'related;\r\n type="text/html"', [html, *map(_file, pictures)]
            )
        entity = _multipart("alternative", [entity, html])
    if files:
        entity = _multipart("mixed", [entity, *map(_file, files)])
    size, gaps = 0, list[Gap]()
    for piece in chain([message_header(draft)], entity):
        if isinstance(piece, bytes):
            stream.write(piece)
            size += len(piece)
        else:
            gaps.append(replace(piece, at=size))
    return Composed(
        draft.recipients.addr_specs,
        size,
        tuple(gaps),
        reply_to=draft.reply_to is not None,
    )


def insertions(gaps: Iterable[Gap], note: str) -> tuple[Insertion, ...]:
    """Return what puts a note before each text of a composed message."""
    plain, html = f"{note}\n\n", f"{note_html(note)}\n"
    return tuple(
        Insertion(gap.at, _encoded(html if gap.html else plain, gap.encoding))
        for gap in gaps
    )


def _text(subtype: str, text: str) -> _Entity:
    """Write a text, with a gap for a note before what is seen of it."""
    text = _clean(text)
    gap_at = start_of_content(text) if subtype == "html" else 0
    before, rest = text[:gap_at], text[gap_at:]
    encoding = _text_encoding(text)
    yield (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    ).encode()
    if before:
        yield _encoded(f"{before}\n", encoding)
    yield Gap(0, encoding, subtype == "html")
    yield _encoded(rest if rest.endswith("\n") else f"{rest}\n", encoding, last=True)


def _multipart(subtype: str, children: Iterable[_Entity]) -> _Entity:
    """Write several entities as one (RFC 2046 section 5.1)."""
    # With an underscore after the equals sign, neither encoding can contain it.
    boundary = f"=_{token_hex(16)}"
    yield (
        f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n\r\n'
    ).encode()
    for child in children:
        yield f"--{boundary}\r\n".encode()
        yield from child
    yield f"--{boundary}--\r\n".encode()


def _file(part: BodyPart) -> _Entity:
    """Write a body part in base64, in pieces that make whole lines of it."""
    yield part_header(part)
    try:
        with part.open() as stream:
            # A buffered stream reads less than this only at the end.
            while octets := stream.read(BASE64_LINE[0] * _LINES_AT_A_TIME):
                yield _base64(octets)
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
    if special * 3 > len(octets):
        return TextEncoding.BASE64
    return TextEncoding.QUOTED_PRINTABLE


def _clean(text: str) -> str:
    """Return a text with LF line ends, without what cannot be written in a mail."""
    encodable = text.encode("utf-8", "replace").decode()
    return _CONTROL_CHARACTERS.sub("", _LINE_END.sub("\n", encodable))
