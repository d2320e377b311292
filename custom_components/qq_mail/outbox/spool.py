"""The spool: what waits, on disk.

What changes is added to a journal (journal.py), by one sync for all that changes at
the same time; with a small message that is new, its body too. `<queue id>.eml` is a
message in wire form, written once, and `<queue id>.json` what is known of it
(record.py); `state.json` is the account's. Whatever the journal says of one of them
holds. Most messages are gone before they get files of their own: the journal, when it
is mostly of what is gone, begins anew with what is not; and only where very much waits,
some of that gets files. Both is done in small pieces, while nothing else is to be
written.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
import json
import os
from pathlib import Path
from secrets import token_hex
import shutil
from threading import Lock
from typing import BinaryIO

from ..const import LOGGER, MEGABYTE
from .clock import Now
from .disk import open_file, replace_file, sync, unlink_file
from .errors import OutboxClosedError
from .journal import Entry, Journal
from .message import QueuedMessage
from .queue import Queue
from .record import from_json

STATE = "state"
"""The key of what holds for the account as a whole."""
PRESENT = "present"
"""The key of the mark that says that a spool is no backup's, or was dealt with."""

_DAMAGED = "damaged"
_FOLDER_MODE = 0o700

_SMALL = MEGABYTE
"""Octets up to which a message's body is put into the journal."""
_MOST_LIVE = 4 * MEGABYTE
"""Octets of what waits that stay in the journal when it is tidied: so much is written
at once when it begins anew, and held in memory."""
_SPARE = MEGABYTE
"""Octets that a journal may have in any case before it is tidied."""
_OVERGROWN = 64 * MEGABYTE
"""Octets of a journal that is not to wait any longer for a quiet moment."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be on disk of a message, or of the account."""

    key: str
    record: Callable[[], str] | None
    """Makes its JSON; None: it is to be gone."""
    draft: Path | None = None
    """Where the body of a new message was written."""
    supersedes: tuple[str, ...] = ()
    """The queue ids of what a digest is made of: gone as soon as it is there."""


@dataclass(slots=True)
class Loaded:
    """What a spool held when it was opened."""

    queue: Queue = field(default_factory=Queue)
    cut_off: list[str] = field(default_factory=list)
    """Queue ids of what the server may have."""
    last_id: str = ""
    restored: bool = False
    """Whether messages come from a backup."""
    from_backup: bool = False
    """Whether the folder does, be it empty."""
    damaged: list[Path] = field(default_factory=list)
    """What could not be read, where it is now."""
    state: object = None


class Spool:
    """An account's folder. Everything here blocks: call it in an executor.

    Raises OSError where the disk does not do what it should.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made when it is first needed."""
        self.folder = folder
        self._closed = False
        self._making = Lock()
        self._unmarked = False
        """Whether it is still to be said that the folder was here all the time."""
        self._journal = Journal(folder / "journal")
        self._entries: dict[str, Entry] = {}
        """What the journal says, by keys."""
        self._settled: set[str] = set()
        """Of what of that has files of its own that say the same."""
        self._tidy_at = 0
        """The octets of the journal from which on it is to be tidied."""

    def load(self, now: Now) -> Loaded:
        """Read everything, set aside what cannot be read, drop what never counted.

        Whatever the disk does, what can be read is returned.
        """
        loaded = Loaded()
        try:
            files = sorted(self.folder.iterdir())
        except FileNotFoundError:
            return loaded
        except OSError as err:
            LOGGER.error("Cannot read %s: %s", self.folder, err)
            loaded.damaged = [self.folder]
            return loaded
        loaded.restored = loaded.from_backup = not self._present.exists()
        self._read_journal(loaded)
        known = self._load_records(files, now, loaded)
        for file in files:
            # A body without a record was not written to the end, so nobody was told
            # that it is kept; or its message is gone.
            left_over = file.suffix == ".eml" and file.stem not in known
            if file.suffix == ".tmp" or left_over:
                unlink_file(file)
        try:
            loaded.state = json.loads(self._record(STATE))
        except FileNotFoundError:
            pass
        except (ValueError, RecursionError, OSError) as err:
            # A comfort, no message: without it an attempt may come too early.
            LOGGER.error("Ignoring the account's state in %s: %s", self.folder, err)
        loaded.damaged += sorted((self.folder / _DAMAGED).glob("*.json"))
        if loaded.restored and not len(loaded.queue):
            loaded.restored = False
            self._unmarked = True
        return loaded

    def _read_journal(self, loaded: Loaded) -> None:
        """Learn what the journal says; it begins anew with the first change."""
        file = self._journal.file
        try:
            try:
                content = self._journal.read()
            except FileNotFoundError:
                return
            except OSError as err:
                LOGGER.error("Setting %s aside: %s", file, err)
                file.replace(self._aside(f"{token_hex(4)}.journal.json"))
                return
            for entry in content.entries:
                self._learn(entry)
            for line in content.damaged:
                LOGGER.error("Setting a line of %s aside", file)
                replace_file(self._aside(f"{token_hex(4)}.journal.json"), line)
        except OSError as err:
            LOGGER.error("Cannot set %s aside: %s", file, err)
            loaded.damaged.append(file)

    def _load_records(
        self, files: Iterable[Path], now: Now, loaded: Loaded
    ) -> set[str]:
        """Read the messages, and return the keys that belong to one."""
        known: set[str] = set()
        keys = {file.stem for file in files if file.suffix == ".json"}
        for key in sorted(keys | self._entries.keys() - {STATE}):
            entry = self._entries.get(key)
            if key == STATE or (entry and entry.record is None):
                continue
            try:
                message = self._read(key, now)
            except (ValueError, RecursionError, OSError) as err:
                LOGGER.error("Setting %s in %s aside: %s", key, self.folder, err)
                if not self._set_aside(key):
                    # The others go on; this one stays for a better day.
                    loaded.damaged.append(self._file(key))
                    known.add(key)
                continue
            known.add(key)
            if loaded.restored:
                message = replace(message, restored=True)
            elif message.in_data:
                loaded.cut_off.append(key)
            loaded.queue.put(message)
            loaded.last_id = max(loaded.last_id, key)
        self._drop_superseded(loaded)
        return known

    def _drop_superseded(self, loaded: Loaded) -> None:
        """Drop what a digest holds already: a copy of a spool may have both."""
        for queue_id in list(loaded.queue.groups.digests):
            if loaded.queue.get(queue_id):
                loaded.queue.remove(queue_id)
                self._entries[queue_id] = Entry(queue_id, None)
        loaded.cut_off = [one for one in loaded.cut_off if loaded.queue.get(one)]

    def temporary(self, queue_id: str) -> Path:
        """Return a new name for a message that is being written."""
        return self.folder / f"{queue_id}.{token_hex(4)}.tmp"

    def write_draft[T](self, draft: Path, write: Callable[[BinaryIO], T]) -> T:
        """Have a message written under a temporary name. Raises OutboxClosedError."""
        self._make_folder()
        with open_file(draft) as stream:
            result = write(stream)
            stream.flush()
            if os.fstat(stream.fileno()).st_size > _SMALL:
                # Here nobody else waits for it, as in a round.
                os.fsync(stream.fileno())
        return result

    def drop_draft(self, draft: Path) -> None:
        """Remove a message that was being written."""
        unlink_file(draft)

    def write(self, changes: Sequence[Change]) -> dict[str, Exception]:
        """Make changes durable together; return why some are not, by their keys.

        When this returns, the others survive a power cut. Of a new message that could
        not be kept nothing is left, as far as the disk lets go what it has.
        """
        failed: dict[str, Exception] = {}
        try:
            self._make_folder()
            self._add(self._entries_of(changes, failed))
            if any(change.key == PRESENT for change in changes):
                self._mark_present()
        except (OSError, OutboxClosedError) as err:
            failed |= {c.key: err for c in changes if c.key not in failed}
        for change in changes:
            if change.draft:
                unlink_file(change.draft)
                if change.key in failed:
                    unlink_file(self.body_file(change.key))
                for key in change.supersedes if change.key not in failed else ():
                    self._unlink(key)
            elif change.record is None and change.key not in failed:
                self._unlink(change.key)
            elif change.record is None and change.key not in self._entries:
                self._let_go(change.key)
        return failed

    @property
    def untidy(self) -> bool:
        """Whether the journal has grown so much that it is to be tidied."""
        return self._journal.size > self._tidy_at

    @property
    def overgrown(self) -> bool:
        """Whether that is not to wait for a quiet moment."""
        return self.untidy and self._journal.size > _OVERGROWN

    def tidy(self) -> None:
        """Do a piece of what keeps the journal short: of three syncs at most.

        Do it again until it is no longer untidy. If the disk does not take it, the
        journal may grow to twice its size before this is tried again.
        """
        live = {
            key: entry
            for key, entry in self._entries.items()
            if entry.record is not None and key not in self._settled
        }
        try:
            if sum(map(_size, live.values())) > _MOST_LIVE:
                self._settle(max(live.values(), key=_size))
            else:
                self._begin_anew(live)
        except OSError as err:
            LOGGER.error("Cannot tidy the journal in %s: %s", self.folder, err)
            self._tidy_at = 2 * self._journal.size

    def _settle(self, entry: Entry) -> None:
        """Give a message files of its own; what the journal says of it is the same."""
        self._write_files(entry)
        sync(self.folder)
        self._entries[entry.key] = replace(entry, body=None)
        self._settled.add(entry.key)

    def _begin_anew(self, live: dict[str, Entry]) -> None:
        """Have the journal say no more than it must."""
        # What the disk does not let go would be sent after the next start.
        held = {
            key: entry
            for key, entry in self._entries.items()
            if entry.record is None and not self._unlink(key)
        }
        # Before the journal ceases to say that they are gone.
        sync(self.folder)
        self._begin(live | held)

    def free_space(self) -> int:
        """Return the octets that are free on the disk."""
        self._make_folder()
        return shutil.disk_usage(self.folder).free

    def body(self, queue_id: str) -> Path | bytes:
        """Return a message in wire form, or the file that it is in."""
        entry = self._entries.get(queue_id)
        if entry and entry.body is not None:
            return entry.body
        return self.body_file(queue_id)

    def body_file(self, queue_id: str) -> Path:
        """Return where the body of a message is, unless it is in the journal."""
        return self.folder / f"{queue_id}.eml"

    def close(self) -> None:
        """Begin nothing new: a message that is still being made is for nobody."""
        self._closed = True
        self._journal.close()

    def delete(self) -> None:
        """Remove the folder with everything in it."""
        failures: list[BaseException] = []
        shutil.rmtree(self.folder, onexc=lambda _do, _path, err: failures.append(err))
        if failures and self.folder.exists():
            LOGGER.error("Cannot remove %s: %s", self.folder, failures[0])

    def _record(self, key: str) -> bytes:
        entry = self._entries.get(key)
        if entry and entry.record is not None:
            return entry.record
        return self._file(key).read_bytes()

    def _read(self, key: str, now: Now) -> QueuedMessage:
        message = from_json(self._record(key).decode(), now)
        if message.queue_id != key:
            raise ValueError("another message's record")
        body = self.body(key)
        size = len(body) if isinstance(body, bytes) else body.stat().st_size
        if size != message.size:
            raise ValueError("the message is not complete")
        return message

    def _entries_of(
        self, changes: Iterable[Change], failed: dict[str, Exception]
    ) -> list[Entry]:
        """Return what to put into the journal; large bodies get their files before."""
        entries = []
        moved = False
        room = _MOST_LIVE
        for change in changes:
            known = self._entries.get(change.key)
            if known and known.record is None and change.record and not change.draft:
                # It became a part of a digest meanwhile.
                continue
            try:
                record = change.record().encode() if change.record else None
                body = None
                size = change.draft.stat().st_size if change.draft else 0
                if change.draft and size <= min(_SMALL, room):
                    body = change.draft.read_bytes()
                    room -= size
                elif change.draft:
                    if size <= _SMALL:
                        sync(change.draft)
                    change.draft.replace(self.body_file(change.key))
                    moved = True
            except Exception as err:  # noqa: BLE001 - one must not stop the others
                failed[change.key] = err
                continue
            if change.key != PRESENT:
                entries.append(Entry(change.key, record, body, change.supersedes))
        if moved:
            sync(self.folder)
        return entries

    def _add(self, entries: Sequence[Entry]) -> None:
        """Put entries into the journal, and take them for true."""
        if not entries:
            return
        if self._journal.is_open:
            self._journal.add(entries)
            for entry in entries:
                self._learn(entry)
            return
        known = dict(self._entries)
        try:
            for entry in entries:
                self._learn(entry)
            self._begin(self._entries)
        except BaseException:
            self._entries = known
            raise

    def _begin(self, entries: dict[str, Entry]) -> None:
        """Begin the journal anew with these; nothing else is in it any more."""
        self._journal.begin(entries.values())
        self._entries = entries
        self._settled.clear()
        self._tidy_at = max(2 * self._journal.size, _SPARE)

    def _learn(self, entry: Entry) -> None:
        """Take an entry for what holds."""
        known = self._entries.get(entry.key)
        if known and entry.record is not None and entry.body is None:
            entry = replace(entry, body=known.body)
        self._entries[entry.key] = entry
        self._settled.discard(entry.key)
        for key in entry.supersedes:
            self._entries[key] = Entry(key, None)

    def _write_files(self, entry: Entry) -> None:
        """Bring the files of a message, or of the account, to what the journal says."""
        if entry.body is not None:
            replace_file(self.body_file(entry.key), entry.body)
        replace_file(self._file(entry.key), self._record(entry.key))

    def _make_folder(self) -> None:
        """Make the folder, so that a power cut does not take it away again.

        Raises OutboxClosedError.
        """
        if self._closed:
            raise OutboxClosedError
        with self._making:
            if not self.folder.exists():
                self.folder.mkdir(mode=_FOLDER_MODE, parents=True)
                self._unmarked = True
            if not self._unmarked:
                return
            for parent in (self.folder.parent, self.folder.parent.parent):
                sync(parent)
            self._mark_present()
            self._unmarked = False

    @property
    def _present(self) -> Path:
        """Says that the folder was here all the time.

        Home Assistant's backups leave such folders out, so that a spool that comes
        from a backup has none.
        """
        return self.folder / "__pycache__" / "present"

    def _mark_present(self) -> None:
        self._present.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        replace_file(self._present, b"Without this file, all here is from a backup.\n")
        sync(self._present.parent)
        sync(self.folder)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _unlink(self, key: str) -> bool:
        """Remove the files of a message; return whether there are none any more."""
        gone = unlink_file(self._file(key))
        return unlink_file(self.body_file(key)) and gone

    def _let_go(self, key: str) -> None:
        """Remove the files of a message of which the journal cannot say that it is gone.

        A disk that is full lets go. A text alone is a leftover; a record alone is damage.
        """
        with suppress(OSError):
            self._file(key).unlink(missing_ok=True)
            sync(self.folder)
            self.body_file(key).unlink(missing_ok=True)

    def _set_aside(self, key: str) -> bool:
        """Move a message away, and say whether that was possible."""
        entry = self._entries.get(key)
        try:
            if entry:
                self._write_files(entry)
            for file in (self._file(key), self.body_file(key)):
                if os.path.lexists(file):
                    file.replace(self._aside(file.name))
        except OSError as err:
            LOGGER.error("Cannot set %s aside: %s", key, err)
            return False
        if entry:
            self._entries[key] = Entry(key, None)
        return True

    def _aside(self, name: str) -> Path:
        """Return where to put what cannot be read."""
        damaged = self.folder / _DAMAGED
        damaged.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        return damaged / name


def _size(entry: Entry) -> int:
    """Return about how many octets of a journal what waits has in it."""
    return len(entry.record or b"") + len(entry.body or b"")
