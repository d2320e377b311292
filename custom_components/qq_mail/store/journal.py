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

from .disk import LOGGER, Disk, write_file
from .index import Body, Index, Place, place_of
from .line import Key, Line, read_line, sum_of, write_round
from .loading import DAMAGED, PRESENT, SNAPSHOT, Damage, Loaded, Loader, read_damage
from .segment import Kind, Segment

LARGE = 1024 * 1024
"""Octets above which a text stays in a file of its own."""
_PIECE = 64 * 1024
"""Octets that are moved or overwritten by one sync, unless one line has more."""
_OVERGROWN = 64 * 1024 * 1024
"""Octets of what is dead that are not to wait any longer for a quiet moment."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be on disk of a key."""

    key: Key
    record: bytes | None
    """JSON; None: the key is to be gone."""
    text: bytes | Path | None = None
    """Of a key that is new; a Path is a draft."""


class Journal:
    """A folder with segments. What blocks raises OSError where the disk does."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        """Name the folder, which is made with the first round; load it first."""
        self.folder = folder
        self._disk = disk or Disk()
        self._index = Index()
        self._segments: list[Segment] = []
        self._current: dict[Kind, Segment] = {}
        """To which rounds are added."""
        self._round = 0
        self._cuts: list[tuple[Segment, int]] = []
        """Where segments are to be cut off before something is added."""
        self._given_up: list[Segment] = []
        """Where a round was refused, of which parts may be there."""
        self._has_snapshot = False
        """Whether what says how far a backup goes is to be removed."""
        self._is_unmarked = True
        """Whether the mark that this is no backup is to be made."""
        self._is_unknown = False
        """Whether the folder could not be read, so that nothing may be added."""
        self._lost: dict[Key, tuple[int, int]] = {}
        """Keys that were set aside, and are to be removed."""
        self._doubtful: set[Key] = set()
        """Keys that the disk may have though it refused them."""
        self._emptying: tuple[Segment, list[Key]] | None = None
        self._is_held = False

    def load(self) -> Loaded:
        """Read everything. What the disk does is told, and never raised."""
        loader = Loader(self._disk, self.folder)
        try:
            loader.load()
        except OSError as err:
            self._is_unknown = True
            loader.tell(Damage(f"{self.folder}: {err}", file=self.folder))
            return loader.loaded
        self._index, self._round = loader.index, loader.round
        self._segments = sorted(loader.segments, key=lambda each: each.number)
        self._current = {
            segment.kind: segment for segment in self._segments if not segment.is_full
        }
        self._cuts, self._lost = loader.cuts, loader.lost
        self._has_snapshot = loader.has_snapshot
        self._is_unmarked = loader.is_unmarked
        with suppress(OSError):
            # For the first draft; else the first round makes it.
            self._make_folder()
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
                lines += self._lines(change)
            except FileNotFoundError as err:
                left_out[change.key] = err
        told = {line.key for line in lines}
        lines += [
            Line(key, born, None) for key, born in self._lost.items() if key not in told
        ]
        if lines:
            self._add(lines)
        for change in changes:
            if isinstance(change.text, Path):
                self.drop_draft(change.text)
        self._drop_files()
        return left_out

    def accept(self) -> None:
        """Mark the folder as no backup's, or as one that a person has decided about."""
        self._disk.make_folder(self.folder / PRESENT.parent)
        text = b"Without this file, all here is from a backup.\n"
        write_file(self._disk, self.folder / PRESENT, text)
        self._disk.sync_folder(self.folder)
        self._is_unmarked = False

    def hold(self) -> None:
        """Change nothing that is there until the end of a backup, and never raise.

        A copy that is made meanwhile says by itself up to which round it goes: what is
        added may be in it or not, file by file.
        """
        self._is_held = True
        try:
            self._get_ready()
            write_file(self._disk, self.folder / SNAPSHOT, str(self._round).encode())
        except OSError as err:
            LOGGER.error("Cannot say that a backup is made: %s", err)

    def release(self) -> None:
        """Tidy again: the backup is made. What it left is cleared away first."""
        self._is_held = False
        self._has_snapshot = True

    def forget(self, account: str) -> None:
        """Leave nothing of an account whose keys were removed, as soon as it is tidied."""
        for segment in self._segments:
            segment.is_full = segment.to_empty = True
        damaged = self.folder / DAMAGED
        if not self._disk.exists(damaged):
            return
        for name in self._disk.names(damaged):
            damage = read_damage(self._disk, damaged / name)
            if any(key[1] == account for key in damage.keys):
                self._disk.unlink(damaged / name)

    @property
    def is_cramped(self) -> bool:
        """Whether room is to be made, so that no round has to wait for that."""
        return not self._is_unknown and any(map(self._needs_room, Kind))

    def make_room(self) -> None:
        """Do a piece of that: of one sync, but for the first one after a start."""
        self._get_ready()
        for kind in filter(self._needs_room, Kind):
            self._segment(kind).make_room()
            return

    @property
    def is_untidy(self) -> bool:
        """Whether something is to be done while nothing is to be written."""
        return not self._is_held and bool(
            self._has_snapshot
            or self._index.dead
            or self._index.dead_files
            or self._emptying
            or self._next_to_empty()
        )

    @property
    def is_overgrown(self) -> bool:
        """Whether that is not to wait any longer."""
        dead = sum(segment.end - segment.live for segment in self._segments)
        return dead > _OVERGROWN and self.is_untidy

    def tidy(self) -> None:
        """Do a piece of that, of one sync: overwrite what is dead, then empty segments.

        Do it again until nothing is untidy.
        """
        self._get_ready()
        self._drop_files()
        if self._has_snapshot:
            self._drop_snapshot()
        elif self._index.dead:
            self._overwrite(next(iter(self._index.dead)))
        elif emptying := self._emptying or self._living():
            self._empty(*emptying)

    def text(self, key: Key) -> Body | None:
        """Return the text of a key."""
        entry = self._index.entries.get(key)
        return entry.text if entry else None

    def open_text(self, key: Key, text: Body) -> BinaryIO:
        """Open a text, from any thread; if it was moved meanwhile, where it is now.

        Raises FileNotFoundError if it is gone.
        """
        while True:
            try:
                return self._open(key, text)
            except OSError:
                now = self.text(key)
                if now is None or now == text:
                    raise
                text = now

    def open_draft(self, key: Key, draft: Path) -> BinaryIO:
        """Open the text of a key that was, or still is, in a draft."""
        try:
            return self._disk.stream(draft)
        except FileNotFoundError:
            text = self.text(key)
            if text is None:
                raise
        return self.open_text(key, text)

    def drop_draft(self, draft: Path) -> None:
        """Remove a draft, unless it has become the file of a text."""
        if draft.name not in self._index.files:
            with suppress(OSError):
                self._disk.unlink(draft)

    def free_space(self) -> int:
        """Return the octets that are free on the disk."""
        return self._disk.free_space(self.folder)

    def close(self) -> None:
        """Let go of all files."""
        for segment in self._segments:
            segment.close()

    def _make_folder(self) -> None:
        if self._disk.exists(self.folder):
            return
        self._is_unmarked = True
        self._disk.make_folder(self.folder)
        for parent in (self.folder.parent, self.folder.parent.parent):
            self._disk.sync_folder(parent)
        self.accept()

    def _get_ready(self) -> None:
        """Clear away what a crash left, before something is added."""
        if self._is_unknown:
            raise OSError(errno.EIO, "It could not be read")
        self._make_folder()
        while self._cuts:
            segment, start = self._cuts[-1]
            segment.cut(start)
            self._cuts.pop()
        for segment in self._given_up:
            # What stays there after all has newer lines behind it.
            with suppress(OSError):
                segment.cut(segment.end)
            segment.close()
        self._given_up.clear()
        if self._has_snapshot and not self._is_held:
            self._drop_snapshot()
        if self._is_unmarked:
            self.accept()

    def _drop_snapshot(self) -> None:
        self._disk.unlink(self.folder / SNAPSHOT)
        self._disk.sync_folder(self.folder)
        self._has_snapshot = False

    def _lines(self, change: Change) -> list[Line]:
        """Return the line of a change, or none where there is nothing to say."""
        key, record, text = change.key, change.record, change.text
        born = self._index.born(key)
        known = self._index.entries.get(key)
        if record is None:
            if known or key in self._doubtful or key in self._lost:
                return [Line(key, born, None)]
            return []
        if isinstance(text, Path):
            content = self._take(text)
            if isinstance(content, int):
                return [Line(key, born, record, (content, 0), file=text.name)]
            text = content
        if text is not None:
            return [Line(key, born, record, sum_of(text), text)]
        if known and known.text:
            return [Line(key, born, record, known.text.sum, file=known.text.file)]
        return [Line(key, born, record)]

    def _take(self, draft: Path) -> bytes | int:
        """Return what is in a draft, or the size of one that stays as it is, synced."""
        descriptor = self._disk.open(draft)
        try:
            size = self._disk.size(descriptor)
            if size <= LARGE:
                return self._disk.read(descriptor, 0, size)
            self._disk.sync(descriptor)
        finally:
            self._disk.close(descriptor)
        self._disk.sync_folder(self.folder)
        return size

    def _add(self, lines: Sequence[Line]) -> None:
        """Add a round, and learn of it."""
        holds = any(line.content is not None for line in lines)
        segment = self._segment(Kind.TEXTS if holds else Kind.RECORDS)
        self._round += 1
        octets, found = write_round(
            lines, self._round, segment.last, segment.end, segment.salt
        )
        try:
            segment.append(octets, self._round)
        except OSError:
            for line in lines:
                self._doubtful.add(line.key)
                self._index.note(segment, line.key)
            if segment.is_full:
                self._given_up.append(segment)
            raise
        for line in found:
            place = place_of(segment, line)
            if line.record is None:
                self._index.remove(place, line)
            else:
                self._index.put(place, line, self._index.text_of(place, line))
            self._doubtful.discard(line.key)
            self._lost.pop(line.key, None)

    def _segment(self, kind: Kind) -> Segment:
        """Return the segment to which rounds are added."""
        segment = self._current.get(kind)
        if segment is None or segment.is_full or not segment.is_there():
            if segment:
                segment.close()
            self._make_folder()
            number = max((each.number for each in self._segments), default=0) + 1
            segment = Segment.new(self._disk, self.folder, kind, number)
            self._segments.append(segment)
            self._current[kind] = segment
        return segment

    def _needs_room(self, kind: Kind) -> bool:
        segment = self._current.get(kind)
        return segment is None or segment.is_full or segment.is_cramped

    def _overwrite(self, segment: Segment) -> None:
        places = self._index.dead[segment]
        number, size = 0, 0
        while number < len(places) and size < _PIECE:
            start, stop = places[number]
            number, size = number + 1, size + stop - start
        segment.overwrite(places[:number])
        del places[:number]
        if not places:
            del self._index.dead[segment]
            if segment not in self._current.values():
                segment.close()

    def _drop_files(self) -> None:
        if self._is_held:
            return
        for name in self._index.dead_files:
            # What cannot be removed is dropped at the next start.
            with suppress(OSError):
                self._disk.unlink(self.folder / name)
        self._index.dead_files.clear()

    def _next_to_empty(self) -> Segment | None:
        """Return the segment of which least lives, if that is less than a half."""
        return min(
            (
                segment
                for segment in self._segments
                if segment.is_full
                and not segment.is_stuck
                and (segment.to_empty or 2 * segment.live <= segment.end)
            ),
            key=lambda segment: segment.live,
            default=None,
        )

    def _empty(self, segment: Segment, keys: list[Key]) -> None:
        """Write again some of what lives in a segment; if nothing does, remove it."""
        # Begun anew where the disk does not take it.
        self._emptying = None
        lines: list[Line] = []
        size = 0
        while keys and size < _PIECE:
            try:
                line = self._moved(keys.pop(), segment)
            except OSError as err:
                LOGGER.error("Cannot empty %s: %s", segment.file, err)
                segment.is_stuck = True
                return
            if line:
                lines.append(line)
                size += len(line.record or b"") + len(line.content or b"")
        if lines:
            self._add(lines)
            self._emptying = segment, keys
        else:
            segment.remove()
            self._segments.remove(segment)
            self._index.drop(segment)

    def _living(self) -> tuple[Segment, list[Key]] | None:
        """Return what is to be emptied next, and the keys of all that is needed of it."""
        segment = self._next_to_empty()
        if segment is None:
            return None
        keys = [
            key
            for key, entry in self._index.entries.items()
            if any(place.segment is segment for place in entry.places())
        ]
        keys += [
            key
            for key, gone in self._index.gone.items()
            if gone.place.segment is segment and self._index.is_needed(key)
        ]
        return segment, keys

    def _moved(self, key: Key, segment: Segment) -> Line | None:
        """Return what is needed of a key in a segment as a line to be written again."""
        entry = self._index.entries.get(key)
        if entry is None:
            gone = self._index.gone.get(key)
            stays = gone is None or gone.place.segment is not segment
            return None if stays or gone is None else Line(key, gone.born, None)
        if not any(place.segment is segment for place in entry.places()):
            return None
        record, _ = self._read(key, entry.place)
        text = entry.text
        if text is None:
            return Line(key, entry.born, record)
        content = None
        if text.place and text.place.segment is segment:
            _, content = self._read(key, text.place)
        return Line(key, entry.born, record, text.sum, content, text.file)

    def _open(self, key: Key, text: Body) -> BinaryIO:
        if text.file:
            return self._disk.stream(self.folder / text.file)
        if text.place is None:
            raise FileNotFoundError(errno.ENOENT, "There is no text", str(key))
        return BytesIO(self._read(key, text.place)[1])

    def _read(self, key: Key, place: Place) -> tuple[bytes, bytes]:
        """Return the record and the text in a line. Raises FileNotFoundError."""
        octets = place.segment.read(place.start, place.stop)
        line = read_line(octets, 0, place.segment.salt)
        if line is None or line.key != key or not line.whole:
            raise FileNotFoundError(errno.ENOENT, "It is gone", str(place.segment.file))
        record = octets[line.body : line.body + place.middle - place.body]
        return record, octets[line.text_at : -1] if line.holds else b""
