"""One client's connection, from the greeting to its end."""

import asyncio
import base64
import binascii
import re
import socket
import struct
from typing import TYPE_CHECKING

from . import replies
from .accepted import AcceptedMessage, from_field_is_valid
from .actions import Action, Answer, Close, Raw, Stall, Step

if TYPE_CHECKING:
    from .server import QQServer

MAX_SIZE = 73_400_320
MAX_LINE = 65_536
LEAKED = b"\x00\x00\x00\x1a\x00\x00\x00\x0a" + b"\x00" * 8
_END = b"\r\n.\r\n"
_MAIL = re.compile(r"MAIL FROM: ?<([^<>\s]*)>(?: (.*))?", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=^AUTH .....) .*", re.IGNORECASE)
_RCPT = re.compile(r"RCPT TO: ?<([^<>\s]+)>(?: .*)?", re.IGNORECASE)


class HangUpError(Exception):
    """The connection ends here."""


class Connection:
    """The state of a session, and the answers to its commands."""

    def __init__(
        self,
        server: QQServer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        implicit_tls: bool,
    ) -> None:
        """Keep the streams; QQ's greeting names another host each time."""
        self._server = server
        self._reader = reader
        self._writer = writer
        self._implicit_tls = implicit_tls
        self._secure = False
        self._host = f"newxmesmtplogicsvrszb{next(server.host_numbers)}-0.qq.com"
        self._helo = ""
        self._account = ""
        self._login_failed = False
        self._just_accepted = False
        self._accepted: AcceptedMessage | None = None
        self._answers = b""
        self._task: asyncio.Task[None] | None = None
        self._forget_transaction()

    async def run(self) -> None:
        """Serve the client until one of the two leaves."""
        self._task = asyncio.current_task()
        self._server.open.add(self)
        self._server.connections += 1
        try:
            await self._serve()
        except (
            HangUpError,
            OSError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            asyncio.CancelledError,
        ):
            # Clients leave, handshakes fail: that is what tests are about.
            self._account = ""
        finally:
            self._writer.transport.abort()
            self._server.open.discard(self)

    def hang_up(self) -> None:
        """End the connection from the server's side."""
        if self._task:
            self._task.cancel()

    async def _serve(self) -> None:
        if action := self._server.action_at(Step.CONNECT):
            await self._act(action)
        if self._implicit_tls:
            await self._start_tls()
        await self._answer(
            Step.GREETING, Answer(220, f"{self._host} XMail Esmtp QQ Mail Server.")
        )
        while True:
            line = (await self._reader.readuntil(b"\n")).rstrip(b"\r\n")
            await self._command(line.decode("utf-8", "surrogateescape"))

    async def _command(self, line: str) -> None:
        verb = line.partition(" ")[0].upper()
        self._server.commands.append(_CREDENTIALS.sub(" ***", line))
        just_accepted, self._just_accepted = self._just_accepted, False
        if just_accepted and self._accepted:
            self._server.note_heard(self._accepted)
        match verb:
            case "EHLO" | "HELO":
                self._helo = line.partition(" ")[2]
                await self._answer(Step.EHLO, self._ehlo(verb), line)
            case "STARTTLS" if not self._secure and self._server.offer_starttls:
                await self._answer(
                    Step.STARTTLS,
                    Answer(220, f"Ready to start TLS from 127.0.0.1 to {self._host}."),
                )
                await self._start_tls()
            case "AUTH":
                await self._auth(line)
            case "MAIL":
                await self._answer(Step.MAIL, self._mail(line), line)
            case "RCPT":
                await self._answer(Step.RCPT, self._rcpt(line), line)
            case "DATA":
                await self._data()
            case "RSET" | "NOOP":
                if verb == "RSET":
                    self._forget_transaction()
                await self._leak(just_accepted)
                await self._answer(Step(verb.lower()), Answer(250, "OK"))
            case "QUIT":
                self._server.quits += 1
                await self._leak(just_accepted)
                await self._answer(Step.QUIT, Answer(221, "Bye."))
                await self._flush()
                raise HangUpError
            case _:
                await self._send(self._invalid_input())

    def _ehlo(self, verb: str) -> Answer:
        if verb == "HELO":
            return Answer(250, self._host)
        server = self._server
        lines = [self._host, f"SIZE {MAX_SIZE}"]
        if server.offer_pipelining:
            lines.insert(1, "PIPELINING")
        if not self._secure and server.offer_starttls:
            lines.append("STARTTLS")
        if server.offer_auth:
            lines.append("AUTH " + " ".join(server.mechanisms))
            if "LOGIN" in server.mechanisms:
                lines.append("AUTH=LOGIN")
        return Answer(250, "\n".join([*lines, "MAILCOMPRESS", "SMTPUTF8", "8BITMIME"]))

    async def _auth(self, line: str) -> None:
        server = self._server
        if self._login_failed:
            # One mechanism for each connection: the second meets a closed socket.
            raise HangUpError
        server.login_attempts += 1
        if not self._secure:
            server.plaintext_logins += 1
        if action := server.action_at(Step.AUTH_COMMAND, line):
            self._login_failed = True
            await self._act(action)
            return
        words = line.split()
        mechanism = words[1].upper() if len(words) > 1 else ""
        if mechanism == "LOGIN":
            name = words[2] if len(words) > 2 else await self._ask("VXNlcm5hbWU6")
            code = await self._ask("UGFzc3dvcmQ6")
            credentials = [_decoded(name), _decoded(code)]
        elif mechanism == "PLAIN" and len(words) > 2:
            credentials = _decoded(words[2]).split("\0")[1:]
        else:
            await self._send(self._invalid_input())
            return
        account = credentials[0].lower()
        if account.isdecimal():
            account += "@qq.com"
        if server.accounts.get(account) == credentials[-1]:
            answer = Answer(235, "Authentication successful")
        else:
            answer = replies.LOGIN_AMBIGUOUS
        scripted = server.action_at(Step.AUTH, line)
        if scripted is None and answer.code == 235:
            server.logins += 1
            self._account = account
        else:
            self._login_failed = True
        await self._act(scripted or answer)

    async def _ask(self, prompt: str) -> str:
        await self._send(Answer(334, prompt))
        answer = (await self._reader.readuntil(b"\n")).strip()
        self._server.commands.append("***")
        return answer.decode("ascii", "replace")

    def _mail(self, line: str) -> Answer:
        if not self._account:
            return replies.NEED_AUTH
        match = _MAIL.fullmatch(line)
        if match is None or not line.isascii():
            return self._invalid_input()
        if match[1].lower() != self._account:
            return replies.SENDER_MISMATCH
        if (size := re.search(r"\bSIZE=(\d+)", match[2] or "", re.IGNORECASE)) and int(
            size[1]
        ) > MAX_SIZE:
            return replies.TOO_LARGE
        self._forget_transaction()
        self._reverse_path = match[1]
        return Answer(250, "OK")

    def _rcpt(self, line: str) -> Answer:
        if not self._reverse_path:
            return replies.NEED_MAIL
        match = _RCPT.fullmatch(line)
        if match is None or not line.isascii():
            return self._invalid_input()
        self._recipients.append(match[1])
        return Answer(250, "OK")

    async def _data(self) -> None:
        if self._accepted:
            self._server.note_next(self._accepted)
        usual = replies.START_INPUT if self._recipients else replies.NEED_MAIL
        action = self._server.action_at(Step.DATA)
        await self._act(action or usual)
        if (action or usual) != replies.START_INPUT:
            return
        wire = await self._body()
        if self._server.swallows_behind_dot:
            self._reader._buffer.clear()  # type: ignore[attr-defined]  # noqa: SLF001
        answer = self._judge(wire)
        if action := self._server.action_at(Step.DOT):
            self._forget_transaction()
            await self._act(action)
            return
        if answer.code == 250:
            self._just_accepted = True
            self._accepted = AcceptedMessage(
                account=self._account,
                reverse_path=self._reverse_path,
                recipients=tuple(self._recipients),
                wire=wire,
                helo=self._helo,
                secure=self._secure,
            )
            self._server.accept(self._accepted)
        self._forget_transaction()
        if answer.code == 250:
            await self._answer(Step.ACCEPTED, answer)
        else:
            await self._send(answer)

    async def _body(self) -> bytes:
        """Read up to the final dot."""
        wire = await self._reader.readexactly(1)
        if action := self._server.action_at(Step.BODY):
            await self._act(action)
            await self._flush()
        if wire == b".":
            wire += await self._reader.readuntil(b"\r\n")
        if wire != b".\r\n":
            wire += await self._reader.readuntil(_END)
        return wire.removesuffix(b".\r\n")

    def _judge(self, wire: bytes) -> Answer:
        if not self._recipients:
            return replies.NEED_MAIL
        if len(wire) > MAX_SIZE:
            return replies.TOO_LARGE
        if self._server.over_rate_limit():
            return replies.TOO_MANY_ATTEMPTS
        if not from_field_is_valid(wire, self._account):
            return replies.FROM_HEADER
        return Answer(250, "OK: queued as.")

    async def _start_tls(self) -> None:
        context = self._server.certificates.contexts[self._server.certificate]
        await self._writer.start_tls(context)
        self._secure = True
        self._helo = self._account = ""
        self._forget_transaction()

    def _forget_transaction(self) -> None:
        self._reverse_path = ""
        self._recipients: list[str] = []

    def _invalid_input(self) -> Answer:
        return Answer(502, f"Invalid input from 127.0.0.1 to {self._host}.")

    async def _leak(self, just_accepted: bool) -> None:
        if just_accepted and self._server.leaked_bytes_at_quit:
            await self._send(Raw(LEAKED))

    async def _answer(self, step: Step, answer: Answer, line: str = "") -> bool:
        """Answer, unless the script wants something else; tell which it was."""
        action = self._server.action_at(step, line)
        if action is not None and step is Step.RCPT and self._recipients:
            self._recipients.pop()
        if action is not None and step is Step.MAIL:
            self._forget_transaction()
        await self._act(action or answer)
        return action is None

    async def _act(self, action: Action) -> None:
        if not isinstance(action, Answer | Raw):
            await self._flush()
        match action:
            case Answer() | Raw():
                await self._send(action)
            case Close(reset=True):
                # With no time to linger, closing the socket sends RST.
                self._writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                raise HangUpError
            case Close():
                raise HangUpError
            case Stall():
                self._writer.transport.pause_reading()  # type: ignore[attr-defined]
                await self._server.keep_silent()
            case _:
                silence = asyncio.create_task(self._server.keep_silent())
                try:
                    while await self._reader.read(MAX_LINE):
                        continue
                finally:
                    silence.cancel()
                raise HangUpError

    async def _flush(self) -> None:
        octets, self._answers = self._answers, b""
        self._server.answers += bool(octets)
        self._writer.write(octets)
        await self._writer.drain()

    async def _send(self, action: Answer | Raw) -> None:
        if self._server.delay:
            await asyncio.sleep(self._server.delay)
        self._answers += action.wire if isinstance(action, Answer) else action.data
        # While more of a flight is there, its answers wait (RFC 2920 section 3.2).
        if not self._reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001
            await self._flush()
        if isinstance(action, Raw) and (action.close or action.reset):
            await self._act(Close(action.reset))


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode("utf-8", "replace")
    except binascii.Error:
        return ""
