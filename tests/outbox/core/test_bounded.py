"""Neither cost nor memory grows with what was there, or waits."""

import pytest

from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.loading import load
from custom_components.qq_mail.outbox.core.record import as_record
from custom_components.qq_mail.outbox.core.turn import ACCOUNT
from custom_components.qq_mail.smtp.models import Step

from .play import Core, refused
from .test_turns import calls

REFUSED = refused(Step.DATA, 451)


def test_cost_of_trying_in_vain_does_not_grow() -> None:
    """One that fails for its own sake costs the same among those that did before."""

    def cost(number: int) -> int:
        core = Core()
        for _ in range(number):
            core.take(attempts=1, alone=True)
        # The first time a pattern of the replies may have to be compiled.
        core.fail(core.trying[0], REFUSED)
        return calls(lambda: core.fail(core.trying[0], REFUSED))

    assert cost(2000) <= 1.5 * cost(20)


def test_nothing_is_left_of_what_went_out(core: Core) -> None:
    """Tags and recipients may be made by a template: each is there but once."""
    core.take(restored=True)
    for number in range(300):
        core.accept(core.take(tag=str(number), recipients=(f"{number}@example.com",)))
    assert not core.queue.groups._waiting  # noqa: SLF001 - nothing else shows it
    assert len(core.queue._lanes._lanes) <= 1  # noqa: SLF001
    assert len(core.queue._lanes._line) <= 1  # noqa: SLF001


@pytest.mark.parametrize("value", [1e13, 1e300, -1e13])
def test_learned_value_that_no_server_taught(core: Core, value: float) -> None:
    """It is damage: who calculates with it would fail each time."""
    data = as_record(core.account, core.now)
    data["limits"]["hour"] = {"value": value, "at": core.now.wall.isoformat()}
    records = {(ACCOUNT, ""): data}
    account, unreadable = load("house", Settings(), {}, records, core.now)
    assert unreadable == [(ACCOUNT, "")]
    assert account.limits.hour is None
