"""A session in a thread of its own, from the event loop: each command has a deadline."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import datetime
import socket
import ssl
from typing import Final, Self

from aiohappyeyeballs import start_connection

from ..smtp.replies import Cause
from .client import MAX_KEPT, MAX_MAIL, ImapSession, understood
from .models import Cursor, Head, ImapAccount, MailboxError
from .reading import Incoming, read_mail

_LONG: Final = 4
"""Times an account's timeout that a command may take which has much to answer."""
_NEXT_ADDRESS: Final = 0.25
"""Seconds until a host's next address is tried as well (RFC 8305 section 5)."""
_LEAVING: Final = 0.5
"""Seconds for LOGOUT: nothing depends on its answer."""


class Link:
    """An open session; each command raises MailboxError, after which it is over."""

    def __init__(self, account: ImapAccount, tls_context: ssl.SSLContext) -> None:
        """Prepare; nothing is connected yet."""
        self._account = account
        self._session = ImapSession(account, tls_context)
        self._thread = ThreadPoolExecutor(1, "QQ Mail IMAP")
        self._works = False

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, account: ImapAccount, tls_context: ssl.SSLContext
    ) -> AsyncGenerator[Self]:
        """Connect over TLS, with the certificate checked; the login is the next step.

        It is left whatever happens within.
        """
        link = cls(account, tls_context)
        link._session.take(await link._connect())
        try:
            await link._call(link._session.connect)
            yield link
        finally:
            try:
                if link._works:
                    with suppress(MailboxError):
                        await link._call(link._session.log_out, timeout=_LEAVING)
            finally:
                await link._end()

    @property
    def idles(self) -> bool:
        """Whether the server says that it tells of new mail."""
        return self._session.idles

    async def log_in(self) -> None:
        """Log in. Raises LoginRefusedError as well."""
        await self._call(self._session.log_in)

    async def examine(self) -> Cursor:
        """Look at INBOX as it is now; return where its mails end."""
        return await self._call(self._session.examine)

    async def dates(self, first: int, last: int) -> dict[int, datetime | None]:
        """Return when the mails with these UIDs came, where the server says it."""
        fetched = await self._call(
            self._session.fetch, first, last, "(UID INTERNALDATE)", timeout=self._long
        )
        return {one.uid: one.received_at for one in fetched}

    async def heads(self, first: int, last: int) -> list[Head]:
        """Return the heads of the mails with these UIDs, in their order."""

        def heads() -> list[Head]:
            items = "(UID RFC822.SIZE BODY.PEEK[HEADER])"
            return [
                Head(one.uid, one.size, read_mail(one.octets))
                for one in self._session.fetch(first, last, items)
                if one.octets
            ]

        return await self._call(heads, timeout=self._long)

    async def mail(self, head: Head) -> Incoming | None:
        """Read all of a mail; None if it is gone, or too large to be an answer."""
        if head.size > MAX_MAIL:
            return None

        def mail() -> Incoming | None:
            items = "(UID BODY.PEEK[])"
            fetched = self._session.fetch(head.uid, head.uid, items, MAX_KEPT)
            texts = [one.octets for one in fetched if one.octets]
            return read_mail(texts[-1]) if texts else None

        return await self._call(mail, timeout=self._long)

    async def wait(self, seconds: float) -> bool:
        """Wait by IDLE for so long at most; tell whether new mail was spoken of."""
        return await self._call(
            self._session.wait, seconds, timeout=seconds + self._account.timeout
        )

    @property
    def _long(self) -> float:
        return self._account.timeout * _LONG

    async def _connect(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        with understood():
            async with asyncio.timeout(self._account.timeout):
                addresses = await loop.getaddrinfo(
                    self._account.host, self._account.port, type=socket.SOCK_STREAM
                )
                return await start_connection(
                    addresses, happy_eyeballs_delay=_NEXT_ADDRESS, loop=loop
                )

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
                self._session.abort()
                # What it raises then says only that the connection was ended.
                work.cancel()
        if work.cancelled():
            raise MailboxError(Cause.TIMED_OUT)
        with self._session.understood():
            result = work.result()
        self._works = True
        return result

    async def _end(self) -> None:
        # Behind what was aborted, which takes no time any more.
        loop = asyncio.get_running_loop()
        closed = loop.run_in_executor(self._thread, self._session.close)
        try:
            await asyncio.wait([closed])
        finally:
            self._thread.shutdown(wait=closed.done())
