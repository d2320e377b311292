"""System health: whether the servers can be reached, and how much waits."""

import asyncio
from typing import Any, Final

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback

from .accounts import QQMailConfigEntry
from .const import DOMAIN

TIMEOUT: Final = 5
"""Seconds for connecting: somebody is looking at the page."""


@callback
def async_register(
    _hass: HomeAssistant, register: system_health.SystemHealthRegistration
) -> None:
    """Register what is shown."""
    register.async_register_info(system_health_info)


async def system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return what is shown; what takes time is a coroutine."""
    entries: list[QQMailConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    outboxes = [entry.runtime_data for entry in entries]
    servers = {(outbox.account.host, outbox.account.port) for outbox in outboxes}
    return {
        "server_reachable": _servers_reachable(sorted(servers)),
        "messages_waiting": sum(len(outbox) for outbox in outboxes),
    }


async def _servers_reachable(servers: list[tuple[str, int]]) -> str:
    """Return each server with what came of connecting to it."""
    results = await asyncio.gather(*(_reach(host, port) for host, port in servers))
    return ", ".join(
        f"{host}:{port} {result}"
        for (host, port), result in zip(servers, results, strict=True)
    )


async def _reach(host: str, port: int) -> str:
    """Connect and hang up: no login, which QQ would count."""
    try:
        async with asyncio.timeout(TIMEOUT):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return "unreachable"
    writer.close()
    return "ok"
