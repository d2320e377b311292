"""One IMAP session from the event loop: imaplib blocks, and has a thread of its own.

Written around QQ's habits: nothing but EXAMINE and PEEK, so that nothing is ever marked,
moved or deleted; UIDs in ascending ranges; headers and texts as they are, because
ENVELOPE, BODYSTRUCTURE and searches by text are wrong; and a connection that is left
after an untagged BAD, which is all that QQ answers to a command it does not know.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
import imaplib
import socket
import ssl
import threading
from typing import Any, Final, Self

from ..mime.address import one_line
from ..smtp.connecting import addresses_of, connect
from ..smtp.errors import SessionError, translated
from ..smtp.models import Account, Step
from ..smtp.replies import Cause
from .client import MAX_KEPT, MAX_MAIL, Client, Fetched, read_fetched
from .models import Cursor, Head, MailboxError
from .reading import Incoming, read_mail

FOLDER: Final = "INBOX"

_MAX_HEAD: Final = 64 * 1024
_MAX_DETAIL: Final = 300
_LONG: Final = 4
"""Times an account's timeout that a command may take which has much to answer."""
_LEAVING: Final = 0.5
"""Seconds for LOGOUT: nothing depends on its answer."""
_BUSY = "system busy"


class Link:
    """An open session; each command raises MailboxError, after which it is over.

    What is defined within a command is for the thread.
    """

    def __init__(
        self, account: Account, tls_context: ssl.SSLContext, made: socket.socket
    ) -> None:
        self._account = account
        self._tls_context = tls_context
        self._connection = made
        self._closing = threading.Lock()
        self._client: Client
        self._thread = ThreadPoolExecutor(1, "QQ Mail IMAP")
        self._works = False
        self.idles = False
        """Whether the server says that it tells of new mail (RFC 2177)."""

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, account: Account, tls_context: ssl.SSLContext
    ) -> AsyncGenerator[Self]:
        """Connect over TLS, with the certificate checked; the login is the next step.

        It is left whatever happens within.
        """
        link = cls(account, tls_context, await _connect(account))
        try:
            await link._call(link._greet)
            yield link
        finally:
            try:
                if link._works:
                    with suppress(MailboxError):
                        await link._call(link._client.logout, timeout=_LEAVING)
            finally:
                await link._end()

    async def log_in(self) -> None:
        """Log in, and ask what the server can do: QQ's greeting leaves IDLE out."""

        def log_in() -> None:
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
                busy = said.lower().startswith(_BUSY)
                # Of QQ's causes none is told from another.
                cause = Cause.TEMPORARY if busy else Cause.LOGIN_REFUSED
                raise MailboxError(cause, said) from None
            _, answer = client.capability()
            offered = b" ".join(filter(None, answer)).decode("ascii").upper().split()
            client.capabilities = tuple(offered)
            self.idles = "IDLE" in offered

        await self._call(log_in)

    async def examine(self) -> Cursor:
        """Look at INBOX without the right to change it; return where its mails end.

        Each time it is up to date.
        """

        def examine() -> Cursor:
            client = self._client
            self._ended(*client.select(f'"{FOLDER}"', readonly=True))
            validity, end = (
                int(client.response(name)[1][-1]) for name in ("UIDVALIDITY", "UIDNEXT")
            )
            return Cursor(self._account.username, validity, end)

        return await self._call(examine)

    async def dates(self, first: int, last: int) -> dict[int, datetime | None]:
        """Return when the mails with these UIDs came, where the server says it."""
        fetched = await self._call(
            self._fetch, first, last, "(UID INTERNALDATE)", timeout=self._long
        )
        return {one.uid: one.received_at for one in fetched}

    async def heads(self, first: int, last: int) -> list[Head]:
        """Return the heads of the mails with these UIDs, in their order."""

        def heads() -> list[Head]:
            items = "(UID RFC822.SIZE BODY.PEEK[HEADER])"
            return [
                Head(one.uid, one.size, read_mail(one.octets))
                for one in self._fetch(first, last, items)
                if one.octets
            ]

        return await self._call(heads, timeout=self._long)

    async def mail(self, head: Head) -> Incoming | None:
        """Read all of a mail; None if it is gone, or too large to be an answer."""
        if head.size > MAX_MAIL:
            return None

        def mail() -> Incoming | None:
            items = "(UID BODY.PEEK[])"
            fetched = self._fetch(head.uid, head.uid, items, MAX_KEPT)
            texts = [one.octets for one in fetched if one.octets]
            return read_mail(texts[-1]) if texts else None

        return await self._call(mail, timeout=self._long)

    async def wait(self, seconds: float) -> bool:
        """Wait by IDLE for so long at most; tell whether new mail was spoken of."""

        def wait() -> bool:
            with self._client.idle(duration=seconds) as idler:
                return any(kind in ("EXISTS", "RECENT") for kind, _ in idler)

        return await self._call(wait, timeout=seconds + self._account.timeout)

    @property
    def _long(self) -> float:
        return self._account.timeout * _LONG

    def _greet(self) -> None:
        """Begin TLS, check the certificate, and read the greeting; in the thread."""
        with _connecting():
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
        self._client = Client(secure)

    def _fetch(
        self, first: int, last: int, items: str, keep: int = _MAX_HEAD
    ) -> list[Fetched]:
        """Return what is asked for of the mails with these UIDs, in their order.

        Of each literal so many octets are kept. In the thread.
        """
        self._client.keep = keep
        data = self._ended(*self._client.uid("FETCH", f"{first}:{last}", items))
        found = (one for one in read_fetched(data) if first <= one.uid <= last)
        return sorted(found, key=lambda one: one.uid)

    def _ended(self, status: str, data: list[Any]) -> list[Any]:
        """Return what a command was answered, if it succeeded."""
        if status != "OK":
            said = b" ".join(filter(None, data)).decode("utf-8", "replace")
            raise MailboxError(Cause.TEMPORARY, self._shown(said))
        return data

    async def _call[*Arguments, T](
        self,
        function: Callable[[*Arguments], T],
        *arguments: *Arguments,
        timeout: float | None = None,
    ) -> T:
        """Have the thread do something; where it takes too long, the connection ends."""
        self._works = False
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._thread, function, *arguments)
        try:
            await asyncio.wait([work], timeout=timeout or self._account.timeout)
        finally:
            if not work.done():
                self._abort()
                # What it raises then says only that the connection was ended.
                work.cancel()
        if work.cancelled():
            raise MailboxError(Cause.TIMED_OUT)
        # Nothing of imaplib is chained: its texts have what the server said.
        try:
            result = work.result()
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
        self._works = True
        return result

    def _abort(self) -> None:
        """Have a command that blocks fail at once."""
        with self._closing, suppress(OSError):
            # Not TLS's own, after which Python would write without it.
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)

    async def _end(self) -> None:
        def close() -> None:
            with self._closing:
                self._connection.close()

        # Behind what was aborted, which takes no time any more.
        loop = asyncio.get_running_loop()
        closed = loop.run_in_executor(self._thread, close)
        try:
            await asyncio.wait([closed])
        finally:
            self._thread.shutdown()

    def _shown(self, said: object) -> str:
        """Return what may be shown: a server may repeat what it does not take."""
        code = self._account.password
        return one_line(str(said).replace(code, "***"))[:_MAX_DETAIL]


@contextmanager
def _connecting() -> Iterator[None]:
    """Turn what connecting raises into MailboxError, with the causes of SMTP."""
    try:
        with translated(Step.CONNECT):
            yield
    except SessionError as err:
        raise MailboxError(err.cause, err.detail) from err


async def _connect(account: Account) -> socket.socket:
    with _connecting():
        async with asyncio.timeout(account.timeout):
            _, made = await connect(await addresses_of(account))
            return made
