"""Charts in a real Home Assistant with a recorder, in Chinese: what a mail shows."""

import asyncio
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
import re
from typing import Any

from PIL import Image

from tests.qq_server import AcceptedMessage

from .home_assistant import HomeAssistant, begin
from .test_blueprints import ADDRESS, ME, add_account, add_automation

CONFIGURATION = """\
recorder:
  commit_interval: 1
input_number:
  living:
    name: 客厅设定
    min: 0
    max: 40
    initial: 2
    unit_of_measurement: °C
  outside:
    name: 室外设定
    min: -40
    max: 40
    initial: 2
    unit_of_measurement: °C
input_boolean:
  door:
    name: 门
  heater:
    name: 加热器
template:
  - sensor:
      - name: 客厅温度
        unit_of_measurement: °C
        device_class: temperature
        state_class: measurement
        state: "{{ states('input_number.living') }}"
        default_entity_id: sensor.living
      - name: 室外温度
        unit_of_measurement: °C
        device_class: temperature
        state_class: measurement
        state: "{{ states('input_number.outside') }}"
        default_entity_id: sensor.outside
      - name: 全屋用电
        unit_of_measurement: kWh
        device_class: energy
        state_class: total_increasing
        state: "1234.5"
        default_entity_id: sensor.house
  - binary_sensor:
      - name: 入户门
        device_class: door
        state: "{{ is_state('input_boolean.door', 'on') }}"
        default_entity_id: binary_sensor.door
climate:
  - platform: generic_thermostat
    name: 地暖
    heater: input_boolean.heater
    target_sensor: sensor.living
    initial_hvac_mode: heat
"""
CHARTS = [
    {"entities": ["sensor.living", "sensor.outside"], "title": "温度"},
    {"entities": ["binary_sensor.door", "climate.di_nuan"]},
    {"entities": "sensor.house", "period": {"days": 6}},
    {"entities": "sensor.nowhere"},
]


async def live(home: HomeAssistant) -> None:
    """Let some things happen, and an energy meter have counted for a week."""
    for name, values in (("living", (20.5, 22)), ("outside", (-3.5, 4.5))):
        for value in values:
            await home.action(
                "input_number.set_value", entity_id=f"input_number.{name}", value=value
            )
    for action in ("turn_on", "turn_off", "turn_on"):
        await home.action(f"input_boolean.{action}", entity_id="input_boolean.door")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    await home.command(
        "recorder/import_statistics",
        metadata={
            "has_sum": True,
            "mean_type": 0,
            "name": None,
            "source": "recorder",
            "statistic_id": "sensor.house",
            "unit_class": "energy",
            "unit_of_measurement": "kWh",
        },
        stats=[
            {
                "start": (hour - timedelta(hours=hours)).isoformat(),
                "state": 1000 - hours,
                "sum": 1000 - hours,
            }
            for hours in range(200, 0, -1)
        ],
    )
    # Until what was recorded and counted is in the database.
    async with asyncio.timeout(60):
        while not await counted(home, hour):
            await asyncio.sleep(0.2)


async def counted(home: HomeAssistant, hour: datetime) -> bool:
    """Tell whether the last hour of the meter is there, and what was set last."""
    rows = await home.command(
        "recorder/statistics_during_period",
        start_time=(hour - timedelta(hours=1)).isoformat(),
        statistic_ids=["sensor.house"],
        period="hour",
    )
    states = await home.command(
        "history/history_during_period",
        start_time=(hour - timedelta(days=1)).isoformat(),
        entity_ids=["binary_sensor.door", "climate.di_nuan"],
        no_attributes=True,
        minimal_response=True,
    )
    known = {entity_id: some[-1]["s"] for entity_id, some in states.items()}
    return bool(rows) and known == {
        "binary_sensor.door": "on",
        "climate.di_nuan": "heat",
    }


def shown(mail: AcceptedMessage) -> tuple[str, str, list[EmailMessage]]:
    """Return a mail's text, its HTML and its pictures."""
    message = mail.message
    text, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert text
    assert html
    pictures = [
        part for part in message.walk() if part.get_content_type() == "image/png"
    ]
    return text.get_content(), html.get_content(), pictures


def check_words(text: str, html: str) -> None:
    """Look at what is said, in the text and beside the pictures."""
    assert "温度（" in text
    assert re.search(r"客厅温度：现在 22\.0，最低 2\.0，最高 22\.0，平均", text)
    assert re.search(r"室外温度：现在 4\.5，最低 -3\.5，最高 4\.5，平均", text)
    assert re.search(r"入户门：.*已打开", text)
    assert re.search(r"地暖：制热 ", text), text
    assert re.search(r"全屋用电：共 1\d\d，平均", text)
    assert "有的状态没能显示出来。" in text
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', html)
    assert [alt.count("；") for alt in alts] == [1, 1, 0]
    assert alts[0].startswith("温度（")
    assert "全屋用电：共 1" in alts[2]
    for word in ("现在", "最低", "最高", "平均", "合计"):
        assert f">{word}</th>" in html


async def test_charts(tmp_path: Path, socket_enabled: None) -> None:
    """The action, its preview, the legacy action and the blueprint, in one house."""
    data: dict[str, Any] = {"title": "早上好", "charts": CHARTS}
    async with begin(
        tmp_path, ADDRESS, configuration=CONFIGURATION, language="zh-Hans"
    ) as (home, server):
        await add_account(home, server)
        await live(home)
        async with home.channel() as channel:
            before = await channel.response(
                "qq_mail.preview_message", entity_id=ME, **data
            )
            sent = await channel.response("qq_mail.send_message", entity_id=ME, **data)
        await home.action(
            "notify.qq_mail", message="好", title="旧", data={"charts": CHARTS[:2]}
        )
        given = {
            "recipient": ME,
            "reported": ["sensor.house"],
            "charted": ["sensor.living", "binary_sensor.door"],
        }
        await add_automation(home, "report", "daily_report_zh_hans", given)
        await home.action("automation.trigger", entity_id="automation.report")
        mails = await asyncio.to_thread(server.wait_for, 3)
        log = home.log
    text, html, pictures = shown(mails[0])
    check_words(text, html)
    assert [note.count("sensor.nowhere") for note in sent["notes"]] == [1]
    ids = [part["Content-ID"][1:-1] for part in pictures]
    assert re.findall('src="cid:([^"]+)"', html) == ids
    for part in pictures:
        assert part.get_content_disposition() == "inline"
        with Image.open(BytesIO(part.get_content())) as picture:
            assert picture.width == 1120
    # The preview says the same, and shows it by itself.
    check_words(before["text"], before["html"])
    previewed = re.findall('src="data:image/png;base64,([^"]+)"', before["html"])
    assert len(previewed) == 3
    assert b64decode(previewed[0]).startswith(b"\x89PNG")
    assert "cid:" not in before["html"]
    assert len(shown(mails[1])[2]) == 2
    report, _, pictures = shown(mails[2])
    assert len(pictures) == 2
    assert "客厅温度：现在 22.0" in report
    assert "全屋用电：1234.5 kWh" in report
    errors = [line for line in log.splitlines() if " ERROR " in line]
    assert [line for line in errors if "qq_mail" in line] == []
