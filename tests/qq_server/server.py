"""The server: its ports, a thread, a record of what happened, and a script."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import count
import threading
import time
from types import TracebackType
from typing import Any, Self

from .accepted import AcceptedMessage
from .actions import Action, ImapStep, Rule, Step
from .certificates import Certificate, Certificates
from .connection import MAX_SIZE, Connection
from .imap import Imap

THREAD_TIMEOUT = 60.0
SILENCE = 0.005
"""Seconds between two notices of a silence."""
MECHANISMS = ("LOGIN", "PLAIN", "XOAUTH", "XOAUTH2")


class QQServer:
    """Runs in an event loop and a thread of its own, on free ports of 127.0.0.1."""

    host = "127.0.0.1"

    def __init__(self, certificates: Certificates, accounts: dict[str, str]) -> None:
        """Prepare a server for these accounts and their authorization codes."""
        self.certificates = certificates
        self.tls_port = 0
        self.starttls_port = 0
        self.host_numbers = count(1)
        self.open: set[Connection] = set()
        self.accounts = dict(accounts)
        self.imap = Imap(self)
        """The mailboxes of the same accounts."""
        self._accounts = dict(accounts)
        self._changed = threading.Condition()
        self._listening: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="QQ server", daemon=True
        )
        self._forget()

    def _forget(self) -> None:
        self.accounts = dict(self._accounts)
        self.imap.forget()
        self.on_accepted: Callable[[AcceptedMessage], None] | None = None
        self.on_silence: Callable[[], object] | None = None
        """Called again and again while a connection hangs or stalls."""
        self.connections = 0
        self.login_attempts = 0
        self.logins = 0
        self.plaintext_logins = 0
        self.quits = 0
        self.answers = 0
        """How often something was sent: the round trips of whoever waits for it."""
        self.commands: list[str] = []
        self.leaked_bytes_at_quit = True
        self.swallows_behind_dot = False
        """Whether what comes behind a final dot, before its answer, is lost."""
        self.delay = 0.0
        self.rate_limit: tuple[int, float] | None = None
        self.offer_auth = True
        self.offer_pipelining = True
        self.offer_starttls = True
        self.mechanisms: tuple[str, ...] = MECHANISMS
        self.certificate = Certificate.VALID
        self._accepted: list[AcceptedMessage] = []
        self._accepted_at: list[float] = []
        self._rules: list[Rule] = []

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and end the thread."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        """Listen on all ports; the same ones again after a stop."""
        if not self._thread.is_alive():
            self._thread.start()
        self.in_thread(self._listen())

    def stop(self) -> None:
        """Close the ports and every connection, as an outage would."""
        self.in_thread(self._close())

    def reset(self) -> None:
        """Forget what happened and what was scripted, and hang up on everyone."""
        self.in_thread(self._hang_up())
        self._forget()

    def script(
        self,
        step: Step | ImapStep,
        action: Action,
        *,
        times: int | None = 1,
        match: str = "",
        skip: int = 0,
    ) -> None:
        """Do something else at a step: so many times (None: always).

        With `match`, only on a command line that contains it; with `skip`, only after
        so many occurrences.
        """
        self._rules.append(Rule(step, action, times, match, skip))

    def freeze(self) -> threading.Event:
        """Do nothing at all, not even read, until the event that is returned is set."""
        go_on = threading.Event()
        self._loop.call_soon_threadsafe(go_on.wait, THREAD_TIMEOUT)
        return go_on

    def present(self, certificate: Certificate) -> None:
        """Show this certificate on connections from now on."""
        self.certificate = certificate

    @property
    def accepted(self) -> list[AcceptedMessage]:
        """What was accepted so far."""
        with self._changed:
            return list(self._accepted)

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self.open)

    def wait_for(self, number: int, timeout: float = 60) -> list[AcceptedMessage]:
        """Wait in this thread until so many messages were accepted.

        Raises TimeoutError after as many seconds.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: len(self._accepted) >= number, timeout
            ):
                raise TimeoutError(f"{len(self._accepted)} of {number} messages came")
            return list(self._accepted)

    def action_at(self, step: Step | ImapStep, line: str = "") -> Action | None:
        """Return what the script wants at this step."""
        return next(
            (rule.action for rule in self._rules if rule.applies(step, line)), None
        )

    def accept(self, message: AcceptedMessage) -> None:
        """Record a message."""
        with self._changed:
            self._accepted.append(message)
            self._accepted_at.append(time.monotonic())
            self._changed.notify_all()
        self.imap.deliver(message)
        if self.on_accepted:
            self.on_accepted(message)

    def note_heard(self, message: AcceptedMessage) -> None:
        """Note that a client went on after the answer to a message."""

    def note_next(self, message: AcceptedMessage) -> None:
        """Know that a client sends another message behind one that was accepted."""

    async def keep_silent(self) -> None:
        """Do nothing for ever; let whoever wants that know of it."""
        while True:
            if self.on_silence:
                self.on_silence()
            await asyncio.sleep(SILENCE)

    def over_rate_limit(self) -> bool:
        """Tell whether one more message would be one too many."""
        if self.rate_limit is None:
            return False
        number, seconds = self.rate_limit
        since = time.monotonic() - seconds
        return sum(at > since for at in self._accepted_at) >= number

    def in_thread[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something in the server's loop, and return what it returns."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(THREAD_TIMEOUT)

    async def _listen(self) -> None:
        ports: list[int] = []
        for implicit_tls in (True, False):
            server = await asyncio.start_server(
                partial(self._serve, implicit_tls),
                self.host,
                self.tls_port if implicit_tls else self.starttls_port,
                # Room for a message that is too large, so that it can be refused.
                limit=2 * MAX_SIZE,
            )
            self._listening.append(server)
            ports.append(server.sockets[0].getsockname()[1])
        self.tls_port, self.starttls_port = ports
        self._listening.append(await self.imap.listen())

    async def _serve(
        self,
        implicit_tls: bool,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        await Connection(self, reader, writer, implicit_tls=implicit_tls).run()

    async def _close(self) -> None:
        while self._listening:
            self._listening.pop().close()
        await self._hang_up()

    async def _hang_up(self) -> None:
        for connection in list(self.open):
            connection.hang_up()
        await self.imap.hang_up()
        while self.open:
            await asyncio.sleep(0)
