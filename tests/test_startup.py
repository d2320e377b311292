"""What is loaded when: our own modules at the start, what is large off the loop."""

import asyncio
import json
import os
from pathlib import Path
import socket
import sys
from typing import Any

from PIL import Image
import pytest

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
    """All that mails, charts and pages need is there before the first one.

    So no new file gets into old code, when an update waits for its restart.
    """
    told = await first_use(config_dir, server.tls_port, "send")
    assert told == {"missing": [], "opened": [], "in_the_loop": []}
    assert len(server.accepted) == 2


async def test_first_login_of_a_form(server: QQServer, config_dir: Path) -> None:
    """A form reads an address and logs in, and the loop imports nothing for it."""
    told = await first_use(config_dir, server.tls_port, "form")
    assert told["in_the_loop"] == []


async def test_what_waited(server: QQServer, config_dir: Path) -> None:
    """A message of an earlier run goes out before there is a call."""
    await first_use(config_dir, CLOSED_PORT, "leave")
    told = await first_use(config_dir, server.tls_port, "resume")
    assert told["in_the_loop"] == []
    assert len(server.accepted) == 1
