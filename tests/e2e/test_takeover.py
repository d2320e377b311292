"""One click from core's `smtp`, and back, in a real Home Assistant."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.qq_server import AcceptedMessage, QQServer

from .home_assistant import CODE, HomeAssistant, begin

ADDRESS = "10001@qq.com"
AUTOMATIONS = """\
- id: by_entity
  alias: By the entity
  mode: queued
  triggers:
    - {trigger: event, event_type: alarm}
  actions:
    - action: notify.send_message
      target: {entity_id: notify.home_mom}
      data: {title: By entity, message: Smoke!}
- id: by_action
  alias: By the action
  mode: queued
  triggers:
    - {trigger: event, event_type: alarm}
  actions:
    - action: notify.home
      data: {title: By action, message: Smoke!}
- id: by_core
  alias: By core's own action
  mode: queued
  triggers:
    - {trigger: event, event_type: never}
  actions:
    - action: smtp.send_message
      target: {entity_id: notify.home_mom}
      data: {message: Smoke!}
"""
FLOWS = "/api/config/config_entries"


class House:
    """A home that has QQ Mail in core's integration."""

    def __init__(self, home: HomeAssistant, server: QQServer) -> None:
        self.home = home
        self.server = server
        self._seen = 0

    async def flow(self, kind: str, handler: Any, *inputs: dict[str, Any]) -> Any:
        """Go through a flow, and return how it ends."""
        path = f"{FLOWS}/{kind}"
        step = await self.home.post(path, handler)
        for data in inputs:
            step = await self.home.post(f"{path}/{step['flow_id']}", data)
        return step

    async def add_core(self) -> str:
        """Add the account and a recipient to core's integration."""
        created = await self.flow(
            "flow",
            {"handler": "smtp"},
            {
                "sender": ADDRESS,
                "sender_name": "Home",
                "server": self.server.host,
                "port": self.server.tls_port,
                "encryption": "tls",
                "username": ADDRESS,
                "password": CODE,
                "verify_ssl": True,
                "options": {"reply_to": "me@example.com"},
            },
        )
        entry_id = str(created["result"]["entry_id"])
        await self.flow(
            "subentries/flow",
            {"handler": [entry_id, "recipient"]},
            {"name": "Mom", "recipient": "mom@example.com"},
        )
        # Home Assistant writes the registry when it stops.
        async with asyncio.timeout(60):
            while "notify.home_mom" not in await self.platforms():
                await asyncio.sleep(0.1)
        # Core's action knows its recipients of a start.
        await self.home.restart()
        await self.core_action()
        return entry_id

    async def core_action(self) -> None:
        """Wait for core's action, which comes after core's entry has been loaded.

        Raises TimeoutError after a minute.
        """
        async with asyncio.timeout(60):
            while "home" not in (await self.home.command("get_services"))["notify"]:
                await asyncio.sleep(0.1)

    async def written(self, name: str, text: str) -> None:
        """Wait until Home Assistant has written a text to one of its files.

        Raises TimeoutError after a minute.
        """
        file = self.home.config_dir / ".storage" / name
        async with asyncio.timeout(60):
            while text not in await asyncio.to_thread(file.read_text):
                await asyncio.sleep(0.1)

    async def platforms(self) -> dict[str, str]:
        """Return whose each notify entity is."""
        entities = await self.home.command("config/entity_registry/list")
        return {one["entity_id"]: one["platform"] for one in entities}

    async def alarm(self) -> list[AcceptedMessage]:
        """Have the automations send, and return their mails."""
        await self.home.post("/api/events/alarm")
        mails = await asyncio.to_thread(self.server.wait_for, self._seen + 2)
        new = mails[self._seen :]
        self._seen = len(mails)
        assert {mail.subject for mail in new} == {"By entity", "By action"}
        assert {mail.recipients for mail in new} == {("mom@example.com",)}
        return new

    async def reconfigure(self, entry_id: str, step: str) -> str:
        """Choose something in the menu of our account, and return how it ended."""
        menu = await self.home.post(
            f"{FLOWS}/flow", {"handler": "qq_mail", "entry_id": entry_id}
        )
        ended = await self.home.post(
            f"{FLOWS}/flow/{menu['flow_id']}", {"next_step_id": step}
        )
        return str(ended["reason"])


def by_core(mails: list[AcceptedMessage]) -> list[bool]:
    """Tell of each mail whether core's integration made it."""
    return [mail.message["X-Mailer"] == "Home Assistant" for mail in mails]


@pytest.mark.timeout(300)
async def test_there_and_back(tmp_path: Path, socket_enabled: None) -> None:
    """Automations send before, after the switch, after a kill, and after the undo."""
    async with begin(tmp_path, ADDRESS, automations=AUTOMATIONS, language="en") as (
        home,
        server,
    ):
        house = House(home, server)
        core = await house.add_core()
        assert by_core(await house.alarm()) == [True, True]

        created = await house.flow(
            "flow",
            {"handler": "qq_mail"},
            {"next_step_id": "take_over"},
            {"keep_working": True},
        )
        assert created["description"] == "taken_over"
        ours = str(created["result"]["entry_id"])
        # The power is cut when the entries are written, and the new names are not.
        await house.written("core.config_entries", '"switched":true')
        await home.kill()
        await home.start()
        mails = await house.alarm()
        assert by_core(mails) == [False, False]
        assert {mail.message["Reply-To"] for mail in mails} == {"me@example.com"}
        platforms = await house.platforms()
        assert platforms["notify.home_mom"] == "qq_mail"
        assert platforms["notify.home_mom_smtp"] == "smtp"
        issues = (await home.command("repairs/list_issues"))["issues"]
        (issue,) = (one for one in issues if one["domain"] == "qq_mail")
        assert issue["issue_id"] == f"uses_core_smtp_{ours}"
        listed = issue["translation_placeholders"]["what"]
        assert listed == "- [By core's own action](/config/automation/edit/by_core)"

        await home.restart()
        assert by_core(await house.alarm()) == [False, False]
        entries = await home.command("config_entries/get", domain="smtp")
        assert [one["disabled_by"] for one in entries] == ["user"]

        assert await house.reconfigure(ours, "undo") == "undone"
        (entry,) = await home.command("config_entries/get", domain="smtp")
        assert (entry["entry_id"], entry["state"]) == (core, "loaded")
        platforms = await house.platforms()
        assert platforms["notify.home_mom"] == "smtp"
        assert platforms["notify.mom"] == "qq_mail"
        await house.core_action()
        assert by_core(await house.alarm()) == [True, True]
        issues = (await home.command("repairs/list_issues"))["issues"]
        assert [one for one in issues if one["domain"] == "qq_mail"] == []
        errors = [line for line in home.log.splitlines() if " ERROR " in line]
        assert [line for line in errors if "qq_mail" in line] == []
    assert CODE not in home.log
