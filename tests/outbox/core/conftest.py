"""What the core's tests begin with."""

import pytest

from .play import Core


@pytest.fixture
def core() -> Core:
    """Return a core with nothing to do, and no limits."""
    return Core()
