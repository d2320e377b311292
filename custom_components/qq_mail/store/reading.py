"""What stands in one segment."""

from collections.abc import Container
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from .line import SECTOR, Gap, Line, is_torn, next_sector, read_lines
from .segment import Segment


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


def read_segment(segment: Segment, last: int | None) -> Read:
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
    if not _is_whole(read.last):
        size = read.last[0].sectors * SECTOR
        read.is_torn = is_torn(octets, read.last_start, size)
    is_behind = bool(read.gaps) and read.gaps[-1].start >= stop
    read.is_rest_torn = is_behind and is_torn(octets, next_sector(stop), None)
    return read


def _is_whole(lines: list[Line]) -> bool:
    return all(line.whole for line in lines) and (
        not lines or len(lines) == lines[0].of
    )
