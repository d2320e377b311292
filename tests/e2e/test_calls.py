"""Calls as they are in a house, in a real Home Assistant: the mail arrives."""

import asyncio
from pathlib import Path

import pytest

from tests.qq_server import Certificates, QQServer

from .home_assistant import HomeAssistant
from .test_blueprints import ADDRESS, CODE, text_of

CONFIGURATION = """\
notify:
  - platform: group
    name: everyone
    services:
      - action: qq_mail
template:
  - sensor:
      - name: Visitor
        availability: "{{ false }}"
        state: "nobody"
script:
  doorbell:
    sequence:
      - action: qq_mail.send_message
        data:
          title: Someone is at the door
          to:
            - "10001@qq.com"
            - "{{ states('sensor.visitor') }}"
          priority: "{{ states('sensor.visitor') }}"
          attachments:
            - entity_id: camera.front_door
            - "{{ states('sensor.visitor') }}"
  everyone:
    sequence:
      - action: notify.everyone
        data:
          message: The doorbell rang.
          data:
            ttl: 0
            priority: high
            push:
              sound: doorbell
            image: /local/door.jpg
            actions:
              - action: OPEN
                title: Open
"""


@pytest.mark.timeout(300)
async def test_doorbell(tmp_path: Path, socket_enabled: None) -> None:
    """The camera is missing, a sensor is away, and the data is made for phones."""
    certificates = Certificates()
    ca_file = tmp_path / "ca.pem"
    certificates.write_ca(ca_file)
    home = HomeAssistant(
        tmp_path / "config", ca_file=ca_file, configuration=CONFIGURATION
    )
    with QQServer(certificates, accounts={ADDRESS: CODE}) as server:
        async with home:
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
            await home.action("script.doorbell")
            await home.action("script.everyone")
            bell, everyone = await asyncio.to_thread(server.wait_for, 2)
    assert bell.subject == "Someone is at the door"
    assert bell.recipients == (ADDRESS,)
    assert len(text_of(bell).splitlines()) == 4
    for left_out in ("address: unavailable", "priority", "attachments", "camera."):
        assert left_out in text_of(bell)
    assert text_of(everyone) == "The doorbell rang."
    assert everyone.message["X-Priority"] == "2 (High)"
