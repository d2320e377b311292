"""All segments: to which a round is added, and which is to be emptied next."""

from collections.abc import Iterable
from pathlib import Path

from .disk import Disk
from .segment import Kind, Segment

_MOST_REFUSED = 4
"""Segments that a sync failed in, and that are not cut off yet."""


class Segments:
    """The segments in a folder. What blocks raises OSError where the disk does."""

    def __init__(
        self,
        disk: Disk,
        folder: Path,
        found: Iterable[Segment],
        cuts: dict[Segment, int],
    ) -> None:
        """Begin with those that were found, and where some are to be cut off."""
        self._disk = disk
        self._folder = folder
        self._all = sorted(found, key=lambda segment: segment.number)
        self._cuts = cuts
        self._refused: dict[Segment, int] = {}
        """Rounds that segments refused for good, of which parts may be there; 0: none,
        but a sync failed."""
        self._current = {
            segment.kind: segment for segment in self._all if not segment.is_full
        }

    def get_ready(self) -> None:
        """Cut off what is not to be believed, before something is added.

        Where a segment does not take that, rounds that are added to others say what it
        refused. Once it is several, it is the disk, and no further one is begun.
        """
        while self._cuts:
            segment, start = next(iter(self._cuts.items()))
            segment.cut(start)
            del self._cuts[segment]
        failure = None
        for segment in list(self._refused):
            try:
                segment.cut(segment.end)
                del self._refused[segment]
            except OSError as err:
                failure = err
            finally:
                segment.close()
        if failure and len(self._refused) >= _MOST_REFUSED:
            raise failure

    def refuse(self, segment: Segment, round_: int) -> None:
        """Have a round cut off that a segment refused, if it can take no other."""
        if segment.is_full:
            self._refused[segment] = round_

    @property
    def refused(self) -> tuple[int, ...]:
        """Rounds that are not to be believed, if something of them is there."""
        return tuple(self._refused.values())

    def for_round(self, kind: Kind) -> Segment:
        """Return the segment to which a round is added."""
        segment = self._current.get(kind)
        if segment and not segment.is_full and segment.is_there():
            return segment
        if segment:
            segment.close()
        number = max((each.number for each in self._all), default=0) + 1
        segment = Segment.new(self._disk, self._folder, kind, number)
        self._all.append(segment)
        self._current[kind] = segment
        return segment

    def beside(self, segment: Segment) -> tuple[int, int]:
        """Return the salt and the last round of the other one that gets rounds."""
        for other in self._current.values():
            if other is not segment:
                return other.salt, other.last
        return 0, 0

    @property
    def is_cramped(self) -> bool:
        """Whether room is to be made, so that no round has to wait for that."""
        return any(map(self._needs_room, Kind))

    def make_room(self) -> None:
        """Do a piece of that, of one sync."""
        kind = next(filter(self._needs_room, Kind))
        segment = self.for_round(kind)
        try:
            segment.make_room()
        except OSError:
            self.refuse(segment, 0)
            raise

    def next_to_empty(self) -> Segment | None:
        """Return the segment of which least lives, if that is a half at most."""
        return min(
            (segment for segment in self._all if segment.is_to_be_emptied),
            key=lambda segment: segment.live,
            default=None,
        )

    def remove(self, segment: Segment) -> None:
        """Remove one of which nothing lives."""
        segment.remove()
        self._all.remove(segment)

    def empty_all(self) -> None:
        """Have all that lives written again, and nothing else left."""
        for segment in self._all:
            segment.is_full = segment.to_empty = True

    @property
    def dead(self) -> int:
        """How many octets of them do not live."""
        return sum(segment.end - segment.live for segment in self._all)

    def close(self) -> None:
        """Let go of all files."""
        for segment in self._all:
            segment.close()

    def _needs_room(self, kind: Kind) -> bool:
        segment = self._current.get(kind)
        return segment is None or segment.is_full or segment.is_cramped
