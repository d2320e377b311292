"""The disk: what waits on it, and syncs that are counted, and as slow as on a card."""

import asyncio
from pathlib import Path
import re
from shutil import which
import sys
import time

from benchmarks.bench import Bench, configure, in_turn
from benchmarks.report import CORE, OURS, Row
from tests.e2e.home_assistant import Channel, HomeAssistant

SYNC_MILLISECONDS = 30
AT_ONCE_ON_A_CARD = 20

_CARD = Path(__file__).parent / "card"
_QUIET = 0.5
"""Seconds without a sync, after which there is none to come."""
# A time, and the file that the descriptor stands for.
_SYNC = re.compile(r"^\d+ +(\d+\.\d+) f(?:data)?sync\(\d+<(.*?)>", re.MULTILINE)


def has_strace() -> bool:
    """Tell whether syncs can be seen."""
    return which("strace") is not None


def slow_disk(log: Path) -> tuple[str, ...]:
    """Return the command under which each sync takes long, and is logged."""
    return (
        "strace",
        # The program stays our child.
        "--daemonize",
        "--follow-forks",
        # Only a sync stops it; all else is as fast as ever.
        "--seccomp-bpf",
        "--quiet=all",
        "--decode-fds=path",
        "--timestamps=unix,us",
        "--signal=none",
        "--trace=fsync,fdatasync",
        f"--inject=fsync,fdatasync:delay_exit={SYNC_MILLISECONDS * 1000}",
        f"--env=PYTHONPATH={_CARD}",
        f"--output={log}",
    )


class Syncs:
    """Those of the integration's own files, in the log."""

    def __init__(self, log: Path) -> None:
        self._log = log

    async def since(self, time: float) -> list[float]:
        """Return when each began since then, once there are no more."""
        seen: list[float] = []
        while True:
            await asyncio.sleep(_QUIET)
            found = [
                float(began)
                for began, path in _SYNC.findall(self._log.read_text())
                if "/.storage/qq_mail" in path and float(began) >= time
            ]
            if found == seen:
                return found
            seen = found


async def queue(bench: Bench, channel: Channel) -> None:
    """Take a message while many wait already."""
    await bench.server.tell(listen=False)
    waiting = 0
    for number in (0, 100, 500) if bench.quick else (0, 1000, 5000):
        while waiting < number:
            batch = min(100, number - waiting)
            await asyncio.gather(
                *(bench.send(channel, OURS, wait=0) for _ in range(batch))
            )
            waiting += batch
        taken = [await bench.send(channel, OURS, wait=0) for _ in range(30)]
        waiting += len(taken)
        bench.rows.append(Row(f"Taking a message, {number} waiting", "ms", taken))
    await channel.action("qq_mail.discard", all=True)
    await bench.server.tell(listen=True)


async def disk(bench: Bench, _channel: Channel) -> None:
    """The same Home Assistant on a disk that takes long for a sync."""
    if not has_strace():
        print("benchmark: no strace, and so no rows on syncs", file=sys.stderr)
        return
    folder = bench.home.config_dir.parent
    log = folder / "syncs.log"
    home = HomeAssistant(folder / "card", ca_file=bench.ca_file, under=slow_disk(log))
    configure(home.config_dir)
    async with home, home.channel() as channel:
        card = Bench(home, bench.server, bench.ca_file, quick=bench.quick)
        await card.set_up()
        bench.rows += await _syncs(card, channel, Syncs(log))


async def _syncs(bench: Bench, channel: Channel, syncs: Syncs) -> list[Row]:
    """How many there are, and how long alerts take with them."""
    alone: dict[str, list[float]] = {}
    many: dict[str, list[float]] = {}
    before, overall, each = [], [], []
    for repetition in range(1 if bench.quick else 3):
        await bench.renew()
        for who in in_turn(repetition):
            await bench.server.tell(reset=0.02)
            await bench.send(channel, who)
            for number in range(2, 4 if bench.quick else 7):
                began = time.time()
                took = await bench.send(channel, who)
                state = await bench.server.tell(wait=number)
                alone.setdefault(who, []).append(took)
                if who == OURS:
                    seen = await syncs.since(began)
                    dot = state["accepted_at"][-1]
                    before.append(sum(sync < dot for sync in seen))
                    overall.append(len(seen))
            await bench.server.tell(reset=0.02)
            began = time.time()
            wall, _ = await bench.at_once(channel, who, AT_ONCE_ON_A_CARD)
            many.setdefault(who, []).append(wall)
            if who == OURS:
                each.append(len(await syncs.since(began)) / AT_ONCE_ON_A_CARD)
    where = f"round trip 20 ms, a sync takes {SYNC_MILLISECONDS} ms"
    number = AT_ONCE_ON_A_CARD
    return [
        Row("Syncs of an alert before its final dot", "times", before),
        Row("Syncs of an alert in all", "times", overall),
        Row(f"Syncs for each of {number} at once", "times", each),
        Row(f"One alert, kept connection, {where}", "ms", alone[OURS], alone[CORE]),
        Row(f"{number} at once, {where}", "ms", many[OURS], many[CORE]),
    ]
