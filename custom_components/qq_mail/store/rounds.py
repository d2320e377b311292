"""What is to be on disk of a key, and what is written together."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .journal import Change
from .line import Key
from .records import as_octets

type Record = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be on disk of a key."""

    record: Record | None
    """None: it is to be gone."""
    text: bytes | Path | None = None

    def after(self, earlier: Wanted | None) -> Wanted:
        """Return the same with the text that was not written yet."""
        if earlier and self.text is None:
            return Wanted(self.record, earlier.text)
        return self

    def change(self, key: Key) -> Change:
        """Return what to write; to be called where memory is changed."""
        if self.record is None:
            # With the draft that nobody needs now.
            return Change(key, None, self.text)
        return Change(key, as_octets(self.record()), self.text)


@dataclass(slots=True)
class Round:
    """What is written together, and who waits for it."""

    changes: dict[Key, Wanted] = field(default_factory=dict)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
