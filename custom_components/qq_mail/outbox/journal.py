"""The journal: what changed in a spool, line by line, each change by one sync.

It is only ever added to. Each line has a checksum, and the number of the round that it
was synced with: a line of the last round that is not whole was cut off, and nobody was
told that it is kept; any other was damaged.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
import json
import os
from pathlib import Path
from zlib import crc32

from ..const import LOGGER
from .disk import open_private, sync

_CLOSED = -1


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a message or of the account, as it stands on disk."""

    key: str
    """A queue id, or the name of the account's state."""
    record: bytes | None
    """JSON; None: it is gone."""
    body: bytes | None = None
    """Of a small message that is new; any other is in a file of its own."""
    supersedes: tuple[str, ...] = ()
    """The keys of what is gone from the same instant on: a digest takes its place."""


@dataclass(slots=True)
class Content:
    """What was read of a journal."""

    entries: list[Entry] = field(default_factory=list)
    damaged: list[bytes] = field(default_factory=list)
    """Lines that were whole once."""


class Journal:
    """The file. Everything here blocks, and raises OSError where the disk does."""

    def __init__(self, file: Path) -> None:
        """Name the file; it is written anew before anything is added."""
        self.file = file
        self.size = 0
        self._descriptor = _CLOSED
        self._round = 0

    @property
    def is_open(self) -> bool:
        """Whether something can be added; if not, it has to begin anew.

        What is added to a file that somebody has removed is gone with it.
        """
        if self._descriptor == _CLOSED:
            return False
        return os.fstat(self._descriptor).st_nlink > 0

    def read(self) -> Content:
        """Return what stands in it."""
        content = Content()
        broken: list[tuple[bytes, int]] = []
        numbers: list[int] = []
        for line in self.file.read_bytes().split(b"\n"):
            try:
                number, entry = _parse(line)
            except ValueError, KeyError, TypeError, AttributeError, RecursionError:
                if line.strip(b"\0"):
                    broken.append((line, len(content.entries)))
                continue
            content.entries.append(entry)
            numbers.append(number)
        last = max(numbers, default=0)
        for line, place in broken:
            # The first round is whole before it has its name. Of another, what stands
            # before a line of the last one may have been cut off with it.
            if place < len(numbers) and numbers[place] < max(last, 1):
                content.damaged.append(line)
        if len(content.damaged) < len(broken):
            LOGGER.warning("The end of %s was cut off", self.file)
        return content

    def begin(self, entries: Iterable[Entry]) -> None:
        """Replace it by one in which this stands."""
        lines = [_line(entry, 0) for entry in entries]
        temporary = self.file.with_name(self.file.name + ".tmp")
        descriptor = open_private(temporary)
        try:
            if lines:
                _write_all(descriptor, b"".join(lines))
                os.fsync(descriptor)
            temporary.replace(self.file)
        except BaseException:
            os.close(descriptor)
            raise
        self.close()
        self._descriptor = descriptor
        try:
            sync(self.file.parent)
        except BaseException:
            # Which of the two a crash would leave is not known.
            self.close()
            raise
        self._round = 1
        self.size = sum(map(len, lines))

    def add(self, entries: Iterable[Entry]) -> None:
        """Add to an open one; when this returns, it survives a power cut."""
        lines = [_line(entry, self._round) for entry in entries]
        try:
            _write_all(self._descriptor, b"".join(lines))
            os.fsync(self._descriptor)
        except BaseException:
            # After a sync that failed, the next one says nothing of what was before.
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            self.close()
            raise
        self._round += 1
        self.size += sum(map(len, lines))

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor != _CLOSED:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = _CLOSED


def _line(entry: Entry, number: int) -> bytes:
    record = b"null" if entry.record is None else entry.record
    body = None if entry.body is None else entry.body.decode("latin-1")
    text = b'%d {"key": %b, "record": %b, "body": %b, "supersedes": %b}' % (
        number,
        json.dumps(entry.key).encode(),
        record,
        json.dumps(body).encode(),
        json.dumps(entry.supersedes).encode(),
    )
    return b"%08x %b\n" % (crc32(text), text)


def _parse(line: bytes) -> tuple[int, Entry]:
    """Read a line. Raises ValueError and others where it is not whole."""
    checksum, _, text = line.partition(b" ")
    if int(checksum, 16) != crc32(text):
        raise ValueError("not whole")
    number, _, content = text.partition(b" ")
    data = json.loads(content)
    record, body = data["record"], data["body"]
    # A journal that is older than digests has none.
    supersedes = tuple(map(str, data.get("supersedes", ())))
    return int(number), Entry(
        data["key"],
        None if record is None else json.dumps(record, ensure_ascii=False).encode(),
        None if body is None else body.encode("latin-1"),
        supersedes,
    )


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
