"""What a fresh Home Assistant has loaded of the integration, and what it loads later.

Run by test_startup.py in a process of its own, with a configuration folder, the
server's port, and what is to be used first. Prints JSON.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
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
import custom_components
from homeassistant.core import HomeAssistant
from homeassistant.helpers import frame
from homeassistant.loader import DATA_CUSTOM_COMPONENTS

PACKAGE = Path(custom_components.__path__[0], "qq_mail")
THEIRS = ("PIL.", "homeassistant.components.recorder")
"""What the integration loads when it is needed, and does not bring along."""


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
            "entities": ["sun.sun"],
            "charts": [{"entities": ["sun.sun"]}],
            "actions": [{"title": "Open", "uri": "/lovelace"}],
            "link": "/lovelace",
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
    outbox, told = entry.runtime_data, asyncio.Event()
    outbox.listeners.async_add(lambda _event: told.set())
    async with asyncio.timeout(60):
        while len(outbox):
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


def own_modules() -> set[str]:
    """Return the names of the integration's modules, as they are on disk."""
    return {
        ".".join(path.relative_to(PACKAGE.parents[1]).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }


def hear_open(opened: list[str], event: str, args: tuple[Any, ...]) -> None:
    """Note which files of the integration are opened."""
    if event == "open" and str(args[0]).startswith(str(PACKAGE)):
        opened.append(str(args[0]))


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
        missing = own_modules() - sys.modules.keys()
        opened: list[str] = []
        sys.addaudithook(partial(hear_open, opened))
        sys.meta_path.insert(0, in_the_loop)
        await USES[use](hass, entry)
        await hass.async_block_till_done()
        sys.meta_path.remove(in_the_loop)
        await hass.async_stop(force=True)
    result = {
        "missing": sorted(missing),
        "opened": opened,
        "in_the_loop": [
            name for name in in_the_loop.names if not name.startswith(THEIRS)
        ],
    }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
