"""Our mails before judges that are not ours: a spam filter, a reader, an eye."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
from tempfile import NamedTemporaryFile
from typing import Any, Literal

from freezegun.api import FrozenDateTimeFactory
from playwright.sync_api import Browser
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from tests.calls.test_send import body_of, mail_of
from tests.conftest import Events
from tests.content.test_attachments import TestCamera, add_cameras, picture
from tests.house import later
from tests.qq_server import AcceptedMessage, Close, QQServer, Step

from .browser import THREAD
from .home_assistant import ROOT

MODULES = ROOT / ".tools" / "judges" / "node_modules"
AXE = MODULES / "axe-core" / "axe.min.js"
MAX_SCORE = 0.5
"""Spam begins at 5.0."""
LANGUAGES = ("en", "zh-Hans")
# A mail is part of a mail program's page, which has the landmarks and the subject.
NOT_OURS = ("region", "landmark-one-main", "page-has-heading-one")


def needed(*found: object, what: str) -> None:
    """Skip what cannot be judged here; where it has to be, fail."""
    if not all(found):
        reason = f"{what} is missing: scripts/judges installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@dataclass(frozen=True)
class House:
    """Where mails come from."""

    hass: HomeAssistant
    server: QQServer
    events: Events
    freezer: FrozenDateTimeFactory
    language: Literal["en", "zh-Hans"]

    def say(self, english: str, chinese: str) -> str:
        """Return a text in the house's language."""
        return {"en": english, "zh-Hans": chinese}[self.language]

    async def send(self, **data: Any) -> None:
        """Send a mail with a title and a message."""
        said = {
            "title": self.say("Water in the kitchen", "水浸报警：厨房"),
            "message": self.say(
                "The sensor below the sink reports water.",
                "厨房水槽下检测到水。\n请尽快关闭水阀！",
            ),
        }
        response = await self.hass.services.async_call(
            "qq_mail",
            "send_message",
            {**said, **data},
            blocking=True,
            return_response=True,
        )
        assert response
        assert "camera." not in str(response["notes"])

    async def send_late(self, **data: Any) -> None:
        """Send a mail that QQ takes an hour and a half later."""
        self.server.script(Step.CONNECT, Close())
        await self.send(**data)
        await self.events.wait(1)
        await later(self.hass, self.freezer, timedelta(minutes=90))
        await self.events.wait(2)

    async def send_charts(self) -> None:
        """Send a day of lines and of bars, and what cannot be drawn."""
        entities = ("sensor.tank", "binary_sensor.sink")
        for entity_id, states in zip(
            entities, ((120, 60, 90), ("off", "on", "off")), strict=True
        ):
            state = self.hass.states.get(entity_id)
            assert state
            for hours, value in zip((20, 9, 2), states, strict=True):
                then = dt_util.utcnow() - timedelta(hours=hours)
                self.hass.states.async_set(
                    entity_id,
                    str(value),
                    state.attributes,
                    timestamp=then.timestamp(),
                )
        await async_wait_recording_done(self.hass)
        charts = [
            {"entities": entities, "title": self.say("Since yesterday", "昨天以来")},
            {"entities": "sensor.nowhere"},
        ]
        await self.send(charts=charts)
        mail = mail_of(self.server)
        drawn = [part.get_content_type() for part in mail.message.walk()]
        assert drawn.count("image/png") == 2

    @property
    def everything(self) -> dict[str, Any]:
        """Return what a card can show."""
        return {
            "entities": ["sensor.tank", "binary_sensor.sink", "sensor.away"],
            "link": {"url": "https://example.com/lovelace/water"},
            "attachments": [
                {"entity_id": "camera.front_door", "inline": True},
                {"path": "/secret/report.pdf"},
            ],
        }

    @property
    def report(self) -> str:
        """Return Markdown with all that it can have."""
        return self.say(
            "# Today\n\nAll windows are **closed**, and [two batteries]"
            "(https://example.com) are low:\n\n| Device | Battery |\n| --- | ---: |\n"
            "| Letterbox | 6 % |\n\n> Frost is expected.\n\n1. Take the bins out\n"
            "2. Look at `sensor.outside`\n\n```\nlights: 3\n```\n",
            "# 今天\n\n所有窗户都**已关闭**，[两个电池](https://example.com)电量低：\n\n"
            "| 设备 | 电量 |\n| --- | ---: |\n| 信箱 | 6 % |\n\n> 夜间有霜冻。\n\n"
            "1. 倒垃圾\n2. 查看 `sensor.outside`\n\n```\n灯：3\n```\n",
        )

    @property
    def own_html(self) -> str:
        """Return HTML as a person writes it."""
        return self.say(
            "<!DOCTYPE html><html lang='en'><head><title>Water in the kitchen</title>"
            "</head><body style='background-color:#ffffff;color:#222222'>"
            "<h1>Water</h1><p style='font-size:16px'>There is water in the kitchen."
            " Please close the valve.</p></body></html>",
            "<!DOCTYPE html><html lang='zh'><head><title>水浸报警：厨房</title></head>"
            "<body style='background-color:#ffffff;color:#222222'><h1>漏水</h1>"
            "<p style='font-size:16px'>厨房里有水，请尽快关闭水阀。</p></body></html>",
        )


async def press_test_button(house: House) -> None:
    """Send what the account's button sends."""
    await house.hass.services.async_call(
        "button",
        "press",
        {"entity_id": "button.123456_qq_com_send_test_message"},
        blocking=True,
    )


type Sending = Callable[[House], Awaitable[None]]
KINDS: dict[str, Sending] = {
    "plain": lambda house: house.send(),
    "test message": press_test_button,
    "urgent": lambda house: house.send(priority="highest"),
    "important": lambda house: house.send(priority="high"),
    "nothing but a title": lambda house: house.send(message="", priority="high"),
    "report": lambda house: house.send(message=house.report, format="markdown"),
    "picture": lambda house: house.send(
        attachments={"entity_id": "camera.front_door", "inline": True}
    ),
    "nothing but a picture": lambda house: house.send(
        title="",
        message="",
        attachments={"entity_id": "camera.front_door", "inline": True},
    ),
    "states": lambda house: house.send(message="", entities="sensor.tank"),
    "charts": lambda house: house.send_charts(),
    "everything": lambda house: house.send(**house.everything),
    "own html": lambda house: house.send(message="", html=house.own_html),
    "own html, everything": lambda house: house.send(
        html=house.own_html, **house.everything
    ),
    "late": lambda house: house.send_late(),
    "late card": lambda house: house.send_late(**house.everything, priority="low"),
    "late html": lambda house: house.send_late(html=house.own_html),
}
PLAIN = ("plain", "test message", "late")


@pytest.fixture(autouse=True)
def custom_integrations(recorder_mock: Any, enable_custom_integrations: None) -> None:
    """Let Home Assistant load the integration, and record from the beginning."""


@pytest.fixture(params=LANGUAGES)
async def house(
    request: pytest.FixtureRequest,
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> House:
    """Return a home with a camera and some states."""
    house = House(hass, server, events, freezer, request.param)
    hass.config.language = house.language
    hass.config.location_name = house.say("Lake house", "我的家")
    await add_cameras(hass, TestCamera("Front door", picture(size=(1280, 720))))
    hass.states.async_set(
        "sensor.tank",
        "186.5",
        {"unit_of_measurement": "kWh", "friendly_name": house.say("Tank", "热水箱")},
    )
    hass.states.async_set(
        "binary_sensor.sink",
        "on",
        {"device_class": "moisture", "friendly_name": house.say("Sink", "厨房水浸")},
    )
    hass.states.async_set("sensor.away", "unavailable")
    return house


type Judge = Callable[[AcceptedMessage], str]


@contextmanager
def judging(*command: str) -> Generator[Judge]:
    """Run a program that reads the name of a mail's file, and answers by a line.

    Once for all mails: it takes longer to start than to judge.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
        env={**os.environ, "NODE_PATH": str(MODULES)},
    ) as process:

        def judge(mail: AcceptedMessage) -> str:
            assert process.stdin
            assert process.stdout
            with NamedTemporaryFile(suffix=".eml") as file:
                file.write(mail.content)
                file.flush()
                print(file.name, file=process.stdin, flush=True)
                return process.stdout.readline()

        yield judge


@pytest.fixture(scope="module")
def spamassassin() -> Generator[Judge]:
    """Start SpamAssassin."""
    needed(shutil.which("spamassassin"), what="SpamAssassin")
    with judging("perl", "judge_mail.pl") as judge:
        yield judge


@pytest.fixture(scope="module")
def mailparser() -> Generator[Judge]:
    """Start mailparser."""
    there = MODULES.joinpath("mailparser").exists()
    needed(shutil.which("node"), there, what="mailparser")
    with judging("node", "read_mail.cjs") as judge:
        yield judge


@pytest.mark.parametrize("send", KINDS.values(), ids=KINDS)
async def test_spamassassin(house: House, spamassassin: Judge, send: Sending) -> None:
    """No local rule of it finds anything wrong."""
    await send(house)
    mail = mail_of(house.server)
    verdict = await house.hass.async_add_executor_job(spamassassin, mail)
    score, _, _ = verdict.partition(" ")
    assert float(score) < MAX_SCORE, verdict


@pytest.mark.parametrize("send", KINDS.values(), ids=KINDS)
async def test_mailparser(house: House, mailparser: Judge, send: Sending) -> None:
    """It reads what Python does, and finds each picture that the HTML shows."""
    await send(house)
    mail = mail_of(house.server)
    read = json.loads(await house.hass.async_add_executor_job(mailparser, mail))
    home = house.say("Lake house", "我的家")
    assert read["subject"] == mail.subject
    assert read["from"] == [{"address": "123456@qq.com", "name": home}]
    assert read["to"] == [{"address": "123456@qq.com", "name": ""}]
    assert read["text"].strip() == body_of(mail).strip()
    parts = [part for part in mail.message.walk() if part.get_filename()]
    assert [file["filename"] for file in read["files"]] == [
        part.get_filename() for part in parts
    ]
    shown = [part for part in parts if part.get_content_disposition() == "inline"]
    html = read["html"] or ""
    assert len(re.findall("data:image/(?:jpeg|png);base64,", html)) == len(shown)
    assert "cid:" not in html


@pytest.mark.parametrize(
    "send",
    [send for name, send in KINDS.items() if name not in PLAIN],
    ids=[name for name in KINDS if name not in PLAIN],
)
async def test_axe(
    house: House, mailparser: Judge, browser: Browser, send: Sending
) -> None:
    """It can be read by everyone, on a phone and on a desk, by day and by night."""
    needed(AXE.exists(), what="axe-core")
    await send(house)
    mail = mail_of(house.server)
    read = json.loads(await house.hass.async_add_executor_job(mailparser, mail))
    looked = await house.hass.async_add_executor_job(
        lambda: THREAD.submit(seen, browser, read["html"]).result()
    )
    assert len(looked) == 4
    for scheme, width, violations, needs in looked:
        assert violations == [], (scheme, width)
        assert needs <= width, scheme


def seen(browser: Browser, html: str) -> list[tuple[str, int, list[Any], int]]:
    """Return what axe finds wrong by day and by night, in windows of two widths.

    And what width it needs there.
    """
    looked: list[tuple[str, int, list[Any], int]] = []
    rules = {rule: {"enabled": False} for rule in NOT_OURS}
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    page = browser.new_page()
    page.set_content(html, wait_until="load")
    page.add_script_tag(content=AXE.read_text())
    for scheme, width in product(schemes, (360, 700)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        found = page.evaluate("rules => axe.run({ rules })", rules)
        wrong = [
            (violation["id"], node["html"])
            for violation in found["violations"]
            for node in violation["nodes"]
        ]
        needs = page.evaluate("document.documentElement.scrollWidth")
        looked.append((scheme, width, wrong, needs))
    page.close()
    return looked
