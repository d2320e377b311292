"""A segment: a file of the journal to which rounds are added, one behind the other."""

from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
import re
from secrets import randbits
from typing import Self

from .disk import Disk
from .line import Line, next_sector

ROOM = 256 * 1024
"""Octets of zeros that are written ahead: a round that fits in them changes the file
but not what the file system knows of it, which halves what a card has to write."""
LEAST_ROOM = 64 * 1024
"""Octets of room below which more is made."""
FULL = 4 * 1024 * 1024
"""Octets from which on a segment gets no more rounds."""

_NAME = re.compile(r"(records|texts)-(\d{6,})-([0-9a-f]{8})")
_NOBODY = -1
_BLOCK = 4096
_NOISE = b"\xff" * _BLOCK


class Kind(StrEnum):
    """What a segment is for: what is large and soon gone lies apart."""

    RECORDS = "records"
    TEXTS = "texts"


class Segment:
    """A file of rounds. What blocks raises OSError where the disk does."""

    def __init__(
        self, disk: Disk, folder: Path, kind: Kind, number: int, salt: int
    ) -> None:
        """Name a segment; the file may be there, or is made when it is needed."""
        self.disk = disk
        self.kind = kind
        self.number = number
        self.salt = salt
        """What each checksum begins with: a text cannot pass for a line."""
        self.file = folder / f"{kind}-{number:06}-{salt:08x}"
        self.end = 0
        """Where the next round begins."""
        self.room = 0
        """How many octets the file has."""
        self.last = 0
        """The last round in it."""
        self.live = 0
        """Octets of its lines that hold what holds now."""
        self.to_empty = False
        """Whether what lives in it is to move on, however much that is."""
        self.is_stuck = False
        """Whether it must stay as it is: not all that is in it can be read."""
        self.is_gone = False
        """Whether it was removed."""
        self.is_full = False
        """Whether it gets no more rounds."""
        self._descriptor = _NOBODY

    @classmethod
    def new(cls, disk: Disk, folder: Path, kind: Kind, number: int) -> Self:
        """Make a segment, whose name may not survive a power cut yet."""
        segment = cls(disk, folder, kind, number, randbits(32))
        segment._descriptor = disk.create(segment.file)
        return segment

    @classmethod
    def named_so(cls, disk: Disk, folder: Path, name: str) -> Self | None:
        """Return the segment of a file, or None if that is something else."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        return cls(disk, folder, Kind(match[1]), int(match[2]), int(match[3], 16))

    @property
    def is_cramped(self) -> bool:
        """Whether it needs room."""
        return self.room - self.end < LEAST_ROOM

    @property
    def is_to_be_emptied(self) -> bool:
        """Whether what lives in it is to move on, so that it can go."""
        is_mostly_dead = 2 * self.live <= self.end
        return self.is_full and not self.is_stuck and (self.to_empty or is_mostly_dead)

    def is_there(self) -> bool:
        """Tell whether the file still has a name: somebody may have taken its place."""
        try:
            return self.disk.is_linked(self._open())
        except FileNotFoundError:
            return False

    def append(self, octets: bytes, round_: int) -> None:
        """Add a round; when this returns, it survives a power cut."""
        self._write(self.end, octets)
        self.last = round_
        self.end += len(octets)
        self.room = max(self.room, self.end)
        self.is_full = self.end >= FULL

    def make_room(self) -> None:
        """Write zeros ahead, so that later rounds need not do that."""
        self._write(self.room, bytes(ROOM))
        self.room += ROOM

    def overwrite(self, places: list[tuple[int, int]]) -> None:
        """Put zeros where texts were, or else where it is no haste to be sure of it."""
        descriptor = self._open()
        for start, stop in places:
            self.disk.write(descriptor, start, bytes(stop - start))
        if self.kind is Kind.TEXTS:
            self.disk.sync(descriptor)

    def holds(self, lines: Sequence[Line]) -> None:
        """Learn what was found in it."""
        if lines:
            self.last = lines[-1].round
            self.end = next_sector(lines[-1].stop)
        self.is_full = self.end >= FULL

    def retire(self) -> None:
        """Have what lives in it move on, however much that is, so that it can go."""
        self.is_full = self.to_empty = True

    def keep_as_it_is(self) -> None:
        """Neither add to it nor empty it: not all that is in it can be read."""
        self.is_full = self.is_stuck = True

    def cut(self) -> None:
        """Cut off what is behind its end; when this returns, that survives a power cut."""
        descriptor = self._open()
        self.disk.truncate(descriptor, self.end)
        self.disk.sync(descriptor)
        self.room = self.end

    def read_all(self) -> bytes:
        """Return all octets; what the disk cannot read of them is noise."""
        descriptor = self.disk.open(self.file)
        try:
            self.room = self.disk.length(self.file)
            return self.disk.read(descriptor, 0, self.room)
        except IsADirectoryError:
            raise
        except OSError:
            places = range(0, self.room, _BLOCK)
            return b"".join(self._read_block(descriptor, place) for place in places)
        finally:
            self.disk.close(descriptor)

    def _read_block(self, descriptor: int, place: int) -> bytes:
        try:
            return self.disk.read(descriptor, place, _BLOCK)
        except OSError:
            return _NOISE

    def read(self, start: int, stop: int) -> bytes:
        """Return octets of it; it may be gone or written to by another thread."""
        descriptor = self.disk.open(self.file)
        try:
            return self.disk.read(descriptor, start, stop - start)
        finally:
            self.disk.close(descriptor)

    def remove(self) -> None:
        """Remove the file; when this returns, that survives a power cut."""
        self.close()
        self.disk.unlink(self.file)
        self.disk.sync_folder(self.file.parent)
        self.is_gone = True

    def close(self) -> None:
        """Let go of the file until it is needed again."""
        if self._descriptor != _NOBODY:
            with suppress(OSError):
                self.disk.close(self._descriptor)
            self._descriptor = _NOBODY

    def _open(self) -> int:
        if self._descriptor == _NOBODY:
            self._descriptor = self.disk.open(self.file, write=True)
        return self._descriptor

    def _write(self, place: int, octets: bytes) -> None:
        """Write and sync, or leave it as it was, as far as the disk lets us."""
        descriptor = self._open()
        try:
            self.disk.write(descriptor, place, octets)
        except OSError:
            self._take_back(descriptor, place, len(octets))
            raise
        try:
            self.disk.sync(descriptor)
        except OSError:
            self._give_up()
            raise

    def _take_back(self, descriptor: int, place: int, length: int) -> None:
        """Undo a write that failed. What a full disk has already, it lets us write."""
        try:
            self.disk.truncate(descriptor, self.room)
            self.disk.write(descriptor, place, bytes(min(length, self.room - place)))
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        """Add nothing more: after a sync that failed, the next one may lie."""
        self.is_full = True
        with suppress(OSError):
            self.disk.truncate(self._open(), self.end)
        self.room = self.end
        self.close()
