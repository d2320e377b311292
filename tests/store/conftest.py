"""Small segments, so that little makes many of them."""

from random import Random

import pytest

from custom_components.qq_mail.store import journal, segment, tidying


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have segments, room and pieces that are small, and always the same salts."""
    random = Random(0)  # noqa: S311
    monkeypatch.setattr(segment, "randbits", random.getrandbits)
    monkeypatch.setattr(segment, "ROOM", 4096)
    monkeypatch.setattr(segment, "LEAST_ROOM", 1024)
    monkeypatch.setattr(segment, "FULL", 12 * 1024)
    monkeypatch.setattr(journal, "LARGE", 3000)
    monkeypatch.setattr(tidying, "_PIECE", 1500)
