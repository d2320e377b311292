"""Calls as they are in a house, in a real Home Assistant: the mail arrives."""

import asyncio
from pathlib import Path

import pytest

from tests.qq_server import QQServer

from .home_assistant import CODE, HomeAssistant, HomeAssistantError, begin
from .test_blueprints import ADDRESS, text_of

SECOND = "10002@qq.com"

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


async def add_account(home: HomeAssistant, server: QQServer, address: str) -> None:
    """Add an account as a person would."""
    flows = "/api/config/config_entries/flow"
    form = await home.post(flows, {"handler": "qq_mail"})
    typed = {
        "username": address,
        "password": CODE,
        "host": server.host,
        "port": server.tls_port,
        "encryption": "tls",
    }
    result = await home.post(f"{flows}/{form['flow_id']}", typed)
    assert result["type"] == "create_entry"


async def test_doorbell(tmp_path: Path, socket_enabled: None) -> None:
    """The camera is missing, a sensor is away, and the data is made for phones."""
    async with begin(tmp_path, ADDRESS, configuration=CONFIGURATION) as (home, server):
        await add_account(home, server, ADDRESS)
        await home.action("script.doorbell")
        await home.action("script.everyone")
        bell, everyone = await asyncio.to_thread(server.wait_for, 2)
    assert bell.subject == "Someone is at the door"
    assert bell.recipients == (ADDRESS,)
    assert len(text_of(bell).splitlines()) == 4
    for told in ("Home Assistant's log", "did not go to unavailable", "camera."):
        assert told in text_of(bell)
    assert text_of(everyone).startswith("Important\n\nThe doorbell rang.\n\n")
    assert everyone.message["X-Priority"] == "2 (High)"


async def test_second_account_and_second_user(
    tmp_path: Path, socket_enabled: None
) -> None:
    """A second account breaks nothing, and who may control nothing sends nothing."""
    async with begin(tmp_path, ADDRESS, SECOND) as (home, server):
        await add_account(home, server, ADDRESS)
        await add_account(home, server, SECOND)
        async with home.channel() as channel:
            sent = await channel.response("qq_mail.send_message", title="By the first")
            assert sent["account"] == ADDRESS
            server.stop()
            answers = await channel.response(
                "qq_mail.send_message",
                title="By both",
                entity_id="all",
                wait=0,
            )
            assert [one["account"] for one in answers["messages"]] == [
                ADDRESS,
                SECOND,
            ]
            waiting = await channel.response("qq_mail.get_outbox")
            assert [one["account"] for one in waiting["messages"]] == [
                ADDRESS,
                SECOND,
            ]
            await channel.action("qq_mail.discard", all=True)
            waiting = await channel.response("qq_mail.get_outbox")
            assert waiting == {"messages": [], "reminders": [], "repeats": []}
            server.start()
            user = await channel.command(
                "config/auth/create", name="Guest", group_ids=["system-read-only"]
            )
            await channel.command(
                "config/auth_provider/homeassistant/create",
                user_id=user["user"]["id"],
                username="guest",
                password="guest",
            )
        await home.log_in("guest", "guest")
        entity = "notify.10001_qq_com"
        assert (await home.get(f"/api/states/{entity}"))["state"]
        for action, data in (
            ("notify/send_message", {"entity_id": entity, "message": "No"}),
            ("notify/qq_mail", {"message": "No"}),
            ("qq_mail/send_message", {"message": "No", "to": "1@qq.com"}),
            ("qq_mail/send_message", {"message": "No", "entity_id": entity}),
            ("qq_mail/get_outbox?return_response", {}),
            ("qq_mail/retry", {}),
            ("qq_mail/discard", {}),
        ):
            with pytest.raises(HomeAssistantError, match=": 401 "):
                await home.post(f"/api/services/{action}", data)
    assert [mail.subject for mail in server.accepted] == ["By the first"]
