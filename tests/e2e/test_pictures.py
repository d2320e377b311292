"""The mails that the documents show: what their own examples send, photographed."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from itertools import accumulate
import math
from pathlib import Path
import shutil
from typing import Any, Literal
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from PIL import Image, ImageDraw
from playwright.sync_api import Browser
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from tests.calls.test_send import body_of
from tests.content.charts.recorded.house import count, record
from tests.content.test_attachments import TestCamera, add_cameras
from tests.qq_server import AcceptedMessage, QQServer
from tests.test_docs import blocks, load
from tests.test_notify import ENTITY

from .browser import PICTURES, THREAD
from .home_assistant import ROOT

NOW = datetime(2026, 11, 29, 21, tzinfo=ZoneInfo("Asia/Shanghai"))
DAY = timedelta(days=1)
PHONE, DESK = 390, 800
type Looks = Sequence[tuple[int, Literal["light", "dark"]]]
LOOKS: Looks = ((PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark"))
GAP = 16
USED = (11.2, 9.8, 10.4, 12.1, 9.1, 15.9, 14.6)
"""kWh on each of the last days."""
NAMES = {
    "sensor.living_room_temperature": ("Living room", "客厅"),
    "sensor.outside_temperature": ("Outside", "室外"),
    "sensor.temperature": ("Garden", "花园"),
    "sensor.energy": ("House", "全屋用电"),
    "sensor.energy_today": ("Energy today", "今日用电"),
    "binary_sensor.front_door": ("Front door", "入户门"),
    "lock.front_door": ("Front door lock", "入户门锁"),
    "climate.living_room": ("Heating", "地暖"),
}
CELSIUS = {
    "unit_of_measurement": "°C",
    "device_class": "temperature",
    "state_class": "measurement",
}
KWH = {
    "unit_of_measurement": "kWh",
    "device_class": "energy",
    "state_class": "total_increasing",
}


class House:
    """A house in which a day was recorded; it speaks one language."""

    def __init__(self, hass: HomeAssistant, server: QQServer, language: str) -> None:
        self.hass = hass
        self.server = server
        self.is_english = language == "en"

    def say(self, english: str, chinese: str) -> str:
        """Return a text in the house's language."""
        return english if self.is_english else chinese

    def block(self, page: str, number: int = 0) -> Any:
        """Return an example of a page in the house's language."""
        name = f"{page}{self.say('', '.zh-Hans')}.md"
        return load(self.hass, blocks(ROOT / "docs" / name)[number])

    async def act(self, *actions: dict[str, Any]) -> None:
        """Do what an automation's actions say."""
        script = {"script": {"example": {"sequence": list(actions)}}}
        assert await async_setup_component(self.hass, "script", script)
        await self.hass.services.async_call("script", "example", blocking=True)

    async def live(self) -> None:
        """Let a day have passed, and a meter have counted for a week."""
        for entity_id, base, swing in (
            ("sensor.living_room_temperature", 21, 1.2),
            ("sensor.outside_temperature", 7, 5),
            ("sensor.temperature", 8, 4),
        ):
            await self.have(
                entity_id,
                CELSIUS,
                # The afternoon is the warmest time.
                *(
                    (24 - n / 4, round(base - swing * math.sin(n / 48 * math.pi), 1))
                    for n in range(97)
                ),
            )
        door = (30, "off"), (14, "on"), (13.8, "off"), (9, "on"), (8.4, "off")
        await self.have("binary_sensor.front_door", {"device_class": "door"}, *door)
        heating = (30, "off"), (14, "heat"), (9, "off"), (3, "heat")
        await self.have("climate.living_room", {}, *heating)
        await self.have("lock.front_door", {}, (8.3, "locked"))
        await self.have("sensor.energy_today", KWH, (0.2, USED[-1]))
        await self.have("sensor.energy", KWH, (0.2, 5123))
        # A row for each hour of these days, behind one for what was counted before.
        hourly = [used / 24 for used in USED for _ in range(24)]
        first = NOW.replace(hour=0) - 6 * DAY - timedelta(hours=1)
        rows: Any = [
            {"start": first + timedelta(hours=hours), "sum": total}
            for hours, total in enumerate(accumulate(hourly[:-3], initial=5000.0))
        ]
        await count(self.hass, "sensor.energy", rows)

    async def have(
        self, entity_id: str, attributes: dict[str, Any], *states: tuple[float, object]
    ) -> None:
        """Let an entity have had states, each so many hours ago."""
        name = self.say(*NAMES[entity_id])
        at = [(NOW - timedelta(hours=hours), state) for hours, state in states]
        await record(self.hass, entity_id, {**attributes, "friendly_name": name}, at)


async def alarm(house: House) -> None:
    """Send the example of the page on sending."""
    await house.act(house.block("sending"))


async def doorbell(house: House) -> None:
    """Send the first example."""
    await house.act(*house.block("examples")["actions"])


async def buttons(house: House) -> None:
    """Send the example of the page on buttons."""
    await house.act(*house.block("buttons")["actions"])


async def report(house: House) -> None:
    """Send the second example."""
    await house.act(*house.block("examples", 1)["actions"])


async def charts(house: House) -> None:
    """Send the charts of the page on them."""
    data = {"title": house.say("Charts", "图表"), **house.block("charts")}
    await house.act({"action": "qq_mail.send_message", "data": data})


async def energy(house: House) -> None:
    """Have the blueprint send the energy of the week."""
    hass = house.hass
    folder = Path(hass.config.path("blueprints/automation/qq_mail"))
    source = ROOT / "blueprints" / "automation" / "qq_mail"
    await hass.async_add_executor_job(shutil.copytree, source, folder)
    path = f"qq_mail/weekly_energy{house.say('', '_zh_hans')}.yaml"
    given = {"recipient": [ENTITY], "meters": ["sensor.energy"]}
    use = {"alias": "energy", "use_blueprint": {"path": path, "input": given}}
    assert await async_setup_component(hass, "automation", {"automation": use})
    for action in ("trigger", "turn_off"):
        await hass.services.async_call(
            "automation", action, {"entity_id": "automation.energy"}, blocking=True
        )


type Sending = Callable[[House], Awaitable[None]]


def front_door() -> bytes:
    """Draw what a camera might see when someone rings."""
    width, height = 960, 540
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        shade = 70 + y * 60 // height
        draw.line(((0, y), (width, y)), fill=(shade, shade + 14, shade + 26))
    draw.rectangle((0, 430, width, height), fill=(96, 90, 82))
    draw.rectangle((360, 90, 600, 440), (58, 72, 84), (28, 36, 44), 8)
    draw.rectangle((395, 125, 565, 250), fill=(250, 214, 140))
    draw.ellipse((560, 280, 582, 302), fill=(214, 190, 120))
    draw.ellipse((690, 180, 770, 260), fill=(40, 46, 54))
    draw.rounded_rectangle((670, 262, 790, 470), 40, fill=(46, 54, 64))
    draw.text((16, 14), f"CAM 1  {NOW:%Y-%m-%d %H:%M}", fill="white", font_size=24)
    file = BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


@pytest.fixture(autouse=True)
def custom_integrations(recorder_mock: Any, enable_custom_integrations: None) -> None:
    """Let Home Assistant load the integration, and record from the beginning."""


@pytest.fixture
async def recorded_before(hass: HomeAssistant) -> None:
    """Have a recorder that is not of today: it looks no further back than its first."""
    await record(hass, "sensor.first", {}, [(NOW - 60 * DAY, 1)])


@pytest.fixture(params=["en", "zh-Hans"])
async def house(
    request: pytest.FixtureRequest,
    hass: HomeAssistant,
    recorded_before: None,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> House:
    """Return a house in the evening of a Sunday."""
    freezer.move_to(NOW)
    house = House(hass, server, request.param)
    hass.config.language = request.param
    hass.config.location_name = house.say("Lake house", "我的家")
    hass.config.external_url = "https://home.example.com"
    await hass.config.async_set_time_zone("Asia/Shanghai")
    camera = TestCamera(house.say("Front door", "门口"), front_door())
    camera.entity_id = "camera.front_door"
    await add_cameras(hass, camera)
    setting = {"next_setting": "2026-11-30T08:51:00+00:00"}
    hass.states.async_set("sun.sun", "below_horizon", setting)
    for domain in ("climate", "lock"):
        # For the words of their states.
        assert await async_setup_component(hass, domain, {})
    await house.live()
    return house


def as_seen(browser: Browser, mail: AcceptedMessage, looks: Looks) -> Image.Image:
    """Return what is seen of a mail in some windows, side by side."""
    html = body_of(mail, "html")
    for part in mail.message.walk():
        if part["Content-ID"]:
            content = b64encode(part.get_content()).decode()
            url = f"data:{part.get_content_type()};base64,{content}"
            html = html.replace(f"cid:{part['Content-ID'][1:-1]}", url)
    assert "cid:" not in html
    seen: list[Image.Image] = []
    for width, scheme in looks:
        page = browser.new_page(viewport={"width": width, "height": 100})
        page.emulate_media(color_scheme=scheme)
        page.set_content(html, wait_until="load")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        seen.append(Image.open(BytesIO(page.screenshot(full_page=True))))
        page.close()
    size = (
        sum(look.width for look in seen) + GAP * (len(seen) - 1),
        max(look.height for look in seen),
    )
    sheet = Image.new("RGB", size, "white")
    left = 0
    for look in seen:
        sheet.paste(look, (left, 0))
        left += look.width + GAP
    return sheet


async def keep(
    house: House,
    browser: Browser,
    mail: AcceptedMessage,
    name: str,
    looks: Looks = LOOKS,
) -> None:
    """Keep what is seen of a mail, for the documents of its language."""
    sheet = await house.hass.async_add_executor_job(
        lambda: THREAD.submit(as_seen, browser, mail, looks).result()
    )
    PICTURES.mkdir(parents=True, exist_ok=True)
    file = PICTURES / f"card-{name}-{house.say('en', 'zh-Hans')}.png"
    sheet.save(file)


@pytest.mark.parametrize(
    ("send", "looks"),
    [
        *((send, LOOKS) for send in (alarm, doorbell, report, charts, energy)),
        (buttons, LOOKS[:1]),
    ],
)
async def test_example(
    house: House, browser: Browser, send: Sending, looks: Looks
) -> None:
    """It fits into each window."""
    await send(house)
    (mail,) = house.server.accepted
    await keep(house, browser, mail, send.__name__, looks)


async def test_digest(
    house: House,
    browser: Browser,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A door with a loose contact, a battery, and water: most of it is one mail."""
    hass, say = house.hass, house.say
    hass.config_entries.async_update_entry(
        loaded_entry, options={"service_name": "qq_mail"}
    )
    await hass.async_block_till_done()
    door = {
        "title": say("Front door", "入户门"),
        "message": say("The front door was opened.", "入户门打开了。"),
        "link": "/lovelace/doors",
    }
    battery = {
        "title": say("Battery is low", "电池电量低"),
        "message": say("Motion sensor on the stairs: 6 %", "楼梯人体传感器：6 %"),
    }
    water = {
        "title": say("Water in the cellar", "地下室漏水"),
        "message": say("The sensor reports water.", "水浸传感器检测到有水。"),
        "actions": [
            {
                "action": "close_valve",
                "title": say("Close the valve", "关闭水阀"),
                "destructive": True,
            },
            {"action": "acknowledge", "title": say("Acknowledge", "知道了")},
        ],
    }
    home_alone = {
        **door,
        "message": say("Nobody is at home.", "家里没有人。"),
        "attachments": {"entity_id": "camera.front_door"},
    }
    house.server.stop()
    alerts: list[Any] = [*[door] * 30, battery, water, *[door] * 6, home_alone]
    for alert in alerts:
        # Each is tried before the next one is raised.
        await hass.services.async_call("qq_mail", "send_message", alert, blocking=True)
        freezer.tick(10)
    house.server.start()
    await hass.services.async_call("qq_mail", "retry", blocking=True)
    _, mail = await asyncio.to_thread(house.server.wait_for, 2)
    assert mail.subject.startswith("38 ")
    await keep(house, browser, mail, "digest")
