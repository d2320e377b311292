"""From a host's name to a client that is logged in, over TLS."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
import socket
import ssl
from typing import Any, Final, cast, override

from aiohappyeyeballs import AddrInfoType, start_connection
from aiosmtplib import SMTP, SMTPResponse
from aiosmtplib.typing import Default

from .errors import SessionError, translated
from .models import Account, Encryption, Step
from .replies import Cause, read_reply
from .transcript import Transcript

# QQ writes the name into a Received field that every recipient can read. An
# address literal is allowed for a client without a name (RFC 5321 section
# 4.1.4), and this one says nothing about the house.
EHLO_NAME: Final = "[127.0.0.1]"

PROBE_TIMEOUT = 3.0
"""Seconds to wait for a sign whether a port begins in plaintext or with TLS.

With TLS the client speaks first, in plaintext the server. After this time of silence a
handshake is tried on another connection.
"""

GREETING_TIMEOUT = 5.0
"""Seconds to wait for a greeting while the host has an address that was not tried."""

_NEXT_ADDRESS_AFTER: Final = 0.25
"""Seconds after which the next address is tried as well (RFC 8305 section 5)."""
_GREETING_BYTES: Final = 1024
_OF_THE_ADDRESS = (Cause.TIMED_OUT, Cause.CONNECTION_LOST)
"""After these, the host's next address is tried."""


class Client(SMTP):
    """aiosmtplib's client, which finds the server and keeps a transcript.

    It closes at once, because a graceful end of TLS may wait for a dead server.
    """

    def __init__(
        self, account: Account, tls_context: ssl.SSLContext, transcript: Transcript
    ) -> None:
        super().__init__(
            hostname=account.host,
            local_hostname=EHLO_NAME,
            timeout=account.timeout,
            use_tls=account.encryption is Encryption.TLS,
            start_tls=False,
            tls_context=tls_context,
        )
        self._account = account
        self._context = tls_context
        self._transcript = transcript

    async def open(self) -> None:
        """Connect over TLS, with the certificate checked. Raises SessionError."""
        with translated(Step.CONNECT):
            async with asyncio.timeout(self._account.timeout):
                await self._reach()
        if self._account.encryption is Encryption.STARTTLS:
            with translated(Step.EHLO):
                await self.ehlo()
            # QQ would take the login in plaintext as well; we would not.
            if not self.supports_extension("starttls"):
                raise SessionError(Cause.NO_STARTTLS, Step.STARTTLS)
            with translated(Step.STARTTLS):
                self._transcript.sent("STARTTLS", len(b"STARTTLS\r\n"))
                self._heard(await self.starttls())
        with translated(Step.EHLO):
            await self.ehlo()

    async def log_in(self) -> None:
        """Log in with one mechanism. Raises SessionError."""
        if not self.is_connected:
            # What a server offers is forgotten with its connection.
            raise SessionError(Cause.CONNECTION_LOST, Step.AUTH)
        if "login" in self.server_auth_methods:
            log_in = self.auth_login
        elif "plain" in self.server_auth_methods:
            log_in = self.auth_plain
        else:
            raise SessionError(Cause.NO_LOGIN, Step.AUTH)
        try:
            with translated(Step.AUTH):
                await log_in(self._account.username, self._account.password)
        except SessionError as err:
            # A server may repeat the login that it refuses, be it in no proper reply.
            err.detail = self._transcript.without_login(err.detail)
            if err.reply:
                text = self._transcript.without_login(err.reply.text)
                err.reply = replace(err.reply, text=text)
            raise

    @override
    async def execute_command(
        self, *args: bytes, timeout: Any = Default.token
    ) -> SMTPResponse:
        """Put commands and replies into the transcript; of a login, only its steps."""
        verb = args[0].decode()
        if verb == "AUTH":
            verb = f"AUTH {args[1].decode()}"
        elif verb != "EHLO":
            verb = "(login)"
        self._transcript.sent(verb, sum(map(len, args)) + len(args) + 1)
        answer = await super().execute_command(*args, timeout=timeout)
        self._heard(answer)
        return answer

    @override
    def close(self) -> None:
        if self.transport is not None:
            cast("asyncio.WriteTransport", self.transport).abort()
        super().close()

    async def _reach(self) -> None:
        """Connect to the first of the host's addresses that greets.

        Raises SessionError, or what the library, TLS and the system raise.
        """
        untried = await addresses_of(self._account)
        while True:
            address, connected = await connect(untried)
            try:
                with translated(Step.CONNECT):
                    async with asyncio.timeout(GREETING_TIMEOUT if untried else None):
                        self._heard(await self._greeting(address, connected))
                        return
            except SessionError as err:
                self.close()
                failed = err.cause is Cause.TLS_FAILED
                if failed and (said := await _said_without_tls(address)):
                    known = said.startswith(b"220")
                    cause = Cause.STARTTLS_PORT if known else Cause.NOT_SMTP
                    raise SessionError(cause, Step.CONNECT) from err
                if not untried or err.cause not in _OF_THE_ADDRESS:
                    raise
                self._transcript.failed(err)

    async def _greeting(
        self, address: AddrInfoType, connected: socket.socket
    ) -> SMTPResponse:
        """Return what the server says first.

        While a port that begins without TLS does not greet, another connection finds out
        whether it waits for TLS. Raises SessionError, or what the library, TLS and the
        system raise.
        """
        # Eager, so that the socket has an owner whatever happens from here on.
        greeting = asyncio.create_task(self.connect(sock=connected), eager_start=True)
        try:
            if self._account.encryption is Encryption.STARTTLS:
                await asyncio.wait([greeting], timeout=PROBE_TIMEOUT)
                doubtful = not greeting.done() or greeting.exception() is not None
                if doubtful and await self._begins_with_tls(address):
                    raise SessionError(Cause.TLS_PORT, Step.CONNECT)
            return await greeting
        finally:
            greeting.cancel()
            await asyncio.gather(greeting, return_exceptions=True)

    async def _begins_with_tls(self, address: AddrInfoType) -> bool:
        """Tell whether an address expects a TLS handshake at once."""
        host = self._account.host
        try:
            async with _beside(address, ssl=self._context, server_hostname=host):
                return True
        except ssl.SSLCertVerificationError:
            # Not one to be trusted, but a certificate all the same.
            return True
        except OSError:
            return False

    def _heard(self, answer: SMTPResponse) -> None:
        self._transcript.received(read_reply(answer.code, answer.message))


async def addresses_of(account: Account) -> list[AddrInfoType]:
    """Return the addresses of an account's server. Raises OSError."""
    loop = asyncio.get_running_loop()
    kind = socket.SOCK_STREAM
    return list(await loop.getaddrinfo(account.host, account.port, type=kind))


async def connect(addresses: list[AddrInfoType]) -> tuple[AddrInfoType, socket.socket]:
    """Return the address that took a connection first, and its socket.

    Leaves in the list only those that were not tried. Raises OSError.
    """
    address_of: dict[socket.socket, AddrInfoType] = {}

    def make_socket(address: AddrInfoType) -> socket.socket:
        made = socket.socket(*address[:3])
        address_of[made] = address
        addresses.remove(address)
        return made

    connected = await start_connection(
        tuple(addresses),
        happy_eyeballs_delay=_NEXT_ADDRESS_AFTER,
        socket_factory=make_socket,
    )
    return address_of[connected], connected


@asynccontextmanager
async def _beside(
    address: AddrInfoType, **tls: Any
) -> AsyncGenerator[asyncio.StreamReader]:
    """Open one more connection, to find out what an address expects. Raises OSError."""
    async with asyncio.timeout(PROBE_TIMEOUT):
        _, connected = await connect([address])
        reader, writer = await asyncio.open_connection(sock=connected, **tls)
        try:
            yield reader
        finally:
            writer.transport.abort()


async def _said_without_tls(address: AddrInfoType) -> bytes:
    """Return what an address says first without TLS, if it says anything."""
    with suppress(OSError):
        async with _beside(address) as reader:
            return await reader.read(_GREETING_BYTES)
    return b""
