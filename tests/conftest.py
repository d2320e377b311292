"""The QQ-like server and a Home Assistant that trusts its certificates."""

import asyncio
from asyncio import format_helpers
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import replace
import logging
import math
from pathlib import Path
import ssl
import time
import traceback
from typing import cast

from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory, real_monotonic
from hypothesis import HealthCheck, settings
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import pytest_socket

# Before the first hass fixture, or Home Assistant does not find the integration.
import custom_components  # noqa: F401
from custom_components.qq_mail.calls.house import DATA_HOUSE
from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.outbox.core.models import OutboxEvent
from custom_components.qq_mail.smtp.models import Account, Encryption
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.util import executor
from homeassistant.util.ssl import client_context

from .qq_server import Certificates, QQServer

ADDRESS = "123456@qq.com"
CODE = "abcdefghijklmnop"

# Whether a test passes is decided neither by chance nor by the machine's speed.
settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")
# asyncio's debug mode, which the test plugin switches on, keeps the whole stack for each
# future: forty percent of the time of a test. Its checks need none of it.
for extract_stack in (traceback.extract_stack, format_helpers.extract_stack):
    extract_stack.__defaults__ = (None, 0)
# When it stops, Home Assistant interrupts threads that have not ended in their part of ten
# seconds: on a busy machine also those that only were not called.
executor.EXECUTOR_SHUTDOWN_TIMEOUT = 300
# Home Assistant's test plugin has each statement of the recorder logged.
logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """Return a certificate authority of our own."""
    return Certificates()


@pytest.fixture(scope="session")
def running_server(certificates: Certificates) -> Generator[QQServer]:
    """Run one server for all tests, in a thread of its own."""
    # Home Assistant's test plugin has switched sockets off for the first test.
    pytest_socket.enable_socket()
    with QQServer(certificates, accounts={ADDRESS: CODE}) as server:
        yield server


@pytest.fixture
def server(running_server: QQServer, socket_enabled: None) -> Generator[QQServer]:
    """Return the server as if it had just been started."""
    running_server.reset()
    yield running_server
    running_server.reset()


@pytest.fixture(autouse=True)
def custom_integrations(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant load the integration, where a test has one."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Give each Home Assistant a folder of its own: the store is in it."""
    return hass_tmp_config_dir


@pytest.fixture
async def freezer(
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[FrozenDateTimeFactory]:
    """Freeze the clock of Home Assistant, but not that of the sockets' event loop."""
    # Before the freeze, which puts a fake in the place of this name as well.
    monkeypatch.setattr(asyncio.get_running_loop(), "time", real_monotonic)
    # Whole seconds: a sum of others is rounded, and may be an instant too early.
    steady = math.ceil(read_clock().steady)
    with freeze_time() as frozen:
        # The clock that cannot be set goes on with the one that can.
        start = time.monotonic()
        monkeypatch.setattr(
            time, "clock_gettime", lambda _: steady + time.monotonic() - start
        )
        yield cast("FrozenDateTimeFactory", frozen)


@pytest.fixture
async def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what lets so many seconds pass for the event loop's timers."""
    loop, passed = asyncio.get_running_loop(), 0.0
    time_of_loop = loop.time

    def pass_time(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(loop, "time", lambda: time_of_loop() + passed)
    return pass_time


@pytest.fixture
async def quick_silence(server: QQServer, pass_time: Callable[[float], None]) -> None:
    """Let time pass quickly while the server is silent, and only then.

    So a test of a time-out takes no time, and needs none so short that a machine that
    is slow could exceed it where the server does answer.
    """
    loop = asyncio.get_running_loop()
    server.on_silence = lambda: loop.call_soon_threadsafe(pass_time, 0.5)


@pytest.fixture
async def entry(
    hass: HomeAssistant, server: QQServer
) -> AsyncGenerator[MockConfigEntry]:
    """Return the account as the config flow makes it, not loaded yet."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=ADDRESS,
        unique_id=ADDRESS,
        data={
            "username": ADDRESS,
            "password": CODE,
            "host": server.host,
            "port": server.tls_port,
            "encryption": "tls",
        },
        # Without a pace: a clock that is frozen would never let the next one go.
        options={"service_name": "qq_mail", "messages_per_minute": 0},
    )
    entry.add_to_hass(hass)
    yield entry
    if hass.state is CoreState.stopped:
        return
    # Or Home Assistant stops while what outlives a reload still ends.
    for one in hass.config_entries.async_entries(DOMAIN):
        if one.state is ConfigEntryState.LOADED:
            await hass.config_entries.async_unload(one.entry_id)
    async with asyncio.timeout(60):
        while (house := hass.data.get(DATA_HOUSE)) and house.rooms:
            await asyncio.sleep(0.001)


@pytest.fixture
async def loaded_entry(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Return the account, loaded."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def shut_down(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Unload an account, and wait until its outbox has ended."""
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()


class Events:
    """Records what an outbox tells, and waits for it."""

    def __init__(self) -> None:
        self.all: list[OutboxEvent] = []
        self._changed = asyncio.Event()

    @property
    def outcomes(self) -> list[str]:
        """The outcomes so far."""
        return [event.outcome.value for event in self.all]

    def listen(self, entry: MockConfigEntry) -> None:
        """Listen to a loaded entry's outbox."""
        entry.runtime_data.listeners.async_add(self._record)

    async def wait(self, number: int) -> list[OutboxEvent]:
        """Wait until so many outcomes were told."""
        async with asyncio.timeout(60):
            while len(self.all) < number:
                self._changed.clear()
                await self._changed.wait()
        return self.all

    def _record(self, event: OutboxEvent | None) -> None:
        if event:
            self.all.append(event)
            self._changed.set()


@pytest.fixture
def events(loaded_entry: MockConfigEntry) -> Events:
    """Record the outcomes of the loaded account's messages."""
    events = Events()
    events.listen(loaded_entry)
    return events


@pytest.fixture
def www(hass: HomeAssistant) -> Path:
    """Return a folder that files may be attached from, as it is by default."""
    folder = Path(hass.config.path("www"))
    folder.mkdir()
    hass.config.allowlist_external_dirs = {str(folder)}
    return folder


@pytest.fixture(scope="session")
def tls_context(certificates: Certificates) -> ssl.SSLContext:
    """Return a context that trusts the test's authority and no other."""
    return ssl.create_default_context(cadata=certificates.ca_pem.decode())


@pytest.fixture(scope="session", autouse=True)
def trusting_home_assistant(certificates: Certificates) -> None:
    """Have Home Assistant's own context trust the test's authority as well."""
    client_context().load_verify_locations(cadata=certificates.ca_pem.decode())


@pytest.fixture
def account(server: QQServer) -> Account:
    """Return the account on the server, by implicit TLS."""
    return Account(
        username=ADDRESS,
        password=CODE,
        host=server.host,
        port=server.tls_port,
        encryption=Encryption.TLS,
        timeout=10,
    )


@pytest.fixture
def starttls_account(account: Account, server: QQServer) -> Account:
    """Return the account on the server, by STARTTLS."""
    return replace(account, port=server.starttls_port, encryption=Encryption.STARTTLS)
