"""What the journal knows in memory: where the newest of each key is, and what is dead."""

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import NamedTuple

from .line import Found, Key, Sum
from .segment import Segment


class Place(NamedTuple):
    """Where a line is."""

    segment: Segment
    start: int
    body: int
    middle: int
    """Where its record ends."""
    stop: int


@dataclass(frozen=True, slots=True)
class Body:
    """A text that was kept."""

    sum: Sum
    place: Place | None = None
    """The line that holds it."""
    file: str = ""
    """Or its own file. If it has neither, it is lost."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a key."""

    born: tuple[int, int]
    place: Place
    text: Body | None
    segments: tuple[Segment, ...]
    """Where lines of it are, older ones included."""

    def places(self) -> set[Place]:
        """Return the lines that it needs."""
        if self.text and self.text.place:
            return {self.place, self.text.place}
        return {self.place}


class Gone(NamedTuple):
    """That a key was removed: to be told as long as an older line of it is there."""

    born: tuple[int, int]
    place: Place
    segments: tuple[Segment, ...]

    @property
    def is_needed(self) -> bool:
        """Whether an older line may be in another segment."""
        return any(
            not segment.is_gone and segment is not self.place.segment
            for segment in self.segments
        )


class Index:
    """All keys, and what no longer belongs to one."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.entries: dict[Key, Entry] = {}
        self.gone: dict[Key, Gone] = {}
        self.files: set[str] = set()
        """The texts' own files."""
        self.dead: defaultdict[Segment, list[tuple[int, int]]] = defaultdict(list)
        """What lines of removed keys hold: to be overwritten."""
        self.dead_files: list[str] = []
        """To be removed."""

    def born(self, key: Key) -> tuple[int, int]:
        """Return the place of a key in the order, or zeros for a new one."""
        known = self.entries.get(key) or self.gone.get(key)
        return known.born if known else (0, 0)

    def put(self, place: Place, line: Found, text: Body | None) -> None:
        """Learn of a line that says what holds of a key."""
        segments = self._segments(place, line.key)
        self._let_go(line.key)
        self.gone.pop(line.key, None)
        entry = self.entries[line.key] = Entry(line.born, place, text, segments)
        for each in entry.places():
            each.segment.live += each.stop - each.start
        if text and text.file:
            self.files.add(text.file)

    def remove(self, place: Place, line: Found) -> None:
        """Learn of a line that says that a key is gone."""
        self.gone[line.key] = Gone(line.born, place, self._segments(place, line.key))
        if entry := self.lose(line.key):
            for each in entry.places():
                self.bury(each)
            if entry.text and entry.text.file:
                self.dead_files.append(entry.text.file)

    def lose(self, key: Key) -> Entry | None:
        """Learn that a key is not there any more, whatever the disk says."""
        self._let_go(key)
        entry = self.entries.pop(key, None)
        if entry and entry.text:
            self.files.discard(entry.text.file)
        return entry

    def spread(self, key: Key, segments: tuple[Segment, ...]) -> None:
        """Learn that lines of a key that was just written may be in these, too."""
        if entry := self.entries.get(key):
            self.entries[key] = replace(entry, segments=segments)
        else:
            self.gone[key] = self.gone[key]._replace(segments=segments)

    def text_of(self, place: Place, line: Found) -> Body | None:
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
        self.gone = {
            key: gone
            for key, gone in self.gone.items()
            if not gone.place.segment.is_gone and gone.is_needed
        }

    def _let_go(self, key: Key) -> None:
        entry = self.entries.get(key)
        for place in entry.places() if entry else ():
            place.segment.live -= place.stop - place.start

    def _segments(self, place: Place, key: Key) -> tuple[Segment, ...]:
        """Return where lines of a key are, now that there is another one."""
        known = self.entries.get(key) or self.gone.get(key)
        segments = known.segments if known else ()
        if place.segment in segments:
            return segments
        there = [segment for segment in segments if not segment.is_gone]
        return (*there, place.segment)


def place_of(segment: Segment, line: Found) -> Place:
    """Return where a line is."""
    middle = line.body + (line.record[0] if line.record else 0)
    return Place(segment, line.start, line.body, middle, line.stop)
