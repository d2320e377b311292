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


@dataclass(slots=True)
class Line:
    """A line as it is to be written: what is known of one key from now on."""

    key: Key
    born: int
    """Its place in the order in which keys were first written; 0: it is new."""
    record: bytes | None
    """JSON; None: it is removed."""
    text: Sum | None = None
    """Of the text that belongs to it."""
    content: bytes | None = None
    """The text itself, if it is to stand in this line."""
    file: str = ""
    """The file of its own that the text is in."""


class Found(NamedTuple):
    """A line that was found in a segment, or written to it."""

    round: int
    number: int
    of: int
    before: int
    """The round before this one in the same segment, or 0."""
    beside: tuple[int, int]
    """The salt of the other segment to which rounds are added, and its last."""
    refused: tuple[int, ...]
    """Earlier rounds that are not to be believed, if something of them is there."""
    key: Key
    born: int
    record: Sum | None
    text: Sum | None
    holds: bool
    """Whether the text stands in this line."""
    file: str
    sectors: int
    """Of its round."""
    start: int
    body: int
    """Where the record begins; the text is behind it, and a newline behind each."""
    stop: int
    said: bytes = b""
    """The record itself, where it was read."""
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


@dataclass(frozen=True, slots=True)
class Round:
    """What all lines of a round say."""

    number: int
    before: int
    """The round before this one in the same segment, or 0."""
    beside: tuple[int, int]
    """The salt of the other segment to which rounds are added, and its last."""
    refused: tuple[int, ...]
    """Earlier rounds that are not to be believed, if something of them is there."""


def write_round(
    round_: Round, lines: Sequence[Line], start: int, salt: int
) -> tuple[bytes, list[Found]]:
    """Return the octets of a round that begins at a place, and where its lines are."""
    said = [
        _said(round_, line, index, len(lines)) for index, line in enumerate(lines, 1)
    ]
    texts = [json.dumps(each, separators=(",", ":")).encode() for each in said]
    held = [
        [part for part in (line.record, line.content) if part is not None]
        for line in lines
    ]
    size = sum(_HEAD + len(text) for text in texts)
    size += sum(len(part) + 1 for parts in held for part in parts)
    sectors = next_sector(size) // SECTOR
    octets = bytearray()
    found: list[Found] = []
    for each, text, parts in zip(said, texts, held, strict=True):
        place = start + len(octets)
        checked = b"%08x %b" % (sectors, text)
        octets += b"%08x %b\n" % (crc32(checked, salt), checked)
        found.append(_found(each, sectors, place, start + len(octets)))
        for part in parts:
            octets += part + b"\n"
    return bytes(octets.ljust(sectors * SECTOR, b"\0")), found


def _said(round_: Round, line: Line, index: int, of: int) -> dict[str, Any]:
    """Return what a header says."""
    header = {
        "round": round_.number,
        "line": index,
        "of": of,
        "before": round_.before,
        "beside": round_.beside,
        "refused": round_.refused,
        "key": line.key,
        "born": line.born or round_.number * _MOST_LINES + index,
        "record": None if line.record is None else sum_of(line.record),
        "text": line.text,
        "holds": line.content is not None,
        "file": line.file,
    }
    return {name: value for name, value in header.items() if value}


def read_lines(octets: bytes, salt: int) -> Iterator[Found | Gap]:
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


def read_line(octets: bytes, start: int, salt: int) -> Found | None:
    """Return the line that begins at a place, or None if there is none."""
    match = _header_at(octets, start, salt)
    if match is None:
        return None
    line = _found(json.loads(match[4]), int(match[3], 16), start, match.end())
    held = memoryview(octets)[line.body : line.stop]
    said = held[: line.record[0] if line.record else 0]
    record = line.record is None or sum_of(said) == line.record
    text = not line.holds or sum_of(held[line.text_at - line.body : -1]) == line.text
    return line._replace(
        said=bytes(said),
        record_whole=record,
        text_whole=text,
        blank=not (record and text) and not bytes(held).strip(b"\0"),
    )


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


def _found(said: dict[str, Any], sectors: int, start: int, body: int) -> Found:
    """Return what a header says of a line that begins at a place."""
    kind, account, name = said["key"]
    beside = said["beside"]
    record, text = said.get("record"), said.get("text")
    holds = "holds" in said
    return Found(
        round=said["round"],
        number=said["line"],
        of=said["of"],
        before=said.get("before", 0),
        beside=(beside[0], beside[1]),
        refused=tuple(said.get("refused", ())),
        key=(intern(kind), intern(account), name),
        born=said["born"],
        record=record and (record[0], record[1]),
        text=text and (text[0], text[1]),
        holds=holds,
        file=said.get("file", ""),
        sectors=sectors,
        start=start,
        body=body,
        stop=body
        + (record[0] + 1 if record else 0)
        + (text[0] + 1 if text and holds else 0),
    )
