"""Raise alerts for a long time while the server fails at random; lose none.

Ends with 0 only if every alert was accepted, memory and open files are as they were
after the warm-up, and the log holds no traceback.
"""

import argparse
import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
import re
import sys
import tempfile
import time
from typing import override

from tests.e2e.home_assistant import Channel, HomeAssistant, HomeAssistantError
from tests.e2e.test_crash import (
    ENTITY,
    HIGHEST,
    SEED,
    FaultyServer,
    add_account,
    chance_for,
    waiting,
)
from tests.qq_server import Certificates, ImapStep, Raw, Step, replies
from tests.qq_server.actions import Action

ROOT = Path(__file__).parents[1]

WARM_UP = 0.2
"""The share of the time after which memory and open files are measured first."""
MEMORY_TOLERANCE = 0.1
"""The share of its memory that the process may have gained since the warm-up."""
FILES_TOLERANCE = 5
"""How many more files it may have open."""
RETRY_INTERVAL = 1.0
"""Seconds between two retries: a back-off would be most of the time."""
CALM_TIMEOUT = 180.0
"""Seconds within which everything has to be accepted once the server behaves."""
IDLE = 15.0
"""Seconds until a kept session is closed for certain."""

RATE_LIMITS = 0.002
"""The share of MAIL commands that meet QQ's limit."""
DAMAGED = 0.2
"""The share of QUIT commands that are answered with something that is no SMTP."""


class UnrulyServer(FaultyServer):
    """Has rate limits and damaged replies to QUIT as well."""

    @override
    def action_at(self, step: Step | ImapStep, line: str = "") -> Action | None:
        if self.faulty and step is Step.MAIL and self._chance.random() < RATE_LIMITS:
            self.faults += 1
            return replies.TOO_MANY_ATTEMPTS
        if self.faulty and step is Step.QUIT and self._chance.random() < DAMAGED:
            self.faults += 1
            return Raw(self._chance.randbytes(40), close=True)
        return super().action_at(step, line)


@dataclass
class Alerts:
    """What was raised, and which actions failed."""

    raised: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    async def keep_raising(self, channel: Channel, until: float, rate: float) -> None:
        """Raise alerts at about this rate, and wait for all their actions."""
        chance = chance_for("alerts")
        async with asyncio.TaskGroup() as group:
            while time.monotonic() < until:
                group.create_task(self._raise(channel, chance))
                await asyncio.sleep(chance.expovariate(rate))

    async def _raise(self, channel: Channel, chance: Random) -> None:
        token = f"Alert {len(self.raised) + 1}"
        self.raised.add(token)
        message = f"{token}: 水浸 🌊\n" * chance.choice((1, 50, 1000))
        try:
            if chance.random() < 0.5:  # noqa: PLR2004 - one as often as the other
                await channel.action(
                    "qq_mail.send_message",
                    entity_id=ENTITY,
                    title=token,
                    message=message,
                    **HIGHEST,
                )
            else:
                await channel.action(
                    "notify.qq_mail", title=token, message=message, data=HIGHEST
                )
        except HomeAssistantError as err:
            self.failed.append(f"{token}: {err}")


@dataclass(frozen=True)
class Measure:
    """What the system knows of a process."""

    memory: int
    """Resident, in KiB."""
    files: int
    """Open handles."""

    @classmethod
    def take(cls, pid: int) -> Measure:
        """Look at a process."""
        process = Path("/proc") / str(pid)
        resident = re.search(r"VmRSS:\s+(\d+)", (process / "status").read_text())
        if resident is None:
            raise HomeAssistantError("the process has no memory any more")
        return cls(int(resident[1]), len(list((process / "fd").iterdir())))


async def main() -> int:
    """Run as long as told, and judge."""
    options = parse_options()
    print(f"QQ_MAIL_SEED={SEED} {options.duration:g} s, {options.rate:g} alerts/s")
    with tempfile.TemporaryDirectory() as folder:
        certificates = Certificates()
        ca_file = Path(folder) / "ca.pem"
        certificates.write_ca(ca_file)
        with UnrulyServer(certificates, chance_for("faults")) as server:
            home_assistant = HomeAssistant(
                Path(folder) / "config", ca_file=ca_file, lean=True
            )
            async with home_assistant:
                return await soak(
                    home_assistant, server, options.duration, options.rate
                )


async def soak(
    home_assistant: HomeAssistant, server: UnrulyServer, duration: float, rate: float
) -> int:
    """Raise alerts, let the server calm down, and tell what is wrong: 0 if nothing."""
    await add_account(home_assistant, server)
    alerts = Alerts()
    async with home_assistant.channel() as channel:
        await loaded(channel)
        server.faulty = True
        start = time.monotonic()
        retrying = asyncio.create_task(keep_retrying(channel))
        raising = asyncio.create_task(
            alerts.keep_raising(channel, start + duration, rate)
        )
        await asyncio.wait({raising}, timeout=duration * WARM_UP)
        first = Measure.take(home_assistant.pid)
        say(start, server, alerts, "warmed up", first)
        while not raising.done():
            await asyncio.wait({raising}, timeout=60)
            say(start, server, alerts, "", Measure.take(home_assistant.pid))
        await raising
        server.faulty = False
        with suppress(TimeoutError):
            async with asyncio.timeout(CALM_TIMEOUT):
                while await waiting(channel):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.2)
        retrying.cancel()
        await asyncio.wait({retrying})
        await asyncio.sleep(IDLE)
        last = Measure.take(home_assistant.pid)
        say(start, server, alerts, "calm", last)
    missing = sorted(alerts.raised - server.copies.keys())
    log = home_assistant.log + (home_assistant.config_dir / "console.log").read_text()
    faults = tracebacks(log)
    repeated = sum(len(copies) - 1 for copies in server.copies.values())
    print(
        f"{len(alerts.raised)} alerts, {len(server.copies)} accepted,"
        f" {repeated} second copies, {server.faults} faults,"
        f" {server.connections} connections\n"
        f"Memory {first.memory} → {last.memory} KiB"
        f" ({last.memory / first.memory - 1:+.1%}, {MEMORY_TOLERANCE:+.0%} allowed),"
        f" files {first.files} → {last.files} (+{FILES_TOLERANCE} allowed)"
    )
    wrong = {
        "no alert was raised": not alerts.raised,
        "the server never failed": not server.faults,
        f"missing: {missing[:20]}": bool(missing),
        f"failed actions: {alerts.failed[:20]}": bool(alerts.failed),
        "memory grew": last.memory > first.memory * (1 + MEMORY_TOLERANCE),
        "files stay open": last.files > first.files + FILES_TOLERANCE,
        f"tracebacks in the log: {faults[:3]}": bool(faults),
        "retrying failed": not retrying.cancelled(),
    }
    for what, true in wrong.items():
        if true:
            print(f"✗ {what}")
    if any(wrong.values()):
        return 1
    print("✓ No alert is missing, and nothing grew.")
    return 0


async def loaded(channel: Channel) -> None:
    """Wait until the account is loaded with its options."""
    async with asyncio.timeout(CALM_TIMEOUT):
        while True:
            with suppress(HomeAssistantError):
                await waiting(channel)
                return
            await asyncio.sleep(0.1)


def tracebacks(log: str) -> list[str]:
    """Return the records with a traceback that names the integration or aiosmtplib.

    Home Assistant itself has some more to say where there is no network at all.
    """
    records = re.split(r"^(?=\d{4}-\d\d-\d\d )", log, flags=re.MULTILINE)
    return [
        record
        for record in records
        if "Traceback" in record and re.search(r"qq_mail|aiosmtplib", record)
    ]


async def keep_retrying(channel: Channel) -> None:
    """End each back-off and each pause, as a person would who cannot wait."""
    while True:
        await channel.action("qq_mail.retry")
        await asyncio.sleep(RETRY_INTERVAL)


def say(
    start: float, server: UnrulyServer, alerts: Alerts, what: str, now: Measure
) -> None:
    """Print how far it is."""
    print(
        f"{time.monotonic() - start:7.0f} s  {len(alerts.raised):6} alerts"
        f"  {len(server.copies):6} accepted  {server.faults:6} faults"
        f"  {now.memory} KiB  {now.files} files  {what}",
        flush=True,
    )


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("duration", type=seconds, help="for so long: 90s, 10m, 8h")
    parser.add_argument(
        "--rate", type=float, default=2, metavar="N", help="alerts a second"
    )
    return parser.parse_args()


def seconds(text: str) -> float:
    """Read a duration. Raises ValueError."""
    units = {"s": 1, "m": 60, "h": 3600}
    if (match := re.fullmatch(r"(\d+)([smh])", text)) is None:
        raise ValueError(text)
    return int(match[1]) * units[match[2]]


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
