"""Buttons of a mail over restarts and a power cut, in a real Home Assistant."""

import asyncio
from pathlib import Path
import re

import aiohttp

from .home_assistant import HomeAssistant, begin
from .test_blueprints import ADDRESS, text_of
from .test_calls import add_account

CONFIGURATION = """\
input_number:
  pressed: {min: 0, max: 100, initial: 0}
logger:
  default: debug
automation buttons:
  triggers:
    - trigger: qq_mail.action_clicked
      options: {action: acknowledge, tag: water}
  actions:
    - action: input_number.increment
      target: {entity_id: input_number.pressed}
"""
LINK = re.compile(r"http://\S+/api/qq_mail/action/([0-9a-f]{64})")


async def press(home: HomeAssistant, token: str, method: str = "post") -> str:
    """Open or press a button without a login, as any phone does; return the page."""
    url = f"{home.url}/api/qq_mail/action/{token}"
    async with aiohttp.ClientSession() as phone, phone.request(method, url) as page:
        return f"{page.status} {await page.text()}"


async def pressed(home: HomeAssistant) -> float:
    """Return how often the automation ran since the start."""
    state = await home.get("/api/states/input_number.pressed")
    return float(state["state"])


async def test_restarts(tmp_path: Path, socket_enabled: None) -> None:
    """What was sent works after a restart; what was pressed is done, power cut or not."""
    async with begin(tmp_path, ADDRESS, configuration=CONFIGURATION) as (home, server):
        await add_account(home, server, ADDRESS)
        await home.command("config/core/update", external_url=home.url)
        await home.action(
            "qq_mail.send_message",
            message="Water in the cellar",
            tag="water",
            actions=[
                {"action": "acknowledge", "title": "Acknowledge"},
                {"action": "acknowledge", "title": "Me, too"},
            ],
        )
        (mail,) = await asyncio.to_thread(server.wait_for, 1)
        first, second = dict.fromkeys(LINK.findall(text_of(mail)))
        logs = [home.log]
        await home.restart()
        # Until automations listen, it says that it is not ready.
        async with asyncio.timeout(60):
            while not (await press(home, first, "get")).startswith("200 "):
                await asyncio.sleep(0.2)
        assert await pressed(home) == 0
        assert (await press(home, first)).startswith("200 ")
        assert await pressed(home) == 1
        logs.append(home.log)
        await home.kill()
        await home.start()
        async with asyncio.timeout(60):
            # What was pressed is told at once; what was not, once automations listen.
            while not (await press(home, second, "get")).startswith("200 "):
                await asyncio.sleep(0.2)
        assert "Already done at" in await press(home, first)
        assert await pressed(home) == 0
        assert (await press(home, second)).startswith("200 ")
        assert await pressed(home) == 1
        await home.action("qq_mail.send_message", clear=True, tag="water")
        assert (await press(home, second)).startswith("404 ")
        logs.append(home.log)
    assert "Serving /api/qq_mail/action/**REDACTED** to" in logs[-1]
    for log in logs:
        assert [token for token in (first, second) if token in log] == []
