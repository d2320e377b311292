"""A power cut between any two steps of the disk: what was promised holds."""

from collections.abc import Collection
import errno
import os

import pytest

from .house import House

pytestmark = pytest.mark.usefixtures("small")


@pytest.mark.parametrize("seed", range(4))
def test_power_cut_anywhere(seed: int) -> None:
    """Each round is there or not, as a whole, and those before it are."""
    house = House(seed)
    steps = 0

    def cut(step: str) -> None:
        nonlocal steps
        steps += 1
        house.cut(steps)

    house.disk.before = cut
    for _ in range(6):
        house.live(5)
        house.change()
    house.cut(0)
    assert steps > 100
    assert len(house.looked_at) > 300


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "failing",
    [
        pytest.param({"write", "truncate"}, id="writes"),
        pytest.param({"sync"}, id="syncs"),
        pytest.param({"create", "unlink", "replace", "mkdir"}, id="names"),
        pytest.param(
            {"write", "truncate", "sync", "create", "unlink", "replace"}, id="all"
        ),
    ],
)
def test_power_cut_after_faults(seed: int, failing: Collection[str]) -> None:
    """Steps fail now and then, and the power is cut at any other."""
    house = House(seed)
    faults = steps = 0

    def cut(step: str) -> None:
        nonlocal faults, steps
        steps += 1
        house.cut(steps)
        if step in failing and house.random.random() < 0.2:
            faults += 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    house.disk.before = cut
    for _ in range(4):
        house.live(5)
        house.change()
    house.cut(0)
    assert faults


@pytest.mark.parametrize("seed", range(4))
def test_full_disk(seed: int) -> None:
    """It fills up and gets room again; what was refused is told, and nothing is lost."""
    house = House(seed)
    house.disk.room = 30_000
    refused = 0

    def grow(step: str) -> None:
        nonlocal refused
        refused += 1
        house.cut(refused)
        house.disk.room = (house.disk.room or 0) + house.random.choice([0, 0, 3000])

    house.refused = grow
    house.live(40)
    house.cut(0)
    assert refused
