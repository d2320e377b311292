"""The mailboxes of the accounts, and how QQ's IMAP server shows them."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .accepted import AcceptedMessage
from .imap_connection import ImapConnection

if TYPE_CHECKING:
    from .server import QQServer

INBOX = "INBOX"
SENT = "Sent Messages"
FOLDERS = (INBOX, SENT, "Drafts", "Deleted Messages", "Junk")


@dataclass
class Filed:
    """A mail in a folder."""

    uid: int
    content: bytes
    received_at: datetime
    flags: set[str] = field(default_factory=set)
    shown: bool = True
    """Whether clients can see it yet."""


@dataclass
class Habits:
    """What the server does beside the RFC; a test switches each of them."""

    exmail: bool = False
    """Whether it is Tencent Exmail's, whose list of capabilities is shorter."""
    service_open: bool = True
    """Whether the account's owner, or an administrator, has switched IMAP on."""
    answers: bool = True
    """Whether connections are not ended before the greeting."""
    max_logins: int | None = None
    """Logins that are taken; later ones are refused."""
    offers_idle: bool = True
    pushes: bool = True
    """Whether IDLE tells of new mail, rather than being silent as a dead line is."""
    tells_at_once: bool = True
    """Whether IDLE begins with what came since the last command."""
    shows_news: bool = True
    """Whether new mail is seen at once, rather than after `Imap.show`."""
    search_lags: bool = False
    """Whether SEARCH does not know the latest mail yet."""
    exists_off_by: int = 0
    uid_step: int = 1
    uid_validity: int = 1317284129
    """The same number for all folders."""
    missing: frozenset[int] = frozenset()
    """UIDs for which FETCH says that there is no mail."""
    fetches_size: bool = True
    """Whether FETCH answers RFC822.SIZE and INTERNALDATE."""
    empty_header_fields: bool = True
    """Whether HEADER.FIELDS is answered by nothing."""
    malformed_structure: bool = True
    """Whether ENVELOPE and BODYSTRUCTURE lack most of what they have to hold."""
    breaks_literal_at: int | None = None
    """Octets of the next literal after which the connection ends, once."""
    files_sent: bool = False
    """Whether what was sent by SMTP is filed in Sent Messages: a user's checkbox."""


class Imap:
    """The IMAP server of a QQServer: its port, mailboxes and what it was asked."""

    def __init__(self, server: QQServer) -> None:
        """Belong to a server, in whose loop it runs."""
        self.server = server
        self.port = 0
        self.open: set[ImapConnection] = set()
        self.forget()

    def forget(self) -> None:
        """Begin with empty mailboxes and the usual habits."""
        self.habits = Habits()
        self.commands: list[str] = []
        self.logins = 0
        """Login attempts, with refused ones."""
        self.folders: dict[tuple[str, str], list[Filed]] = {
            (account, name): [] for account in self.server.accounts for name in FOLDERS
        }

    def put(
        self,
        account: str,
        content: bytes,
        *,
        folder: str = INBOX,
        received_at: datetime | None = None,
    ) -> int:
        """Put a mail into a folder from any thread, and return its UID."""

        async def put() -> int:
            return self._file(account, content, folder, received_at)

        return self.server.in_thread(put())

    def show(self) -> None:
        """Let clients see all mail that was held back, from any thread."""

        async def show() -> None:
            for mails in self.folders.values():
                for mail in mails:
                    mail.shown = True
            self._push(self.folders)

        self.server.in_thread(show())

    def tell(self) -> None:
        """Tell all who idle that there is new mail, whether they can see it or not."""

        async def tell() -> None:
            self._push(self.folders)

        self.server.in_thread(tell())

    def drop(self) -> None:
        """End every IMAP connection, as a restart of the server does."""
        self.server.in_thread(self.hang_up())

    def corrupt(self) -> None:
        """Write what is no TLS into every connection, as a broken router does."""

        async def corrupt() -> None:
            for connection in self.open:
                connection.corrupt()

        self.server.in_thread(corrupt())

    def flags(self, account: str, folder: str = INBOX) -> list[set[str]]:
        """Return the flags of each mail."""
        return [mail.flags for mail in self.folders[account, folder]]

    def deliver(self, message: AcceptedMessage) -> None:
        """File a mail that came by SMTP, in the mailboxes of those who are here."""
        content = message.content_within_qq
        for recipient in message.recipients:
            if (recipient.lower(), INBOX) in self.folders:
                self._file(recipient.lower(), content, INBOX)
        if self.habits.files_sent:
            self._file(message.account, content, SENT)

    def uid_next(self, account: str, folder: str) -> int:
        """Return the UID that the next mail would get, as far as clients can see."""
        shown = [mail.uid for mail in self.folders[account, folder] if mail.shown]
        return max(shown, default=0) + self.habits.uid_step

    async def listen(self) -> asyncio.Server:
        """Listen; on the same port again after a stop."""
        listening = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = listening.sockets[0].getsockname()[1]
        return listening

    async def hang_up(self) -> None:
        """End every connection."""
        for connection in list(self.open):
            connection.hang_up()
        while self.open:
            await asyncio.sleep(0)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await ImapConnection(self, reader, writer).run()

    def _file(
        self,
        account: str,
        content: bytes,
        folder: str,
        received_at: datetime | None = None,
    ) -> int:
        mails = self.folders[account, folder]
        uid = max((mail.uid for mail in mails), default=0) + self.habits.uid_step
        at = received_at or datetime.now(UTC)
        mails.append(Filed(uid, content, at, shown=self.habits.shows_news))
        if self.habits.shows_news:
            self._push([(account, folder)])
        return uid

    def _push(self, changed: Collection[tuple[str, str]]) -> None:
        if self.habits.pushes:
            for connection in self.open:
                if (connection.account, connection.folder) in changed:
                    connection.push()
