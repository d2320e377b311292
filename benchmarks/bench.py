"""A Home Assistant with both integrations, and the server that they send to."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import subprocess
import sys
import time
from typing import Any, cast

from benchmarks.process import ROOT
from benchmarks.report import CORE, OURS, Row
from benchmarks.server import ACCOUNT, CODE
from tests.e2e.home_assistant import Channel, HomeAssistant


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
        await self._add_ours(ours)
        self.core_entry = await self._flow("flow", "smtp", {**core, "options": {}})
        await self._flow(
            "subentries/flow", [self.core_entry, "recipient"], {"recipient": ACCOUNT}
        )
        while len(self.entities) < len((OURS, CORE)):
            await asyncio.sleep(0.5)
            await self._find_entities()

    async def renew(self, **options: Any) -> None:
        """Begin anew with ours, because an account may not log in as often as core's.

        Three logins are left then, behind that of a first mail. The options are beside
        those that all measurements have.
        """
        await self.home.delete(f"/api/config/config_entries/entry/{self.entry}")
        ours, _ = accounts(self.server.port)
        await self._add_ours(ours, **options)
        await self._find_entities()
        await self.home.action(
            "notify.send_message", entity_id=self.entities[OURS], message="The first"
        )

    async def _add_ours(self, account: dict[str, Any], **options: Any) -> None:
        self.entry = await self._flow("flow", "qq_mail", account)
        await self._flow(
            "options/flow",
            self.entry,
            {
                "limits": {
                    "messages_per_minute": 0,
                    "messages_per_day": 0,
                    "size_budget": 50,
                },
                "times": {"timeout": 60},
                "imap_host": account["host"],
                **options,
            },
        )

    async def _find_entities(self) -> None:
        for entity in await self.home.command("config/entity_registry/list"):
            if entity["entity_id"].startswith("notify."):
                self.entities[entity["platform"]] = entity["entity_id"]

    async def _flow(self, kind: str, handler: Any, data: dict[str, Any]) -> str:
        """Go through a flow of one step, and return the entry's id."""
        path = f"/api/config/config_entries/{kind}"
        form = await self.home.post(path, {"handler": handler})
        if form["type"] == "menu":
            # It offers to take over core's account, which is to be measured as well.
            another = {"next_step_id": "another"}
            form = await self.home.post(f"{path}/{form['flow_id']}", another)
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

    async def at_once(
        self, channel: Channel, who: str, number: int
    ) -> tuple[float, dict[str, Any]]:
        """Return how many milliseconds so many take, and what the server says then."""
        data = {"wait": 60} if who == OURS else {}
        start = time.monotonic()
        done = asyncio.gather(*(self.send(channel, who, **data) for _ in range(number)))
        state = await self.server.tell(wait=number)
        await done
        return (state["time"] - start) * 1000, state

    async def reload(self, entry: str) -> float:
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
