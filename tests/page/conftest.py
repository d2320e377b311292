"""A house with an account, and somebody who looks at its page."""

import asyncio
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import (
    MockHAClientWebSocket,
    WebSocketGenerator,
)

from custom_components.qq_mail.page import shown as shown_module


class Page:
    """Asks what the page asks."""

    def __init__(self, socket: MockHAClientWebSocket) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []

    async def ask(self, command: str, **data: Any) -> dict[str, Any]:
        """Return the whole answer to a command."""
        await self.socket.send_json_auto_id({"type": f"qq_mail/{command}", **data})
        async with asyncio.timeout(60):
            while (answer := await self.socket.receive_json())["type"] == "event":
                self.events.append(answer["event"])
        return dict(answer)

    async def get(self, command: str, **data: Any) -> Any:
        """Return what a command answers that works."""
        answer = await self.ask(command, **data)
        assert answer["success"], answer
        return answer["result"]

    async def refused(self, command: str, **data: Any) -> dict[str, Any]:
        """Return why a command does not work."""
        answer = await self.ask(command, **data)
        assert not answer["success"]
        return dict(answer["error"])

    async def subscribe(self, **data: Any) -> int:
        """Look at the outbox; return the subscription's id."""
        answer = await self.ask("outbox/subscribe", language="en", **data)
        assert answer["success"], answer
        return int(answer["id"])

    async def seen(self) -> list[dict[str, Any]]:
        """Return the accounts as they are shown next."""
        async with asyncio.timeout(60):
            while not self.events:
                self.events.append((await self.socket.receive_json())["event"])
        return list(self.events.pop(0)["accounts"])


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show every change at once."""
    monkeypatch.setattr(shown_module, "_INTERVAL", 0)


@pytest.fixture
async def page(
    loaded_entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> Page:
    """Return an administrator's page."""
    return Page(await hass_ws_client())


@pytest.fixture
async def guest_page(
    loaded_entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
    hass: Any,
) -> Page:
    """Return the page of a user who is no administrator."""
    return Page(await hass_ws_client(hass, hass_read_only_access_token))
