"""One IMAP session, by Python's imaplib: it blocks, and is for one thread.

Written around QQ's habits: nothing but EXAMINE and PEEK, so that nothing is ever marked,
moved or deleted; UIDs in ascending ranges; headers and texts as they are, because
ENVELOPE, BODYSTRUCTURE and searches by text are wrong; and a connection that is left
after an untagged BAD, which is all that QQ answers to a command it does not know.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
import imaplib
import re
import socket
import ssl
import threading
from typing import Any, Final, override

from ..mime.address import one_line
from ..smtp.errors import SessionError, translated
from ..smtp.models import Step
from ..smtp.replies import Cause
from .models import Cursor, ImapAccount, LoginRefusedError, MailboxError

FOLDER: Final = "INBOX"

MAX_MAIL: Final = 64 * 1024**2
"""Octets of a mail that is fetched: QQ takes none that is much larger."""
MAX_KEPT: Final = 512 * 1024
"""Octets of it that are kept: an answer's text stands before the files."""
MAX_HEAD: Final = 64 * 1024
MAX_ANSWER: Final = 8 * 1024**2
"""Octets that a server may answer to one command, beside what is not kept."""
_PIECE: Final = 65_536
_MAX_DETAIL: Final = 300

_UID = re.compile(rb"\bUID ([0-9]{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE ([0-9]{1,10})\b")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')
_BUSY = "system busy"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What FETCH said of a mail."""

    uid: int
    size: int
    received_at: datetime | None
    octets: bytes
    """What was asked for of its text."""


class _Client(imaplib.IMAP4):
    """Speaks over a connection that is there, and bounds what a server may send."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self.keep = MAX_KEPT
        self.left = MAX_ANSWER
        super().__init__()

    @override
    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        """Take the connection."""
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

    def _log(self, line: bytes) -> None:
        """Keep no commands: imaplib would keep the last ones, the login among them."""

    def _spend(self, octets: bytes) -> None:
        self.left -= len(octets)
        if self.left < 0:
            raise self.abort("an answer without end")


class ImapSession:
    """A session that is logged in and reads; errors of a command are for `understood`.

    All but `abort` is for one thread. After an error there is nothing but `close`.
    """

    def __init__(self, account: ImapAccount, tls_context: ssl.SSLContext) -> None:
        """Prepare; nothing is connected yet."""
        self._account = account
        self._tls_context = tls_context
        self._closing = threading.Lock()
        self._connection: socket.socket
        self._client: _Client
        self.idles = False
        """Whether the server says that it tells of new mail (RFC 2177)."""

    def take(self, connection: socket.socket) -> None:
        """Take a connection, to be closed with the session."""
        self._connection = connection

    def connect(self) -> None:
        """Begin TLS over it, check the certificate, and read the greeting."""
        with understood():
            with self._closing:
                # How long all of a command may take, the event loop watches.
                self._connection.setblocking(True)
                # Without the handshake, in which it can be aborted already.
                self._connection = secure = self._tls_context.wrap_socket(
                    self._connection,
                    server_hostname=self._account.host,
                    do_handshake_on_connect=False,
                )
            secure.do_handshake()
        self._client = _Client(secure)

    def log_in(self) -> None:
        """Log in, and ask what the server can do: QQ's greeting leaves IDLE out.

        Raises LoginRefusedError as well.
        """
        client = self._client
        try:
            client.login(self._account.username, self._account.password)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as err:
            if client.state == "AUTH":
                # Not that, but what imaplib has asked for next.
                raise
            said = self._shown(err)
            if said.lower().startswith(_BUSY):
                raise MailboxError(Cause.TEMPORARY, said) from None
            raise LoginRefusedError(Cause.LOGIN_REFUSED, said) from None
        _, answer = client.capability()
        offered = b" ".join(filter(None, answer)).decode("ascii").upper().split()
        client.capabilities = tuple(offered)
        self.idles = "IDLE" in offered

    def examine(self) -> Cursor:
        """Look at INBOX without the right to change it; return where its mails end.

        Each time it is up to date.
        """
        self._ended(*self._client.select(f'"{FOLDER}"', readonly=True))
        return Cursor(
            self._account.username,
            self._number("UIDVALIDITY"),
            self._number("UIDNEXT"),
        )

    def fetch(
        self, first: int, last: int, items: str, keep: int = MAX_HEAD
    ) -> list[Fetched]:
        """Return what is asked for of the mails with these UIDs, in their order.

        Of each literal so many octets are kept.
        """
        self._client.keep = keep
        data = self._ended(*self._client.uid("FETCH", f"{first}:{last}", items))
        found = (one for one in _fetched(data) if first <= one.uid <= last)
        return sorted(found, key=lambda one: one.uid)

    def wait(self, seconds: float) -> bool:
        """Wait by IDLE for so long at most; tell whether new mail was spoken of."""
        self._client.left = MAX_ANSWER
        with self._client.idle(duration=seconds) as idler:
            return any(kind in ("EXISTS", "RECENT") for kind, _ in idler)

    def log_out(self) -> None:
        """Take leave, if the server still listens."""
        self._client.logout()

    def close(self) -> None:
        """Close the connection."""
        with self._closing:
            self._connection.close()

    def abort(self) -> None:
        """Have a command that blocks fail at once; from any thread."""
        with self._closing, suppress(OSError):
            # Not TLS's own, after which Python would write without it.
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)

    def _number(self, name: str) -> int:
        return int(self._client.response(name)[1][-1])

    def _ended(self, status: str, data: list[Any]) -> list[Any]:
        """Return what a command was answered, if it succeeded."""
        self._client.left = MAX_ANSWER
        if status != "OK":
            said = b" ".join(filter(None, data)).decode("utf-8", "replace")
            raise MailboxError(Cause.TEMPORARY, self._shown(said))
        return data

    def _shown(self, said: object) -> str:
        """Return what may be shown: a server may repeat what it does not take."""
        code = self._account.password
        return one_line(str(said).replace(code, "***"))[:_MAX_DETAIL]

    @contextmanager
    def understood(self) -> Iterator[None]:
        """Turn what imaplib and the connection raise into MailboxError.

        Nothing of imaplib is chained: its texts have what the server said.
        """
        try:
            yield
        except OSError as err:
            raise MailboxError(Cause.CONNECTION_LOST, str(err)) from err
        except imaplib.IMAP4.abort as err:
            raise MailboxError(Cause.CONNECTION_LOST, self._shown(err)) from None
        except (
            imaplib.IMAP4.error,
            AssertionError,
            LookupError,
            TypeError,
            ValueError,
        ) as err:
            # The rest is what imaplib makes of an answer that is none.
            busy = str(err).startswith("idle denied")
            cause = Cause.TEMPORARY if busy else Cause.BAD_REPLY
            raise MailboxError(cause, self._shown(err)) from None


@contextmanager
def understood() -> Iterator[None]:
    """Turn what connecting raises into MailboxError, with the causes of SMTP."""
    try:
        with translated(Step.CONNECT):
            yield
    except SessionError as err:
        raise MailboxError(err.cause, err.detail) from err


def _fetched(data: list[Any]) -> Iterator[Fetched]:
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
