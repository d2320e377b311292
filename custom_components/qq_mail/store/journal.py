"""The journal: all that must survive, in the form of Bitcask.

Rounds are added to segments: those with a text to segments of texts, all others to
segments of records, each with one sync. An index in memory says where the newest of
each key is. A segment goes when nothing of it lives; what lives in a mostly dead one
is written again. Nothing here knows asyncio, and one call at a time may change it;
texts can be opened meanwhile.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
import errno
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from .damage import Damage, Damaged
from .disk import LOGGER, Disk
from .index import Body, Index
from .line import Key, Line, Sum, write_round
from .loading import Contents, Loader
from .marks import Marks
from .segment import Kind
from .segments import Segments
from .tidying import Tidying

_PIECE = 256 * 1024
"""Octets of a large text that are read at once."""
_OVERGROWN = 64 * 1024 * 1024
"""Octets of what is dead that are not to wait any longer for a quiet moment."""


@dataclass(frozen=True, slots=True)
class LargeText:
    """A large text, which stays in the file that it was written to."""

    file: Path
    sum: Sum


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be on disk of a key."""

    key: Key
    record: bytes | None
    """JSON; None: the key is to be gone."""
    text: bytes | LargeText | None = None
    """Of a key that is new."""


class Journal:
    """A folder with segments. What blocks raises OSError where the disk does."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        """Name the folder, which is made with the first round; load it first."""
        self.folder = folder
        self._disk = disk or Disk()
        self._marks = Marks(self._disk, folder)
        self._damaged = Damaged(self._disk, folder / "damaged")
        self._index = Index()
        self._segments = Segments(self._disk, folder)
        self._tidying = Tidying(self._index, self._segments, self._add)
        self._round = 0
        self._is_unknown = False
        """Whether the folder could not be read, so that nothing may be added."""
        self._is_held = False

    def load(self) -> Contents:
        """Read everything. What the disk does is told, and never raised."""
        loader = Loader(self._marks, self._damaged, self._index, self._segments)
        try:
            loader.load()
        except OSError as err:
            self._is_unknown = True
            loader.tell(Damage(f"{self.folder}: {err}", file=self.folder))
            return loader.loaded
        self._round = loader.round
        with suppress(OSError):
            # For the first draft; else the first round makes it.
            self._marks.make_folder()
        return loader.loaded

    def keys(self) -> list[Key]:
        """Return the keys that are on disk."""
        return list(self._index.entries)

    def write(self, changes: Sequence[Change]) -> dict[Key, OSError]:
        """Write a round; when this returns, all of it survives a power cut.

        Returns what was left out, because its draft is gone.
        """
        self._get_ready()
        lines: list[Line] = []
        left_out: dict[Key, OSError] = {}
        for change in changes:
            try:
                if line := self._line(change):
                    lines.append(line)
            except FileNotFoundError as err:
                left_out[change.key] = err
        if lines:
            self._add(lines)
        for change in changes:
            if isinstance(change.text, LargeText):
                self.drop_draft(change.text.file)
        if not self._is_held:
            self._segments.drop_files(self._index.dead_files)
        return left_out

    def accept(self) -> None:
        """Mark the folder as no backup's: a person has decided about it."""
        self._get_ready()
        self._marks.set_present()

    def hold(self) -> None:
        """Change nothing that is there until the end of a backup, and never raise.

        A copy that is made meanwhile says by itself up to which round it goes: what is
        added may be in it or not, file by file.
        """
        self._is_held = True
        try:
            self._get_ready()
            self._marks.set_snapshot(self._round)
        except OSError as err:
            LOGGER.error("Cannot say that a backup is made: %s", err)

    def release(self) -> None:
        """Tidy again: the backup is made. First its mark is cleared away."""
        self._is_held = False
        self._marks.is_stale = True

    def forget(self, account: str) -> None:
        """Leave nothing of an account whose keys were removed, once it is tidied."""
        for segment in self._segments.all:
            segment.retire()
        self._damaged.forget(account)

    @property
    def is_cramped(self) -> bool:
        """Whether room is to be made, so that no round has to wait for that."""
        return not self._is_unknown and self._segments.is_cramped

    def make_room(self) -> None:
        """Do a piece of that: of one sync, but for the first one after a start."""
        self._get_ready()
        self._segments.make_room()

    @property
    def is_untidy(self) -> bool:
        """Whether something is to be done while nothing is to be written."""
        is_needed = self._marks.is_stale or self._tidying.is_needed
        return is_needed and not self._is_held

    @property
    def is_overgrown(self) -> bool:
        """Whether that is not to wait any longer."""
        dead = sum(one.end - one.live for one in self._segments.all)
        return dead > _OVERGROWN and self.is_untidy

    def tidy(self) -> None:
        """Do a piece of that, of one sync; again until nothing is untidy."""
        self._get_ready()
        self._tidying.do_a_piece()

    def text(self, key: Key) -> Body | None:
        """Return the text of a key."""
        entry = self._index.entries.get(key)
        return entry.text if entry else None

    def open_text(self, key: Key, text: Body | None) -> BinaryIO:
        """Open a text, from any thread; if it was moved meanwhile, where it is now.

        Raises FileNotFoundError if it is gone or damaged.
        """
        while True:
            try:
                return self._open(key, text)
            except OSError:
                now = self.text(key)
                if now is None or now == text:
                    raise
                text = now

    def drop_draft(self, draft: Path) -> None:
        """Remove a draft, unless it has become the file of a text."""
        if draft.name not in self._index.files:
            # What cannot be removed is dropped at the next start.
            with suppress(OSError):
                self._disk.unlink(draft)

    def _get_ready(self) -> None:
        """Clear away what a crash or a backup left, before something is changed."""
        if self._is_unknown:
            raise OSError(errno.EIO, "It could not be read", str(self.folder))
        self._marks.make_folder()
        self._segments.get_ready()
        if self._marks.is_stale and not self._is_held:
            self._marks.clear()

    def _line(self, change: Change) -> Line | None:
        """Return the line of a change, or None where there is nothing to say."""
        key, record, text = change.key, change.record, change.text
        line = Line(key=key, born=self._index.born(key), said=record)
        known = self._index.entries.get(key)
        if record is None:
            # The disk may have older lines, be it some that it refused.
            return line if known or key in self._index.older else None
        if isinstance(text, LargeText):
            self._take(line, text)
        elif text is not None:
            line.content = text
        elif known and known.text:
            line.text, line.file = known.text.sum, known.text.file
        return line

    def _take(self, line: Line, text: LargeText) -> None:
        """Put into a line where a large text is, once that is synced."""
        descriptor = self._disk.open(text.file)
        try:
            self._disk.sync(descriptor)
        finally:
            self._disk.close(descriptor)
        self._disk.sync_folder(self.folder)
        line.text, line.file = text.sum, text.file.name

    def _add(self, lines: Sequence[Line]) -> None:
        """Add a round, and learn of it."""
        holds = any(line.content is not None for line in lines)
        segment = self._segments.for_round(Kind.TEXTS if holds else Kind.RECORDS)
        self._round += 1
        for line in lines:
            line.round, line.before = self._round, segment.last
            line.beside = self._segments.beside(segment)
            line.refused = self._segments.refused
        octets = write_round(lines, segment.end, segment.salt)
        try:
            segment.append(octets, self._round)
        except OSError:
            self._segments.refuse(segment, self._round)
            for line in lines:
                self._index.note(segment, line.key)
            raise
        for line in lines:
            self._index.learn(segment, line)

    def _open(self, key: Key, text: Body | None) -> BinaryIO:
        if text and text.file:
            file = self.folder / text.file
            with self._disk.stream(file) as stream:
                if _sum_of_all(stream) != text.sum:
                    raise FileNotFoundError(errno.ENOENT, "It is damaged", str(file))
            return self._disk.stream(file)
        if text is None or text.place is None:
            raise FileNotFoundError(errno.ENOENT, "There is no text", str(key))
        return BytesIO(text.place.read_text(key))


def _sum_of_all(stream: BinaryIO) -> Sum:
    """Return by what a text is known again that is not to be in memory as a whole."""
    length = checksum = 0
    while piece := stream.read(_PIECE):
        length += len(piece)
        checksum = crc32(piece, checksum)
    return length, checksum
