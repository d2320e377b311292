"""The blueprints in a real Home Assistant: imported, filled in, run; mails arrive."""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from tests.qq_server import AcceptedMessage, QQServer, Step, replies

from .home_assistant import CODE, ROOT, HomeAssistant, begin

ADDRESS = "10001@qq.com"
BLUEPRINTS = ROOT / "blueprints" / "automation" / "qq_mail"
PICTURE = ROOT / "custom_components" / "qq_mail" / "brand" / "icon.png"
ME = ["notify.10001_qq_com"]

CONFIGURATION = """\
input_boolean:
  doorbell:
    name: Doorbell
template:
  - sensor:
      - name: Letterbox
        device_class: battery
        unit_of_measurement: "%"
        state: "6.5"
  - binary_sensor:
      - name: Front lock
        device_class: battery
        state: "on"
      - name: Doorbell button
        state: "{{ is_state('input_boolean.doorbell', 'on') }}"
"""
INPUTS: dict[str, dict[str, Any]] = {
    "doorbell_snapshot": {
        "doorbell": "binary_sensor.doorbell_button",
        # There is none: the mail goes all the same, and says so.
        "camera": "camera.front_door",
        "recipient": ME,
    },
    "low_batteries": {"recipient": ME},
    "daily_report": {
        "recipient": ME,
        "reported": ["sensor.letterbox"],
        "charted": ["sensor.letterbox"],
    },
    "weekly_energy": {"recipient": ME, "meters": ["sensor.meter"]},
    "mail_delayed": {},
    "mail_buttons": {},
    "alarm_until_acknowledged": {"alarm": ["binary_sensor.none"], "recipient": ME},
    "mail_failed": {
        "follow_up": [
            {
                "action": "persistent_notification.create",
                "data": {"message": "Failed: {{ subject }}", "notification_id": "x"},
            }
        ]
    },
}


async def add_account(home: HomeAssistant, server: QQServer) -> None:
    """Add the account."""
    flows = "/api/config/config_entries/flow"
    form = await home.post(flows, {"handler": "qq_mail"})
    typed = {
        "username": ADDRESS,
        "password": CODE,
        "host": server.host,
        "port": server.tls_port,
        "encryption": "tls",
    }
    await home.post(f"{flows}/{form['flow_id']}", typed)


async def install(home: HomeAssistant, server: QQServer) -> None:
    """Add the account, and make an automation of each blueprint."""
    await add_account(home, server)
    for name, given in INPUTS.items():
        await add_automation(home, name, name, given)


async def add_automation(
    home: HomeAssistant, name: str, blueprint: str, given: dict[str, Any]
) -> None:
    """Make an automation of a blueprint, and wait until it is there."""
    path = await import_blueprint(home, blueprint)
    await home.post(
        f"/api/config/automation/config/{name}",
        {"alias": name, "use_blueprint": {"path": path, "input": given}},
    )
    # The answer comes before Home Assistant has loaded it.
    async with asyncio.timeout(60):
        while f"automation.{name}" not in await states(home):
            await asyncio.sleep(0.1)


async def states(home: HomeAssistant) -> set[str]:
    """Return the ids of the entities that there are."""
    return {state["entity_id"] for state in await home.get("/api/states")}


async def import_blueprint(home: HomeAssistant, name: str) -> str:
    """Import a blueprint from its URL, as the frontend does."""
    site = web.Application()
    site.router.add_static("/", BLUEPRINTS)
    async with TestServer(site) as pages:
        url = str(pages.make_url(f"/{name}.yaml"))
        found = await home.command("blueprint/import", url=url)
    assert found["validation_errors"] is None
    path = f"{found['suggested_filename']}.yaml"
    saved = await home.command(
        "blueprint/save",
        domain="automation",
        path=path,
        yaml=found["raw_data"],
        source_url=url,
    )
    assert saved == {"overrides_existing": False}
    return path


def text_of(mail: AcceptedMessage) -> str:
    """Return a mail's text."""
    part = mail.message.get_body(("plain",))
    assert part
    return str(part.get_content()).replace("\r\n", "\n").strip()


async def test_blueprints(tmp_path: Path, socket_enabled: None) -> None:
    """Someone rings, a battery is low, the day is over, and a mail is refused."""
    async with begin(tmp_path, ADDRESS, configuration=CONFIGURATION) as (home, server):
        await install(home, server)
        await home.action("input_boolean.turn_on", entity_id="input_boolean.doorbell")
        (bell,) = await asyncio.to_thread(server.wait_for, 1)
        for name in ("low_batteries", "daily_report"):
            await home.action(
                "automation.trigger",
                entity_id=f"automation.{name}",
                skip_condition=False,
            )
        _, batteries, report = await asyncio.to_thread(server.wait_for, 3)
        server.script(Step.DOT, replies.CONTENT)
        with pytest.raises(Exception, match="content"):
            await home.action(
                "notify.send_message", entity_id=ME, message="x", title="Refused"
            )
        async with asyncio.timeout(60):
            while not (told := await home.command("persistent_notification/get")):
                await asyncio.sleep(0.1)
    assert bell.subject == "Someone is at the door"
    assert text_of(bell).startswith("Doorbell button: ")
    assert "camera.front_door" in text_of(bell)
    assert batteries.subject == "Batteries to change"
    assert text_of(batteries) == "Letterbox: 6.5 %\nFront lock: Low"
    assert report.subject == "Daily report"
    assert "Letterbox: 6.5 %" in text_of(report)
    assert "Failed: Refused" in [notification["message"] for notification in told]


ALARMS = """\
input_boolean:
  water:
    name: 水
  gas:
    name: 气
template:
  - binary_sensor:
      - name: 地下室
        default_entity_id: binary_sensor.water
        device_class: moisture
        state: "{{ is_state('input_boolean.water', 'on') }}"
      - name: 厨房燃气
        default_entity_id: binary_sensor.gas
        device_class: gas
        state: "{{ is_state('input_boolean.gas', 'on') }}"
"""


async def test_alarms_at_once(tmp_path: Path, socket_enabled: None) -> None:
    """Two sensors rise together, and one again: each is a mail that names it."""
    both = ["input_boolean.water", "input_boolean.gas"]
    settings = {"configuration": ALARMS, "language": "zh-Hans"}
    async with begin(tmp_path, ADDRESS, **settings) as (home, server):
        await add_account(home, server)
        await add_automation(
            home,
            "alarm",
            "alarm_until_acknowledged_zh_hans",
            {
                "alarm": ["binary_sensor.water", "binary_sensor.gas"],
                "recipient": ME,
            },
        )
        await home.action("input_boolean.turn_on", entity_id=both)
        await asyncio.to_thread(server.wait_for, 2)
        for action in ("turn_off", "turn_on"):
            await home.action(f"input_boolean.{action}", entity_id=both[0])
        mails = await asyncio.to_thread(server.wait_for, 3)
    subjects = [mail.subject for mail in mails]
    assert sorted(subjects[:2]) == ["厨房燃气：已触发", "地下室：潮湿"]
    assert subjects[2] == "地下室：潮湿"
    assert text_of(mails[2]).startswith("紧急")
    assert "地下室：潮湿（" in text_of(mails[2])
