"""Processes forked from one that has imported the libraries of Home Assistant.

Half of a start's processor time is for these imports, and the tests start it fifty times.
Home Assistant itself and the integration are imported by each process on its own, for
they read its environment.
"""

import asyncio
from collections.abc import Sequence
import multiprocessing
import os
from pathlib import Path
import runpy
import sys

LIBRARIES = [
    "PIL.Image",
    "aiogithubapi",
    "aiohasupervisor",
    "aiohttp.web",
    "anyio._backends._asyncio",
    "gazetteer_matcher",
    "habluetooth",
    "hass_nabucasa",
    "hassil.recognize",
    "httpcore2",
    "httpx2",
    "jinja2",
    "jwt",
    "numpy",
    "probatio",
    "securetar",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.oracle",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.orm",
    "webrtc_models",
]
"""Those that take longest, by `python -X importtime`. One that is not installed any more
is passed over."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, *LIBRARIES])


class Fork:
    """A module that runs as `python -m` would run it; used like asyncio's Process."""

    def __init__(
        self, arguments: Sequence[str], environment: dict[str, str], console: Path
    ) -> None:
        """Begin, with a module's name and arguments; what it prints is appended."""
        # As a daemon, it ends with this process at the latest.
        self._process = _context.Process(
            target=_run, args=(arguments, environment, console), daemon=True
        )
        self._process.start()
        pid = self._process.pid
        assert pid
        self.pid = pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.exitcode

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    async def wait(self) -> None:
        """Wait until it has ended."""
        while self.returncode is None:
            await asyncio.sleep(0.02)


def _run(arguments: Sequence[str], environment: dict[str, str], console: Path) -> None:
    """Be the process."""
    os.setsid()
    with console.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    os.environ.update(environment)
    # Or each start compiles every module anew.
    sys.dont_write_bytecode = False
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
