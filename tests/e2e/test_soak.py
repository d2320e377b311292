"""The soak's short form: alerts without a pause against a server that fails."""

from pathlib import Path
import subprocess
import sys

REPOSITORY = Path(__file__).parents[2]


def test_soak() -> None:
    """Nothing is missing, and nothing grew."""
    soak = subprocess.run(
        [sys.executable, "-m", "scripts.soak", "20s"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert soak.returncode == 0, soak.stdout + soak.stderr
    assert "✓ No alert is missing, and nothing grew." in soak.stdout
