"""Lines and rounds: the form of what stands in a segment.

A line is a header, one line of JSON behind its checksum and the number of its round's
sectors, and behind that what it holds: a record, a text, both or neither. What is
written together is a round: it begins at a sector's beginning, its lines say which of
how many they are, and zeros fill its last sector.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import json
import re
from sys import intern
from typing import Any, NamedTuple
from zlib import crc32

type Key = tuple[str, str, str]
"""The kind, the account's id or "" for the house, and the id within the kind."""

type Sum = tuple[int, int]
"""A number of octets, and their checksum."""

SECTOR = 512
"""Octets that a disk writes as a whole, or not at all."""

_HEADER = re.compile(rb"([0-9a-f]{8}) (([0-9a-f]{8}) (\{.*\}))\n")
_BEGINNING = re.compile(rb'[0-9a-f]{8} [0-9a-f]{8} \{"round":')
_MOST_LINES = 1_000_000
"""Of a round."""
_HEAD = len("00000000 00000000 \n")
_CONTENT = re.compile(rb"[^\0]")


@dataclass(slots=True, kw_only=True)
class Line:
    """What holds of one key from its round on, as its header says it."""

    round: int = 0
    line: int = 0
    """Which one of its round it is, from 1 on."""
    of: int = 0
    before: int = 0
    """The round before this one in the same segment, or 0."""
    beside: tuple[int, int] = (0, 0)
    """The salt of the other segment to which rounds are added, and its last."""
    refused: tuple[int, ...] = ()
    """Earlier rounds that are not to be believed, if something of them is there."""
    key: Key
    born: int
    """Its place in the order in which keys were first written; 0: it is new."""
    record: Sum | None = None
    """None: the key is gone."""
    text: Sum | None = None
    """Of the text that belongs to it."""
    holds: bool = False
    """Whether the text stands in this line."""
    file: str = ""
    """The file of its own that the text is in."""

    # From here on what the header does not say.
    sectors: int = 0
    """Of its round."""
    start: int = 0
    body: int = 0
    """Where the record begins; the text is behind it, and a newline behind each."""
    said: bytes | None = None
    """The record itself, JSON."""
    content: bytes | None = None
    """The text itself, where it is to be written."""
    record_whole: bool = True
    text_whole: bool = True
    blank: bool = False
    """Whether what it held was overwritten."""

    @property
    def whole(self) -> bool:
        """Whether all of it can be read."""
        return self.record_whole and self.text_whole

    @property
    def text_at(self) -> int:
        """Where the text begins that stands in this line."""
        return self.body + (self.record[0] + 1 if self.record else 0)

    @property
    def stop(self) -> int:
        """Where it ends."""
        return self.text_at + (self.text[0] + 1 if self.text and self.holds else 0)


_SAID = tuple(Line.__dataclass_fields__)[:12]
"""What a header says."""


class Gap(NamedTuple):
    """Octets that are no line."""

    start: int
    stop: int


def sum_of(octets: bytes | memoryview) -> Sum:
    """Return by what octets are known again."""
    return len(octets), crc32(octets)


def next_sector(place: int) -> int:
    """Return where the first sector from a place on begins."""
    return -(-place // SECTOR) * SECTOR


def write_round(lines: Sequence[Line], start: int, salt: int) -> bytes:
    """Return the octets of a round that begins at a place; its lines learn theirs."""
    headers = []
    for number, line in enumerate(lines, 1):
        line.line, line.of = number, len(lines)
        line.born = line.born or line.round * _MOST_LINES + number
        if line.said is not None:
            line.record = sum_of(line.said)
        if line.content is not None:
            line.text, line.holds = sum_of(line.content), True
        said = {name: value for name in _SAID if (value := getattr(line, name))}
        headers.append(json.dumps(said, separators=(",", ":")).encode())
    size = sum(
        _HEAD + len(header) + line.stop - line.body
        for header, line in zip(headers, lines, strict=True)
    )
    sectors = next_sector(size) // SECTOR
    octets = bytearray()
    for header, line in zip(headers, lines, strict=True):
        line.start = start + len(octets)
        checked = b"%08x %b" % (sectors, header)
        octets += b"%08x %b\n" % (crc32(checked, salt), checked)
        line.body = start + len(octets)
        for part in (line.said, line.content):
            if part is not None:
                octets += part + b"\n"
    return bytes(octets.ljust(sectors * SECTOR, b"\0"))


def read_lines(octets: bytes, salt: int) -> Iterator[Line | Gap]:
    """Go through the lines of a segment, and through what is between them."""
    place = 0
    while content := _CONTENT.search(octets, place):
        start = content.start()
        line = read_line(octets, start, salt)
        if line is None:
            stop = _next_line(octets, start + 1, salt)
            yield Gap(start, stop)
            place = stop
        else:
            yield line
            place = line.stop


def read_line(octets: bytes, start: int, salt: int) -> Line | None:
    """Return the line that begins at a place, or None if there is none."""
    match = _header_at(octets, start, salt)
    if match is None:
        return None
    line = _parse(match[4])
    line.sectors, line.start, line.body = int(match[3], 16), start, match.end()
    held = memoryview(octets)[line.body : line.stop]
    if line.record:
        line.said = bytes(held[: line.record[0]])
        line.record_whole = sum_of(line.said) == line.record
    if line.holds:
        line.text_whole = sum_of(held[line.text_at - line.body : -1]) == line.text
    line.blank = not line.whole and not bytes(held).strip(b"\0")
    return line


def is_torn(octets: bytes, start: int, size: int | None) -> bool:
    """Tell whether sectors of a round are missing, as where the power was cut.

    A round has no sector of zeros, and damage hardly makes one. Without a size, no line
    of it can be read.
    """
    end = len(octets.rstrip(b"\0"))
    stop = end if size is None else start + size
    is_header_cut = size is None and end % SECTOR == 0
    return (
        len(octets) % SECTOR > 0
        or (is_header_cut and bool(_BEGINNING.match(octets, start)))
        or any(
            not octets[sector : sector + SECTOR].strip(b"\0")
            for sector in range(start, stop, SECTOR)
        )
    )


def _header_at(octets: bytes, start: int, salt: int) -> re.Match[bytes] | None:
    match = _HEADER.match(octets, start)
    return match if match and int(match[1], 16) == crc32(match[2], salt) else None


def _next_line(octets: bytes, place: int, salt: int) -> int:
    """Return where the next line begins, or else where the content ends."""
    for beginning in _BEGINNING.finditer(octets, place):
        if _header_at(octets, beginning.start(), salt):
            return beginning.start()
    return place + len(octets[place:].rstrip(b"\0"))


def _parse(header: bytes) -> Line:
    said: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(header).items()
    }
    kind, account, name = said["key"]
    # Many keys have these in common.
    said["key"] = intern(kind), intern(account), name
    return Line(**said)
