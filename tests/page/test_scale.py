"""Five thousand waiting: the page is there at once, and nothing else stands still."""

import asyncio
from contextlib import suppress
from time import thread_time
from typing import Self

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.outbox.outbox import Outbox
from homeassistant.core import HomeAssistant

from ..calls.test_send import send
from ..house import outbox_of
from ..outbox.core.play import message
from ..qq_server import Close, QQServer, Step
from .conftest import Page

NUMBER = 5000


class Ticks:
    """Counts the turns of the event loop, and measures the longest by the processor.

    By the clock on the wall, another process would seem to hold it up.
    """

    longest = 0.0
    number = 0

    async def __aenter__(self) -> Self:
        """Begin to measure."""
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _tick(self) -> None:
        last = thread_time()
        while True:
            await asyncio.sleep(0)
            self.number += 1
            now = thread_time()
            self.longest, last = max(self.longest, now - last), now


def fill(outbox: Outbox) -> None:
    """Have so many wait, of a hundred sensors for ten people."""
    queue, now = outbox.state.queue, read_clock()
    for number in range(NUMBER):
        one = message(
            number,
            now,
            queue_id=f"01KB{number:022}",
            tag=f"sensor {number % 100}",
            recipients=(f"{number % 10}@example.com",),
        )
        queue.put(one)


async def test_five_thousand(
    hass: HomeAssistant, server: QQServer, page: Page, loaded_entry: MockConfigEntry
) -> None:
    """The first rows within two seconds; no turn of the loop takes 50 ms; likewise later."""
    server.script(Step.CONNECT, Close(), times=None)
    await send(hass, title="First")
    outbox = outbox_of(loaded_entry)
    fill(outbox)
    before = thread_time()
    async with Ticks() as ticks:
        await page.subscribe()
        (account,) = await page.seen()
        assert thread_time() - before < 2
        assert (account["waiting"], len(account["messages"])) == (NUMBER + 1, 50)
        assert ticks.longest < 0.05
        # The last rows, for whose plans all before them are looked at.
        await page.subscribe(first={loaded_entry.entry_id: NUMBER})
        (account,) = await page.seen()
        assert account["first"] == NUMBER
        # What changes is shown as fast.
        await outbox.async_discard(account["messages"][0]["queue_id"])
        (account,) = await page.seen()
        assert account["waiting"] == NUMBER
    assert ticks.longest < 0.05
