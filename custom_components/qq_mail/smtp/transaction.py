"""One message's way over a session: MAIL, RCPT, DATA, the text, the final dot.

Where the server takes it, MAIL, all RCPT and DATA go in one flight (RFC 2920), and
with the final dot that of the next message. Whether a message was accepted is decided
by the answer to its own final dot alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from io import SEEK_CUR, BytesIO
from pathlib import Path

from .dialogue import Dialogue
from .errors import (
    MailError,
    MessageRefusedError,
    OutcomeUnknownError,
    RecipientsRefusedError,
    SessionError,
)
from .faults import translated
from .models import Reply, Step, Submission
from .replies import Cause, diagnose

CHUNK_BYTES = 128 * 1024
"""Octets of a message that are read and handed to the transport at a time."""

END_OF_DATA_TIMEOUT = 600.0
"""Seconds for the answer to the final dot (RFC 5321 section 4.5.3.2.6).

A server may be scanning the message. Who leaves before the answer gets copies sent.
"""

_START_INPUT = 354
_NOT_RECOGNIZED = 500
_OUT_OF_ORDER = 503
# The server says these to RCPT as well, but not of the recipient.
_OF_THE_ACCOUNT = (Cause.RATE_LIMIT, Cause.SENDER_MISMATCH)


class Transaction:
    """A mail transaction (RFC 5321 section 3.3), in one flight or word by word."""

    def __init__(
        self,
        dialogue: Dialogue,
        submission: Submission,
        *,
        timeout: float,
        in_flight: bool,
        announces_size: bool,
    ) -> None:
        """Prepare, and begin to read the text; the server hears nothing yet."""
        self.refused: dict[str, Reply] = {}
        """The recipients that were refused so far."""
        self._dialogue = dialogue
        self._timeout = timeout
        self.in_flight = in_flight
        self._recipients = submission.envelope.recipients
        # So that too much is refused before it is sent.
        size = f" SIZE={submission.size}" if announces_size else ""
        self._mail = _command(f"MAIL FROM:<{submission.envelope.reverse_path}>{size}")
        self._rcpt = [_command(f"RCPT TO:<{to}>") for to in self._recipients]
        self._begun = False
        """Whether MAIL was accepted, and nothing has ended it."""
        self._awaits_text = False
        """Whether DATA was answered, and no final dot was."""
        self.dot_sent = False
        """Whether the server may have the message."""
        self._pieces = filter(None, _pieces(submission))
        self._piece = self._read()

    async def loaded(self) -> None:
        """Wait until its beginning was read. Raises OSError."""
        await self._piece

    def forget(self) -> None:
        """Do not read on: it is not sent any more."""
        self._piece.cancel()

    def begin(self) -> None:
        """Send the envelope, where that is one flight."""
        if self.in_flight:
            self._dialogue.write(self.said, self.envelope, self.replies)

    async def open(self, before_data: Callable[[], Awaitable[None]] | None) -> None:
        """Have the server ready for the text. Raises MailError, OSError."""
        await self._name_recipients()
        if before_data and not self.in_flight:
            await before_data()
        reply = await self._ask(b"DATA\r\n", Step.DATA)
        if reply.code != _START_INPUT:
            raise self._refusal(reply, Step.DATA)
        self._awaits_text = True
        await self._piece
        if before_data and self.in_flight:
            await before_data()
        if self._dialogue.surplus:
            # Then no answer could be told from another.
            raise SessionError(Cause.BAD_REPLY, Step.DATA)

    async def send_text(self) -> None:
        """Send all but the end of the text, no faster than the server reads it.

        Raises SessionError, or OSError where the message cannot be read.
        """
        while len(piece := await self._piece) >= CHUNK_BYTES:
            with translated(Step.BODY):
                for start in range(0, len(piece), CHUNK_BYTES):
                    self._dialogue.write("text", piece[start : start + CHUNK_BYTES])
                    await self._dialogue.drain(self._timeout)
            self._piece = self._read()
        if not self._dialogue.is_open:
            raise SessionError(Cause.CONNECTION_LOST, Step.BODY)

    def end(self, following: Transaction | None = None) -> None:
        """Send the end, the final dot, and the next envelope in one."""
        self.dot_sent = True
        said, octets, replies = "text .", self._piece.result() + b".\r\n", 1
        if following:
            said += f" {following.said}"
            octets += following.envelope
            replies += following.replies
        self._dialogue.write(said, octets, replies)

    async def answer(self) -> Reply:
        """Return the answer to the final dot. Raises MailError where it is no yes."""
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
        raise MessageRefusedError(
            diagnose(reply, Step.END_OF_DATA), Step.END_OF_DATA, reply
        )

    def came_of_flight(self, err: MailError, *, alone: bool, followed: bool) -> bool:
        """Tell whether a server may have failed only because commands came in flight.

        `alone`: nothing else had been said over a session that was kept, and may have
        died unseen. `followed`: the next envelope went with the final dot.
        """
        if isinstance(err, MessageRefusedError):
            in_flight = followed if err.step is Step.END_OF_DATA else self.in_flight
            return in_flight and err.reply.code in (_NOT_RECOGNIZED, _OUT_OF_ORDER)
        if isinstance(err, OutcomeUnknownError):
            return followed
        if err.step is Step.MAIL and alone:
            return False
        return self.in_flight and err.step is not Step.BODY

    async def leave(self, err: MailError) -> bool:
        """See to it that the next MAIL meets no begun transaction; False: it would."""
        if (
            err.of_flight
            or err.speaks_of_session
            or not isinstance(err, MessageRefusedError)
            or self._awaits_text
        ):
            return False
        if not self._begun:
            return True
        self._dialogue.write("RSET", b"RSET\r\n", 1)
        try:
            return (await self._dialogue.reply(Step.DATA, self._timeout)).positive
        except SessionError:
            return False

    @property
    def replies(self) -> int:
        """How many answers its envelope has."""
        return len(self._rcpt) + 2

    @property
    def said(self) -> str:
        """The commands of its envelope, as a transcript has them."""
        return " ".join(["MAIL", *["RCPT" for _ in self._rcpt], "DATA"])

    @property
    def envelope(self) -> bytes:
        """All but the text, in one flight."""
        return b"".join([self._mail, *self._rcpt, b"DATA\r\n"])

    async def _name_recipients(self) -> None:
        """Send MAIL, and RCPT for each recipient; note down who is refused."""
        reply = await self._ask(self._mail, Step.MAIL)
        if not reply.positive:
            await self._refuse(self._refusal(reply, Step.MAIL), len(self._rcpt) + 1)
        self._begun = True
        for number, recipient in enumerate(self._recipients):
            reply = await self._ask(self._rcpt[number], Step.RCPT)
            if not reply.positive:
                err = self._refusal(reply, Step.RCPT)
                if err.speaks_of_session or err.cause in _OF_THE_ACCOUNT:
                    await self._refuse(err, len(self._rcpt) - number)
                self.refused[recipient] = reply
        if len(self.refused) == len(self._recipients):
            reply = next(iter(self.refused.values()))
            cause = diagnose(reply, Step.RCPT)
            await self._refuse(
                RecipientsRefusedError(cause, Step.RCPT, reply, self.refused), 1
            )

    async def _refuse(self, err: MailError, outstanding: int) -> None:
        """Raise this, once the rest of the flight is answered."""
        if self.in_flight and not err.speaks_of_session:
            try:
                for _ in range(outstanding):
                    reply = await self._dialogue.reply(Step.DATA, self._timeout)
                self._awaits_text = reply.code == _START_INPUT
                if self._awaits_text and isinstance(err, RecipientsRefusedError):
                    # RFC 2920 section 3.1: nobody gets this, and all is well again.
                    self._dialogue.write(".", b".\r\n", 1)
                    await self._dialogue.reply(Step.END_OF_DATA, self._timeout)
                    self._begun = self._awaits_text = False
            except SessionError:
                # What was heard before counts.
                self._awaits_text = True
        raise err

    async def _ask(self, command: bytes, step: Step) -> Reply:
        if not self.in_flight:
            self._dialogue.write(command.split()[0].decode(), command, 1)
        return await self._dialogue.reply(step, self._timeout)

    def _refusal(self, reply: Reply, step: Step) -> MailError:
        """Say what a reply means that is not the one that was hoped for."""
        known = reply.transient or reply.permanent
        if not known or (self.in_flight and reply.code == _NOT_RECOGNIZED):
            return SessionError(Cause.BAD_REPLY, step, detail=str(reply))
        return MessageRefusedError(diagnose(reply, step), step, reply)

    def _read(self) -> asyncio.Task[bytes]:
        """Have the next piece read off the event loop; a short one is the last."""
        task = asyncio.create_task(asyncio.to_thread(_next, self._pieces))
        # Of one that is left nobody asks what became of it.
        task.add_done_callback(lambda read: read.cancelled() or read.exception())
        return task


def _command(line: str) -> bytes:
    if not line.isprintable():
        # A line end in it would make two commands of it.
        raise ValueError("An address with a control character")
    return line.encode("ascii") + b"\r\n"


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


def _next(pieces: Iterator[bytes]) -> bytes:
    """Return what comes next of a message: enough to go on, or its end."""
    piece = b""
    while len(piece) < CHUNK_BYTES and (more := next(pieces, b"")):
        piece += more
    return piece
