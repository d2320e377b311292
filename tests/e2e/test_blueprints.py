"""The blueprints in a real Home Assistant: listed, made automations, run."""

import asyncio
from pathlib import Path
import shutil
from typing import Any

import pytest

from scripts.demo import ADDRESS, CODE, ENTITY, add_account
from tests.qq_server import Certificates, QQServer, Step, replies

from .home_assistant import ROOT, HomeAssistant, HomeAssistantError

FOLDER = ROOT / "blueprints" / "automation" / "qq_mail"
CONFIGURATION = """\
input_boolean:
  bell:
    name: Bell
template:
  - binary_sensor:
      - name: Bell button
        state: "{{ is_state('input_boolean.bell', 'on') }}"
  - sensor:
      - name: Door
        device_class: battery
        unit_of_measurement: "%"
        state: "12"
"""
INPUTS: dict[str, dict[str, Any]] = {
    "doorbell_snapshot": {
        "doorbell": "binary_sensor.bell_button",
        "camera": "camera.not_there",
        "recipient": [ENTITY],
        "title": "门口有人",
    },
    "daily_report": {"recipient": [ENTITY], "reported": ["input_boolean.bell"]},
    "low_batteries": {"recipient": [ENTITY]},
    "mail_failed": {
        "follow_up": [
            {
                "action": "notify.send_message",
                "target": {"entity_id": ENTITY},
                "data": {"title": "Failed", "message": "{{ subject }}"},
            }
        ]
    },
}


@pytest.fixture(autouse=True)
def custom_integrations() -> None:
    """Take the place of what starts a Home Assistant in this process."""


@pytest.mark.timeout(240)
async def test_blueprints(tmp_path: Path, socket_enabled: None) -> None:
    """All four are listed, become automations, and send their mails."""
    certificates = Certificates()
    ca_file = tmp_path / "ca.pem"
    certificates.write_ca(ca_file)
    with QQServer(certificates, accounts={ADDRESS: CODE}) as server:
        home_assistant = HomeAssistant(
            tmp_path / "config", ca_file=ca_file, configuration=CONFIGURATION
        )
        folder = home_assistant.config_dir / "blueprints/automation/qq_mail"
        shutil.copytree(FOLDER, folder)
        async with home_assistant:
            await add_account(home_assistant, server)
            listed = await home_assistant.command("blueprint/list", domain="automation")
            for name, inputs in INPUTS.items():
                assert "metadata" in listed[f"qq_mail/{name}.yaml"]
                await home_assistant.post(
                    f"/api/config/automation/config/{name}",
                    {
                        "alias": name,
                        "use_blueprint": {
                            "path": f"qq_mail/{name}.yaml",
                            "input": inputs,
                        },
                    },
                )
            await home_assistant.action(
                "input_boolean.turn_on", entity_id="input_boolean.bell"
            )
            await asyncio.to_thread(server.wait_for, 1)
            for number, name in enumerate(("daily_report", "low_batteries"), 2):
                await home_assistant.action(
                    "automation.trigger",
                    entity_id=f"automation.{name}",
                    skip_condition=False,
                )
                await asyncio.to_thread(server.wait_for, number)
            server.script(Step.DOT, replies.CONTENT)
            with pytest.raises(HomeAssistantError):
                await home_assistant.action(
                    "notify.send_message", entity_id=ENTITY, title="Fire", message="!"
                )
            bell, report, batteries, failed = await asyncio.to_thread(
                server.wait_for, 4
            )
    assert bell.subject == "门口有人"
    assert "Bell button: " in bell.text
    assert "camera.not_there" in bell.text
    assert report.subject == "Daily report"
    assert "Bell: On" in report.text
    assert batteries.subject == "Batteries to change"
    assert "Door: 12" in batteries.text
    assert failed.subject == "Failed"
    assert failed.text == "Fire\n"
