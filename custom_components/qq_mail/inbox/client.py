"""Python's imaplib over a connection that is there, and what it says of mails."""

from collections.abc import Buffer, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
import imaplib
import re
import ssl
from typing import Any, Final, override

MAX_MAIL: Final = 64 * 1024**2
"""Octets of a mail that is fetched: QQ takes none that is much larger."""
MAX_KEPT: Final = 512 * 1024
"""Octets of it that are kept: an answer's text stands before the files."""
MAX_ANSWER: Final = 8 * 1024**2
"""Octets that a server may answer to one command, beside what is not kept."""
_PIECE: Final = 65_536

_UID = re.compile(rb"\bUID ([0-9]{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE ([0-9]{1,10})\b")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')


@dataclass(frozen=True, slots=True)
class Fetched:
    """What FETCH said of a mail."""

    uid: int
    size: int
    received_at: datetime | None
    octets: bytes
    """What was asked for of its text."""


class Client(imaplib.IMAP4):
    """Speaks over a connection that is there, and bounds what a server may send."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        """Read the greeting."""
        self._connection = connection
        self.keep = MAX_KEPT
        self.left = MAX_ANSWER
        super().__init__()

    @override
    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        self.sock = self._connection

    @override
    def shutdown(self) -> None:
        """Leave the connection to whoever opened it."""

    @override
    def read(self, size: int) -> bytes:
        """Read a literal, and keep its beginning."""
        if size > MAX_MAIL:
            raise self.abort(f"literal of {size} octets")
        kept = super().read(min(size, self.keep))
        left = size - len(kept)
        while left and (piece := super().read(min(left, _PIECE))):
            left -= len(piece)
        self._spend(kept)
        return kept

    @override
    def readline(self) -> bytes:
        """Read a line; an untagged BAD is the end, for nothing may follow it."""
        line = super().readline()
        self._spend(line)
        if line[:5].upper() == b"* BAD":
            raise self.abort(line.decode("ascii", "replace"))
        return line

    @override
    def send(self, data: Buffer) -> None:
        """Send a command, which may be answered by so much."""
        self.left = MAX_ANSWER
        super().send(data)

    def _log(self, line: bytes) -> None:
        """Keep no commands: imaplib would keep the last ones, the login among them."""

    def _spend(self, octets: bytes) -> None:
        self.left -= len(octets)
        if self.left < 0:
            raise self.abort("an answer without end")


def read_fetched(data: list[Any]) -> Iterator[Fetched]:
    """Read what imaplib returns: a tuple for each literal, octets for the rest."""
    for at, one in enumerate(data):
        said, octets = one if isinstance(one, tuple) else (one or b"", b"")
        if isinstance(one, tuple) and isinstance(data[at + 1], bytes):
            # Some servers say the UID behind the literal.
            said += b" " + data[at + 1]
        if uid := _UID.search(said):
            size, date = _SIZE.search(said), _DATE.search(said)
            yield Fetched(
                int(uid[1]),
                int(size[1]) if size else 0,
                _instant(date[1].decode("ascii", "replace")) if date else None,
                octets,
            )


def _instant(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo else None
