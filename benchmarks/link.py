"""A way to a server on which everything takes a while, as on the internet."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import threading

_CHUNK = 64 * 1024


def _nothing() -> None:
    """Nobody counts this direction."""


class Link:
    """Passes on what arrives, in both directions, half a round trip later.

    A connection costs a round trip as well, before anything passes: TCP's own
    handshake, which the loopback interface does in no time.
    """

    def __init__(self, port: int) -> None:
        """Lead to this port of the loopback interface."""
        self.round_trip = 0.0
        """Seconds."""
        self.round_trips = 0
        """How often a client sent something after it had an answer, or connected.

        What it sends before the next answer has reached it costs no further one.
        """
        self.port = 0
        self._behind = port
        self._listening = threading.Event()

    def start(self) -> None:
        """Listen in a thread of its own, for as long as the process lives."""
        threading.Thread(target=asyncio.run, args=(self._run(),), daemon=True).start()
        self._listening.wait()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await server.serve_forever()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.round_trips += 1
        await asyncio.sleep(self.round_trip)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._behind)
        except OSError:
            writer.close()
            return
        answered = True

        def asked() -> None:
            nonlocal answered
            self.round_trips += answered
            answered = False

        def told() -> None:
            nonlocal answered
            answered = True

        await asyncio.gather(
            self._pump(reader, back, came=asked), self._pump(there, writer, went=told)
        )

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        came: Callable[[], None] = _nothing,
        went: Callable[[], None] = _nothing,
    ) -> None:
        """Pass on in one direction, until it ends."""
        # Little at a time, so that a fast sender has to wait for a slow reader.
        on_its_way = asyncio.Queue[tuple[float, bytes]](16)
        arriving = asyncio.create_task(self._arrive(on_its_way, writer, went))
        with suppress(OSError):
            while octets := await reader.read(_CHUNK):
                came()
                due = asyncio.get_running_loop().time() + self.round_trip / 2
                await on_its_way.put((due, octets))
        await on_its_way.put((0, b""))
        await arriving

    async def _arrive(
        self,
        on_its_way: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
        went: Callable[[], None],
    ) -> None:
        while True:
            due, octets = await on_its_way.get()
            if not octets:
                break
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            went()
            with suppress(OSError):
                writer.write(octets)
                await writer.drain()
        # Once what was written has left; the other side may be gone already.
        writer.close()
