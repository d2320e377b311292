"""Marks what is in this folder, for it takes long; lets browsers have a thread."""

from collections.abc import AsyncGenerator
import inspect
import os
from pathlib import Path

import pytest

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
    # Only now: the lowest Home Assistant's environment has no browser.
    from .browser import THREAD  # noqa: PLC0415

    arguments = inspect.signature(pyfuncitem.obj).parameters
    given = {name: pyfuncitem.funcargs[name] for name in arguments}
    THREAD.submit(pyfuncitem.obj, **given).result()
    return True


@pytest.fixture
async def dovecot(socket_enabled: None) -> AsyncGenerator[Dovecot]:
    """Run a Dovecot; where there is none, only a machine that tests for all minds."""
    if not Dovecot.is_here() and not os.environ.get("CI"):
        pytest.skip(
            "Dovecot 2.3 is not installed, or this is not root: see scripts/judges"
        )
    async with running() as dovecot:
        yield dovecot
