"""What a first account costs a Home Assistant that runs with its default integrations.

Run in a process of its own, with a configuration folder, the domain, and the account as
JSON. Prints how many milliseconds its import and its set-up took.
"""

import asyncio
import json
import logging
import os
import sys
import time
from types import MappingProxyType
from typing import Any

from homeassistant.bootstrap import async_setup_hass
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.runner import RuntimeConfig


async def main(config_dir: str, domain: str, account: str) -> None:
    """Start, add the account, and see how long that took."""
    # What is missing here is missing for both.
    logging.disable()
    hass = await async_setup_hass(RuntimeConfig(config_dir, skip_pip=True))
    if hass is None:
        raise SystemExit("Home Assistant did not start")
    await hass.async_start()
    await hass.async_block_till_done()
    entry = ConfigEntry[Any](
        version=1,
        minor_version=1,
        domain=domain,
        title=domain,
        unique_id=None,
        source="user",
        discovery_keys=MappingProxyType({}),
        pref_disable_new_entities=None,
        **json.loads(account),
    )
    start = time.perf_counter()
    await hass.config_entries.async_add(entry)
    took = time.perf_counter() - start
    if entry.state is not ConfigEntryState.LOADED:
        raise SystemExit(f"{domain} is {entry.state}: {entry.reason}")
    print(took * 1000, flush=True)
    # At once, so that the account is not stored and each run is the first.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
