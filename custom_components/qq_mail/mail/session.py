"""One connection to a submission server.

Written around QQ's habits: one AUTH mechanism for each connection, because the
second meets a closed socket; no NOOP or RSET after an accepted message, because
their replies may be damaged; and the answer to the final dot alone decides.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from io import SEEK_CUR, BytesIO
from pathlib import Path
import re
import ssl
from types import TracebackType
from typing import Self, cast, override

from aiosmtplib import (
    SMTP,
    SMTPConnectTimeoutError,
    SMTPException,
    SMTPResponseException,
)

from .diagnosis import Cause, diagnose
from .errors import (
    AuthenticationError,
    MailError,
    MessageRefusedError,
    OutcomeUnknownError,
    RecipientsRefusedError,
    SessionError,
)
from .faults import read_reply, translated
from .models import Account, Encryption, Reply, Step, Submission, SubmissionResult

# QQ writes the name into a Received field that every recipient can read. An
# address literal is allowed for a client without a name (RFC 5321 section
# 4.1.4), and this one says nothing about the house.
EHLO_NAME = "[127.0.0.1]"

CHUNK_BYTES = 128 * 1024
"""Octets of a message that are read and handed to the transport at a time."""

PROBE_TIMEOUT = 3.0
"""Seconds that a port has to show whether it begins in plaintext or with TLS.

Where both sides wait for the other to speak first, it is also the time after
which we ask.
"""

END_OF_DATA_TIMEOUT = 600.0
"""Seconds for the answer to the final dot (RFC 5321 section 4.5.3.2.6).

A server may be scanning the message. Who leaves before the answer gets copies sent.
"""

CLOSE_TIMEOUT = 0.5
"""Seconds for QUIT: nothing depends on its answer."""

_START_INPUT = 354
_SIZE_VALUE = re.compile(r"[0-9]{1,20}")
# The server says these to RCPT as well, but not of the recipient.
_OF_THE_ACCOUNT = (Cause.RATE_LIMIT, Cause.SENDER_MISMATCH)


class _Client(SMTP):
    """Closes at once: a graceful TLS shutdown may wait for a dead peer."""

    @override
    def close(self) -> None:
        if self.transport is not None:
            cast("asyncio.WriteTransport", self.transport).abort()
        super().close()


class SubmissionSession:
    """A session: connect, authenticate, submit once or often, close."""

    def __init__(self, account: Account, tls_context: ssl.SSLContext) -> None:
        """Prepare; nothing is connected yet."""
        self._account = account
        self._tls_context = tls_context
        self._client = _Client(
            hostname=account.host,
            port=account.port,
            local_hostname=EHLO_NAME,
            timeout=account.timeout,
            use_tls=account.encryption is Encryption.TLS,
            start_tls=False,
            tls_context=tls_context,
        )
        # One for the whole session: its finalizer would close the transport.
        self._writer: asyncio.StreamWriter | None = None
        self.fresh = True
        """Whether no MAIL was sent over it yet."""

    async def __aenter__(self) -> Self:
        """Connect and authenticate. Raises SessionError."""
        await self.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close, whatever happened."""
        await self.close()

    async def open(self) -> None:
        """Connect and authenticate. Raises SessionError."""
        try:
            await self.connect()
            await self.authenticate()
        except BaseException:
            self.drop()
            raise

    async def connect(self) -> None:
        """Connect over TLS, with the certificate checked. Raises SessionError."""
        if self._account.encryption is Encryption.TLS:
            await self._connect_with_tls()
        else:
            await self._connect_and_upgrade()
        with translated(Step.EHLO):
            await self._client.ehlo()
        self._writer = asyncio.StreamWriter(
            cast("asyncio.WriteTransport", self._client.transport),
            cast("asyncio.Protocol", self._client.protocol),
            None,
            asyncio.get_running_loop(),
        )

    async def authenticate(self) -> None:
        """Log in with one mechanism. Raises SessionError."""
        # Of a server that is gone, nothing is known of what it offers.
        self._require_connection(Step.AUTH)
        offered = self._client.server_auth_methods
        if "login" in offered:
            log_in = self._client.auth_login
        elif "plain" in offered:
            log_in = self._client.auth_plain
        else:
            raise AuthenticationError(Cause.NO_LOGIN, Step.AUTH)
        with translated(Step.AUTH):
            await log_in(self._account.username, self._account.password)

    @property
    def is_open(self) -> bool:
        """Whether the next message can be tried without connecting anew."""
        return self._client.is_connected

    async def submit(
        self,
        submission: Submission,
        before_data: Callable[[], Awaitable[None]] | None = None,
    ) -> SubmissionResult:
        """Hand over one message: one mail transaction (RFC 5321 section 3.3).

        Awaits `before_data` as late as it is certain that the server has nothing yet.

        Raises MessageRefusedError, RecipientsRefusedError, OutcomeUnknownError,
        or SessionError where the connection broke before the final dot, each with the
        recipients that were refused by then; OSError where the message cannot be read.
        """
        # An empty piece would be taken for the end.
        pieces = filter(None, _pieces(submission))
        # Before the server hears of it; a short message is this piece alone.
        first = await _next(pieces)
        refused: dict[str, Reply] = {}
        try:
            await self._begin(submission, refused, before_data)
            await self._stream(first, pieces)
            reply = await self._end_data()
        except MailError as err:
            err.refused = refused
            await self._leave_transaction(err)
            raise
        except BaseException:
            # A late answer must not be taken for that to the next command, nor the
            # beginning of a message for the whole.
            self.drop()
            raise
        recipients = submission.envelope.recipients
        accepted = tuple(to for to in recipients if to not in refused)
        return SubmissionResult(reply, accepted, refused)

    async def close(self) -> None:
        """Take leave. The answer is not waited for long, nor does it count."""
        try:
            with suppress(SMTPException, OSError):
                await self._client.quit(timeout=CLOSE_TIMEOUT)
        finally:
            self.drop()

    def drop(self) -> None:
        """Close at once, without a word."""
        self._client.close()

    def _require_connection(self, step: Step) -> None:
        """Raise SessionError where the server has left without being asked."""
        if not self.is_open:
            raise SessionError(Cause.CONNECTION_LOST, step)

    async def _connect_with_tls(self) -> None:
        try:
            with translated(Step.CONNECT):
                await self._client.connect()
        except SessionError as err:
            if err.cause is Cause.TLS_FAILED and (
                greeting := await self._plaintext_greeting()
            ):
                raise SessionError(
                    Cause.STARTTLS_PORT
                    if greeting.startswith(b"220")
                    else Cause.NOT_SMTP,
                    Step.CONNECT,
                ) from err
            raise

    async def _connect_and_upgrade(self) -> None:
        try:
            await self._client.connect(
                timeout=min(PROBE_TIMEOUT, self._account.timeout)
            )
        except (SMTPException, UnicodeError) as err:
            if await self._begins_with_tls():
                raise SessionError(Cause.TLS_PORT, Step.CONNECT) from err
            with translated(Step.CONNECT):
                if not isinstance(err, SMTPConnectTimeoutError):
                    raise
                # Silent, but not waiting for TLS: slow, then.
                await self._client.connect()
        with translated(Step.EHLO):
            await self._client.ehlo()
        # QQ would take the login in plaintext as well; we would not.
        if not self._client.supports_extension("starttls"):
            raise SessionError(Cause.NO_STARTTLS, Step.STARTTLS)
        with translated(Step.STARTTLS):
            await self._client.starttls()

    async def _plaintext_greeting(self) -> bytes:
        """Return what a port says first without TLS, if it says anything."""
        with suppress(OSError):
            async with asyncio.timeout(PROBE_TIMEOUT):
                reader, writer = await asyncio.open_connection(
                    self._account.host, self._account.port
                )
                try:
                    return await reader.read(CHUNK_BYTES)
                finally:
                    writer.transport.abort()
        return b""

    async def _begins_with_tls(self) -> bool:
        """Tell whether the port expects a TLS handshake at once."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                _, writer = await asyncio.open_connection(
                    self._account.host, self._account.port, ssl=self._tls_context
                )
        except ssl.SSLCertVerificationError:
            # Not one to be trusted, but a certificate all the same.
            return True
        except OSError, UnicodeError:
            return False
        writer.transport.abort()
        return True

    @property
    def max_size(self) -> int | None:
        """The octets that a message may have, if the server says so (RFC 1870)."""
        size = self._client.esmtp_extensions.get("size", "")
        # 0: it has a limit, but does not know it beforehand.
        return int(size) or None if _SIZE_VALUE.fullmatch(size) else None

    async def _begin(
        self,
        submission: Submission,
        refused: dict[str, Reply],
        before_data: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """Send MAIL, RCPT for each recipient, and DATA; note down who is refused."""
        envelope = submission.envelope
        # So that too much is refused before it is sent.
        options = (
            [f"SIZE={submission.size}"]
            if self._client.supports_extension("size")
            else []
        )
        self.fresh = False
        with translated(Step.MAIL):
            await self._client.mail(envelope.reverse_path, options=options)
        for recipient in envelope.recipients:
            try:
                with translated(Step.RCPT):
                    await self._client.rcpt(recipient)
            except MessageRefusedError as err:
                if err.speaks_of_session or err.cause in _OF_THE_ACCOUNT:
                    raise
                refused[recipient] = err.reply
        if len(refused) == len(envelope.recipients):
            reply = next(iter(refused.values()))
            raise RecipientsRefusedError(
                diagnose(reply, Step.RCPT), Step.RCPT, reply, refused
            )
        if before_data:
            await before_data()
        with translated(Step.DATA):
            answer = await self._client.execute_command(b"DATA")
            if answer.code != _START_INPUT:
                raise SMTPResponseException(answer.code, answer.message)

    async def _leave_transaction(self, err: MailError) -> None:
        """See to it that the next MAIL does not meet a begun transaction."""
        if err.speaks_of_session or not isinstance(err, MessageRefusedError):
            self.drop()
        elif err.step in (Step.RCPT, Step.DATA):
            try:
                await self._client.rset()
            except SMTPException:
                self.drop()
            except BaseException:
                self.drop()
                raise

    async def _stream(self, piece: bytes, pieces: Iterator[bytes]) -> None:
        """Send the body in wire form, no faster than the server reads it."""
        writer = cast("asyncio.StreamWriter", self._writer)
        while piece:
            with translated(Step.BODY):
                for start in range(0, len(piece), CHUNK_BYTES):
                    writer.write(piece[start : start + CHUNK_BYTES])
                    async with asyncio.timeout(self._account.timeout):
                        await writer.drain()
            piece = await _next(pieces)
        with translated(Step.BODY):
            # A connection that ended in good order fails only the next drain.
            await writer.drain()
        # Or not even that, if it ended just now.
        self._require_connection(Step.BODY)

    async def _end_data(self) -> Reply:
        """Send the final dot; from here on the message may have been taken."""
        try:
            answer = await self._client.execute_command(
                b".", timeout=END_OF_DATA_TIMEOUT
            )
        except (SMTPException, OSError) as err:
            raise OutcomeUnknownError(
                Cause.OUTCOME_UNKNOWN, Step.END_OF_DATA, detail=str(err)
            ) from err
        reply = read_reply(answer.code, answer.message)
        if not reply.positive:
            raise MessageRefusedError(
                diagnose(reply, Step.END_OF_DATA), Step.END_OF_DATA, reply
            )
        return reply


def _pieces(submission: Submission) -> Iterator[bytes]:
    """Read a message piece by piece, with what is put into it."""
    opened = (
        submission.content.open("rb")
        if isinstance(submission.content, Path)
        else BytesIO(submission.content)
    )
    with opened as stream:
        for insertion in submission.insertions:
            yield stream.read(insertion.at - stream.tell())
            yield insertion.octets
            stream.seek(insertion.replaced, SEEK_CUR)
        while piece := stream.read(CHUNK_BYTES):
            yield piece


async def _next(pieces: Iterator[bytes]) -> bytes:
    """Have the next piece read off the event loop; nothing is the end."""
    return await asyncio.to_thread(next, pieces, b"")
