"""A text that is kept, as whoever sends it reads it."""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from .index import Body
from .journal import Journal
from .line import Key


class Text:
    """A text that is kept."""

    def __init__(
        self, journal: Journal, key: Key, source: bytes | Path | Body, size: int
    ) -> None:
        """Say where it was when it was asked for."""
        self._journal = journal
        self._key = key
        self._source = source
        self.size = size
        """In octets."""

    def open(self) -> BinaryIO:
        """Open it, in an executor. What is opened stays readable when it is removed.

        Raises OSError, FileNotFoundError among them if it is gone.
        """
        if isinstance(self._source, bytes):
            return BytesIO(self._source)
        if isinstance(self._source, Path):
            return self._journal.open_draft(self._key, self._source)
        return self._journal.open_text(self._key, self._source)
