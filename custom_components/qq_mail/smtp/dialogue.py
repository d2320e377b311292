"""Commands and replies over a connection that is logged in.

aiosmtplib sends one command at a time, and drops what comes besides its reply. Of
commands in one flight (RFC 2920) each reply matters, so this takes its place.
"""

import asyncio
import re
from typing import Final, override

from ..mime.address import one_line
from .errors import SessionError, translated
from .models import Reply, Step
from .replies import Cause, read_reply
from .transcript import Transcript

_MAX_REPLY: Final = 32 * 1024
"""Octets of a reply: no server is to fill the memory by one without end."""
_MAX_SHOWN: Final = 100
_LEAKED: Final = b"\0\0\0\x1a\0\0\0\n" + bytes(8)
"""QQ may send these after the reply to a final dot; they mean nothing."""
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)


class Dialogue(asyncio.Protocol):
    """Takes a transport over, and counts which replies are still to come."""

    def __init__(self, transport: asyncio.Transport, transcript: Transcript) -> None:
        self._transport = transport
        self._transcript = transcript
        self._received = bytearray()
        self.outstanding = 0
        """How many replies are still due."""
        self._paused = False
        self._lost: Exception | None = None
        self._news = asyncio.Event()
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether the connection still stands, as far as is known."""
        return self._lost is None and not self._transport.is_closing()

    @property
    def surplus(self) -> bool:
        """Whether the server has sent more than the replies that were due."""
        return not self.outstanding and bool(self._received)

    def write(self, said: str, octets: bytes, replies: int = 0) -> None:
        """Send octets, for which so many replies are due; `said`: for the transcript."""
        if not self.outstanding:
            # What came unasked is no reply to this.
            self._received.clear()
        self.outstanding += replies
        self._transcript.sent(said, len(octets))
        self._transport.write(octets)

    async def drain(self, timeout: float) -> None:
        """Wait until the server has read most of what was sent. Raises OSError."""
        async with asyncio.timeout(timeout):
            while self._paused or not self.is_open:
                await self._change()

    async def reply(self, step: Step, timeout: float) -> Reply:
        """Return the next reply, waiting for so many seconds. Raises SessionError.

        After an error, replies cannot be told apart any more.
        """
        try:
            with translated(step):
                async with asyncio.timeout(timeout):
                    while (reply := self._read(step)) is None:
                        await self._change()
        except SessionError as err:
            self._transcript.failed(err)
            raise
        self.outstanding -= 1
        self._transcript.received(reply)
        return reply

    @override
    def data_received(self, data: bytes) -> None:
        """Keep what comes while a reply is due."""
        if self.outstanding:
            self._received += data
            self._news.set()

    @override
    def eof_received(self) -> None:
        """Wake who waits for a reply; the transport closes by itself."""
        self.connection_lost(None)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Wake who waits for a reply, or for the server to read."""
        self._lost = self._lost or exc or ConnectionResetError("Connection lost")
        self._news.set()

    @override
    def pause_writing(self) -> None:
        """Have `drain` wait: the server reads more slowly than is sent."""
        self._paused = True

    @override
    def resume_writing(self) -> None:
        """Let `drain` go on."""
        self._paused = False
        self._news.set()

    async def _change(self) -> None:
        """Wait until octets come, or the transport's state changes. Raises OSError."""
        if not self.is_open:
            raise self._lost or ConnectionResetError("Connection lost")
        self._news.clear()
        await self._news.wait()

    def _read(self, step: Step) -> Reply | None:
        """Take the next reply from what was received, if all of it is there.

        Raises SessionError.
        """
        head = self._received[: len(_LEAKED)]
        if head == _LEAKED:
            del self._received[: len(_LEAKED)]
        elif head and _LEAKED.startswith(bytes(head)):
            return None
        code, texts, at = b"", list[bytes](), 0
        while (end := self._received.find(b"\n", at)) >= 0:
            line = bytes(self._received[at:end]).removesuffix(b"\r")
            match = _LINE.fullmatch(line)
            if not match or code not in (b"", match[1]):
                raise _bad_reply(line, step)
            code, at = match[1], end + 1
            texts.append((match[3] or b"").strip())
            if match[2] != b"-":
                del self._received[:at]
                text = b"\n".join(texts).decode("utf-8", "surrogateescape")
                return read_reply(int(code), text)
        if len(self._received) > _MAX_REPLY:
            raise _bad_reply(self._received, step)
        return None


def _bad_reply(octets: bytes | bytearray, step: Step) -> SessionError:
    text = octets[:_MAX_SHOWN].decode("utf-8", "replace")
    return SessionError(Cause.BAD_REPLY, step, detail=one_line(text))
