"""What the system knows of a process, and what a fresh one measures in itself."""

import os
from pathlib import Path
import subprocess
import sys

ROOT = Path(__file__).parents[1]


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def forget_peak(pid: int) -> None:
    """Begin the high-water mark of a process's memory anew (proc(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def memory(status: Path, key: str) -> float:
    """Return a line of a process's status, in MiB."""
    (line,) = [line for line in status.read_text().splitlines() if key in line]
    return int(line.split()[1]) / 1024


def milliseconds(*command: str, **environment: str) -> float:
    """Return what a Python process prints: it has measured something in itself."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        # A Home Assistant compiles once what it imports at each start.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment},
    )
    return float(done.stdout)
