"""Marks what is in this folder, for it takes long; lets browsers have a thread."""

from collections.abc import AsyncGenerator, Generator
import inspect
import os
from pathlib import Path
import sys

from playwright.sync_api import Browser, Playwright, sync_playwright
import pytest
import pytest_socket

from .browser import CHROMIUM, THREAD, Desk, desk
from .dovecot import Dovecot, running


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests as end-to-end tests."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that sits before the browser in the browser's thread."""
    if "here" not in pyfuncitem.funcargs:
        return None
    arguments = inspect.signature(pyfuncitem.obj).parameters
    given = {name: pyfuncitem.funcargs[name] for name in arguments}
    THREAD.submit(pyfuncitem.obj, **given).result()
    return True


def allow_sockets() -> None:
    """Allow what Home Assistant's test plugin forbids before each test.

    Home Assistants are forked from a process that is reached by a Unix socket.
    """
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)


@pytest.fixture
def socket_enabled(socket_enabled: None) -> None:
    """Allow a Unix socket as well."""
    allow_sockets()


@pytest.fixture
async def dovecot(socket_enabled: None) -> AsyncGenerator[Dovecot]:
    """Run a Dovecot; where there is none, only a machine that tests for all minds."""
    if not Dovecot.is_here() and not os.environ.get("CI"):
        pytest.skip(
            "Dovecot 2.3 is not installed, or this is not root: see scripts/judges"
        )
    async with running() as dovecot:
        yield dovecot


@pytest.fixture(scope="module")
def running_desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Desk]:
    """Start everything once for all tests of a module, by the module's own Python."""
    allow_sockets()
    python = getattr(request.module, "PYTHON", sys.executable)
    running = desk(tmp_path_factory.mktemp("desk"), str(python))
    yield THREAD.submit(running.__enter__).result()
    THREAD.submit(running.__exit__, None, None, None).result()


@pytest.fixture
def here(running_desk: Desk, socket_enabled: None) -> Generator[Desk]:
    """Return the desk with a server that behaves well."""
    running_desk.server.reset()
    yield running_desk
    running_desk.server.reset()


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """Start Chromium, in the thread that Playwright has here."""
    pytest_socket.enable_socket()

    def start() -> tuple[Playwright, Browser]:
        playwright = sync_playwright().start()
        return playwright, playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )

    playwright, browser = THREAD.submit(start).result()
    yield browser
    THREAD.submit(browser.close).result()
    THREAD.submit(playwright.stop).result()
