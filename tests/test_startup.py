"""What an account does not need at its start is loaded later, off the event loop."""

import asyncio
import json
import os
from pathlib import Path
import socket
import sys
import threading
from typing import Any

from PIL import Image
import pytest

from custom_components.qq_mail import loading
from homeassistant.core import HomeAssistant

from .first_use import NOT_AT_THE_START
from .qq_server import Certificates, QQServer

ROOT = Path(__file__).parents[1]
CLOSED_PORT = 1


@pytest.fixture
def config_dir(tmp_path: Path, certificates: Certificates) -> Path:
    """Return a folder with a picture that is too large to be sent as it is."""
    certificates.write_ca(tmp_path / "ca.pem")
    Image.effect_noise((1200, 1200), 90).save(tmp_path / "large.png")
    return tmp_path


async def first_use(config_dir: Path, port: int, use: str) -> dict[str, Any]:
    """Return what a fresh process tells."""
    with socket.socket() as free:
        free.bind(("", 0))
        http_port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.first_use",
        config_dir,
        str(port),
        use,
        cwd=ROOT,
        env={
            **os.environ,
            "REQUESTS_CA_BUNDLE": str(config_dir / "ca.pem"),
            # Another Home Assistant may run on this machine.
            "SETUP_PORT": str(http_port),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return dict(json.loads(output))


async def test_first_alerts(server: QQServer, config_dir: Path) -> None:
    """Nothing heavy is there before; all of it is loaded by threads."""
    told = await first_use(config_dir, server.tls_port, "send")
    assert told["at_the_start"] == []
    assert told["in_the_end"] == sorted(NOT_AT_THE_START)
    assert told["in_the_loop"] == []
    # No button was sent.
    assert not told["page"]
    assert len(server.accepted) == 2


async def test_first_login_of_a_form(server: QQServer, config_dir: Path) -> None:
    """A form reads an address and logs in."""
    told = await first_use(config_dir, server.tls_port, "form")
    # The rest is loaded by itself, once Home Assistant has started.
    soon = "custom_components.qq_mail.repeats.kept"
    assert told["in_the_end"] == ["aiosmtplib", soon, "email_validator"]
    assert told["in_the_loop"] == []


async def test_call_that_is_cancelled(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for the same to be loaded has it all the same."""
    begun, go_on = threading.Event(), threading.Event()
    loads: list[str] = []

    def load(module: str) -> None:
        loads.append(module)
        begun.set()
        go_on.wait(60)

    monkeypatch.setattr(loading, "_loaded", set())
    monkeypatch.setattr(loading, "import_module", load)
    first = hass.async_create_task(loading.async_load_addresses(hass))
    second = hass.async_create_task(loading.async_load_addresses(hass))
    await hass.async_add_executor_job(begun.wait, 10)
    first.cancel()
    go_on.set()
    await second
    assert first.cancelled()
    # Then it is there, and nobody waits any more.
    await loading.async_load_addresses(hass)
    assert loads == ["email_validator"]


async def test_what_waited(server: QQServer, config_dir: Path) -> None:
    """A message of an earlier run goes out before there is a call."""
    await first_use(config_dir, CLOSED_PORT, "leave")
    told = await first_use(config_dir, server.tls_port, "resume")
    assert told["in_the_loop"] == []
    assert len(server.accepted) == 1
