"""Syncs, as strace sees them: counted whoever writes, and as slow as on a card."""

import asyncio
from pathlib import Path
import re
from shutil import which

SYNC_MILLISECONDS = 30

_CARD = Path(__file__).parent / "card"
_QUIET = 0.5
"""Seconds without a sync, after which there is none to come."""
# A time, and the file that the descriptor stands for.
_SYNC = re.compile(r"^\d+ +(\d+\.\d+) f(?:data)?sync\(\d+<(.*?)>", re.MULTILINE)


def has_strace() -> bool:
    """Tell whether syncs can be seen."""
    return which("strace") is not None


def slow_disk(log: Path) -> tuple[str, ...]:
    """Return the command under which each sync takes long, and is logged."""
    return (
        "strace",
        # The program stays our child.
        "--daemonize",
        "--follow-forks",
        # Only a sync stops it; all else is as fast as ever.
        "--seccomp-bpf",
        "--quiet=all",
        "--decode-fds=path",
        "--timestamps=unix,us",
        "--signal=none",
        "--trace=fsync,fdatasync",
        f"--inject=fsync,fdatasync:delay_exit={SYNC_MILLISECONDS * 1000}",
        f"--env=PYTHONPATH={_CARD}",
        f"--output={log}",
    )


class Syncs:
    """Those of the integration's own files, in the log."""

    def __init__(self, log: Path) -> None:
        self._log = log

    async def since(self, time: float) -> list[float]:
        """Return when each began since then, once there are no more."""
        seen: list[float] = []
        while True:
            await asyncio.sleep(_QUIET)
            found = [
                float(began)
                for began, path in _SYNC.findall(self._log.read_text())
                if "/.storage/qq_mail" in path and float(began) >= time
            ]
            if found == seen:
                return found
            seen = found
