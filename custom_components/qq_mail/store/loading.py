"""Reading the folder: what holds, what a power cut left half written, what is damaged."""

from collections import defaultdict
from collections.abc import Container, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from operator import attrgetter

from .damage import Damage, Damaged
from .disk import LOGGER
from .index import Body, Entry, Index, Place
from .line import SECTOR, Gap, Key, Line, is_torn, next_sector, read_lines
from .marks import Marks
from .records import Records
from .segment import Segment
from .segments import Segments

TEXT = ".text"
"""How the name of a text's own file ends."""

_LEAP = 1_000_000
"""Rounds that may be in a segment that cannot be read."""


@dataclass(slots=True)
class Contents:
    """What was in the folder."""

    records: Records[Key] = field(default_factory=partial(Records[Key], {}))
    """In the order in which they were first written."""
    damage: list[Damage] = field(default_factory=list)
    """What cannot be read now, and what was set aside and still lies there."""
    from_backup: bool = False
    """Whether the folder comes from a backup, and nobody has decided about it yet."""


@dataclass(slots=True)
class Read:
    """What was read of a segment."""

    segment: Segment
    lines: list[Line] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    """Octets that are no lines."""
    lacks: bool = False
    """Whether lines are missing of which others speak."""
    cut: int | None = None
    """From where on a power cut, or a copy, left no more than a part."""
    last: list[Line] = field(default_factory=list)
    """The lines of the last round."""
    last_start: int = 0
    is_torn: bool = False
    """Whether that looks as if the power was cut while it was written."""
    is_rest_torn: bool = False
    """Whether what is behind it looks so."""

    def decide(self, doubtful: Container[int], last: int) -> None:
        """Decide what to believe, knowing which rounds may not have been synced.

        What all others lack was damaged. So was this segment's last round, if others say
        that there was a later one.
        """
        if self.is_torn and self.last[0].round in doubtful:
            self.cut = self.last_start
            del self.lines[-len(self.last) :]
        elif self.is_rest_torn:
            self.cut = next_sector(self.lines[-1].stop) if self.lines else 0
        elif self.last:
            self.lacks |= len(self.last) < self.last[0].of
        self.lacks |= last > (self.lines[-1].round if self.lines else 0)
        if self.cut is not None:
            self.gaps = [gap for gap in self.gaps if gap.start < self.cut]
        self.segment.holds(self.lines)


def _read_segment(segment: Segment, last: int | None) -> Read:
    """Read a segment, up to a round if one is given. Raises OSError."""
    octets = segment.read_all()
    read = Read(segment)
    for each in read_lines(octets, segment.salt):
        if isinstance(each, Gap):
            read.gaps.append(each)
        elif last is not None and each.round > last:
            read.cut = each.start
            break
        else:
            read.lines.append(each)
    before = stop = 0
    for number, lines in groupby(read.lines, attrgetter("round")):
        read.lacks |= bool(read.last) and len(read.last) < read.last[0].of
        read.last, read.last_start = list(lines), next_sector(stop)
        read.lacks |= read.last[0].before != before
        before, stop = number, read.last[-1].stop
    whole = [line for line in read.last if line.whole]
    if read.last and len(whole) != read.last[0].of:
        size = read.last[0].sectors * SECTOR
        read.is_torn = is_torn(octets, read.last_start, size)
    is_behind = bool(read.gaps) and read.gaps[-1].start >= stop
    read.is_rest_torn = is_behind and is_torn(octets, next_sector(stop), None)
    return read


class Loader:
    """Reads a folder once. Whatever the disk does, what can be read is returned."""

    def __init__(
        self, marks: Marks, damaged: Damaged, index: Index, segments: Segments
    ) -> None:
        self._disk = segments.disk
        self._folder = segments.folder
        self._marks = marks
        self._damaged = damaged
        self._index = index
        self._segments = segments
        self.loaded = Contents()
        self.round = 0
        """The last one that may have been written."""
        self._said: dict[Key, bytes] = {}
        """Records."""
        self._unread: dict[Key, Place] = {}
        """Lines with the newest record of a key, which cannot be read."""
        self._texts: dict[Key, Body] = {}
        """Texts that can be read, of lines whose record cannot."""

    def load(self) -> None:
        """Read everything. Raises OSError if the folder itself cannot be read."""
        try:
            names = self._disk.names(self._folder)
        except FileNotFoundError:
            return
        is_present = self._marks.is_present()
        until = None if is_present else self._marks.snapshot()
        reads = self._read_segments(names, until)
        newest = max((read.last[0].round for read in reads if read.last), default=0)
        self.round += newest
        last = defaultdict[int, int](int)
        doubtful = {newest}
        for line in (line for read in reads for line in read.lines):
            salt, round_ = line.beside
            last[salt] = max(last[salt], round_)
            doubtful.update(line.refused)
        for read in reads:
            read.decide(doubtful, last[read.segment.salt])
            if read.cut is not None:
                LOGGER.warning("The end of %s is not whole", read.segment.file)
                self._segments.to_cut[read.segment] = None
        self._replay(reads)
        self._tell_gaps(reads)
        self._tell_unread()
        self._find_texts()
        entries = self._index.entries
        order = sorted(entries, key=lambda key: entries[key].born)
        self.loaded.records = Records({key: self._said[key] for key in order})
        self._sort_out(names)
        with suppress(OSError):
            self.loaded.damage += self._damaged.all()
        if not is_present and not self.loaded.records:
            # There is nothing to decide about.
            self._marks.lacks_present = True
        self.loaded.from_backup = not is_present and bool(self.loaded.records)
        self._marks.is_stale = True

    def _read_segments(self, names: Iterable[str], until: int | None) -> list[Read]:
        reads = []
        for name in names:
            segment = Segment.named_so(self._disk, self._folder, name)
            if segment is None:
                continue
            self._segments.all.append(segment)
            try:
                reads.append(_read_segment(segment, until))
            except OSError as err:
                segment.keep_as_it_is()
                self._index.is_incomplete = True
                self.round = _LEAP
                self.tell(Damage(f"{name}: {err}", file=segment.file))
        self._segments.all.sort(key=attrgetter("number"))
        return reads

    def _replay(self, reads: Iterable[Read]) -> None:
        """Learn of all lines in the order in which they were written."""
        lines = [
            (line, Place(read.segment, line.start, line.body, line.stop))
            for read in reads
            for line in read.lines
        ]
        lines.sort(key=lambda each: (each[0].round, each[0].line))
        for line, place in lines:
            self._learn(line, place)
        # What a removed key left that was not overwritten yet.
        self._index.dead.clear()
        self._index.dead_files.clear()
        for line, place in lines:
            if line.key in self._index.gone and not line.blank:
                self._index.bury(place)

    def _learn(self, line: Line, place: Place) -> None:
        key = line.key
        if not line.record_whole:
            self._index.note(place.segment, key)
            self._unread[key] = place
            if line.text and line.holds and line.text_whole:
                self._texts[key] = Body(line.text, place)
            return
        self._unread.pop(key, None)
        self._said.pop(key, None)
        if line.said is None:
            self._index.remove(place, line)
            return
        self._said[key] = line.said
        text = self._index.text_of(place, line)
        if text and not line.text_whole:
            text = Body(text.sum)
        elif text and not (text.place or text.file):
            text = self._texts.get(key, text)
        self._index.put(place, line, text)

    def _tell_gaps(self, reads: Iterable[Read]) -> None:
        """Set aside octets that are no lines."""
        for read in reads:
            name = read.segment.file.name
            for gap in read.gaps:
                damage = Damage(f"octets {gap.start} to {gap.stop} of {name}")
                self._set_aside(damage, read.segment, slice(*gap))
            if read.lacks and not read.gaps:
                self._set_aside(Damage(f"lines of {name}"), read.segment, slice(0, 0))

    def _tell_unread(self) -> None:
        """Set aside what was the newest record of a key; an older one holds then."""
        for key, place in self._unread.items():
            older = self._index.entries.get(key)
            which = "the newest" if older else "the"
            if not older and key not in self._index.gone:
                self._index.lose(key, Entry(0, place))
            self._set_aside_line(f"{which} record of {' '.join(key)}", key, place)

    def _find_texts(self) -> None:
        """Set aside what has lost its text."""
        for key, entry in list(self._index.entries.items()):
            if entry.text is None or self._has_text(entry.text):
                continue
            self._index.lose(key, entry)
            self._set_aside_line(f"the text of {' '.join(key)}", key, entry.place)

    def _has_text(self, text: Body) -> bool:
        if not text.file:
            return text.place is not None
        try:
            return self._disk.length(self._folder / text.file) == text.sum[0]
        except FileNotFoundError:
            return False
        except OSError:
            # Who wants to read it will hear of that.
            return True

    def _sort_out(self, names: Iterable[str]) -> None:
        """Remove the files of texts that never counted, or no longer do."""
        for name in names:
            file = self._folder / name
            if not name.endswith(TEXT) or name in self._index.files:
                continue
            with suppress(OSError):
                if any(one.to_empty or one.is_stuck for one in self._segments.all):
                    # It may belong to what is damaged.
                    self._damaged.take(file)
                else:
                    self._disk.unlink(file)

    def _set_aside_line(self, what: str, key: Key, place: Place) -> None:
        octets = slice(place.start, place.stop)
        self._set_aside(Damage(what, (key,)), place.segment, octets)

    def _set_aside(self, damage: Damage, segment: Segment, octets: slice) -> None:
        """Copy octets of a segment, of which nothing but what lives is to stay."""
        try:
            self._damaged.set_aside(damage, segment, octets)
        except OSError:
            # They are nowhere else.
            segment.keep_as_it_is()
            self.tell(replace(damage, file=segment.file))
        else:
            segment.retire()

    def tell(self, damage: Damage) -> None:
        """Tell of what stays where it is."""
        LOGGER.error("Cannot be read: %s", damage.what)
        self.loaded.damage.append(damage)
