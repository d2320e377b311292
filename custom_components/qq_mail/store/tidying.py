"""Tidying: what is dead is overwritten, and what lives in a mostly dead segment moves."""

from collections.abc import Callable, Sequence

from .disk import LOGGER
from .index import Index
from .line import Key, Line
from .segment import Segment
from .segments import Segments

_PIECE = 64 * 1024
"""Octets that are moved or overwritten by one sync, unless one line has more."""


class Tidying:
    """Done in pieces of one sync. Raises OSError where the disk does."""

    def __init__(
        self, index: Index, segments: Segments, add: Callable[[Sequence[Line]], None]
    ) -> None:
        self._index = index
        self._segments = segments
        self._add = add
        self._emptying: tuple[Segment, list[Key]] | None = None
        """A segment, and the keys that may still have something in it."""

    @property
    def is_needed(self) -> bool:
        """Whether there is something to do."""
        index = self._index
        return bool(
            index.dead
            or index.dead_files
            or self._emptying
            or self._segments.next_to_empty()
        )

    def do_a_piece(self) -> None:
        """Do a piece of what is to be done; again until nothing is."""
        self._segments.drop_files(self._index.dead_files)
        if self._index.dead:
            self._overwrite(next(iter(self._index.dead)))
        elif emptying := self._emptying or self._begin():
            self._empty(*emptying)

    def _overwrite(self, segment: Segment) -> None:
        """Overwrite some of what is dead in a segment."""
        places = self._index.dead[segment]
        number = size = 0
        while number < len(places) and size < _PIECE:
            start, stop = places[number]
            number, size = number + 1, size + stop - start
        if segment.is_there():
            segment.overwrite(places[:number])
        del places[:number]
        if not places:
            del self._index.dead[segment]
        if segment.is_full:
            segment.close()

    def _begin(self) -> tuple[Segment, list[Key]] | None:
        """Return the next segment to be emptied, and the keys of what is needed of it."""
        segment = self._segments.next_to_empty()
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

    def _empty(self, segment: Segment, keys: list[Key]) -> None:
        """Write again some of what lives in a segment; if nothing does, remove it."""
        # It begins anew where the disk does not take it.
        self._emptying = None
        lines: list[Line] = []
        size = 0
        while keys and size < _PIECE:
            try:
                line = self._moved(keys[-1], segment)
            except OSError as err:
                LOGGER.error("Cannot empty %s: %s", segment.file, err)
                segment.is_stuck = True
                return
            if line and lines and (line.content is None) != (lines[0].content is None):
                # Texts lie apart.
                break
            if line:
                lines.append(line)
                size += len(line.said or b"") + len(line.content or b"")
            keys.pop()
        if lines:
            self._add(lines)
            self._emptying = segment, keys
        else:
            self._segments.remove(segment)
            self._index.drop(segment)

    def _moved(self, key: Key, segment: Segment) -> Line | None:
        """Return what is needed of a key in a segment, to be written again."""
        entry = self._index.entries.get(key)
        if entry is None:
            gone = self._index.gone.get(key)
            is_here = gone and gone.place.segment is segment
            return Line(key=key, born=gone.born) if gone and is_here else None
        if not any(place.segment is segment for place in entry.places()):
            return None
        line = Line(key=key, born=entry.born, said=entry.place.read_record(key))
        if text := entry.text:
            line.text, line.file = text.sum, text.file
            if text.place and text.place.segment is segment:
                line.content = text.place.read_text(key)
        return line
