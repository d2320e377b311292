"""What the journal knows in memory: where the newest of each key is, and what is dead."""

from collections import defaultdict
from dataclasses import dataclass
import errno
from typing import NamedTuple

from .line import Key, Line, Sum, read_line
from .segment import Segment


class Place(NamedTuple):
    """Where a line is."""

    segment: Segment
    start: int
    body: int
    """Where what it holds begins."""
    stop: int

    def read_record(self, key: Key) -> bytes:
        """Return the record in it. Raises OSError.

        FileNotFoundError: it was overwritten, or its segment is gone.
        """
        line, _ = self._read(key)
        if line.said is None or not line.record_whole:
            raise self._gone()
        return line.said

    def read_text(self, key: Key) -> bytes:
        """Return the text in it. Raises OSError as above."""
        line, octets = self._read(key)
        if not line.text_whole:
            raise self._gone()
        return octets[line.text_at : -1]

    def _read(self, key: Key) -> tuple[Line, bytes]:
        octets = self.segment.read(self.start, self.stop)
        line = read_line(octets, 0, self.segment.salt)
        if line is None or line.key != key:
            raise self._gone()
        return line, octets

    def _gone(self) -> FileNotFoundError:
        return FileNotFoundError(errno.ENOENT, "It is gone", str(self.segment.file))


@dataclass(frozen=True, slots=True)
class Body:
    """A text that was kept."""

    sum: Sum
    place: Place | None = None
    """The line that holds it."""
    file: str = ""
    """Or its own file. With neither, nobody knows where it is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a key."""

    born: int
    place: Place
    text: Body | None = None

    def places(self) -> set[Place]:
        """Return the lines that it needs."""
        if self.text and self.text.place:
            return {self.place, self.text.place}
        return {self.place}


class Index:
    """All keys, and what no longer belongs to one."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self.gone: dict[Key, Entry] = {}
        """What was removed: to be told as long as an older line of it is there."""
        self.older: dict[Key, tuple[Segment, ...]] = {}
        """In which segments there are, or may be, older lines of a key."""
        self.is_incomplete = False
        """Whether there is a segment of which nobody knows what lines it has."""
        self.files: set[str] = set()
        """The texts' own files."""
        self.dead: defaultdict[Segment, list[tuple[int, int]]] = defaultdict(list)
        """What lines of removed keys hold: to be overwritten."""
        self.dead_files: list[str] = []
        """To be removed."""

    def born(self, key: Key) -> int:
        """Return the place of a key in the order, or 0 for a new one."""
        known = self.entries.get(key) or self.gone.get(key)
        return known.born if known else 0

    def learn(self, segment: Segment, line: Line) -> None:
        """Learn of a line that was added to a segment."""
        place = Place(segment, line.start, line.body, line.stop)
        if line.record is None:
            self.remove(place, line)
        else:
            self.put(place, line, self.text_of(place, line))

    def put(self, place: Place, line: Line, text: Body | None) -> None:
        """Learn of a line that says what holds of a key."""
        self._let_go(line.key)
        self.gone.pop(line.key, None)
        entry = self.entries[line.key] = Entry(line.born, place, text)
        for each in entry.places():
            each.segment.live += each.stop - each.start
        if text and text.file:
            self.files.add(text.file)

    def remove(self, place: Place, line: Line) -> None:
        """Learn of a line that says that a key is gone."""
        entry = self.entries.get(line.key)
        self.lose(line.key, Entry(line.born, place))
        if entry:
            for each in entry.places():
                self.bury(each)
            if entry.text and entry.text.file:
                self.dead_files.append(entry.text.file)

    def lose(self, key: Key, gone: Entry) -> None:
        """Learn that a key is not there any more, and where the disk says so, or will."""
        self._let_go(key)
        self.gone[key] = gone
        entry = self.entries.pop(key, None)
        if entry and entry.text:
            self.files.discard(entry.text.file)

    def note(self, segment: Segment, key: Key) -> None:
        """Learn that there is, or may be, an older line of a key in a segment."""
        older = self.older.get(key, ())
        if segment not in older:
            there = [each for each in older if not each.is_gone]
            self.older[key] = (*there, segment)

    def is_needed(self, key: Key) -> bool:
        """Tell whether another segment may have older lines of a key that is gone."""
        return self.is_incomplete or any(
            not segment.is_gone and segment is not self.gone[key].place.segment
            for segment in self.older.get(key, ())
        )

    def text_of(self, place: Place, line: Line) -> Body | None:
        """Return the text that belongs to a line: its own, or the one before."""
        if line.text is None:
            return None
        if line.holds:
            return Body(line.text, place)
        if line.file:
            return Body(line.text, file=line.file)
        known = self.entries.get(line.key)
        if known and known.text and known.text.sum == line.text:
            return known.text
        return Body(line.text)

    def bury(self, place: Place) -> None:
        """Have overwritten what a line holds."""
        if place.stop > place.body:
            self.dead[place.segment].append((place.body, place.stop))

    def drop(self, segment: Segment) -> None:
        """Learn that a segment is gone, and forget removals that no line needs now."""
        self.dead.pop(segment, None)
        for key in list(self.gone):
            if not self.is_needed(key):
                del self.gone[key]
                self.older.pop(key, None)

    def _let_go(self, key: Key) -> None:
        entry, gone = self.entries.get(key), self.gone.get(key)
        if known := entry or gone:
            self.note(known.place.segment, key)
        for place in entry.places() if entry else ():
            place.segment.live -= place.stop - place.start
