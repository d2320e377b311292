"""Who stays out of a digest that is made of others, though it could be for the same."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.qq_mail.smtp.models import Reply

from .flood import APART, Flood
from .play import FRIENDS


@pytest.mark.parametrize("values", APART)
def test_stays_apart_from_a_flood(values: dict[str, Any]) -> None:
    """The others become one without it."""
    core = Flood(0)
    before = core.take()
    apart = core.take(**values)
    for _ in range(4):
        core.take()
    core.accept(before)
    while not core.merging:
        if core.trying:
            core.go_out(1)
        else:
            core.sleep()
    assert core.merging == [[f"Alert {number}" for number in (4, 5, 6, 7)]]
    assert apart.queue_id not in core.queue.groups.merging


@pytest.mark.parametrize("over", ["leak", "door"])
def test_only_the_tag_that_is_over_is_forgotten(over: str) -> None:
    """What goes out of a digest later says nothing of it, and all of the others."""
    core = Flood(4, tag="leak")
    for tag in ("leak", "door"):
        core.converse(tag)
    if over == "door":
        core.flood[1:3] = [replace(one, tag="door") for one in core.flood[1:3]]
    made = core.be_merged()
    core.accept(made, {FRIENDS[0]: Reply(450, "later")})
    assert core.say_over(over)
    left = ["leak", "", "", "leak"] if over == "door" else [""] * 4
    assert [one.tag for one in core.get(made).parts] == left
