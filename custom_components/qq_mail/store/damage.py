"""What could not be read: it is set aside, so that a person can look at it."""

from collections.abc import Iterable
from dataclasses import dataclass
import json
from pathlib import Path

from .disk import LOGGER, Disk, read_file, write_file
from .line import Key
from .segment import Segment


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that could not be read."""

    what: str
    keys: tuple[Key, ...] = ()
    """What is lost by it, as far as other lines name that."""
    file: Path | None = None
    """Where a person can look at it."""


class Damaged:
    """The folder in which it is."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        self._disk = disk
        self._folder = folder

    def set_aside(self, damage: Damage, segment: Segment, octets: slice) -> None:
        """Copy octets of a segment. Raises OSError.

        What was set aside once is not set aside again while its segment is there.
        """
        file = self._folder / f"{segment.file.name}@{octets.start}"
        said = json.dumps({"what": damage.what, "keys": damage.keys}).encode()
        self._disk.make_folder(self._folder)
        if not self._disk.exists(file):
            content = segment.read(octets.start, octets.stop)
            write_file(self._disk, file, said + b"\n" + content)
        LOGGER.error("Set aside, as it cannot be read: %s", damage.what)

    def take(self, file: Path) -> None:
        """Move a file there. Raises OSError."""
        self._disk.make_folder(self._folder)
        self._disk.replace(file, self._folder / file.name)

    def all(self) -> Iterable[Damage]:
        """Return what was set aside, now or earlier. Raises OSError."""
        if not self._disk.exists(self._folder):
            return []
        return [
            self._damage(self._folder / name) for name in self._disk.names(self._folder)
        ]

    def forget(self, account: str) -> None:
        """Remove what was an account's, as far as that is known. Raises OSError."""
        for damage in self.all():
            if damage.file and any(key[1] == account for key in damage.keys):
                self._disk.unlink(damage.file)

    def _damage(self, file: Path) -> Damage:
        try:
            said = json.loads(read_file(self._disk, file).partition(b"\n")[0])
            keys = tuple((kind, account, name) for kind, account, name in said["keys"])
            return Damage(said["what"], keys, file)
        except OSError, ValueError, KeyError, TypeError, RecursionError:
            # Something else that lies there.
            return Damage(file.name, file=file)
