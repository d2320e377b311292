"""What the store asks of a disk; tests put one in its place whose power they cut.

Everything here blocks, and raises OSError where the disk does not do what it should.
"""

import logging
import os
from pathlib import Path
import shutil
from typing import BinaryIO

LOGGER = logging.getLogger(__package__)

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


class Disk:
    """The disk of this machine. An open file is known by its descriptor."""

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, in their order."""
        return sorted(os.listdir(folder))  # noqa: PTH208 - a disk has names alone

    def exists(self, path: Path) -> bool:
        """Tell whether there is such a file or folder."""
        try:
            path.stat()
        except FileNotFoundError:
            return False
        return True

    def is_linked(self, descriptor: int) -> bool:
        """Tell whether an open file still has a name."""
        return os.fstat(descriptor).st_nlink > 0

    def make_folder(self, folder: Path) -> None:
        """Make a folder, and those above it, that nobody else can read."""
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)

    def create(self, file: Path) -> int:
        """Make a file that nobody else can read, empty, and open it."""
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, _FILE_MODE)

    def open(self, file: Path, *, write: bool = False) -> int:
        """Open a file that is there."""
        return os.open(file, os.O_RDWR if write else os.O_RDONLY)

    def stream(self, file: Path) -> BinaryIO:
        """Open a file to be read piece by piece."""
        return file.open("rb")

    def close(self, descriptor: int) -> None:
        """Let go of a file."""
        os.close(descriptor)

    def length(self, file: Path) -> int:
        """Return how many octets a file has."""
        return file.stat().st_size

    def read(self, descriptor: int, place: int, length: int) -> bytes:
        """Return octets from a place on; fewer where the file ends before."""
        parts = []
        while length > 0 and (part := os.pread(descriptor, length, place)):
            parts.append(part)
            place += len(part)
            length -= len(part)
        return b"".join(parts)

    def write(self, descriptor: int, place: int, octets: bytes) -> None:
        """Write octets at a place."""
        view = memoryview(octets)
        while view:
            written = os.pwrite(descriptor, view, place)
            place += written
            view = view[written:]

    def truncate(self, descriptor: int, length: int) -> None:
        """Cut a file off."""
        os.ftruncate(descriptor, length)

    def sync(self, descriptor: int) -> None:
        """Make the content of a file survive a power cut."""
        os.fdatasync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder survive a power cut."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def unlink(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another name."""
        source.replace(target)

    def free_space(self, folder: Path) -> int:
        """Return how many octets are free."""
        return shutil.disk_usage(folder).free


def write_file(disk: Disk, file: Path, content: bytes) -> None:
    """Replace a file as a whole: it is synced before it gets its name."""
    temporary = file.with_name(f"{file.name}.tmp")
    descriptor = disk.create(temporary)
    try:
        disk.write(descriptor, 0, content)
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)
    disk.replace(temporary, file)
    disk.sync_folder(file.parent)


def read_file(disk: Disk, file: Path) -> bytes:
    """Return what a file holds."""
    descriptor = disk.open(file)
    try:
        return disk.read(descriptor, 0, disk.length(file))
    finally:
        disk.close(descriptor)
