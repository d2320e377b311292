"""One connection to a submission server.

Written around QQ's habits: one AUTH mechanism for each connection, because the
second meets a closed socket; no NOOP or RSET after an accepted message, because
their replies may be damaged; and the reply to the final dot alone decides.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
import re
import ssl
from typing import Any, Self, cast

from .connecting import Client
from .dialogue import Dialogue
from .errors import MailError, SessionError
from .models import Account, Step, Submission, SubmissionResult
from .transaction import Transaction
from .transcript import Transcript

CLOSE_TIMEOUT = 0.5
"""Seconds to wait for the reply to QUIT, on which nothing depends."""

_SIZE_VALUE = re.compile(r"[0-9]{1,20}")


class SubmissionSession:
    """A session: connect, authenticate, submit once or often, close."""

    def __init__(
        self,
        account: Account,
        tls_context: ssl.SSLContext,
        told: Collection[str] = (),
    ) -> None:
        """Prepare; nothing is connected yet.

        `told`: what the server is told of messages, which the transcript leaves out.
        """
        self.account = account
        self.transcript = Transcript(account, told)
        self._client = Client(account, tls_context, self.transcript)
        self._dialogue: Dialogue | None = None
        """Speaks with the server after the login; until then aiosmtplib does."""
        self.fresh = True
        """Whether no message was begun over it yet."""

    async def __aenter__(self) -> Self:
        """Connect and authenticate. Raises SessionError."""
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect and authenticate. Raises SessionError."""
        try:
            await self._client.open()
            await self._client.log_in()
            transport = cast("asyncio.Transport", self._client.transport)
            self._dialogue = Dialogue(transport, self.transcript)
        except SessionError as err:
            if err.step is Step.CONNECT and err.reply:
                self.transcript.received(err.reply)
            self.transcript.failed(err)
            raise
        finally:
            if not self._dialogue:
                self.drop()

    @property
    def is_open(self) -> bool:
        """Whether another message can be submitted without connecting anew."""
        return bool(self._dialogue and self._dialogue.is_open)

    async def submit(
        self,
        submission: Submission,
        before_data: Callable[[], Coroutine[Any, Any, None]],
        *,
        before_text: Callable[[], None] | None = None,
    ) -> SubmissionResult:
        """Submit one message: one mail transaction (RFC 5321 section 3.3).

        `before_data` is started before anything is sent, and runs while the envelope is
        on its way; `before_text` is called when both have ended, right before the first
        octet of the text. What they raise is raised here: before the first wait nothing
        was sent, and the session stays open; later the connection is closed, so that
        nobody gets an empty mail. Where the message is refused before its text,
        `before_data` is cancelled.

        Raises MessageRefusedError, RecipientsRefusedError, OutcomeUnknownError,
        or SessionError where the connection broke before the final dot, each with the
        recipients that were refused by then; OSError where the message cannot be read.
        """
        transaction = Transaction(
            cast("Dialogue", self._dialogue),
            submission,
            timeout=self.account.timeout,
            pipelining=self._client.supports_extension("pipelining"),
            announces_size=self._client.supports_extension("size"),
        )
        # A message that cannot be read is not begun; most are this piece alone.
        await transaction.load()
        preparing = asyncio.create_task(before_data(), eager_start=True)
        if preparing.done():
            preparing.result()
        self.fresh = usable = False
        try:
            await transaction.open()
            await preparing
            if before_text:
                before_text()
            await transaction.send_text()
            reply = await transaction.end()
            usable = True
        except MailError as err:
            err.refused = transaction.refused
            usable = await transaction.leave(err)
            raise
        finally:
            if not usable:
                # A late reply must not be taken for that to the next command, nor the
                # beginning of a message for the whole.
                self.drop()
            preparing.cancel()
            await asyncio.gather(preparing, return_exceptions=True)
        recipients = submission.recipients
        accepted = tuple(to for to in recipients if to not in transaction.refused)
        return SubmissionResult(reply, accepted, transaction.refused)

    async def close(self) -> None:
        """Send QUIT and close. The reply is waited for only briefly."""
        try:
            if self._dialogue and self.is_open:
                self._dialogue.write("QUIT", b"QUIT\r\n", 1)
                with suppress(SessionError):
                    await self._dialogue.reply(Step.END_OF_DATA, CLOSE_TIMEOUT)
        finally:
            self.drop()

    def drop(self) -> None:
        """Close at once, without QUIT."""
        self._client.close()

    @property
    def max_size(self) -> int | None:
        """How many octets a message may have, if the server says so (RFC 1870)."""
        size = self._client.esmtp_extensions.get("size", "")
        # 0 means that there is a limit, but not which (RFC 1870 section 4).
        return int(size) or None if _SIZE_VALUE.fullmatch(size) else None
