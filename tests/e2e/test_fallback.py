"""A second account takes over, in a real Home Assistant, also while that is killed."""

import asyncio
from collections import Counter
import os
from pathlib import Path
import re
from typing import Any

import pytest

from custom_components.qq_mail.store import Journal
from custom_components.qq_mail.store.disk import Disk
from tests.qq_server import AcceptedMessage, Answer, QQServer, Step

from .home_assistant import CODE, Channel, ConnectionLostError, HomeAssistant, begin
from .test_answers import LINK, press, pressed
from .test_blueprints import ADDRESS, text_of
from .test_calls import SECOND, add_account
from .test_crash import SEED, chance_for, drain, say, waiting

CONFIGURATION = """\
input_number:
  pressed: {min: 0, max: 100, initial: 0}
automation fire:
  mode: queued
  triggers:
    - trigger: event
      event_type: fire
  actions:
    - action: qq_mail.send_message
      data:
        title: "火警：{{ trigger.event.data.room }}"
        message: 烟雾探测器报警，请马上查看。
        to: wife@example.com
        tag: fire
        priority: highest
        repeat_until_acknowledged: 600
        actions:
          - {action: siren_off, title: 关闭警笛}
automation button:
  triggers:
    - trigger: qq_mail.action_clicked
      options: {action: siren_off, tag: fire}
  actions:
    - action: input_number.increment
      target: {entity_id: input_number.pressed}
"""
LIMITED = Answer(550, "Too many attempts. Unable to send. Try again later")
WITHIN = 30.0
"""Seconds in which an alarm arrives though its own account may not send."""
MINUTE = 60.0
CRASHES = int(os.environ.get("QQ_MAIL_CRASHES", "4"))
SLOW = 0.1
"""Seconds before each of the server's answers, so that a kill can come between."""
LIFE = (0.0, 0.8)
"""Seconds from an alarm, or from its answer, to the kill: shortest and longest."""
FIXES = "/api/repairs/issues/fix"
OPTIONS = "/api/config/config_entries/options/flow"


class House:
    """Two accounts, of which the second one sends for the first."""

    def __init__(self, home: HomeAssistant, server: QQServer) -> None:
        """Begin with what runs."""
        self.home = home
        self.server = server

    async def issues(self) -> dict[str, dict[str, Any]]:
        """Return our repairs by their names."""
        found = (await self.home.command("repairs/list_issues"))["issues"]
        return {
            one["translation_key"]: one for one in found if one["domain"] == "qq_mail"
        }

    async def entries(self) -> dict[str, str]:
        """Return the ids of the accounts by their titles."""
        found = await self.home.command("config_entries/get", domain="qq_mail")
        return {one["title"]: one["entry_id"] for one in found}

    async def agree(self) -> None:
        """Press Submit in the repair that offers it."""
        issue = (await self.issues())["fallback_offer"]
        assert issue["is_fixable"]
        form = await self.home.post(
            FIXES, {"handler": "qq_mail", "issue_id": issue["issue_id"]}
        )
        done = await self.home.post(f"{FIXES}/{form['flow_id']}")
        assert done["type"] == "create_entry"

    async def options(self, title: str) -> tuple[str, dict[str, dict[str, Any]]]:
        """Open an account's options; return the flow and the fields."""
        entry_id = (await self.entries())[title]
        form = await self.home.post(OPTIONS, {"handler": entry_id})
        return form["flow_id"], {one["name"]: one for one in form["data_schema"]}

    async def raise_fire(self, room: str) -> AcceptedMessage:
        """Let the automation raise an alarm; return the mail, which comes soon."""
        await self.home.post("/api/events/fire", {"room": room})
        return await self.mail_of(f"火警：{room}", WITHIN)

    async def mail_of(self, subject: str, within: float) -> AcceptedMessage:
        """Return a mail, which is to come within so many seconds."""
        async with asyncio.timeout(within):
            while True:
                for mail in self.server.accepted:
                    if mail.subject == subject:
                        return mail
                await asyncio.sleep(0.1)

    async def end_fire(self, channel: Channel) -> tuple[int, int]:
        """Say that it is out; return how many messages and reminders that ended."""
        before = await channel.response("qq_mail.get_outbox")
        answer = await channel.response(
            "qq_mail.send_message",
            clear=True,
            tag="fire",
            to="wife@example.com",
            wait=0,
        )
        after = await channel.response("qq_mail.get_outbox")
        assert after["reminders"] == []
        assert "fire" not in {one["tag"] for one in after["messages"]}
        return answer["discarded"], len(before["reminders"])

    async def helped_by(self) -> list[str | None]:
        """Return who sends for an account, as the sensors of all accounts say."""
        states = await self.home.get("/api/states")
        return [
            one["attributes"].get("fallback")
            for one in states
            if "until" in one["attributes"] and "cause" in one["attributes"]
        ]


@pytest.fixture(autouse=True)
def custom_integrations() -> None:
    """Take the place of what starts a Home Assistant in this process."""


@pytest.mark.timeout(420)
async def test_a_fire(tmp_path: Path, socket_enabled: None) -> None:
    """QQ limits the first account, then refuses its login: the fire is told."""
    async with begin(
        tmp_path, ADDRESS, SECOND, configuration=CONFIGURATION, language="zh-Hans"
    ) as (home, server):
        house = House(home, server)
        await add_account(home, server, ADDRESS)
        assert "fallback" not in (await house.options(ADDRESS))[1]
        await add_account(home, server, SECOND)
        await home.command("config/core/update", external_url=home.url)
        await house.agree()
        assert "fallback_offer" not in await house.issues()
        await choose_in_the_form(house)

        server.script(Step.MAIL, LIMITED, match=ADDRESS)
        mail = await house.raise_fire("厨房")
        assert_from_second(mail)
        found = re.search(rf"关闭警笛\W+{LINK.pattern}", text_of(mail))
        assert found, text_of(mail)
        token = found[1]
        page = await press(home, token)
        assert page.startswith("200 ")
        assert "已按下" in page
        assert await pressed(home) == 1
        assert SECOND in await house.helped_by()
        assert (await house.issues())["helped"]["translation_placeholders"][
            "by"
        ] == SECOND
        async with home.channel() as channel:
            assert await house.end_fire(channel) == (0, 1)
        assert (await press(home, token)).startswith("404 ")

        # The code is not taken any more, and a person tries all the same.
        server.accounts[ADDRESS] = "another"
        server.stop()
        server.start()
        await home.action("qq_mail.retry")
        assert_from_second(await house.raise_fire("客厅"))
        assert "login_refused" in await house.issues()
        async with home.channel() as channel:
            assert await house.end_fire(channel) == (0, 1)
            # What says that it is over is no alarm: that was chosen in the form.
            assert_from_second(await house.mail_of("Re: 火警：厨房", MINUTE))

            # Neither may send: it waits with the second one, and is over as a whole.
            server.script(Step.MAIL, LIMITED, times=None)
            await home.post("/api/events/fire", {"room": "书房"})
            async with asyncio.timeout(WITHIN):
                while not any(
                    "两个账号目前都无法发信" in one["why"]
                    for one in await waiting(channel)
                ):
                    await asyncio.sleep(0.2)
            assert await house.end_fire(channel) == (1, 1)
        assert {mail.reverse_path for mail in server.accepted} == {SECOND}
        errors = [line for line in home.log.splitlines() if " ERROR " in line]
        assert [line for line in errors if "qq_mail" in line] == []
    assert CODE not in home.log


async def choose_in_the_form(house: House) -> None:
    """Look at what the repair has set, and have all messages taken over."""
    flow_id, fields = await house.options(ADDRESS)
    second = (await house.entries())[SECOND]
    field = fields["fallback"]
    assert field["selector"]["select"]["options"] == [
        {"value": second, "label": SECOND}
    ]
    assert field["description"]["suggested_value"] == second
    assert not fields["fallback_for_all"]["default"]
    typed = defaults(fields) | {
        name: defaults({each["name"]: each for each in one["schema"]})
        for name, one in fields.items()
        if one.get("type") == "expandable"
    }
    done = await house.home.post(
        f"{OPTIONS}/{flow_id}",
        {**typed, "fallback": second, "fallback_for_all": True},
    )
    assert done["type"] == "create_entry"
    _, fields = await house.options(ADDRESS)
    assert fields["fallback"]["description"]["suggested_value"] == second


def defaults(fields: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what is in a form whose fields nobody touches."""
    return {name: one["default"] for name, one in fields.items() if "default" in one}


def assert_from_second(mail: AcceptedMessage) -> None:
    """Check that a mail is the second account's, and says so."""
    assert mail.reverse_path == SECOND
    assert mail.message["From"].addresses[0].addr_spec == SECOND
    assert mail.recipients == ("wife@example.com",)
    assert f"由 {SECOND} 代发，因为 {ADDRESS} 目前无法发信" in text_of(mail)


@pytest.mark.timeout(240 + 30 * CRASHES)
async def test_killed_around_the_move(
    tmp_path: Path, socket_enabled: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """An alarm is in one account's queue, whenever the power fails, and arrives."""
    say(capfd, f"\nQQ_MAIL_SEED={SEED} QQ_MAIL_CRASHES={CRASHES}")
    chance = chance_for("moves")
    found: list[Counter[str]] = []
    told: set[str] = set()
    async with begin(tmp_path, ADDRESS, SECOND, lean=True) as (home, server):
        house = House(home, server)
        for address in (ADDRESS, SECOND):
            await add_account(home, server, address)
        await house.agree()
        server.script(Step.MAIL, LIMITED, times=None, match=ADDRESS)
        async with home.channel() as channel:
            # From now on the account has been in trouble for longer than 20 s, so
            # what is raised is taken over at once.
            await alarm(channel, "Alarm 0")
            await asyncio.to_thread(server.wait_for, 1, WITHIN)
        await home.stop()
        server.delay = SLOW
        for number in range(1, CRASHES + 1):
            await home.start()
            found.append(await queues(home))
            async with home.channel() as channel:
                raising = asyncio.create_task(alarm(channel, f"Alarm {number}"))
                if number % 2:
                    # Before anybody was told of it, or after.
                    await asyncio.wait({raising})
                await asyncio.sleep(chance.uniform(*LIFE))
                await home.kill()
                if await raising:
                    told.add(f"Alarm {number}")
            records = Journal(home.config_dir / ".storage" / "qq_mail", Disk())
            kept = [key for key in records.load().records if key[0] == "message"]
            found.append(Counter(queue_id for _, _, queue_id in kept))
            assert "custom_components/qq_mail/" not in home.log, SEED
        await home.start()
        found.append(await queues(home))
        await drain(home)
    arrived = Counter(mail.subject for mail in server.accepted)
    say(
        capfd,
        f"seed {SEED}: {CRASHES} kills, {len(told)} told, {len(arrived)} arrived, "
        f"{arrived.total() - len(arrived)} second copies, "
        f"{len(set().union(*found))} waited over a kill",
    )
    assert told, SEED
    assert told - arrived.keys() == set(), SEED
    assert {mail.reverse_path for mail in server.accepted} == {SECOND}, SEED
    assert [one for one in found if one and max(one.values()) > 1] == [], SEED


async def alarm(channel: Channel, title: str) -> bool:
    """Raise an alarm; return whether Home Assistant lived to tell that it has it."""
    try:
        await channel.action(
            "qq_mail.send_message",
            title=title,
            message="水浸",
            to="wife@example.com",
            priority="highest",
            wait=0,
        )
    except ConnectionLostError:
        return False
    return True


async def queues(home: HomeAssistant) -> Counter[str]:
    """Return in how many accounts' queues each message is."""
    async with home.channel() as channel:
        return Counter(one["queue_id"] for one in await waiting(channel))
