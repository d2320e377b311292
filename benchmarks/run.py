"""Measure ours and core's smtp in the same Home Assistant, one after the other."""

import argparse
import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
import json
import os
from pathlib import Path
import platform
import re
import subprocess
import sys
import tempfile
import time
from typing import Any, cast

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.disk import SYNC_MILLISECONDS, Syncs, has_strace, slow_disk  # noqa: E402
from benchmarks.process import (  # noqa: E402
    cpu_seconds,
    forget_peak,
    import_milliseconds,
    memory,
    milliseconds,
)
from benchmarks.report import CORE, OURS, Row, chart, table  # noqa: E402
from benchmarks.server import ACCOUNT, CODE  # noqa: E402
from homeassistant.const import __version__  # noqa: E402 - needs the path above
from tests.e2e.home_assistant import (  # noqa: E402
    Channel,
    HomeAssistant,
    HomeAssistantError,
    free_port,
)

ROUND_TRIPS = (0, 20, 50)
"""Milliseconds."""
BURST = 50
AT_ONCE_ON_A_CARD = 20
SIZES = (1, 20, 50)
MIB = 1024**2
PING_PAUSE = 0.002
DOCUMENT = ROOT / "docs" / "benchmarks.md"
CHART = ROOT / "docs" / "images" / "benchmark.svg"
_RESULTS = re.compile(
    r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.DOTALL
)


class Server:
    """The server's process, as it is told what to do."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.port = 0
        self._process = process
        self._commands = cast("asyncio.StreamWriter", process.stdin)
        self._answers = cast("asyncio.StreamReader", process.stdout)

    async def start(self) -> None:
        """Wait until it listens."""
        self.port = json.loads(await self._answers.readline())["port"]

    async def stop(self) -> None:
        """End it."""
        self._commands.close()
        await self._process.wait()

    async def tell(self, **command: Any) -> dict[str, Any]:
        """Give a command, and return what happened since the last reset."""
        self._commands.write(json.dumps(command).encode() + b"\n")
        return dict(json.loads(await self._answers.readline()))


class Bench:
    """Both integrations, ready to send, and how they are measured."""

    def __init__(
        self, home: HomeAssistant, server: Server, ca_file: Path, *, quick: bool
    ) -> None:
        self.home = home
        self.server = server
        self.ca_file = ca_file
        self.quick = quick
        self.entry = self.core_entry = ""
        self.entities: dict[str, str] = {}
        self.rows: list[Row] = []

    async def set_up(self) -> None:
        """Add the same account to both, by their config flows."""
        ours, core = accounts(self.server.port)
        self.entry = await self._flow("flow", "qq_mail", ours)
        await self._flow(
            "options/flow",
            self.entry,
            {
                "timeout": 60,
                "expires_after": 24,
                "burst": 5,
                "messages_per_minute": 0,
                "size_budget": 50,
            },
        )
        self.core_entry = await self._flow("flow", "smtp", {**core, "options": {}})
        await self._flow(
            "subentries/flow", [self.core_entry, "recipient"], {"recipient": ACCOUNT}
        )
        while len(self.entities) < len((OURS, CORE)):
            await asyncio.sleep(0.5)
            for entity in await self.home.command("config/entity_registry/list"):
                if entity["entity_id"].startswith("notify."):
                    self.entities[entity["platform"]] = entity["entity_id"]

    async def _flow(self, kind: str, handler: Any, data: dict[str, Any]) -> str:
        """Go through a flow of one step, and return the entry's id."""
        path = f"/api/config/config_entries/{kind}"
        form = await self.home.post(path, {"handler": handler})
        result = await self.home.post(f"{path}/{form['flow_id']}", data)
        if result["type"] != "create_entry":
            raise SystemExit(f"The flow of {handler} ended with {result}")
        return str((result.get("result") or {}).get("entry_id", ""))

    async def send(self, channel: Channel, who: str, **data: Any) -> float:
        """Send by one of the two, and return how many milliseconds that took."""
        start = time.perf_counter()
        await channel.action(
            f"{who}.send_message",
            entity_id=self.entities[who],
            **{"title": "Alarm", "message": "Water under the sink", **data},
        )
        return (time.perf_counter() - start) * 1000

    async def alerts(self, channel: Channel) -> None:
        """One alert: over a new connection, and over one that was kept."""
        for round_trip in ROUND_TRIPS:
            await self.server.tell(reset=round_trip / 1000)
            new, kept, core, unwaited = [], [], [], []
            for _ in range(3 if self.quick else 10):
                await self._reload(self.entry)
                new.append(await self.send(channel, OURS, wait=60))
                kept.append(await self.send(channel, OURS, wait=60))
                core.append(await self.send(channel, CORE))
                unwaited.append(await self.send(channel, OURS, wait=0))
                await self.server.tell(wait=len(new) * 4)
            where = f"round trip {round_trip} ms"
            self.rows += [
                Row(f"One alert, new connection, {where}", "ms", new, core),
                Row(f"One alert, kept connection, {where}", "ms", kept, core),
                Row(f"The call when nobody waits, {where}", "ms", unwaited),
            ]

    async def round_trips(self, channel: Channel) -> None:
        """How often a mail has to wait for the server: one, and one of many."""
        results: dict[str, list[tuple[float, float]]] = {}
        for who in (OURS, CORE):
            for _ in range(1 if self.quick else 3):
                await self.server.tell(reset=0.02)
                # Ours keeps the connection of the first one.
                await self.send(channel, who)
                one = await self._round_trips(self.send(channel, who), 2)
                many = [self.send(channel, who) for _ in range(BURST)]
                each = await self._round_trips(asyncio.gather(*many), 2 + BURST)
                results.setdefault(who, []).append((one, each / BURST))
        ours, core = (list(zip(*results[who], strict=True)) for who in (OURS, CORE))
        self.rows += [
            Row("Round trips, kept connection", "times", ours[0], core[0]),
            Row(f"Round trips for each of {BURST} at once", "times", ours[1], core[1]),
        ]

    async def _round_trips(self, sent: Awaitable[Any], number: int) -> int:
        """Return how many there are until a mail, the last of so many, was sent."""
        before = (await self.server.tell())["round_trips"]
        await sent
        state = await self.server.tell(wait=number)
        return int(state["round_trips"] - before)

    async def bursts(self, channel: Channel) -> None:
        """Fifty alerts at once."""
        pid = self.home.pid
        for round_trip in ROUND_TRIPS:
            results: dict[str, list[tuple[float, float, int, int]]] = {}
            for repetition in range(1 if self.quick else 5):
                for who in in_turn(repetition):
                    await self.server.tell(reset=round_trip / 1000)
                    cpu = cpu_seconds(pid)
                    wall, state = await self._at_once(channel, who, BURST)
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
            self.rows += [
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
                self.rows.append(
                    Row(
                        f"One of {BURST}, {where}",
                        "round trips",
                        per_mail[0],
                        per_mail[1],
                    )
                )

    async def _at_once(
        self, channel: Channel, who: str, number: int
    ) -> tuple[float, dict[str, Any]]:
        """Return how many milliseconds so many take, and what the server says then."""
        data = {"wait": 60} if who == OURS else {}
        start = time.monotonic()
        done = asyncio.gather(*(self.send(channel, who, **data) for _ in range(number)))
        state = await self.server.tell(wait=number)
        await done
        return (state["time"] - start) * 1000, state

    async def disk(self, _channel: Channel) -> None:
        """The same Home Assistant on a disk that takes long for a sync."""
        if not has_strace():
            print("benchmark: no strace, and so no rows on syncs", file=sys.stderr)
            return
        folder = self.home.config_dir.parent
        log = folder / "syncs.log"
        home = HomeAssistant(
            folder / "card", ca_file=self.ca_file, under=slow_disk(log)
        )
        configure(home.config_dir)
        async with home, home.channel() as channel:
            bench = Bench(home, self.server, self.ca_file, quick=self.quick)
            await bench.set_up()
            self.rows += await bench.syncs(channel, Syncs(log))

    async def syncs(self, channel: Channel, syncs: Syncs) -> list[Row]:
        """How many there are, and how long alerts take with them."""
        alone: dict[str, list[float]] = {}
        many: dict[str, list[float]] = {}
        before, overall, each = [], [], []
        for repetition in range(1 if self.quick else 3):
            for who in in_turn(repetition):
                await self.server.tell(reset=0.02)
                await self.send(channel, who)
                for number in range(2, 4 if self.quick else 7):
                    began = time.time()
                    took = await self.send(channel, who)
                    state = await self.server.tell(wait=number)
                    alone.setdefault(who, []).append(took)
                    if who == OURS:
                        seen = await syncs.since(began)
                        dot = state["accepted_at"][-1]
                        before.append(sum(sync < dot for sync in seen))
                        overall.append(len(seen))
                await self.server.tell(reset=0.02)
                began = time.time()
                wall, _ = await self._at_once(channel, who, AT_ONCE_ON_A_CARD)
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

    async def large(self, _channel: Channel) -> None:
        """Large attachments: is Home Assistant still there meanwhile?"""
        media = self.home.config_dir / "media"
        for size in SIZES:
            (media / f"{size}.bin").write_bytes(os.urandom(size * MIB))
            results: dict[str, list[tuple[float, float, float]]] = {}
            for repetition in range(1 if self.quick else 3):
                for who in in_turn(repetition):
                    await self.server.tell(reset=0)
                    # What one of them has left in memory is not for the other to use.
                    await self.home.restart()
                    await self._warm_up(who)
                    data = {"wait": 120} if who == OURS else {}
                    source = f"media-source://media_source/local/{size}.bin"
                    item = {
                        "media_source": {
                            "media_content_id": source,
                            "media_content_type": "",
                        },
                    }
                    results.setdefault(who, []).append(
                        await self._watched(who, attachments=[item], **data)
                    )
            ours, core = (list(zip(*results[who], strict=True)) for who in (OURS, CORE))
            self.rows += [
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

    async def _warm_up(self, who: str) -> None:
        """Send a first mail, so that everything is loaded; core may not be ready."""
        async with self.home.channel() as channel:
            while True:
                try:
                    await self.send(channel, who)
                except HomeAssistantError:
                    await asyncio.sleep(0.5)
                else:
                    break

    async def _watched(self, who: str, **data: Any) -> tuple[float, float, float]:
        """Return how long it took, the longest ping, and the growth of memory."""
        status = Path(f"/proc/{self.home.pid}/status")
        await asyncio.sleep(0.5)
        forget_peak(self.home.pid)
        before = memory(status, "VmRSS")
        longest = 0.0
        async with self.home.channel() as channel, self.home.channel() as pinged:
            done = asyncio.ensure_future(self.send(channel, who, **data))
            while not done.done():
                start = time.perf_counter()
                await pinged.command("ping")
                longest = max(longest, time.perf_counter() - start)
                await asyncio.sleep(PING_PAUSE)
            took = await done
        return took, longest * 1000, max(memory(status, "VmHWM") - before, 0)

    async def queue(self, channel: Channel) -> None:
        """Take a message while many wait already."""
        await self.server.tell(listen=False)
        waiting = 0
        for number in (0, 100, 500) if self.quick else (0, 1000, 5000):
            while waiting < number:
                batch = min(100, number - waiting)
                await asyncio.gather(
                    *(self.send(channel, OURS, wait=0) for _ in range(batch))
                )
                waiting += batch
            taken = [await self.send(channel, OURS, wait=0) for _ in range(30)]
            waiting += len(taken)
            self.rows.append(Row(f"Taking a message, {number} waiting", "ms", taken))
        await channel.action("qq_mail.discard")
        await self.server.tell(listen=True)

    async def starts(self, _channel: Channel) -> None:
        """What they cost when Home Assistant starts."""
        ours, core = [], []
        for _ in range(4 if self.quick else 11):
            ours.append(import_milliseconds("custom_components.qq_mail"))
            core.append(import_milliseconds("homeassistant.components.smtp"))
        # The first time all is compiled.
        self.rows.append(Row("Import", "ms", ours[1:], core[1:]))
        first = self._first_accounts()
        self.rows.append(
            Row("First account: import and set-up", "ms", first[OURS], first[CORE])
        )
        ours, core = [], []
        for _ in range(3 if self.quick else 10):
            ours.append(await self._reload(self.entry))
            core.append(await self._reload(self.core_entry))
        self.rows.append(Row("Set-up of the entry", "ms", ours, core))

    def _first_accounts(self) -> dict[str, list[float]]:
        """Add an account to a Home Assistant that has none, in a fresh process."""
        took: dict[str, list[float]] = {OURS: [], CORE: []}
        data = dict(zip((OURS, CORE), accounts(self.server.port), strict=True))
        options = {OURS: {"service_name": "qq_mail"}, CORE: {}}
        with tempfile.TemporaryDirectory() as folder:
            home = HomeAssistant(Path(folder, "config"), ca_file=self.ca_file)
            configure(home.config_dir)
            for repetition in range(4 if self.quick else 11):
                for who in in_turn(repetition):
                    account = {"data": data[who], "options": options[who]}
                    took[who].append(
                        milliseconds(
                            "-m",
                            "benchmarks.startup",
                            str(home.config_dir),
                            who,
                            json.dumps({**account, "subentries_data": []}),
                            REQUESTS_CA_BUNDLE=str(self.ca_file),
                            SETUP_PORT=str(free_port()),
                        )
                    )
        # The first time all is compiled, and Home Assistant settles in.
        return {who: times[1:] for who, times in took.items()}

    async def _reload(self, entry: str) -> float:
        """Load an entry anew, and return how many milliseconds that took."""
        start = time.perf_counter()
        await self.home.post(f"/api/config/config_entries/entry/{entry}/reload")
        return (time.perf_counter() - start) * 1000


def accounts(port: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the same account, as ours and as core's has it."""
    login = {
        "username": ACCOUNT,
        "password": CODE,
        "encryption": "tls",
        "port": port,
    }
    ours = {**login, "host": "127.0.0.1"}
    core = {"server": "127.0.0.1", "sender": ACCOUNT, "verify_ssl": True}
    return ours, {**login, **core}


def in_turn(repetition: int) -> tuple[str, str]:
    """Let each of them be the first as often as the other."""
    return (CORE, OURS) if repetition % 2 else (OURS, CORE)


def configure(config_dir: Path) -> None:
    """Give Home Assistant a media folder of its own, and a log as it is usual."""
    folder = config_dir / "media"
    folder.mkdir()
    file = config_dir / "configuration.yaml"
    first, rest = file.read_text().replace(": debug", ": warning").split("\n", 1)
    file.write_text(f"{first}\n  media_dirs:\n    local: {folder}\n{rest}")


@asynccontextmanager
async def server(ca_file: Path) -> AsyncGenerator[Server]:
    """Run the server."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.server",
        str(ca_file),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    running = Server(process)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


async def main() -> None:
    """Measure, print, and write the document."""
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="repeat less; print only")
    parser.add_argument(
        "--only",
        nargs="*",
        help="starts, round_trips, alerts, bursts, queue, disk, large",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder, "ca.pem")
        async with server(ca_file) as running:
            home = HomeAssistant(Path(folder, "config"), ca_file=ca_file)
            configure(home.config_dir)
            async with home, home.channel() as channel:
                bench = Bench(home, running, ca_file, quick=options.quick)
                await bench.set_up()
                parts: dict[str, Callable[[Channel], Awaitable[None]]] = {
                    "starts": bench.starts,
                    "round_trips": bench.round_trips,
                    "alerts": bench.alerts,
                    "bursts": bench.bursts,
                    "queue": bench.queue,
                    "disk": bench.disk,
                    # The last one: it restarts Home Assistant.
                    "large": bench.large,
                }
                for name, part in parts.items():
                    if not options.only or name in options.only:
                        print(f"benchmark: {name}", file=sys.stderr)
                        await part(channel)
    results = (
        f"Home Assistant {__version__}, Python {platform.python_version()},"
        f" {os.cpu_count()} processors. Medians, with the range in brackets.\n\n"
        + table(bench.rows)
    )
    print(results)
    if not options.quick and not options.only:
        text = DOCUMENT.read_text()
        DOCUMENT.write_text(_RESULTS.sub(lambda _: results, text))
        CHART.write_text(chart(bench.rows))


if __name__ == "__main__":
    asyncio.run(main())
