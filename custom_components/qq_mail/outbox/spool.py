"""The spool: what waits, on disk, one message in two files.

`<queue id>.eml` is the message in wire form, written once. `<queue id>.json` is what
is known of it, replaced as a whole whenever that changes; its existence makes the
message count, so it is written last and removed first. `state.json` is the account's.
Every write goes to a temporary file that is synced and renamed, and the folder is
synced as well, so that a power cut leaves the old or the new, never half of it.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
import json
import os
from pathlib import Path
import shutil
from typing import Any, BinaryIO, Self

from ..const import LOGGER
from ..mail.diagnosis import Cause
from ..mail.models import Envelope, Gap, Reply, TextEncoding

VERSION = 1

_STATE = "state.json"
_DAMAGED = "damaged"
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """What is known of a message that waits; the text is in its file alone."""

    queue_id: str
    """A ULID: in the order of the queue ids the messages were taken."""
    subject: str
    reverse_path: str
    recipients: tuple[str, ...]
    """Who has not got it yet."""
    message_id: str
    importance: int
    """The higher goes first."""
    tag: str = ""
    """What it is about, for a message that says it is over."""
    size: int
    """Octets in wire form."""
    gaps: tuple[Gap, ...]
    """Where a line can be put before a text."""
    created: datetime
    """The time of the alert."""
    expires: datetime
    next_attempt: datetime
    attempts: int = 0
    in_data: bool = False
    """Set while the server may have the message, though we have no answer."""
    cause: Cause | None = None
    """Why the last attempt was not accepted."""
    reply: Reply | None = None

    @property
    def envelope(self) -> Envelope:
        """Who sends it, and who still has to get it."""
        return Envelope(self.reverse_path, self.recipients)

    def as_json(self) -> str:
        """Return the content of the file."""
        return json.dumps(
            {"version": VERSION, **asdict(self)},
            ensure_ascii=False,
            default=datetime.isoformat,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the content of a file. Raises ValueError, KeyError or TypeError."""
        data: dict[str, Any] = json.loads(text)
        if data.pop("version") != VERSION:
            raise ValueError("written by another version")
        for key in ("created", "expires", "next_attempt"):
            data[key] = datetime.fromisoformat(data[key])
            if data[key].tzinfo is None:
                raise ValueError(f"{key} has no time zone")
        data["recipients"] = tuple(data["recipients"])
        data["gaps"] = tuple(
            Gap(gap["at"], TextEncoding(gap["encoding"]), gap["html"])
            for gap in data["gaps"]
        )
        data["cause"] = data["cause"] and Cause(data["cause"])
        data["reply"] = data["reply"] and Reply(**data["reply"])
        return cls(**data)


@dataclass(slots=True)
class Loaded:
    """What a spool held when it was opened."""

    messages: list[QueuedMessage] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)
    """Files set aside, where they are now."""
    state: dict[str, Any] = field(default_factory=dict)


class Spool:
    """An account's folder. Everything here blocks: call it in an executor.

    Raises OSError where the disk does not do what it should.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made when it is first needed."""
        self.folder = folder

    def load(self) -> Loaded:
        """Read everything, set aside what cannot be read, drop what never counted."""
        loaded = Loaded()
        if not self.folder.exists():
            return loaded
        for leftover in self.folder.glob("*.tmp"):
            _unlink_file(leftover)
        for file in sorted(self.folder.glob("*.json")):
            if file.name == _STATE:
                continue
            try:
                loaded.messages.append(self._read(file))
            except (
                ValueError,
                KeyError,
                TypeError,
                AttributeError,
                RecursionError,
                OSError,
            ) as err:
                LOGGER.error("Setting %s aside: %s", file, err)
                self._set_aside(file.stem)
        known = {message.queue_id for message in loaded.messages}
        for body in self.folder.glob("*.eml"):
            # Its other file was not written any more, so nobody was told it is kept.
            if body.stem not in known:
                _unlink_file(body)
        try:
            loaded.state = json.loads((self.folder / _STATE).read_text("utf-8"))
        except FileNotFoundError:
            pass
        except (ValueError, RecursionError, OSError) as err:
            # A comfort, no message: without it an attempt may come too early.
            LOGGER.error("Ignoring %s: %s", self.folder / _STATE, err)
        loaded.damaged = sorted((self.folder / _DAMAGED).glob("*.json"))
        return loaded

    def add(
        self, queue_id: str, write: Callable[[BinaryIO], QueuedMessage]
    ) -> QueuedMessage:
        """Keep a message that `write` writes, piece by piece.

        When this returns, it survives a power cut; if anything fails, nothing is left.
        """
        self._make_folder()
        try:
            with _replacing(self.body(queue_id)) as stream:
                message = write(stream)
            self.update(message)
        except BaseException:
            self._unlink(queue_id)
            raise
        return message

    def update(self, message: QueuedMessage) -> None:
        """Replace what is known of a message."""
        self._write(self._record(message.queue_id), message.as_json().encode())

    def remove(self, queue_id: str) -> None:
        """Forget a message."""
        self._unlink(queue_id)
        _sync(self.folder)

    def body(self, queue_id: str) -> Path:
        """Return the file of a message in wire form."""
        return self.folder / f"{queue_id}.eml"

    def write_state(self, state: Mapping[str, Any]) -> None:
        """Keep what holds for the account as a whole."""
        self._make_folder()
        self._write(self.folder / _STATE, json.dumps(state).encode())

    def free_space(self) -> int:
        """Return the octets that are free on the disk."""
        self._make_folder()
        return shutil.disk_usage(self.folder).free

    def delete(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, file: Path) -> QueuedMessage:
        message = QueuedMessage.from_json(file.read_text(encoding="utf-8"))
        if message.queue_id != file.stem:
            raise ValueError("another message's file")
        if self.body(message.queue_id).stat().st_size != message.size:
            raise ValueError("the message is not complete")
        return message

    def _make_folder(self) -> None:
        """Make the folder, so that a power cut does not take it away again."""
        if self.folder.exists():
            return
        # Another thread may be a little faster.
        self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        for parent in (self.folder.parent, self.folder.parent.parent):
            _sync(parent)

    def _record(self, queue_id: str) -> Path:
        return self.folder / f"{queue_id}.json"

    def _unlink(self, queue_id: str) -> None:
        self._record(queue_id).unlink(missing_ok=True)
        self.body(queue_id).unlink(missing_ok=True)

    def _set_aside(self, queue_id: str) -> None:
        damaged = self.folder / _DAMAGED
        damaged.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        for file in (self._record(queue_id), self.body(queue_id)):
            if file.exists():
                file.replace(damaged / file.name)

    def _write(self, file: Path, content: bytes) -> None:
        with _replacing(file) as stream:
            stream.write(content)


@contextmanager
def _replacing(file: Path) -> Generator[BinaryIO]:
    """Replace a file as a whole: it is synced before it gets its name."""
    temporary = file.with_name(file.name + ".tmp")
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
        _sync(file.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
