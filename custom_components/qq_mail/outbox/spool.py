"""The spool: what waits, on disk, one message in two files.

`<queue id>.eml` is the message in wire form, written once. `<queue id>.json` is what
is known of it (record.py), replaced as a whole whenever that changes; its existence
makes the message count, so it is written last and removed first. `state.json` is the
account's. Every write goes to a temporary file that is synced and renamed, and the
folder is synced as well, so that a power cut leaves the old or the new, never half.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
import json
import os
from pathlib import Path
from secrets import token_hex
import shutil
from typing import Any, BinaryIO

from ..const import LOGGER
from .clock import Now
from .errors import OutboxClosedError
from .message import QueuedMessage
from .queue import Queue
from .record import as_json, from_json

_STATE = "state.json"
_DAMAGED = "damaged"
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


@dataclass(slots=True)
class Loaded:
    """What a spool held when it was opened."""

    queue: Queue = field(default_factory=Queue)
    cut_off: list[str] = field(default_factory=list)
    """Queue ids of what the server may have."""
    last_id: str = ""
    restored: bool = False
    """Whether it comes from a backup."""
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
        loaded.restored = not self._present.exists()
        known = self._load_records(files, now, loaded)
        for file in files:
            # A body without a record was not written to the end, so nobody was told
            # that it is kept.
            left_over = file.suffix == ".eml" and file.stem not in known
            if file.suffix == ".tmp" or left_over:
                _unlink_file(file)
        try:
            loaded.state = json.loads((self.folder / _STATE).read_text("utf-8"))
        except FileNotFoundError:
            pass
        except (ValueError, RecursionError, OSError) as err:
            # A comfort, no message: without it an attempt may come too early.
            LOGGER.error("Ignoring %s: %s", self.folder / _STATE, err)
        loaded.damaged += sorted((self.folder / _DAMAGED).glob("*.json"))
        if loaded.restored and not len(loaded.queue):
            loaded.restored = False
            with suppress(OSError):
                self._mark_present()
        return loaded

    def _load_records(
        self, files: Iterable[Path], now: Now, loaded: Loaded
    ) -> set[str]:
        """Read the messages, and return the names that belong to one."""
        known: set[str] = set()
        for file in files:
            if file.suffix != ".json" or file.name == _STATE:
                continue
            try:
                message = self._read(file, now)
            except (ValueError, RecursionError, OSError) as err:
                LOGGER.error("Setting %s aside: %s", file, err)
                if not self._set_aside(file.stem):
                    # The others go on; this one stays for a better day.
                    loaded.damaged.append(file)
                    known.add(file.stem)
                continue
            known.add(message.queue_id)
            if loaded.restored:
                message = replace(message, restored=True)
            elif message.in_data:
                loaded.cut_off.append(message.queue_id)
            loaded.queue.put(message)
            loaded.last_id = max(loaded.last_id, message.queue_id)
        return known

    def temporary(self, queue_id: str) -> Path:
        """Return a new name for a message that is being written."""
        return self.folder / f"{queue_id}.{token_hex(4)}.tmp"

    def write_draft[T](self, draft: Path, write: Callable[[BinaryIO], T]) -> T:
        """Have a message written under a temporary name."""
        self._make_folder()
        with _open(draft) as stream:
            return write(stream)

    def add(self, draft: Path, message: QueuedMessage, now: Now) -> None:
        """Keep a message that was written under a temporary name.

        When this returns, it survives a power cut; if anything fails, nothing is left,
        as far as the disk lets go what it has.
        """
        try:
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())
            draft.replace(self.body(message.queue_id))
            _sync(self.folder)
            self.update(message, now)
        except BaseException:
            self.drop_draft(draft)
            with suppress(OSError):
                self._unlink(message.queue_id)
            raise

    def drop_draft(self, draft: Path) -> None:
        """Remove a message that was being written."""
        _unlink_file(draft)

    def update(self, message: QueuedMessage, now: Now) -> None:
        """Replace what is known of a message."""
        _write(self._record(message.queue_id), as_json(message, now).encode())

    def hold_restored(self, messages: Iterable[QueuedMessage], now: Now) -> None:
        """Write that messages wait for a person, and only then that this was done."""
        for message in messages:
            self.update(message, now)
        self._mark_present()

    def remove(self, queue_ids: Iterable[str]) -> list[str]:
        """Forget messages, and return those that the disk would not let go."""
        failed: list[str] = []
        removed: list[str] = []
        for queue_id in queue_ids:
            try:
                self._unlink(queue_id)
                removed.append(queue_id)
            except OSError as err:
                LOGGER.error("Cannot remove %s: %s", queue_id, err)
                failed.append(queue_id)
        try:
            _sync(self.folder)
        except OSError as err:
            LOGGER.error("Cannot sync %s: %s", self.folder, err)
            failed += removed
        return failed

    def body(self, queue_id: str) -> Path:
        """Return the file of a message in wire form."""
        return self.folder / f"{queue_id}.eml"

    def write_state(self, state: dict[str, Any]) -> None:
        """Keep what holds for the account as a whole."""
        self._make_folder()
        _write(self.folder / _STATE, json.dumps(state).encode())

    def free_space(self) -> int:
        """Return the octets that are free on the disk."""
        self._make_folder()
        return shutil.disk_usage(self.folder).free

    def close(self) -> None:
        """Begin nothing new: a message that is still being made is for nobody."""
        self._closed = True

    def delete(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, file: Path, now: Now) -> QueuedMessage:
        message = from_json(file.read_text(encoding="utf-8"), now)
        if message.queue_id != file.stem:
            raise ValueError("another message's file")
        if self.body(message.queue_id).stat().st_size != message.size:
            raise ValueError("the message is not complete")
        return message

    def _make_folder(self) -> None:
        """Make the folder, so that a power cut does not take it away again.

        Raises OutboxClosedError.
        """
        if self._closed:
            raise OutboxClosedError
        if self.folder.exists():
            return
        # Another thread may be a little faster.
        self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        for parent in (self.folder.parent, self.folder.parent.parent):
            _sync(parent)
        self._mark_present()

    @property
    def _present(self) -> Path:
        """Says that the folder was here all the time.

        Home Assistant's backups leave such folders out, so that a spool that comes
        from a backup has none.
        """
        return self.folder / "__pycache__" / "present"

    def _mark_present(self) -> None:
        self._present.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        _write(self._present, b"Without this file, all here is from a backup.\n")
        _sync(self.folder)

    def _record(self, queue_id: str) -> Path:
        return self.folder / f"{queue_id}.json"

    def _unlink(self, queue_id: str) -> None:
        self._record(queue_id).unlink(missing_ok=True)
        self.body(queue_id).unlink(missing_ok=True)

    def _set_aside(self, queue_id: str) -> bool:
        """Move a message away, and say whether that was possible."""
        damaged = self.folder / _DAMAGED
        try:
            damaged.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            for file in (self._record(queue_id), self.body(queue_id)):
                if os.path.lexists(file):
                    file.replace(damaged / file.name)
        except OSError as err:
            LOGGER.error("Cannot set %s aside: %s", queue_id, err)
            return False
        return True


def _write(file: Path, content: bytes) -> None:
    """Replace a file as a whole: it is synced before it gets its name."""
    temporary = file.with_name(file.name + ".tmp")
    try:
        with _open(temporary) as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
        _sync(file.parent)
    except BaseException:
        _unlink_file(temporary)
        raise


@contextmanager
def _open(file: Path) -> Generator[BinaryIO]:
    """Make a private file and write to it."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    with os.fdopen(descriptor, "w+b") as stream:
        yield stream


def _unlink_file(file: Path) -> None:
    """Remove a leftover; what is a folder or cannot be removed harms nobody."""
    with suppress(OSError):
        file.unlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
