"""A mailbox that is watched, and who wants that."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
import ssl

import pytest

from custom_components.qq_mail.inbox import mailbox as mailbox_module
from custom_components.qq_mail.inbox.mailbox import Mailbox, ReadMail
from custom_components.qq_mail.inbox.models import Cursor, Head, MailboxError
from custom_components.qq_mail.inbox.reading import Incoming
from custom_components.qq_mail.smtp.models import Account, Encryption
from tests.conftest import ADDRESS, CODE
from tests.qq_server import QQServer

WAIT = 60
"""Seconds for what takes none."""


class Recorder:
    """An owner that keeps what it is told, and waits for it."""

    def __init__(self) -> None:
        self.since = datetime.now(UTC) - timedelta(days=1)
        self.login_waits: list[float] = []
        """What is answered first when a login is asked for; then all are allowed."""
        self.logins = 0
        self.heads: list[Head] = []
        self.cursors: list[Cursor] = []
        self.problems: list[MailboxError | None] = []
        self.read: list[Incoming | None] = []
        self.reads = False
        """Whether texts are read."""
        self.fault: Exception | None = None
        self._changed = asyncio.Event()

    @property
    def texts(self) -> list[str | None]:
        """The texts of the mails that were read, if they could be."""
        return [mail.text if mail else None for mail in self.read]

    def may_log_in(self) -> float:
        """Allow a login, or say when."""
        self._changed.set()
        if self.login_waits:
            return self.login_waits.pop(0)
        self.logins += 1
        return 0

    def wanted_since(self) -> datetime:
        """Return what a test wants."""
        return self.since

    async def received(
        self, heads: Sequence[Head], read: ReadMail, cursor: Cursor
    ) -> None:
        """Keep what came, and its texts."""
        if self.fault:
            raise self.fault
        if self.reads:
            self.read += [await read(head) for head in heads]
        self.heads += heads
        self.cursors.append(cursor)
        self._changed.set()

    def problem(self, error: MailboxError | None) -> None:
        """Keep it."""
        self.problems.append(error)
        self._changed.set()

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait until something is so, looking whenever anything happened."""
        async with asyncio.timeout(WAIT):
            while not happened():
                self._changed.clear()
                await self._changed.wait()

    async def mails(self, number: int) -> list[int]:
        """Return the UIDs of the mails that came, once there are so many."""
        await self.until(lambda: len(self.heads) >= number)
        return [head.uid for head in self.heads]


type Watch = Callable[..., AbstractAsyncContextManager[Mailbox]]


@pytest.fixture
def imap_account(server: QQServer) -> Account:
    """Return the account on the server."""
    return Account(
        username=ADDRESS,
        password=CODE,
        host=server.host,
        port=server.imap.port,
        encryption=Encryption.TLS,
        timeout=30.0,
    )


@pytest.fixture
async def owner() -> Recorder:
    """Return an owner."""
    return Recorder()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for next to nothing where a house waits for minutes."""
    for name in ("CALM", "FIRST_POLL", "FIRST_RETRY", "LAST_RETRY"):
        monkeypatch.setattr(mailbox_module, name, 0.01)
    monkeypatch.setattr(mailbox_module, "RESTS", (0.01, 0.02))
    monkeypatch.setattr(mailbox_module, "CHECKS", (0.01, 0.01))


@pytest.fixture
def cursor(server: QQServer) -> Cursor:
    """Return where reading begins in a mailbox that was empty."""
    return Cursor(ADDRESS, server.imap.habits.uid_validity, 1)


@pytest.fixture
def watch(
    imap_account: Account,
    tls_context: ssl.SSLContext,
    owner: Recorder,
    cursor: Cursor,
) -> Watch:
    """Return what watches the account's mailbox for its owner."""

    @asynccontextmanager
    async def watch(
        account: Account = imap_account, cursor: Cursor | None = cursor
    ) -> AsyncGenerator[Mailbox]:
        mailbox = Mailbox(account, tls_context, owner, cursor)
        task = asyncio.create_task(mailbox.run())
        try:
            yield mailbox
        finally:
            task.cancel()
            async with asyncio.timeout(WAIT):
                await asyncio.wait([task])
        assert task.cancelled()

    return watch
