"""What tests do to a house, and look up in it: alerts, time, and what is on disk."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
import errno
import os
from pathlib import Path
import shutil
from tempfile import TemporaryDirectory
import threading
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    async_mock_service,
)

from custom_components.qq_mail import async_setup
from custom_components.qq_mail.buttons.models import SIGNAL_PRESS, SIGNAL_REPLY
from custom_components.qq_mail.calls.house import DATA_HOUSE, House, Rooms
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.outbox.outbox import Outbox
from custom_components.qq_mail.outbox.view import ShownPause
from custom_components.qq_mail.store import Journal, Key
from custom_components.qq_mail.store.disk import Disk
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers.dispatcher import DATA_DISPATCHER
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import shut_down
from .qq_server import QQServer


class Gate:
    """Holds an executor's thread up until a test lets it go on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> None:
        """Wait."""
        self.reached.set()
        assert self.opened.wait(10)


def refuse(*_: object) -> None:
    """Take no write, as a disk that is full."""
    raise OSError(errno.ENOSPC, "No space left on device")


def take_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the disk take the next round, and none behind it: as if it was a kill."""
    real = Journal.write

    def write(*args: Any) -> Any:
        monkeypatch.setattr(Journal, "write", refuse)
        return real(*args)

    monkeypatch.setattr(Journal, "write", write)


def hold_up(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool = False
) -> Gate:
    """Have a blocking function wait before it begins, or after it has ended."""
    gate = Gate()
    real = getattr(owner, name)

    def slow(*args: Any, **kwargs: Any) -> Any:
        if after:
            result = real(*args, **kwargs)
            gate()
            return result
        gate()
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, slow)
    return gate


async def until_cleared(outbox: Outbox) -> None:
    """Wait until a clear has found something that is being made."""
    intake = outbox._intake  # noqa: SLF001 - nothing else shows it
    await until(lambda: any(each.cleared for each in intake._making))  # noqa: SLF001


async def notify(hass: HomeAssistant, title: str = "Alarm", **data: Any) -> None:
    """Raise an alert."""
    await hass.services.async_call(
        "notify",
        "qq_mail",
        {"title": title, "message": "Smoke!", **data},
        blocking=True,
    )


async def later(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, time: timedelta
) -> None:
    """Let time pass."""
    freezer.tick(time)
    # Timers are set by the event loop's clock, which is not frozen.
    async_fire_time_changed(hass, dt_util.utcnow() + time)
    await hass.async_block_till_done()


async def listen(
    hass: HomeAssistant,
    trigger: str,
    names: Iterable[str],
    options: dict[str, Any] | None = None,
) -> list[ServiceCall]:
    """Have an automation listen, and return the calls it makes with what is named."""
    triggers: dict[str, Any] = {"trigger": f"{DOMAIN}.{trigger}"}
    if options is not None:
        triggers["options"] = options
    config = {
        # Only what has one is traced.
        "id": "listens",
        "triggers": triggers,
        "actions": {
            "action": "test.automation",
            "data": {name: f"{{{{ trigger.{name} }}}}" for name in names},
        },
    }
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()
    return async_mock_service(hass, "test", "automation")


async def expire(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    calls: list[ServiceCall],
) -> None:
    """Have an alert wait for a server that is away, until it is told as too old."""
    server.stop()
    try:
        await notify(hass, title="Fire")
        await hass.async_block_till_done()
        await later(hass, freezer, timedelta(hours=25))
        await until(lambda: calls)
    finally:
        server.start()


async def add_account(
    hass: HomeAssistant,
    server: QQServer,
    first: MockConfigEntry,
    address: str,
    options: dict[str, Any] | None = None,
    title: str = "",
) -> MockConfigEntry:
    """Add and load an account beside the first one, with the same code."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=title or address,
        unique_id=address,
        data={**first.data, "username": address},
        options=options or {},
    )
    entry.add_to_hass(hass)
    server.accounts[address] = first.data["password"]
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def set_up_in_shanghai(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    entry: MockConfigEntry,
    language: str,
) -> None:
    """Load an account on a Sunday evening in China, in a house that speaks so."""
    hass.config.language = language
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to("2026-12-20 12:00:00+00:00")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


async def take_over(
    hass: HomeAssistant, first: MockConfigEntry, other: MockConfigEntry
) -> None:
    """Have an account send what the first one may not."""
    hass.config_entries.async_update_entry(
        first, options={**first.options, "fallback": other.entry_id}
    )
    await hass.async_block_till_done()


async def until(condition: Any) -> None:
    """Wait for what is in the same loop, and for the server's thread."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


def house_of(hass: HomeAssistant) -> House:
    """Return what the house has once for all accounts."""
    return hass.data[DATA_HOUSE]


def rooms_of(hass: HomeAssistant, entry: MockConfigEntry) -> Rooms:
    """Return what a loaded account has."""
    return house_of(hass).rooms[entry.entry_id]


def outbox_of(entry: MockConfigEntry) -> Outbox:
    """Return a loaded account's outbox."""
    outbox: Outbox = entry.runtime_data
    return outbox


def pause_of(entry: MockConfigEntry) -> ShownPause:
    """Return why a loaded account is paused."""
    pause = outbox_of(entry).pause
    assert pause
    return pause


def store_folder(hass: HomeAssistant) -> Path:
    """Return the folder of the integration's journal."""
    return Path(hass.config.path(".storage", DOMAIN))


def on_disk(hass: HomeAssistant) -> dict[Key, dict[str, Any]]:
    """Return what a process would read of the store that starts now."""
    while True:
        with TemporaryDirectory() as copy:
            # Of a copy: reading sets aside what is damaged.
            folder = Path(copy) / "copy"
            try:
                shutil.copytree(store_folder(hass), folder)
            except shutil.Error:
                # Somebody works on the other, and has removed a file meanwhile.
                continue
            return dict(Journal(folder, Disk()).load().records)


def large_texts(hass: HomeAssistant) -> list[Path]:
    """Return the files of large texts, drafts among them."""
    return list(store_folder(hass).glob("*.text"))


def open_full(path: str, flags: int) -> int:
    """Open a file as on a disk that has room for its name alone."""
    os.close(os.open(path, flags))
    return os.open("/dev/full", os.O_WRONLY)


def waiting(hass: HomeAssistant) -> list[str]:
    """Return the queue ids on disk."""
    return sorted(name for kind, _, name in on_disk(hass) if kind == "message")


def record_of(hass: HomeAssistant, kind: str, name: str = "") -> dict[str, Any]:
    """Return the one record of a kind, or the one with that name."""
    (record,) = (
        record
        for (one, _, known), record in on_disk(hass).items()
        if one == kind and name in ("", known)
    )
    return record


def subjects(server: QQServer) -> list[str]:
    """Return what was accepted."""
    return [mail.subject for mail in server.accepted]


async def outbox_shown(hass: HomeAssistant) -> dict[str, Any]:
    """Return what get_outbox answers."""
    answer = await hass.services.async_call(
        DOMAIN, "get_outbox", {}, blocking=True, return_response=True
    )
    assert answer
    return dict(answer)


async def restart(
    hass: HomeAssistant, entry: MockConfigEntry, *, folder: Path | None = None
) -> None:
    """Load an account as a new process would, from the disk or from a copy of it.

    Only the page of the buttons stays that of the old process.
    """
    await end_process(hass, entry)
    if folder:
        shutil.rmtree(store_folder(hass))
        shutil.copytree(folder, store_folder(hass))
    await begin_process(hass, entry)


async def end_process(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload an account, and let go of the disk."""
    await shut_down(hass, entry)
    house = house_of(hass)
    await until(lambda: not house.rooms)
    house.manager.stop_timer()
    await house.store.async_stop()
    for signal in (SIGNAL_PRESS, SIGNAL_REPLY):
        hass.data[DATA_DISPATCHER].pop(signal, None)


async def begin_process(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Load an account from what is on disk."""
    # A server that runs takes no other page.
    with patch.object(hass.http, "register_view"):
        assert await async_setup(hass, {})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


def forget_mark(hass: HomeAssistant) -> None:
    """Have the folder look as if it came from a backup, which leaves the mark out."""
    (store_folder(hass) / "__pycache__" / "present").unlink()


async def decide(hass: HomeAssistant, entry: MockConfigEntry, choice: str) -> None:
    """Decide by the repair issue what is to become of what comes from a backup."""
    assert await async_setup_component(hass, "repairs", {})
    manager = repairs_flow_manager(hass)
    assert manager
    data = {"issue_id": f"restored_{entry.entry_id}"}
    menu = await manager.async_init(DOMAIN, data=data)
    assert menu["menu_options"] == ["send", "discard"]
    await manager.async_configure(menu["flow_id"], {"next_step_id": choice})
