"""Home Assistant is killed again and again, and no alert is lost.

QQ_MAIL_CRASHES says how often, QQ_MAIL_SEED repeats what chance did: the faults and
the instants, though not how fast each of the processes was.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
import os
from pathlib import Path
from random import Random, SystemRandom
import stat
from typing import Any, override

import pytest

from custom_components.qq_mail.store import Journal
from custom_components.qq_mail.store.disk import Disk
from tests.e2e.home_assistant import (
    Channel,
    ConnectionLostError,
    HomeAssistant,
    HomeAssistantError,
)
from tests.qq_server import (
    AcceptedMessage,
    Answer,
    Certificates,
    Close,
    Hang,
    ImapStep,
    QQServer,
    Step,
)
from tests.qq_server.actions import Action

ADDRESS = "10001@qq.com"
CODE = "abcdefghijklmnop"
ENTITY = "notify.10001_qq_com"
HIGHEST = {"priority": "highest"}

CRASHES = int(os.environ.get("QQ_MAIL_CRASHES", "3"))
SEED = os.environ.get("QQ_MAIL_SEED") or str(SystemRandom().randrange(10**9))

FAULTS = 0.05
"""The share of the server's steps that go wrong: of four messages it strikes one."""
ALERTS_PER_SECOND = 10
HANGS = 0.1
"""The share of the faults that are silence, each of them for the time-out's seconds."""
LIFE = (0.1, 10.0)
"""Seconds that a process lives once it has started, the shortest and the longest."""
START = (0.2, 2.0)
"""Seconds after which it is killed while it starts."""
KILLED_AT_START = 0.25
DRAIN_TIMEOUT = 120.0

_REFUSALS: list[Action] = [
    Answer(421, "Service not available, closing transmission channel"),
    Answer(450, "Requested action not taken, mailbox busy"),
    Answer(451, "Requested action aborted, local error in processing"),
    Answer(452, "Insufficient system storage"),
]
_DROPS: list[Action] = [Close(), Close(reset=True)]
# A refusal is nothing that a client reads there, or is no honest answer any more.
_NO_REFUSALS = (Step.CONNECT, Step.BODY, Step.ACCEPTED)
# A connection closed on a login is a refused code: a quarter of an hour's pause.
_NO_CLOSING = (Step.AUTH_COMMAND, Step.AUTH)
# The answer to the final dot is waited for ten minutes.
_NO_HANGING = (Step.BODY, Step.DOT, Step.ACCEPTED)
_SCRIPT: dict[Step, list[Action]] = {
    **dict.fromkeys(Step, _REFUSALS + _DROPS),
    **dict.fromkeys(_NO_REFUSALS, _DROPS),
    **dict.fromkeys(_NO_CLOSING, _REFUSALS),
}


@dataclass
class Copy:
    """One acceptance of a message."""

    process: int
    """Which of the processes had submitted it."""
    heard: bool = False
    """The client went on after the answer."""
    noted: bool = False
    """In the same session followed another message."""


class FaultyServer(QQServer):
    """Refuses, closes and hangs at random, and keeps a record of every copy."""

    def __init__(self, certificates: Certificates, chance: Random) -> None:
        """Prepare a server that behaves, until `faulty` is set."""
        super().__init__(certificates, {ADDRESS: CODE})
        self.faulty = False
        self.process = 0
        self.faults = 0
        self.copies: dict[str, list[Copy]] = {}
        self.went_on_from_memory: set[int] = set()
        """Those processes for which the disk was too slow."""
        self._chance = chance
        self._copies: dict[str, Copy] = {}
        """By the id that the server gave to each."""

    @override
    def action_at(self, step: Step | ImapStep, line: str = "") -> Action | None:
        if (
            not self.faulty
            or isinstance(step, ImapStep)
            or self._chance.random() > FAULTS
        ):
            return None
        self.faults += 1
        if step not in _NO_HANGING and self._chance.random() < HANGS:
            return Hang()
        return self._chance.choice(_SCRIPT[step])

    @override
    def accept(self, message: AcceptedMessage) -> None:
        copy = self._copies[message.tencent_id] = Copy(self.process)
        self.copies.setdefault(message.subject, []).append(copy)
        super().accept(message)

    @override
    def note_heard(self, message: AcceptedMessage) -> None:
        self._copies[message.tencent_id].heard = True

    @override
    def note_next(self, message: AcceptedMessage) -> None:
        self._copies[message.tencent_id].noted = True

    def was_needless(self, copy: Copy, following: Copy) -> bool:
        """Tell whether a copy was followed by another though its answer had arrived.

        Before a message is sent, the disk has what came of the one before it in the same
        session, unless it hangs: no alarm waits longer than two seconds for that.
        """
        if copy.process in self.went_on_from_memory:
            return False
        in_one_process = copy.process == following.process
        return copy.noted or (in_one_process and copy.heard)


@dataclass
class Alerts:
    """Alerts, each with a subject of its own, and what their actions said."""

    chance: Random
    raised: int = 0
    returned: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)

    async def keep_raising(self, channel: Channel) -> None:
        """Raise one after the other until the process is gone."""
        async with asyncio.TaskGroup() as group:
            while channel.is_open:
                group.create_task(self._raise(channel))
                await asyncio.sleep(self.chance.expovariate(ALERTS_PER_SECOND))

    async def _raise(self, channel: Channel) -> None:
        self.raised += 1
        subject = f"Alert {self.raised}"
        # The longest take several reads and writes, so that a kill can come between.
        message = f"{subject}: 水浸 🌊\n" * self.chance.choice((1, 50, 5000))
        action: dict[str, Any] = self.chance.choice(
            (
                # Of the highest priority: a login is made for those however many were
                # made before, and each process makes one.
                {"action": "qq_mail.send_message", "entity_id": ENTITY, **HIGHEST},
                {"action": "notify.qq_mail", "data": HIGHEST},
            )
        )
        try:
            await channel.action(**action, title=subject, message=message)
        except ConnectionLostError:
            # Nobody was told that it is kept.
            pass
        except HomeAssistantError as err:
            self.failed[subject] = str(err)
        else:
            self.returned.add(subject)


@pytest.fixture(autouse=True)
def custom_integrations() -> None:
    """Take the place of what starts a Home Assistant in this process."""


@pytest.mark.timeout(240 + 30 * CRASHES)
async def test_nothing_is_lost(
    tmp_path: Path, socket_enabled: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """What an action returned for is accepted, and twice only for want of an answer."""
    # Past the capture: the seed is wanted where a run hangs as well.
    say(capfd, f"\nQQ_MAIL_SEED={SEED} QQ_MAIL_CRASHES={CRASHES}")
    chance = chance_for("kills")
    certificates = Certificates()
    ca_file = tmp_path / "ca.pem"
    certificates.write_ca(ca_file)
    alerts = Alerts(chance_for("alerts"))
    with FaultyServer(certificates, chance_for("faults")) as server:
        home_assistant = HomeAssistant(
            tmp_path / "config", ca_file=ca_file, lean=True, forked=True
        )
        async with home_assistant:
            await add_account(home_assistant, server)
            # In good order: the account itself is not to be lost with the first kill.
            await home_assistant.stop()
            server.faulty = True
            for number in range(CRASHES):
                await live_and_die(home_assistant, server, alerts, chance, number)
                if "The disk hangs" in home_assistant.log:
                    server.went_on_from_memory.add(server.process)
                assert "custom_components/qq_mail/" not in home_assistant.log, SEED
            server.faulty = False
            server.process += 1
            await home_assistant.start()
            waited = await drain(home_assistant)
        copies = server.copies
        missing = sorted(alerts.returned - copies.keys())
        needless = [
            subject
            for subject, accepted in copies.items()
            for copy, following in pairwise(accepted)
            if server.was_needless(copy, following)
        ]
        repeated = sum(len(accepted) - 1 for accepted in copies.values())
        summary = (
            f"seed {SEED}: {CRASHES} kills, {server.faults} faults, "
            f"{alerts.raised} alerts, {len(alerts.returned)} actions returned, "
            f"{len(copies)} messages accepted, {repeated} second copies, "
            f"{waited} waited for the end of their back-off, "
            f"{len(missing)} missing, {len(needless)} needless copies"
        )
        say(capfd, summary)
        assert not alerts.failed, (summary, alerts.failed)
        assert alerts.returned, summary
        assert not missing, (summary, missing)
        assert not needless, (summary, needless)
    store = home_assistant.config_dir / ".storage" / "qq_mail"
    modes = {stat.S_IMODE(file.stat().st_mode) for file in store.rglob("*-*")}
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    assert modes == {0o600}
    left = Journal(store, Disk()).load().records
    assert "message" not in {kind for kind, *_ in left}, summary


def say(capfd: pytest.CaptureFixture[str], text: str) -> None:
    """Print at once, whether the test passes or not."""
    with capfd.disabled():
        print(text, flush=True)  # noqa: T201 - for whoever has to repeat the run


def chance_for(purpose: str) -> Random:
    """Return what decides on something, independently of all the rest."""
    return Random(f"{SEED} {purpose}")  # noqa: S311 - to be repeated, not to be secret


async def add_account(home_assistant: HomeAssistant, server: QQServer) -> str:
    """Add the account; let it be impatient, and as fast as the server."""
    flows = "/api/config/config_entries"
    form = await home_assistant.post(f"{flows}/flow", {"handler": "qq_mail"})
    created = await home_assistant.post(
        f"{flows}/flow/{form['flow_id']}",
        {
            "username": ADDRESS,
            "password": CODE,
            "host": server.host,
            "port": server.tls_port,
            "encryption": "tls",
        },
    )
    entry_id = str(created["result"]["entry_id"])
    form = await home_assistant.post(f"{flows}/options/flow", {"handler": entry_id})
    await home_assistant.post(
        f"{flows}/options/flow/{form['flow_id']}",
        {
            # Each alert is looked for by its own title.
            "digest": False,
            "limits": {
                "burst": 100,
                "messages_per_minute": 0,
                "messages_per_day": 0,
            },
            "times": {"timeout": 5, "expires_after": 24},
        },
    )
    return entry_id


async def live_and_die(
    home_assistant: HomeAssistant,
    server: FaultyServer,
    alerts: Alerts,
    chance: Random,
    number: int,
) -> None:
    """Start, raise alerts, and be killed at some instant, maybe before the first."""
    server.process += 1
    # One that raises nothing is of no use unless something waits.
    if number and chance.random() < KILLED_AT_START:
        starting = asyncio.create_task(home_assistant.start())
        await asyncio.wait({starting}, timeout=chance.uniform(*START))
        await kill(home_assistant, server)
        with suppress(HomeAssistantError):
            await starting
        return
    await home_assistant.start()
    async with home_assistant.channel() as channel:
        raising = asyncio.create_task(alerts.keep_raising(channel))
        await asyncio.wait({raising}, timeout=chance.uniform(*LIFE))
        await kill(home_assistant, server)
        await raising


async def kill(home_assistant: HomeAssistant, server: QQServer) -> None:
    """Kill a process, and let the server read what came of it: that is not the next's."""
    await home_assistant.kill()
    async with asyncio.timeout(DRAIN_TIMEOUT):
        while server.open_connections:
            await asyncio.sleep(0.01)


async def drain(home_assistant: HomeAssistant) -> int:
    """Wait until nothing waits; return how many had to be asked for.

    On its own goes out what certainly was not accepted. What may have been waits for
    its back-off, which after many kills is longer than anyone wants to look on.
    """
    async with home_assistant.channel() as channel:
        async with asyncio.timeout(DRAIN_TIMEOUT):
            while any(
                message["cause"] != "outcome_unknown"
                for message in await waiting(channel)
            ):
                await asyncio.sleep(0.2)
        unknown = len(await waiting(channel))
        await channel.action("qq_mail.retry")
        async with asyncio.timeout(DRAIN_TIMEOUT):
            while await waiting(channel):
                await asyncio.sleep(0.2)
    return unknown


async def waiting(channel: Channel) -> list[dict[str, Any]]:
    """Return what waits in the outbox."""
    response = await channel.response("qq_mail.get_outbox")
    return list(response["messages"])
