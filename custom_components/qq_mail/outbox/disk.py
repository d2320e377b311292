"""Private files that survive a power cut: what the spool and its journal are made of.

Everything here blocks, and raises OSError where the disk does.
"""

from collections.abc import Generator
from contextlib import contextmanager
import os
from pathlib import Path
from typing import BinaryIO

_FILE_MODE = 0o600


def open_private(file: Path) -> int:
    """Make a file that nobody else can read, empty, and return its descriptor."""
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, _FILE_MODE)


@contextmanager
def open_file(file: Path) -> Generator[BinaryIO]:
    """Make a private file and write to it."""
    with os.fdopen(open_private(file), "w+b") as stream:
        yield stream


def replace_file(file: Path, content: bytes) -> None:
    """Replace a file as a whole: it is synced before it gets its name."""
    temporary = file.with_name(file.name + ".tmp")
    try:
        with open_file(temporary) as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except BaseException:
        unlink_file(temporary)
        raise


def sync(path: Path) -> None:
    """Make a file's content durable, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unlink_file(file: Path) -> bool:
    """Remove a leftover, and return whether nothing is there any more.

    What is a folder or cannot be removed harms nobody.
    """
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return False
    return True
