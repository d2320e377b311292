"""What a fresh Home Assistant has loaded of the integration, and where it loads more.

Run by test_startup.py in a process of its own, with a configuration folder, the
server's port, and what is to be used first. Prints JSON.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from importlib.abc import MetaPathFinder
import json
from pathlib import Path
import sys
import threading
from types import ModuleType
from typing import Any, override
from unittest.mock import patch

# First of all: see there.
from . import ha_compat  # noqa: F401  # isort: skip

from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

# Before Home Assistant looks for it.
import custom_components  # noqa: F401
from homeassistant.core import HomeAssistant
from homeassistant.helpers import frame
from homeassistant.loader import DATA_CUSTOM_COMPONENTS

NOT_AT_THE_START = {
    "aiosmtplib",
    "email_validator",
    "markdown_it",
    # Pillow itself may have been loaded by others.
    "custom_components.qq_mail.content.attachments.pictures",
    "custom_components.qq_mail.repeats.kept",
}


class InTheLoop(MetaPathFinder):
    """Finds nothing, but notes what is imported in the event loop's thread."""

    def __init__(self) -> None:
        self.names: list[str] = []

    @override
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> None:
        if threading.current_thread() is threading.main_thread():
            self.names.append(fullname)


async def send(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Send what needs all of the libraries."""
    picture = Path(hass.config.config_dir, "large.png")
    hass.config.allowlist_external_dirs = {str(picture.parent)}
    await hass.services.async_call(
        "qq_mail",
        "send_message",
        {
            "to": "a@b.cn",
            "message": "**Water**",
            "format": "markdown",
            "attachments": [{"path": str(picture)}],
            "wait": 10,
            "repeat_after": 60,
        },
        blocking=True,
    )
    await hass.services.async_call(
        "notify", "qq_mail", {"message": "Water"}, blocking=True
    )


async def leave(hass: HomeAssistant, _entry: MockConfigEntry) -> None:
    """Leave a message in the outbox."""
    await hass.services.async_call(
        "qq_mail", "send_message", {"message": "Water", "wait": 0}, blocking=True
    )


async def resume(_hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until the message that was left has gone out."""
    outbox, told = entry.runtime_data.outbox, asyncio.Event()
    outbox.async_add_listener(lambda _event: told.set())
    async with asyncio.timeout(60):
        while outbox.messages():
            await told.wait()
            told.clear()


async def form(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Add the account by its form, once it is gone."""
    await hass.config_entries.async_remove(entry.entry_id)
    flow = await hass.config_entries.flow.async_init(
        "qq_mail", context={"source": "user"}
    )
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], dict(entry.data)
    )
    assert result["type"] == "create_entry", result


USES: dict[str, Callable[[HomeAssistant, MockConfigEntry], Awaitable[None]]] = {
    "send": send,
    "leave": leave,
    "resume": resume,
    "form": form,
}


async def main(config_dir: str, port: str, use: str) -> None:
    """Set an account up, and use it for the first time."""
    data: dict[str, Any] = {
        "username": "123456@qq.com",
        "password": "abcdefghijklmnop",
        "host": "127.0.0.1",
        "port": int(port),
        "encryption": "tls",
    }
    in_the_loop = InTheLoop()
    # Without a port: nobody calls, and another Home Assistant may have it.
    bind = "homeassistant.components.http.HomeAssistantHTTP.async_bind"
    async with async_test_home_assistant(config_dir=config_dir) as hass:
        # Or it does not look for any.
        hass.data.pop(DATA_CUSTOM_COMPONENTS)
        frame.async_setup(hass)
        # It would want pages that nobody looks at.
        hass.config.components |= {"repairs"}
        entry = MockConfigEntry(
            domain="qq_mail",
            entry_id="first",
            unique_id=data["username"],
            data=data,
            options={"service_name": "qq_mail", "size_budget": 1},
        )
        entry.add_to_hass(hass)
        with patch(bind):
            assert await hass.config_entries.async_setup(entry.entry_id)
        at_the_start = NOT_AT_THE_START & sys.modules.keys()
        sys.meta_path.insert(0, in_the_loop)
        await USES[use](hass, entry)
        await hass.async_block_till_done()
        sys.meta_path.remove(in_the_loop)
        await hass.async_stop(force=True)
    result = {
        "at_the_start": sorted(at_the_start),
        "in_the_end": sorted(NOT_AT_THE_START & sys.modules.keys()),
        "in_the_loop": in_the_loop.names,
        "page": "custom_components.qq_mail.buttons.page" in sys.modules,
    }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
