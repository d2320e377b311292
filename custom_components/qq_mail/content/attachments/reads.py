"""Reads files in threads of their own: a share that hangs must not block the others."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from ...const import DOMAIN, MAX_READS


class Reads:
    """Reads a few files at a time.

    A read that hangs can be left, but not ended: its thread stays until it returns.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MAX_READS)
        self._running: set[asyncio.Future[Any]] = set()

    async def run[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run a function that reads files.

        Raises TimeoutError at once where as many as may hang do so.
        """
        if sum(running.cancelled() for running in self._running) >= MAX_READS:
            raise TimeoutError
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        over: asyncio.Future[T] = loop.create_future()

        def ended(tell: Callable[[], None]) -> None:
            # It has nothing left to do; and who waits may be gone as soon as it knows.
            thread.join()
            self._free.release()
            self._running.remove(over)
            if not over.cancelled():
                tell()

        def work() -> None:
            try:
                tell = partial(over.set_result, read(*args))
            except Exception as err:  # noqa: BLE001 - it is raised where it is awaited
                tell = partial(over.set_exception, err)
            # Home Assistant may have stopped meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(ended, tell)

        self._running.add(over)
        # A daemon: Home Assistant does not wait for it when it stops.
        thread = Thread(target=work, name=f"{DOMAIN} read", daemon=True)
        thread.start()
        return await over


_READS: HassKey[Reads] = HassKey(f"{DOMAIN}_reads")


@callback
def async_reads(hass: HomeAssistant) -> Reads:
    """Return the one for all messages."""
    return hass.data.setdefault(_READS, Reads())
