"""Once the day is used up, one digest an hour goes to each set of recipients."""

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import Reason

from .flood import parts_of
from .play import AWAY, MINUTE, Core, message

OTHERS = ("q@example.com",)


def digest_that_waits() -> tuple[Core, str]:
    """Return a core with a digest whose room in the day another mail has taken."""
    core = Core(Settings(per_minute=0, per_day=10))
    for _ in range(9):
        core.accept(core.take(priority=Priority.HIGHEST, recipients=OTHERS))
    core.accept(core.take(priority=Priority.HIGH))
    core.pass_time(30 * MINUTE)
    flood = [core.take(priority=Priority.HIGH) for _ in range(3)]
    assert core.reason(flood[0]) is Reason.DAY
    core.limits.settings = Settings(per_minute=0, per_day=11)
    core.pass_time(MINUTE)
    assert core.merging == [[one.subject for one in flood]]
    # It is the first in the hour of its recipients, and goes at once.
    other = core.take(recipients=("r@example.com",))
    core.accept(other)
    assert core.limits.left_today(core.now.steady) == 0
    made = message(900, core.now, parts=parts_of(flood), priority=Priority.HIGH)
    core.happen("merged", flood[0].queue_id, made)
    return core, made.subject


def test_digest_keeps_its_turn() -> None:
    """What went to others while it was made does not have it wait an hour more."""
    core, digest = digest_that_waits()
    assert core.attempted == [digest]


def test_digest_keeps_its_turn_when_it_failed() -> None:
    """It waits for the server alone."""
    core, digest = digest_that_waits()
    (made,) = core.trying
    core.fail(made, AWAY)
    assert core.waits_in(made) < 2 * MINUTE
    core.sleep()
    assert core.attempted == [digest]
