"""The whole journey of a newcomer, in a real Home Assistant."""

from pathlib import Path
import subprocess
import sys

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("language", "passed"),
    [
        pytest.param("en", "✓ Every mail arrived as it should.", id="en"),
        pytest.param("zh-Hans", "✓ 每封邮件都按预期到达。", id="zh-Hans"),
    ],
)
def test_demo(language: str, passed: str) -> None:
    """The demo's own check passes: every mail arrives with the right content."""
    journey = subprocess.run(
        [sys.executable, "-m", "scripts.demo", "--check", "--language", language],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert journey.returncode == 0, journey.stdout + journey.stderr
    assert passed in journey.stdout
