"""Large attachments: is Home Assistant still there meanwhile?"""

import asyncio
import os
from pathlib import Path
import time
from typing import Any

from benchmarks.bench import Bench, in_turn
from benchmarks.process import forget_peak, memory
from benchmarks.report import CORE, OURS, Row
from tests.e2e.home_assistant import Channel, HomeAssistantError

SIZES = (1, 20, 50)
MIB = 1024**2
PING_PAUSE = 0.002


async def large(bench: Bench, _channel: Channel) -> None:
    """Large attachments: is Home Assistant still there meanwhile?"""
    media = bench.home.config_dir / "media"
    for size in SIZES:
        (media / f"{size}.bin").write_bytes(os.urandom(size * MIB))
        results: dict[str, list[tuple[float, float, float]]] = {}
        for repetition in range(1 if bench.quick else 3):
            for who in in_turn(repetition):
                await bench.server.tell(reset=0)
                # What one of them has left in memory is not for the other to use.
                await bench.home.restart()
                if who == OURS:
                    # Each start is a login.
                    await bench.renew()
                await _warm_up(bench, who)
                data = {"wait": 120} if who == OURS else {}
                source = f"media-source://media_source/local/{size}.bin"
                item = {
                    "media_source": {
                        "media_content_id": source,
                        "media_content_type": "",
                    },
                }
                results.setdefault(who, []).append(
                    await _watched(bench, who, attachments=[item], **data)
                )
        ours, core = (list(zip(*results[who], strict=True)) for who in (OURS, CORE))
        bench.rows += [
            Row(f"{size} MiB attached: the call", "ms", ours[0], core[0]),
            Row(
                f"{size} MiB attached: longest ping",
                "ms",
                ours[1],
                core[1],
                chart=size > 1,
            ),
            Row(
                f"{size} MiB attached: more memory",
                "MiB",
                ours[2],
                core[2],
                chart=size > 1,
            ),
        ]


async def _warm_up(bench: Bench, who: str) -> None:
    """Send a first mail, so that everything is loaded; core may not be ready."""
    async with bench.home.channel() as channel:
        while True:
            try:
                await bench.send(channel, who)
            except HomeAssistantError:
                await asyncio.sleep(0.5)
            else:
                break


async def _watched(bench: Bench, who: str, **data: Any) -> tuple[float, float, float]:
    """Return how long it took, the longest ping, and the growth of memory."""
    status = Path(f"/proc/{bench.home.pid}/status")
    await asyncio.sleep(0.5)
    forget_peak(bench.home.pid)
    before = memory(status, "VmRSS")
    longest = 0.0
    async with bench.home.channel() as channel, bench.home.channel() as pinged:
        done = asyncio.ensure_future(bench.send(channel, who, **data))
        while not done.done():
            start = time.perf_counter()
            await pinged.command("ping")
            longest = max(longest, time.perf_counter() - start)
            await asyncio.sleep(PING_PAUSE)
        took = await done
    return took, longest * 1000, max(memory(status, "VmHWM") - before, 0)
