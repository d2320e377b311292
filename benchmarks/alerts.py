"""How long alerts take, one and many, and what they need for it."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from benchmarks.bench import Bench, in_turn
from benchmarks.process import cpu_seconds
from benchmarks.report import CORE, OURS, Row
from tests.e2e.home_assistant import Channel

ROUND_TRIPS = (0, 20, 50)
"""Milliseconds."""
BURST = 50
LOGINS = 3
"""How many an account that is new may use at once."""
_MARGIN = 0.1
"""Seconds."""


async def alerts(bench: Bench, channel: Channel) -> None:
    """One alert: over a new connection, and over one that was kept."""
    for round_trip in ROUND_TRIPS:
        new, kept, core, unwaited = [], [], [], []
        for repetition in range(3 if bench.quick else 9):
            if repetition % LOGINS == 0:
                await bench.renew()
            await bench.server.tell(reset=round_trip / 1000)
            # Until it is known at the other end that the server has hung up.
            await asyncio.sleep(4 * round_trip / 1000 + _MARGIN)
            new.append(await bench.send(channel, OURS, wait=60))
            kept.append(await bench.send(channel, OURS, wait=60))
            core.append(await bench.send(channel, CORE))
            unwaited.append(await bench.send(channel, OURS, wait=0))
            await bench.server.tell(wait=4)
        where = f"round trip {round_trip} ms"
        bench.rows += [
            Row(f"One alert, new connection, {where}", "ms", new, core),
            Row(f"One alert, kept connection, {where}", "ms", kept, core),
            Row(f"The call when nobody waits, {where}", "ms", unwaited),
        ]


async def round_trips(bench: Bench, channel: Channel) -> None:
    """How often a mail has to wait for the server: one, and one of many."""
    results: dict[str, list[tuple[float, float, float]]] = {}
    await bench.renew()
    for who in (OURS, CORE):
        for _ in range(1 if bench.quick else 3):
            await bench.server.tell(reset=0.02)
            first = await _round_trips(bench, bench.send(channel, who), 1)
            # Ours keeps the connection of the first one.
            one = await _round_trips(bench, bench.send(channel, who), 2)
            many = [bench.send(channel, who) for _ in range(BURST)]
            each = await _round_trips(bench, asyncio.gather(*many), 2 + BURST)
            results.setdefault(who, []).append((first, one, each / BURST))
    ours, core = (list(zip(*results[who], strict=True)) for who in (OURS, CORE))
    bench.rows += [
        Row("Round trips, new connection", "times", ours[0], core[0]),
        Row("Round trips, kept connection", "times", ours[1], core[1]),
        Row(f"Round trips for each of {BURST} at once", "times", ours[2], core[2]),
    ]


async def _round_trips(bench: Bench, sent: Awaitable[Any], number: int) -> int:
    """Return how many there are until a mail, the last of so many, was sent."""
    before = (await bench.server.tell())["round_trips"]
    await sent
    state = await bench.server.tell(wait=number)
    return int(state["round_trips"] - before)


async def bursts(bench: Bench, channel: Channel) -> None:
    """Fifty alerts at once."""
    pid = bench.home.pid
    for round_trip in ROUND_TRIPS:
        results: dict[str, list[tuple[float, float, int, int]]] = {}
        for repetition in range(1 if bench.quick else 6):
            if repetition % LOGINS == 0:
                await bench.renew()
            for who in in_turn(repetition):
                await bench.server.tell(reset=round_trip / 1000)
                cpu = cpu_seconds(pid)
                wall, state = await bench.at_once(channel, who, BURST)
                results.setdefault(who, []).append(
                    (
                        wall,
                        (cpu_seconds(pid) - cpu) * 1000 / BURST,
                        state["logins"],
                        state["octets"] // 1024,
                    )
                )
        ours, core = (list(zip(*results[who], strict=True)) for who in (OURS, CORE))
        where = f"round trip {round_trip} ms"
        bench.rows += [
            Row(f"{BURST} at once, {where}", "ms", ours[0], core[0], chart=True),
            Row(f"Logins for {BURST}, {where}", "times", ours[2], core[2]),
            Row(f"CPU for one of {BURST}, {where}", "ms", ours[1], core[1]),
            Row(f"Octets for {BURST}, {where}", "KiB", ours[3], core[3]),
        ]
        if round_trip:
            per_mail = [
                [wall / round_trip / BURST for wall in walls]
                for walls in (ours[0], core[0])
            ]
            bench.rows.append(
                Row(
                    f"One of {BURST}, {where}",
                    "round trips",
                    per_mail[0],
                    per_mail[1],
                )
            )
