"""Reading the folder: what holds, what a power cut left half written, what is damaged."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import batched, groupby
import json
from operator import attrgetter
from pathlib import Path
from typing import Any

from .disk import LOGGER, Disk, read_file, write_file
from .index import Body, Index, place_of
from .line import SECTOR, Found, Gap, Key, is_torn, next_sector, read_lines
from .segment import Segment

PRESENT = Path("__pycache__", "present")
"""The mark of a folder that was here all the time: Home Assistant's backups leave
such folders out, so that one that comes from a backup has none."""
SNAPSHOT = "snapshot"
"""Says up to which round a backup goes, while one is made."""
TEXT = ".text"
"""How the name of a text's own file ends."""

DAMAGED = "damaged"
_BATCH = 256
"""Records that are parsed at once, so that they share the names of their fields."""
_LEAP = 1_000_000
"""Rounds that a segment may have that cannot be read."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that could not be read."""

    what: str
    keys: tuple[Key, ...] = ()
    """What is lost by it, as far as other lines name that."""
    file: Path | None = None
    """Where a person can look at it; None: where it was."""


@dataclass(slots=True)
class Loaded:
    """What was in the folder."""

    records: dict[Key, dict[str, Any]] = field(default_factory=dict)
    """In the order in which they were first written."""
    damage: list[Damage] = field(default_factory=list)
    """Now and earlier, as long as it lies in the folder `damaged`."""
    from_backup: bool = False
    """Whether the folder comes from a backup, and nobody has decided about it yet."""


@dataclass(slots=True)
class _Read:
    """What was read of a segment."""

    segment: Segment
    lines: list[Found] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    lacks: bool = False
    """Whether lines are missing that others speak of."""
    cut: int | None = None
    """From where on a power cut, or a copy, left no more than a part."""
    last: list[Found] = field(default_factory=list)
    """The lines of its last round."""
    last_start: int = 0
    torn: bool = False
    """Whether that looks as if the power was cut while it was written."""
    rest_torn: bool = False
    """Whether what is behind it looks so."""


class Loader:
    """Reads a folder once. Whatever the disk does, what can be read is returned."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        """Name the folder."""
        self._disk = disk
        self._folder = folder
        self.loaded = Loaded()
        self.index = Index()
        self.segments: list[Segment] = []
        self.round = 0
        """The last one that may have been written."""
        self.cuts: list[tuple[Segment, int]] = []
        """Where segments are to be cut off before something is added."""
        self.lost: dict[Key, tuple[int, int]] = {}
        """What was set aside, and is to be removed."""
        self.has_snapshot = False
        """Whether a backup was made when this process, or the copy, ended."""
        self.is_unmarked = False
        """Whether the mark lacks, and there is nothing that a person must decide on."""
        self._unread: dict[Key, tuple[Segment, Found]] = {}
        """Keys of which the newest record cannot be read."""
        self._texts: dict[Key, Body] = {}
        """Texts that can be read, of lines whose record cannot."""

    def load(self) -> None:
        """Read everything. Raises OSError if the folder itself cannot be read."""
        try:
            names = self._disk.names(self._folder)
        except FileNotFoundError:
            return
        self.has_snapshot = SNAPSHOT in names
        self.loaded.from_backup = not self._is_present()
        reads = self._read_segments(names)
        self._cut(reads)
        self._replay(reads)
        self._tell_gaps(reads)
        self._tell_unread()
        self._find_texts()
        self._read_records()
        self._sort_out(names)
        self._list_damage()
        self.is_unmarked = self.loaded.from_backup and not self.loaded.records
        self.loaded.from_backup &= not self.is_unmarked

    def _is_present(self) -> bool:
        try:
            return self._disk.exists(self._folder / PRESENT)
        except OSError as err:
            LOGGER.error("Cannot look for %s: %s", self._folder / PRESENT, err)
            return True

    def _last_of_backup(self) -> int | None:
        """Return the last round that belongs to the backup that this comes from."""
        if not self.has_snapshot or not self.loaded.from_backup:
            return None
        try:
            return int(read_file(self._disk, self._folder / SNAPSHOT))
        except OSError, ValueError:
            return None

    def _read_segments(self, names: Iterable[str]) -> list[_Read]:
        last = self._last_of_backup()
        reads = []
        for name in names:
            segment = Segment.named_so(self._disk, self._folder, name)
            if segment is None:
                continue
            self.segments.append(segment)
            try:
                octets = segment.read_all()
            except OSError as err:
                segment.keep_as_it_is()
                self.index.is_incomplete = True
                self.round = _LEAP
                self.tell(Damage(f"{name}: {err}", file=segment.file))
                continue
            reads.append(_read(segment, octets, last))
        return reads

    def _cut(self, reads: list[_Read]) -> None:
        """Find what a power cut left half written: the last round of all at most."""
        newest = max((read.last[0].round for read in reads if read.last), default=0)
        self.round += newest
        for read in reads:
            segment = read.segment
            if read.torn and read.last[0].round == newest:
                read.cut = read.last_start
                del read.lines[-len(read.last) :]
            elif read.rest_torn:
                read.cut = next_sector(read.lines[-1].stop) if read.lines else 0
            elif read.last:
                read.lacks |= len(read.last) < read.last[0].of
            if read.cut is not None:
                LOGGER.warning("The end of %s is not whole", segment.file)
                self.cuts.append((segment, read.cut))
                read.gaps = [gap for gap in read.gaps if gap.start < read.cut]
            segment.holds(read.lines, damaged=bool(read.gaps) or read.lacks)

    def _replay(self, reads: list[_Read]) -> None:
        """Learn of all lines in the order in which they were written."""
        lines = [(line, read.segment) for read in reads for line in read.lines]
        lines.sort(key=lambda each: each[0][:2])
        for line, segment in lines:
            self._learn(segment, line)
        # What a removed key left that was not overwritten yet.
        self.index.dead.clear()
        self.index.dead_files.clear()
        for line, segment in lines:
            if line.key in self.index.gone and not line.blank:
                self.index.bury(place_of(segment, line))

    def _learn(self, segment: Segment, line: Found) -> None:
        place = place_of(segment, line)
        if line.record is None:
            self.index.remove(place, line)
            self._unread.pop(line.key, None)
        elif not line.record_whole:
            self.index.note(segment, line.key)
            self._unread[line.key] = segment, line
            if line.text and line.holds and line.text_whole:
                self._texts[line.key] = Body(line.text, place)
        else:
            text = self.index.text_of(place, line)
            if text and not line.text_whole:
                text = Body(text.sum)
            elif text and text == Body(text.sum):
                text = self._texts.get(line.key, text)
            self.index.put(place, line, text)
            self._unread.pop(line.key, None)

    def _tell_gaps(self, reads: Iterable[_Read]) -> None:
        """Tell of octets that are no lines."""
        for read in reads:
            name = read.segment.file.name
            for gap in read.gaps:
                what = f"Octets {gap.start} to {gap.stop} of {name}"
                self._set_aside(Damage(what), read.segment, gap.start, gap.stop)
            if read.lacks and not read.gaps:
                self._set_aside(Damage(f"Lines of {name}"), read.segment, 0, 0)

    def _tell_unread(self) -> None:
        """Tell of keys whose newest record cannot be read."""
        for key, (segment, line) in self._unread.items():
            older = key in self.index.entries
            what = f"The {'newest' if older else 'only'} record of {' '.join(key)}"
            damage = Damage(what, (key,))
            segment.to_empty = True
            if self._set_aside(damage, segment, line.start, line.stop) and not older:
                self.lost[key] = line.born

    def _find_texts(self) -> None:
        """Take out what has lost its text."""
        for key, entry in list(self.index.entries.items()):
            if entry.text is None or self._has_text(entry.text):
                continue
            self.index.lose(key)
            place = entry.place
            damage = Damage(f"The text of {' '.join(key)}", (key,))
            if self._set_aside(damage, place.segment, place.start, place.stop):
                self.lost[key] = entry.born

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

    def _read_records(self) -> None:
        """Read what is known of each key, in the order in which they came."""
        entries = self.index.entries
        for keys in batched(
            sorted(entries, key=lambda key: entries[key].born), _BATCH, strict=False
        ):
            records = dict(self._read_some(keys))
            parsed = json.loads(b"[%b]" % b",".join(records.values()))
            self.loaded.records.update(zip(records, parsed, strict=True))

    def _read_some(self, keys: Iterable[Key]) -> Iterator[tuple[Key, bytes]]:
        for key in keys:
            place = self.index.entries[key].place
            try:
                yield key, place.segment.read(place.body, place.middle)
            except OSError as err:
                self.index.lose(key)
                place.segment.keep_as_it_is()
                self.tell(Damage(f"{' '.join(key)}: {err}", (key,)))

    def _sort_out(self, names: Iterable[str]) -> None:
        """Remove the files of texts that never counted, or no longer do."""
        entries = self.index.entries.values()
        used = {entry.text.file for entry in entries if entry.text}
        for name in names:
            file = self._folder / name
            if not name.endswith((TEXT, ".tmp")) or name in used:
                continue
            with suppress(OSError):
                if self.loaded.damage or self.lost:
                    # It may belong to what is damaged.
                    self._disk.replace(file, self._damaged(name))
                else:
                    self._disk.unlink(file)

    def _set_aside(
        self, damage: Damage, segment: Segment, start: int, stop: int
    ) -> bool:
        """Put octets where a person can look at them; say whether that was possible.

        What was set aside once is not set aside again: its segment is still there.
        """
        file = self._damaged(f"{segment.file.name}@{start}")
        said = {"what": damage.what, "keys": damage.keys}
        try:
            self._disk.make_folder(file.parent)
            if not self._disk.exists(file):
                octets = segment.read(start, stop)
                write_file(self._disk, file, json.dumps(said).encode() + b"\n" + octets)
                LOGGER.error("Cannot be read: %s", damage.what)
        except OSError as err:
            LOGGER.error("Cannot set aside: %s: %s", damage.what, err)
            self.loaded.damage.append(replace(damage, file=segment.file))
            return False
        return True

    def tell(self, damage: Damage) -> None:
        """Tell of what stays where it is."""
        LOGGER.error("Cannot be read: %s", damage.what)
        self.loaded.damage.append(damage)

    def _damaged(self, name: str) -> Path:
        return self._folder / DAMAGED / name

    def _list_damage(self) -> None:
        """Tell of all that was set aside, now or earlier."""
        try:
            names = self._disk.names(self._damaged(""))
        except OSError:
            return
        self.loaded.damage += [
            read_damage(self._disk, self._damaged(name)) for name in names
        ]


def read_damage(disk: Disk, file: Path) -> Damage:
    """Return what was said of something that was set aside."""
    try:
        said = json.loads(read_file(disk, file).partition(b"\n")[0])
        keys = tuple((kind, account, name) for kind, account, name in said["keys"])
        return Damage(said["what"], keys, file)
    except OSError, ValueError, KeyError, TypeError, RecursionError:
        # Something else that lies there.
        return Damage(file.name, file=file)


def _read(segment: Segment, octets: bytes, last: int | None) -> _Read:
    """Read a segment, up to a round."""
    read = _Read(segment)
    segment.room = len(octets)
    for each in read_lines(octets, segment.salt):
        if isinstance(each, Gap):
            read.gaps.append(each)
        elif last is not None and each.round > last:
            read.cut = each.start
            break
        else:
            read.lines.append(each)
    before, stop = 0, 0
    for number, lines in groupby(read.lines, attrgetter("round")):
        read.lacks |= bool(read.last) and len(read.last) < read.last[0].of
        read.last, read.last_start = list(lines), next_sector(stop)
        read.lacks |= read.last[0].before != before
        before, stop = number, read.last[-1].stop
    behind = bool(read.gaps) and read.gaps[-1].start >= stop
    if read.last and not (
        len(read.last) == read.last[0].of and all(line.whole for line in read.last)
    ):
        size = read.last[0].sectors * SECTOR
        read.torn = is_torn(octets, read.last_start, read.last_start + size)
    read.rest_torn = behind and is_torn(octets, next_sector(stop), stop)
    return read
