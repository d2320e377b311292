"""Home Assistant is killed again and again, and whatever it had told anybody is true.

Mails with buttons and reminders are sent, counted, pressed, cleared and discarded, some
while the server is away. QQ_MAIL_CRASHES says how often it is killed, QQ_MAIL_SEED
repeats what chance did, though not how fast each of the processes was.
"""

import asyncio
from contextlib import suppress
import os
from pathlib import Path
from random import Random
import re
from typing import Any

import aiohttp
import pytest

from tests.qq_server import QQServer

from .alarms import FIELDS, Alarm, Deed, Kind, Outbox, Page
from .home_assistant import (
    Channel,
    ConnectionLostError,
    HomeAssistant,
    HomeAssistantError,
    begin,
)
from .test_crash import (
    ADDRESS,
    ENTITY,
    HIGHEST,
    KILLED_AT_START,
    SEED,
    START,
    add_account,
    chance_for,
    say,
)

CRASHES = int(os.environ.get("QQ_MAIL_CRASHES", "5"))
AWAY = 0.4
"""The share of the processes that never meet the server."""
LIFE = (0.1, 5.0)
"""Seconds that a process lives once what was told is checked, shortest and longest."""
AT_ONCE = 4
"""How many do something, each with a pause after it."""
PAUSE = 0.4
"""Seconds of such a pause, on average."""
FIRST = 20
"""How many things the first process tells before it is killed."""
MOST_OPEN = 20
"""How many alarms wait to be ended: far fewer than the integration remembers."""
PATIENCE = 180.0
"""Seconds until what waits has gone out, once the server is there to stay."""
DONE = "Done"
LINK = re.compile(r"http://\S+/api/qq_mail/action/[0-9a-f]{64}")
HEADING = re.compile(r"<h1[^>]*>([^<]*)</h1>")


class House:
    """Does something with alarms all the time, and remembers what it was told."""

    def __init__(
        self, home: HomeAssistant, server: QQServer, phone: aiohttp.ClientSession
    ) -> None:
        """Begin without an alarm."""
        self.told = 0
        self.failed: list[str] = []
        self._home = home
        self._server = server
        self._phone = phone
        self._chance = chance_for("deeds")
        self._alarms: list[Alarm] = []
        self._number = 0

    async def live(self, channel: Channel, *, away: bool) -> None:
        """Do one thing after the other, several at once, until the process is gone."""

        async def work() -> None:
            while channel.is_open:
                await self._do_something(channel, away=away)
                await asyncio.sleep(self._chance.expovariate(1 / PAUSE))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())

    async def check(self, channel: Channel) -> list[str]:
        """Return where what is so contradicts what was told before."""
        outbox = await Outbox.read(channel)
        mails = {mail.subject: mail for mail in self._server.accepted}
        wrong: list[str] = []
        for alarm in self._alarms:
            if alarm.name in mails and (found := LINK.search(mails[alarm.name].text)):
                alarm.link = found[0]
            page = await self._look(alarm) if alarm.link else None
            wrong += alarm.contradictions(outbox, set(mails), page)
            alarm.checked += alarm.is_over
        # Or a hundred restarts later there would be thousands to look at.
        self._alarms = [alarm for alarm in self._alarms if alarm.checked < 3]
        return wrong

    async def _do_something(self, channel: Channel, *, away: bool) -> None:
        """Choose what to do, do it, and note what was told."""
        alarm, deed = self._choose(away=away)
        alarm.busy = True
        alarm.begun.add(deed)
        try:
            await self._do(channel, alarm, deed)
        except ConnectionLostError, aiohttp.ClientError, OSError:
            alarm.is_in_doubt = True
            return
        except HomeAssistantError as err:
            self.failed.append(f"{deed} {alarm.name}: {err}")
            return
        alarm.told.add(deed)
        alarm.busy = False
        self.told += 1

    def _choose(self, *, away: bool) -> tuple[Alarm, Deed]:
        """Return an alarm and what is to be done with it."""
        deeds: list[tuple[Alarm, Deed]] = []
        for alarm in self._alarms:
            if alarm.busy or alarm.is_over:
                continue
            deeds.append((alarm, Deed.CLEAR))
            if alarm.link:
                deeds.append((alarm, Deed.PRESS))
            if alarm.kind is Kind.COUNTED:
                deeds += [(alarm, Deed.COUNT)] * 5
            # Not what may be on its way to the server.
            if away and self._waits(alarm):
                deeds.append((alarm, Deed.DISCARD))
        opened = len({alarm.name for alarm, _ in deeds})
        if not deeds or self._chance.randrange(MOST_OPEN) >= opened:
            self._number += 1
            kind = self._chance.choice(list(Kind))
            self._alarms.append(Alarm(f"Alarm {self._number}", kind))
            return self._alarms[-1], Deed.SEND
        return self._chance.choice(deeds)

    def _waits(self, alarm: Alarm) -> bool:
        return all(mail.subject != alarm.name for mail in self._server.accepted)

    async def _do(self, channel: Channel, alarm: Alarm, deed: Deed) -> None:
        """Do it. Raises where it failed, or nobody told what became of it."""
        match deed:
            case Deed.SEND:
                answer = await self._send(channel, alarm, wait=0)
                alarm.queue_id = answer["queue_id"]
            case Deed.COUNT:
                alarm.counts_begun += 1
                answer = await self._send(channel, alarm)
                if answer["status"] != "repeated":
                    raise HomeAssistantError(f"not counted: {answer}")
                alarm.count_told = max(alarm.count_told, answer["count"])
            case Deed.CLEAR:
                await channel.action(
                    "qq_mail.send_message",
                    clear=True,
                    tag=alarm.name,
                    wait=0,
                    **HIGHEST,
                )
            case Deed.DISCARD:
                await channel.action("qq_mail.discard", queue_id=alarm.queue_id)
            case Deed.PRESS:
                async with self._phone.post(alarm.link) as answer:
                    heading = HEADING.search(await answer.text())
                if heading is None or heading[1] != DONE:
                    raise HomeAssistantError(f"the page said {heading}")

    async def _send(self, channel: Channel, alarm: Alarm, **data: Any) -> Any:
        """Raise an alarm, or raise it again."""
        return await channel.response(
            "qq_mail.send_message",
            entity_id=ENTITY,
            title=alarm.name,
            message="水浸 🌊",
            tag=alarm.name,
            # A login is made for those however many were made before.
            **HIGHEST,
            **FIELDS[alarm.kind],
            **data,
        )

    async def _look(self, alarm: Alarm) -> Page:
        """Open an alarm's first button, as soon as automations listen."""
        async with asyncio.timeout(PATIENCE):
            while True:
                async with self._phone.get(alarm.link) as answer:
                    text = await answer.text()
                if answer.status == 404:
                    return Page.GONE
                if answer.status == 200:
                    return Page.ASKS if "<form" in text else Page.USED
                await asyncio.sleep(0.1)


@pytest.fixture(autouse=True)
def custom_integrations() -> None:
    """Take the place of what starts a Home Assistant in this process."""


@pytest.mark.timeout(300 + 60 * CRASHES)
async def test_what_was_told_is_true(
    tmp_path: Path, socket_enabled: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """After each start, everything is as a caller or a page was told."""
    say(capfd, f"\nQQ_MAIL_SEED={SEED} QQ_MAIL_CRASHES={CRASHES}")
    chance = chance_for("ends")
    async with (
        begin(tmp_path, ADDRESS, lean=True) as (home, server),
        aiohttp.ClientSession() as phone,
    ):
        await add_account(home, server)
        await home.command("config/core/update", external_url=home.url)
        # In good order: the account itself is not to be lost with the first kill.
        await home.stop()
        house = House(home, server, phone)
        for number in range(CRASHES):
            await live_and_die(home, server, house, chance, number)
        await home.start()
        async with home.channel() as channel:
            await channel.action("qq_mail.retry")
            async with asyncio.timeout(PATIENCE):
                while (await Outbox.read(channel)).waiting:
                    await asyncio.sleep(0.2)
            assert await house.check(channel) == [], SEED
    assert house.failed == [], SEED
    assert house.told, SEED
    say(capfd, f"seed {SEED}: {CRASHES} kills, {house.told} things told, all true")


async def live_and_die(
    home: HomeAssistant, server: QQServer, house: House, chance: Random, number: int
) -> None:
    """Start, check what was told, go on, and be killed at some instant."""
    if number and chance.random() < KILLED_AT_START:
        starting = asyncio.create_task(home.start())
        await asyncio.wait({starting}, timeout=chance.uniform(*START))
        await home.kill()
        with suppress(HomeAssistantError):
            await starting
    away = bool(number) and chance.random() < AWAY
    if away:
        server.stop()
    await home.start()
    async with home.channel() as channel:
        assert await house.check(channel) == [], SEED
        if not away:
            await channel.action("qq_mail.retry")
        living = asyncio.create_task(house.live(channel, away=away))
        while house.told < FIRST and not living.done():
            await asyncio.sleep(0.05)
        await asyncio.wait({living}, timeout=chance.uniform(*LIFE))
        await home.kill()
        await living
    if away:
        server.start()
