"""Stores on a disk in memory, with segments of which little makes many."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from random import Random

import pytest

from custom_components.qq_mail.store import (
    Store,
    segment,
    store as store_module,
    tidying,
)
from custom_components.qq_mail.store.loading import Contents

from .house import FOLDER, ROOT
from .power import SimulatedDisk

type OpenStore = Callable[..., Awaitable[tuple[Store, Contents]]]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have segments, room and pieces that are small, and always the same salts."""
    random = Random(0)  # noqa: S311
    monkeypatch.setattr(segment, "randbits", random.getrandbits)
    monkeypatch.setattr(segment, "ROOM", 4096)
    monkeypatch.setattr(segment, "LEAST_ROOM", 1024)
    monkeypatch.setattr(segment, "FULL", 12 * 1024)
    monkeypatch.setattr(tidying, "_PIECE", 1500)


@pytest.fixture
def disk() -> SimulatedDisk:
    """Return a disk in memory."""
    return SimulatedDisk(ROOT)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tidy, try again and end a backup without waiting."""
    for name in ("QUIET", "RETRY_INTERVAL", "LONGEST_HOLD"):
        monkeypatch.setattr(store_module, name, 0)


@pytest.fixture
async def open_store(disk: SimulatedDisk) -> AsyncGenerator[OpenStore]:
    """Return what opens a store, as a start of Home Assistant does."""
    stores: list[Store] = []

    async def start(on: SimulatedDisk = disk) -> tuple[Store, Contents]:
        store = Store(FOLDER, on)
        stores.append(store)
        return store, await store.async_load()

    yield start
    for store in stores:
        await store.async_stop()
