"""The soak's short form: alerts without a pause against a server that fails."""

from pathlib import Path
import subprocess
import sys

SOAK = Path(__file__).parents[2] / "scripts" / "soak.py"


def test_soak() -> None:
    """Nothing is missing, and nothing grew."""
    soak = subprocess.run(
        [sys.executable, SOAK, "20s"], capture_output=True, text=True, check=False
    )
    assert soak.returncode == 0, soak.stdout + soak.stderr
    assert "✓ No alert is missing, and nothing grew." in soak.stdout
