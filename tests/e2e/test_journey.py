"""The whole journey of a newcomer, in a real Home Assistant."""

from pathlib import Path
import subprocess
import sys

import pytest

DEMO = Path(__file__).parents[2] / "scripts" / "demo.py"


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_demo() -> None:
    """The demo's own check passes: every mail arrives with the right content."""
    journey = subprocess.run(
        [sys.executable, DEMO, "--check"], capture_output=True, text=True, check=False
    )
    assert journey.returncode == 0, journey.stdout + journey.stderr
    assert "✓ Every mail arrived as it should." in journey.stdout
