"""Watches a mailbox for as long as its owner wants."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
import ssl
from typing import Final, Never, Protocol

from ..const import LOGGER
from ..smtp.models import Account
from ..smtp.replies import Cause
from .link import Link
from .models import Cursor, Head, MailboxError
from .reading import Incoming

IDLE_ROUND = 120.0
"""Seconds of an IDLE command: QQ was seen to drop connections after ten minutes, routers
in homes do so earlier, and for so long an answer waits if the server forgot to tell."""
CHECKS = (2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds of those after the server told of mail that cannot be seen yet."""
CALM = 1.0
"""Seconds before the first of them, lest a server that always tells is always asked."""
FIRST_POLL = 15.0
LAST_POLL = 60.0
LOOKS = 40
"""Polls after which the time between two of them doubles."""
FIRST_RETRY = 5.0
LAST_RETRY = 300.0
"""Seconds after a session that could not be had, or broke."""
RESTS = (900.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
"""Seconds after a refused login, as after one of SMTP's: asking prolongs QQ's refusal."""

_BATCH: Final = 20
"""Heads that are fetched at once."""
_WINDOW: Final = 100
_MAX_WINDOWS: Final = 20
"""UIDs, and how often so many, that are looked at where no cursor was kept."""
_SKEW: Final = timedelta(hours=1)
"""What the house's clock may differ from the server's."""
_MAX_ABSENT: Final = 3
"""Looks at UIDs that exist, and have no mail, until they are taken for a gap."""
_MAX_TRIES: Final = 2
"""Of a mail that may be what ends the connection each time."""
_MAX_BUSY: Final = 5
"""Answers that the server is busy, until another session is tried."""
_MAX_DOUBLED: Final = 10
_MAX_MISSED: Final = 2
"""Mails of which IDLE did not tell, until it is taken for silent."""


type ReadMail = Callable[[Head], Awaitable[Incoming | None]]
"""Reads all of a mail; None: it is gone, or cannot be read. Raises MailboxError."""


class Owner(Protocol):
    """Who wants a mailbox watched; called in the event loop."""

    def may_log_in(self) -> float:
        """Return 0 and count a login, or the seconds until one may be made."""

    def wanted_since(self) -> datetime:
        """Return when that went out which came since then may be about."""

    async def received(
        self, heads: Sequence[Head], read: ReadMail, cursor: Cursor
    ) -> None:
        """Take new mail, and keep how far it was read; `read` reads all of one.

        It is called again with the same heads if the connection breaks meanwhile. With
        no heads, only the cursor is new.
        """

    def problem(self, error: MailboxError | None) -> None:
        """Know why the mailbox cannot be read for a while, or that it can again."""


def poll_interval(looks: int) -> float:
    """Return the seconds until the next poll, after so many that found nothing."""
    return min(LAST_POLL, FIRST_POLL * 2.0 ** min(looks // LOOKS, _MAX_DOUBLED))


async def async_check(account: Account, tls_context: ssl.SSLContext) -> Cursor:
    """Log in, and return where reading begins: behind all mail that is there.

    The caller counts the login. Raises MailboxError.
    """
    async with Link.opened(account, tls_context) as link:
        await link.log_in()
        return await link.examine()


class Mailbox:
    """Reads an account's INBOX while `run` runs."""

    def __init__(
        self,
        account: Account,
        tls_context: ssl.SSLContext,
        owner: Owner,
        cursor: Cursor | None,
    ) -> None:
        """Prepare to go on at the cursor that the owner kept, if it did."""
        self._account = account
        self._tls_context = tls_context
        self._owner = owner
        self._cursor = cursor
        self._hurried = asyncio.Event()
        self._looks = 0
        self._absent = 0
        self._missed = 0
        self._told = False
        """Whether the server spoke of new mail when last waited for."""
        self._untold = False
        """Whether it was waited for as long as can be, and did not."""
        self._checks: list[float] = []
        """Seconds to wait in the next rounds, rather than what is usual."""
        self._reads = False
        """Whether the owner knows that it can be read."""
        self._failures = 0
        self._refusals = 0
        self._tries = Counter[int]()

    async def run(self) -> None:
        """Watch until cancelled, with a new session wherever one ends."""
        while True:
            rest = LAST_RETRY
            try:
                async with Link.opened(self._account, self._tls_context) as link:
                    if seconds := self._owner.may_log_in():
                        rest = seconds
                    else:
                        await link.log_in()
                        self._refusals = 0
                        await self._watch(link)
            except MailboxError as err:
                self._reads = False
                self._owner.problem(err)
                if not err.cause.of_login:
                    seconds = FIRST_RETRY * 2.0 ** min(self._failures, _MAX_DOUBLED)
                    self._failures += 1
                    await self._pause(min(LAST_RETRY, seconds))
                    continue
                rest = RESTS[min(self._refusals, len(RESTS) - 1)]
                self._refusals += 1
            except Exception:  # noqa: BLE001 - it is our fault, and no reason to end
                LOGGER.exception("Error while watching a mailbox")
            await asyncio.sleep(rest)

    def hurry(self) -> None:
        """Look now, and often from now on: a mail that can be answered went out."""
        self._looks = 0
        self._hurried.set()

    async def _watch(self, link: Link) -> Never:
        """Look and wait in turn. Raises MailboxError once the session is of no use."""
        busy = 0
        while True:
            try:
                await self._look_and_wait(link)
            except MailboxError as err:
                # A session costs a login, and QQ's servers are busy now and then.
                if err.cause is not Cause.TEMPORARY or busy == _MAX_BUSY:
                    raise
                busy += 1
                await self._pause(FIRST_POLL)
            else:
                busy = self._failures = 0

    async def _look_and_wait(self, link: Link) -> None:
        news = await self._look(link)
        if not self._reads:
            self._reads = True
            self._owner.problem(None)
        if news:
            self._looks = 0
            self._missed += self._untold
        if self._absent or (self._told and not news):
            self._checks = self._checks or list(CHECKS)
        elif news:
            # More may have come while that was read, and IDLE may not tell of it.
            self._checks = list(CHECKS[:1])
        whole = not self._checks
        if link.idles and self._missed < _MAX_MISSED:
            if self._told and not news:
                await asyncio.sleep(CALM)
            seconds = IDLE_ROUND if whole else self._checks.pop(0)
            self._told = self._untold = False
            self._told = await link.wait(seconds)
            self._untold = whole and not self._told
        else:
            seconds = poll_interval(self._looks) if whole else self._checks.pop(0)
            self._looks += 1
            await self._pause(seconds)

    async def _look(self, link: Link) -> bool:
        """Take what is new; tell whether anything was."""
        newest = await link.examine()
        if self._cursor is None or replace(self._cursor, uid=newest.uid) != newest:
            self._cursor = replace(newest, uid=await self._beginning(link, newest.uid))
        news = False
        while (first := self._cursor.uid) < newest.uid:
            end = min(first + _BATCH, newest.uid)
            heads = await link.heads(first, end - 1)
            if end == newest.uid:
                # A mail can have a UID before it can be fetched.
                if not heads and self._absent < _MAX_ABSENT:
                    self._absent += 1
                    break
                end = heads[-1].uid + 1 if heads else end
            self._absent = 0
            news = news or bool(heads)
            await self._deliver(link, heads, replace(self._cursor, uid=end))
        return news

    async def _deliver(self, link: Link, heads: list[Head], cursor: Cursor) -> None:
        async def read(head: Head) -> Incoming | None:
            if self._tries[head.uid] == _MAX_TRIES:
                return None
            self._tries[head.uid] += 1
            return await link.mail(head)

        try:
            await self._owner.received(heads, read, cursor)
        except MailboxError:
            raise
        except Exception:  # noqa: BLE001 - one mail is no reason to end
            LOGGER.exception("Error while taking new mail")
        self._cursor = cursor
        self._tries.clear()

    async def _beginning(self, link: Link, uid: int) -> int:
        """Return the first UID below another that came since anything is wanted."""
        since = self._owner.wanted_since() - _SKEW
        for _ in range(_MAX_WINDOWS):
            first = max(1, uid - _WINDOW)
            if first == uid:
                break
            dates = await link.dates(first, uid - 1)
            since_then = [one for one, at in dates.items() if not at or at >= since]
            if len(since_then) < len(dates):
                return min(since_then, default=uid)
            uid = first
        return uid

    async def _pause(self, seconds: float) -> None:
        """Wait for so long, or until the owner is in a hurry."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurried.wait()
        self._hurried.clear()
