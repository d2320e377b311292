"""One message's way over a session: MAIL, RCPT, DATA, the text, the final dot.

Where the server offers it, MAIL, all RCPT and DATA go in one flight: at once, without
waiting for the reply to each (RFC 2920). No command goes behind the final dot, because
some servers swallow it. The reply to the final dot alone decides whether a message was
accepted.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from .dialogue import Dialogue
from .errors import (
    MailError,
    MessageRefusedError,
    OutcomeUnknownError,
    RecipientsRefusedError,
    SessionError,
    translated,
)
from .models import Reply, Step, Submission
from .replies import Cause, diagnose

CHUNK_BYTES = 128 * 1024
"""Octets of a message that are read, and handed to the transport, at a time."""

END_OF_DATA_TIMEOUT = 600.0
"""Seconds to wait for the reply to the final dot (RFC 5321 section 4.5.3.2.6).

A server may scan the message first. A client that gives up earlier may send it twice.
"""

_DATA = b"DATA\r\n"
_START_INPUT = 354
_NOT_RECOGNIZED = 500


class Transaction:
    """A mail transaction (RFC 5321 section 3.3)."""

    def __init__(
        self,
        dialogue: Dialogue,
        submission: Submission,
        *,
        timeout: float,
        pipelining: bool,
        announces_size: bool,
    ) -> None:
        """Prepare the commands; nothing is sent yet.

        Raises ValueError where an address could be taken for a command.
        """
        self.refused: dict[str, Reply] = {}
        """The reply to each recipient that was refused so far."""
        self._dialogue = dialogue
        self._timeout = timeout
        self._pipelining = pipelining
        # A message that is too large is refused before it is sent.
        size = f" SIZE={submission.size}" if announces_size else ""
        self._mail = _command(f"MAIL FROM:<{submission.reverse_path}>{size}")
        self._rcpt = {to: _command(f"RCPT TO:<{to}>") for to in submission.recipients}
        self._begun = False
        """Whether MAIL was accepted, and nothing has ended the transaction."""
        self._awaits_text = False
        """Whether the server takes what comes as the text, until a final dot."""
        self._pieces = _pieces(submission)
        self._piece = b""

    async def load(self) -> None:
        """Read the next piece of the text in a thread. Raises OSError."""
        self._piece = await asyncio.to_thread(next, self._pieces)

    async def open(self) -> None:
        """Send all commands, up to the reply that asks for the text. Raises MailError."""
        if self._pipelining:
            self._send(self._mail, *self._rcpt.values(), _DATA)
        await self._name_recipients()
        reply = await self._ask(_DATA, Step.DATA)
        if reply.code != _START_INPUT:
            raise _refusal(reply, Step.DATA)
        self._awaits_text = True

    async def send_text(self) -> None:
        """Send all but the last piece of the text, no faster than the server reads it.

        Raises SessionError, or OSError where the message cannot be read.
        """
        if self._dialogue.surplus:
            # Then no reply could be told from another.
            raise SessionError(Cause.BAD_REPLY, Step.DATA)
        while len(self._piece) >= CHUNK_BYTES:
            with translated(Step.BODY):
                self._dialogue.write("text", self._piece)
                await self._dialogue.drain(self._timeout)
            await self.load()
        if not self._dialogue.is_open:
            raise SessionError(Cause.CONNECTION_LOST, Step.BODY)

    async def end(self) -> Reply:
        """Send the last piece and the final dot, and return the server's reply.

        Raises MessageRefusedError, or OutcomeUnknownError where no reply came.
        """
        self._dialogue.write("text .", self._piece + b".\r\n", 1)
        try:
            reply = await self._dialogue.reply(Step.END_OF_DATA, END_OF_DATA_TIMEOUT)
        except SessionError as err:
            raise OutcomeUnknownError(
                Cause.OUTCOME_UNKNOWN, Step.END_OF_DATA, detail=err.detail
            ) from err
        self._begun = self._awaits_text = False
        if reply.positive:
            return reply
        if not (reply.transient or reply.permanent):
            raise OutcomeUnknownError(
                Cause.OUTCOME_UNKNOWN, Step.END_OF_DATA, detail=str(reply)
            )
        raise _refusal(reply, Step.END_OF_DATA)

    async def leave(self, err: MailError) -> bool:
        """Abandon the transaction; return whether the session can take another."""
        if (
            not isinstance(err, MessageRefusedError)
            or err.speaks_of_session
            or self._awaits_text
            or self._dialogue.outstanding
        ):
            return False
        if not self._begun:
            return True
        self._send(b"RSET\r\n")
        with suppress(SessionError):
            return (await self._dialogue.reply(Step.DATA, self._timeout)).positive
        return False

    async def _name_recipients(self) -> None:
        """Send MAIL, and RCPT for each recipient; keep who is refused.

        Raises MailError where nobody is left, or the refusal is no recipient's.
        """
        reply = await self._ask(self._mail, Step.MAIL)
        if not reply.positive:
            await self._refuse(_refusal(reply, Step.MAIL))
        self._begun = True
        for recipient, command in self._rcpt.items():
            reply = await self._ask(command, Step.RCPT)
            if not reply.positive:
                err = _refusal(reply, Step.RCPT)
                if err.speaks_of_session or err.cause.of_account:
                    await self._refuse(err)
                self.refused[recipient] = reply
        if len(self.refused) == len(self._rcpt):
            reply = next(iter(self.refused.values()))
            cause = diagnose(reply, Step.RCPT)
            await self._refuse(RecipientsRefusedError(cause, Step.RCPT, reply))

    async def _refuse(self, err: MailError) -> None:
        """Raise an error, once the replies that are still due were read."""
        # The error that is to be raised came first, and counts.
        with suppress(SessionError):
            while self._dialogue.outstanding and not err.speaks_of_session:
                reply = await self._dialogue.reply(Step.DATA, self._timeout)
                self._awaits_text = reply.code == _START_INPUT
            if self._awaits_text and isinstance(err, RecipientsRefusedError):
                # RFC 2920 section 3.1: nobody gets this, and the session goes on.
                self._dialogue.write(".", b".\r\n", 1)
                await self._dialogue.reply(Step.END_OF_DATA, self._timeout)
                self._begun = self._awaits_text = False
        raise err

    async def _ask(self, command: bytes, step: Step) -> Reply:
        """Return the reply to a command, which in a flight was sent already."""
        if not self._pipelining:
            self._send(command)
        return await self._dialogue.reply(step, self._timeout)

    def _send(self, *commands: bytes) -> None:
        said = " ".join(command.split()[0].decode() for command in commands)
        self._dialogue.write(said, b"".join(commands), len(commands))


def _command(line: str) -> bytes:
    if not line.isprintable():
        # A line end in it would make two commands of it.
        raise ValueError("An address with a control character")
    return line.encode("ascii") + b"\r\n"


def _refusal(reply: Reply, step: Step) -> MailError:
    """Return the error for a reply that does not let the transaction go on."""
    # Who does not know MAIL, RCPT or DATA has lost step, and has judged nothing.
    lost_step = reply.code == _NOT_RECOGNIZED and step is not Step.END_OF_DATA
    if (reply.transient or reply.permanent) and not lost_step:
        return MessageRefusedError(diagnose(reply, step), step, reply)
    return SessionError(Cause.BAD_REPLY, step, detail=str(reply))


def _pieces(submission: Submission) -> Iterator[bytes]:
    """Read a message with its insertions, in pieces of CHUNK_BYTES octets or more.

    The last one is shorter, and may be empty.
    """
    piece, at = b"", 0
    with submission.open() as stream:
        for insertion in submission.insertions:
            piece += stream.read(insertion.at - at) + insertion.octets
            at = insertion.at
        piece += stream.read(max(CHUNK_BYTES - len(piece), 0))
        while len(piece) >= CHUNK_BYTES:
            yield piece
            piece = stream.read(CHUNK_BYTES)
    # The file is not needed while the server takes its time.
    yield piece
