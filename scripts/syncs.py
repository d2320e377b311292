"""Measure what the store asks of a disk, and how long an alert waits for it.

An alert has a text of 2 kB and a record of 0.5 kB. It is kept, marked when the server
may have it, and removed and counted when it was accepted: three rounds. A round trip
with the server lies between the rounds, and syncs are as slow as on an SD card. What is
more than it may be is marked, and the program ends with 1.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
import gc
import os
from pathlib import Path
import sys
from tempfile import TemporaryDirectory
from threading import Lock
import time
import tracemalloc
from typing import Any, override

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.mime.models import Gap, Priority, TextEncoding
from custom_components.qq_mail.outbox.core.models import Message
from custom_components.qq_mail.outbox.core.record import message_as_dict
from custom_components.qq_mail.store import Key, Store, segment, store as store_module
from custom_components.qq_mail.store.disk import Disk

TEXT = b"A line of a mail in wire form, as long as such lines are.\r\n" * 34
RECORD = message_as_dict(
    Message(
        queue_id="01KB0000000000000000000000",
        subject="There is water in the cellar",
        recipients=("someone@example.com",),
        sender_name="Home",
        priority=Priority.HIGHEST,
        tag="water",
        size=len(TEXT),
        gaps=(Gap(1000, TextEncoding.BASE64, html=False),),
        raised=0.0,
        arrived=0.0,
        lifetime=86_400.0,
    ),
    Now(0.0, datetime.now(UTC)),
)


class SlowDisk(Disk):
    """Takes its time for each sync, one after the other, and counts them."""

    def __init__(self, seconds: float) -> None:
        """Say how long a sync takes."""
        self.seconds = seconds
        self.syncs = 0
        self._lock = Lock()

    def _wait(self) -> None:
        with self._lock:
            self.syncs += 1
            time.sleep(self.seconds)

    @override
    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        self._wait()

    @override
    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self._wait()


def key(number: int) -> Key:
    """Return the key of an alert."""
    return ("message", "01KAFIRSTACCOUNT0000000000", f"01KB{number:022}")


def record(**more: Any) -> Callable[[], dict[str, Any]]:
    """Return what makes a record."""
    return lambda: RECORD | more


async def alert(store: Store, number: int, round_trip: float) -> list[float]:
    """Keep, mark and remove one; return how many seconds each of that took."""
    took = []
    for step in range(3):
        start = time.perf_counter()
        if step == 0:
            store.put(key(number), record(), TEXT)
        elif step == 1:
            store.put(key(number), record(in_data=True))
        else:
            store.remove(key(number))
            store.put(("limits", "", ""), lambda: {"sent": [number] * 20})
        await store.written()
        took.append(time.perf_counter() - start)
        await asyncio.sleep(round_trip)
    return took


async def quiet(store: Store) -> None:
    """Wait until nothing is left to be done."""
    while store.is_busy:  # noqa: ASYNC110 - nobody else wants to know
        await asyncio.sleep(0.01)


def sectors(folder: Path) -> int | None:
    """Return how many octets were written to the device that a folder is on."""
    device = folder.stat().st_dev
    stat = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(stat.read_text().split()[6]) * 512 if stat.exists() else None


class Table:
    """A table of what was measured, and of what it may be at most."""

    def __init__(self) -> None:
        """Print its head."""
        self.exceeded = False
        print("| | | At most |\n| --- | --- | --- |")

    def row(self, what: str, value: float, most: float, unit: str = "") -> None:
        """Print a line of it."""
        self.exceeded |= value > most
        mark = " **exceeded**" if value > most else ""
        print(f"| {what} | {value:.3g} {unit} | {most} {unit}{mark} |")


async def measure(folder: Path, sync: float, round_trip: float) -> bool:
    """Print all of it; return whether something is more than it may be."""
    table = Table()
    store_module.QUIET = 0.5
    disk = SlowDisk(sync)
    store = Store(folder / "qq_mail", disk)
    await store.async_load()
    await quiet(store)

    before = disk.syncs
    start = time.perf_counter()
    await alert(store, 0, round_trip)
    took = time.perf_counter() - start
    table.row("Syncs for one alert", disk.syncs - before, 3)
    # As much again for a processor that has other things to do.
    table.row("One alert", took * 1000, 6000 * (sync + round_trip), "ms")

    disk.seconds = 0
    os.sync()
    if (written := sectors(folder)) is not None:
        for number in range(100):
            await alert(store, number, 0)
        os.sync()
        each = ((sectors(folder) or 0) - written) / 100
        table.row("Written for one alert at the device", each / 1000, 25, "kB")
    await quiet(store)

    before = disk.syncs
    for first in range(0, 5000, 50):
        for number in range(first, first + 50):
            store.put(key(number), record(), TEXT)
        await store.written()
    table.row("Syncs for 5,000 that come fifty at a time", disk.syncs - before, 249)
    await quiet(store)
    await store.async_stop()
    table.row("Files for them", len([*(folder / "qq_mail").glob("*-*")]), 9)

    store = Store(folder / "qq_mail", disk)
    start = time.perf_counter()
    await store.async_load()
    table.row("Loading them", time.perf_counter() - start, 0.25, "s")
    await store.async_stop()
    del store
    gc.collect()
    tracemalloc.start()
    store = Store(folder / "qq_mail", disk)
    loaded = await store.async_load()
    table.row("Memory for them", tracemalloc.get_traced_memory()[0] / 1e6, 10, "MB")
    del loaded
    await quiet(store)
    gc.collect()
    table.row("of it the index", tracemalloc.get_traced_memory()[0] / 1e6, 10, "MB")
    tracemalloc.stop()

    for number in range(1000, 5000):
        store.remove(key(number))
    disk.seconds = sync
    await store.written()
    # What is left of the others moves on meanwhile.
    store_module.QUIET = 0
    most = 4 * sync * 1000
    table.row("The longest round while it is tidied", await longest(store), most, "ms")
    # More room is wanted all the time.
    segment.LEAST_ROOM = 1 << 40
    what = "The longest round while room is made"
    table.row(what, await longest(store), most, "ms")
    await store.async_stop()
    return table.exceeded


async def longest(store: Store) -> float:
    """Return the milliseconds of the longest of 60 rounds."""
    took = [await alert(store, number, 0) for number in range(5000, 5020)]
    return max(map(max, took)) * 1000


def main() -> None:
    """Measure in a folder for temporary files."""
    arguments = [*sys.argv[1:], "30", "20"]
    sync, round_trip = (float(value) / 1000 for value in arguments[:2])
    with TemporaryDirectory() as folder:
        if asyncio.run(measure(Path(folder), sync, round_trip)):
            sys.exit(1)


if __name__ == "__main__":
    main()
