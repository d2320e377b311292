"""All segments: to which a round is added, and which is to be emptied next."""

from contextlib import suppress
from pathlib import Path

from .disk import Disk
from .segment import Kind, Segment

_MOST_REFUSED = 4
"""Segments that a sync failed in, and that are not cut off yet."""


class Segments:
    """The segments in a folder. What blocks raises OSError where the disk does."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        self.disk = disk
        self.folder = folder
        self.all: list[Segment] = []
        """In the order of their numbers."""
        self.to_cut: dict[Segment, int | None] = {}
        """Those with something behind their end that is not to be believed, and the
        round of which it may be a part; 0: of none. None: it was there at the start, and
        would be believed behind newer rounds."""

    def get_ready(self) -> None:
        """Cut off what is not to be believed, before something is added.

        Where a segment that gets no more rounds does not take that, those that are added
        to others say what it refused. Once it is several, it is the disk, and no further
        one is begun.
        """
        failure = None
        for segment in list(self.to_cut):
            try:
                segment.cut()
                del self.to_cut[segment]
            except OSError as err:
                failure = err
            finally:
                segment.close()
        if failure and (
            None in self.to_cut.values()
            or len(self.to_cut) >= _MOST_REFUSED
            or not all(segment.is_full for segment in self.to_cut)
        ):
            raise failure

    def refuse(self, segment: Segment, round_: int) -> None:
        """Have a round cut off that a segment refused, if it can take no other."""
        if segment.is_full:
            self.to_cut[segment] = round_

    @property
    def refused(self) -> tuple[int, ...]:
        """Rounds that are not to be believed, if something of them is there."""
        return tuple(filter(None, self.to_cut.values()))

    def for_round(self, kind: Kind) -> Segment:
        """Return the segment to which a round is added."""
        segment = self._newest(kind)
        if segment and not segment.is_full:
            if segment.is_there():
                return segment
            segment.close()
            self.all.remove(segment)
        number = max((each.number for each in self.all), default=0) + 1
        segment = Segment.new(self.disk, self.folder, kind, number)
        try:
            self.disk.sync_folder(self.folder)
        except OSError:
            segment.close()
            # What cannot be removed is empty.
            with suppress(OSError):
                self.disk.unlink(segment.file)
            raise
        self.all.append(segment)
        return segment

    def beside(self, segment: Segment) -> tuple[int, int]:
        """Return the salt and the last round of the other one that gets rounds."""
        others = [one for one in map(self._newest, Kind) if one and one is not segment]
        return (others[0].salt, others[0].last) if others else (0, 0)

    @property
    def is_cramped(self) -> bool:
        """Whether room is to be made, so that no round has to wait for that."""
        return any(map(self._needs_room, Kind))

    def make_room(self) -> None:
        """Do a piece of that, of one sync."""
        number = len(self.all)
        segment = self.for_round(next(filter(self._needs_room, Kind)))
        if len(self.all) > number:
            # Its name was synced.
            return
        try:
            segment.make_room()
        except OSError:
            self.refuse(segment, 0)
            raise

    def next_to_empty(self) -> Segment | None:
        """Return the segment of which least lives, if that is a half at most."""
        return min(
            (segment for segment in self.all if segment.is_to_be_emptied),
            key=lambda segment: segment.live,
            default=None,
        )

    def drop_files(self, names: list[str]) -> None:
        """Remove the files of texts that are gone."""
        for name in names:
            # What cannot be removed is dropped at the next start.
            with suppress(OSError):
                self.disk.unlink(self.folder / name)
        names.clear()

    def remove(self, segment: Segment) -> None:
        """Remove one of which nothing lives."""
        segment.remove()
        self.all.remove(segment)

    def _newest(self, kind: Kind) -> Segment | None:
        return next((one for one in reversed(self.all) if one.kind is kind), None)

    def _needs_room(self, kind: Kind) -> bool:
        segment = self._newest(kind)
        return segment is None or segment.is_full or segment.is_cramped
