"""Commands and replies over a connection that is logged in, counted.

aiosmtplib waits for the answer to one command at a time, and drops what comes besides.
Of a flight of commands (RFC 2920) each answer matters, so this takes its place.
"""

import asyncio
import re
from typing import Final, override

from ..mime.address import one_line
from .errors import SessionError
from .faults import read_reply, translated
from .models import Reply, Step
from .replies import Cause
from .transcript import Transcript

_MAX_REPLY: Final = 32 * 1024
"""Octets: no server is to fill the memory by an answer without end."""
_MAX_SHOWN: Final = 100
_LEAKED: Final = b"\0\0\0\x1a\0\0\0\n" + bytes(8)
"""QQ sends these at times after the answer to a final dot; they mean nothing."""
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)


class Dialogue(asyncio.Protocol):
    """Takes a transport over, and keeps commands and replies in step."""

    def __init__(self, transport: asyncio.Transport, transcript: Transcript) -> None:
        """Take over; what was said so far does not matter any more."""
        self._transport = transport
        self._transcript = transcript
        self._received = bytearray()
        self._outstanding = 0
        self._paused = False
        self._lost: Exception | None = None
        self._news: asyncio.Future[None] | None = None
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether the server can still be spoken to."""
        return self._lost is None and not self._transport.is_closing()

    @property
    def surplus(self) -> bool:
        """Whether the server said more than it was asked."""
        return not self._outstanding and bool(self._received)

    def write(self, said: str, octets: bytes, replies: int = 0) -> None:
        """Send what the transcript calls so, and expect so many replies more."""
        if not self._outstanding:
            # Nobody had asked for it.
            self._received.clear()
        self._outstanding += replies
        self._transcript.sent(said, len(octets))
        self._transport.write(octets)

    async def drain(self, timeout: float) -> None:
        """Wait until the server has read most of what was sent. Raises OSError."""
        async with asyncio.timeout(timeout):
            while self._paused or not self.is_open:
                await self._change()

    async def reply(self, step: Step, timeout: float) -> Reply:
        """Return the next reply. Raises SessionError, after which none can be told."""
        try:
            with translated(step):
                if (reply := self._read(step)) is None:
                    async with asyncio.timeout(timeout):
                        while (reply := self._read(step)) is None:
                            await self._change()
        except SessionError as err:
            self._transcript.failed(err)
            raise
        self._outstanding -= 1
        self._transcript.received(reply)
        return reply

    @override
    def data_received(self, data: bytes) -> None:
        """Keep what was asked for."""
        if self._outstanding:
            self._received += data
            self._tell()

    @override
    def eof_received(self) -> None:
        """Know that nothing more will come; the transport closes by itself."""
        self.connection_lost(None)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Know that nothing more will come."""
        self._lost = self._lost or exc or ConnectionResetError("Connection lost")
        self._tell()

    @override
    def pause_writing(self) -> None:
        """Know that the server reads more slowly than it is sent to."""
        self._paused = True

    @override
    def resume_writing(self) -> None:
        """Know that it has read most of it."""
        self._paused = False
        self._tell()

    async def _change(self) -> None:
        """Wait until something happens, if anything still can."""
        if not self.is_open:
            raise self._lost or ConnectionResetError("Connection lost")
        self._news = asyncio.get_running_loop().create_future()
        await self._news

    def _tell(self) -> None:
        if self._news and not self._news.done():
            self._news.set_result(None)

    def _read(self, step: Step) -> Reply | None:
        """Take a whole reply from what was received, if there is one."""
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
