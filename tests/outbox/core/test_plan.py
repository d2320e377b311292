"""The plan: when each message goes, and why not now, as people are told."""

import pytest

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import (
    NEVER,
    Message,
    Outcome,
    Part,
    Plan,
    Reason,
)
from custom_components.qq_mail.outbox.core.plan import next_plan, plans
from custom_components.qq_mail.smtp.models import Reply, Step

from .play import (
    AWAY,
    FRIENDS,
    HOUR,
    LOGIN_REFUSED,
    MINUTE,
    Core,
    all_refused,
    message,
    refused,
)

GREYLISTED = all_refused(dict.fromkeys(FRIENDS, Reply(450, "try again later")))
ALONE = Settings(digest=False)


def shown(core: Core) -> list[tuple[str, float, Reason]]:
    """Return what is shown of all that waits: number, seconds, reason."""
    return [
        (one.subject.removeprefix("Alert "), plan.at - core.now.steady, plan.reason)
        for one, plan in plans(core.account, core.now.steady)
    ]


def came(core: Core) -> dict[str, float]:
    """Have everything accepted as fast as it goes; return when, in seconds."""
    begin, at = core.now.steady, dict[str, float]()
    while len(core.queue):
        for one in core.trying:
            at[one.subject.removeprefix("Alert ")] = core.now.steady - begin
            core.accept(one)
        if not core.trying:
            core.sleep()
    return at


def test_sixty_that_wait() -> None:
    """The last is told when it goes, which is after more than five minutes."""
    core = Core(ALONE)
    for _ in range(60):
        core.take()
    told = {number: seconds for number, seconds, _ in shown(core)}
    assert told["1"] == told["4"] == 0
    assert told["60"] == pytest.approx(336)
    reasons = [reason for *_, reason in shown(core)]
    # The first is not in the log yet.
    assert reasons == [Reason.ATTEMPT, *[Reason.TURN] * 3, *[Reason.PACE] * 56]
    assert came(core) == pytest.approx(told, abs=0.01)


def test_what_comes_is_told_as_if_all_before_went() -> None:
    """The answer to a call says what get_outbox does."""
    core = Core(ALONE)
    for _ in range(30):
        one = core.take()
        assert shown(core)[-1] == pytest.approx(
            (one.subject[6:], core.waits_in(one), core.reason(one))
        )


def test_high_ones_go_before(core: Core) -> None:
    """So only what is as important counts as what goes before."""
    core = Core(ALONE)
    for _ in range(20):
        core.take()
    core.go_out(4)
    for _ in range(3):
        last = core.take(priority=Priority.HIGH)
    assert core.waits_in(last) == pytest.approx(12, abs=0.01)
    # One place is left for them; the others keep it free.
    assert [(number, round(at)) for number, at, _ in shown(core)[:5]] == [
        ("21", 0),
        ("22", 6),
        ("23", 12),
        ("5", 24),
        ("6", 30),
    ]
    told = {number: at for number, at, _ in shown(core)}
    assert came(core) == pytest.approx(told, abs=0.01)


def test_plan_of_each_state(core: Core) -> None:
    """Which is the reason that is told."""
    backed_off, tried = core.take(), core.take()
    core.fail(backed_off, GREYLISTED)
    restored = core.take(restored=True)
    waiting = core.take()
    assert shown(core) == [
        # In the order in which they would go.
        ("2", 0, Reason.ATTEMPT),
        ("3", NEVER, Reason.DECISION),
        ("4", 0, Reason.TURN),
        ("1", MINUTE, Reason.BACK_OFF),
    ]
    core.fail(tried, LOGIN_REFUSED)
    pause = core.account.pause
    assert pause
    assert core.plan(waiting) == Plan(pause.until, Reason.PAUSED)
    assert core.plan(backed_off) == Plan(pause.until, Reason.PAUSED)
    assert core.reason(restored) is Reason.DECISION
    core.happen("retry", waiting.queue_id)
    core.fail(tried, AWAY)
    assert core.plan(waiting) == Plan(core.now.steady + MINUTE, Reason.NO_SERVER)
    assert core.scheduler.plan(core.now, "house", "gone") is None


def test_longer_wait_counts(core: Core) -> None:
    """Of a back-off and whatever else."""
    one = core.take()
    for _ in range(3):
        core.fail(one, GREYLISTED)
        core.sleep()
    core.fail(one, GREYLISTED)
    core.fail(core.take(), AWAY)
    assert core.plan(one) == Plan(core.now.steady + 15 * MINUTE, Reason.BACK_OFF)
    core.pass_time(14.5 * MINUTE)
    core.fail(core.trying[0], AWAY)
    assert core.plan(one) == Plan(core.now.steady + 2 * MINUTE, Reason.NO_SERVER)


def test_server_that_is_away_and_a_limit() -> None:
    """The later of both is told."""
    core = Core(ALONE)
    for _ in range(4):
        core.accept(core.take())
    one = core.take()
    assert core.reason(one) is Reason.PACE
    core.fail(core.take(priority=Priority.HIGH), AWAY)
    assert core.plan(one) == Plan(core.now.steady + MINUTE, Reason.NO_SERVER)
    core.happen("configure", Settings(per_minute=0.5, digest=False))
    assert core.reason(one) is Reason.PACE
    # The high one goes before it.
    assert core.waits_in(one) == 4 * MINUTE


def test_next_plan(core: Core) -> None:
    """What an account tries next."""

    def first() -> Plan | None:
        return next_plan(core.account, core.now.steady)

    assert first() is None
    one = core.take()
    assert first() == Plan(core.now.steady, Reason.ATTEMPT)
    core.take()
    assert first() == Plan(core.now.steady, Reason.TURN)
    core.fail(one, GREYLISTED)
    core.go_out(1)
    assert first() == Plan(core.now.steady + MINUTE, Reason.BACK_OFF)
    core.take()
    core.fail(core.trying[0], LOGIN_REFUSED)
    pause = core.account.pause
    assert pause
    assert first() == Plan(pause.until, Reason.PAUSED)


def test_next_plan_of_a_backup(core: Core) -> None:
    """What waits for a decision is no next attempt."""
    core.load(message(1, core.now, restored=True))
    assert next_plan(core.account, core.now.steady) is None


def test_outcome_tells_the_plan(core: Core) -> None:
    """With its time on the wall."""
    core.fail(core.take(), GREYLISTED)
    (event,) = core.told
    assert event.plan == Plan(core.now.steady + MINUTE, Reason.BACK_OFF)
    assert (event.account, event.outcome) == ("house", Outcome.DEFERRED)
    assert (event.attempts, event.recipients, event.of) == (1, FRIENDS, 0)


def digest_of(core: Core, parts: tuple[Message, ...]) -> Message:
    """Return the digest of some messages."""
    made = tuple(Part(one.queue_id, one.subject) for one in parts)
    return message(900, core.now, parts=made)


def test_part_of_a_digest_has_its_plan(core: Core) -> None:
    """Whoever asks by its queue id is told of the digest."""
    core.happen("login_failed", LOGIN_REFUSED)
    one = message(1, core.now)
    core.happen("take", digest_of(core, (one, message(2, core.now))))
    assert core.reason(one) is Reason.PAUSED
    assert core.queue.get_whole(one.queue_id) == core.queue.get(f"{900:026}")


def test_flood_is_told_as_one_mail() -> None:
    """Those that become one digest take one place; others wait behind it."""
    core = Core(Settings(burst=1, per_minute=1))
    core.take()
    for _ in range(6):
        core.take()
    other = core.take(recipients=FRIENDS[:1])
    late = core.take()
    # The digest and the other one; recipients take turns.
    assert core.waits_in(late) == core.waits_in(other) == 2 * MINUTE
    assert [(number, at / MINUTE) for number, at, reason in shown(core) if at] == [
        ("8", 1),
        *((number, 2) for number in "2345679"),
    ]


def test_no_more_than_a_minute_has_room_for() -> None:
    """They go one by one, and that is what is told."""
    core = Core(Settings(burst=1, per_minute=2))
    core.accept(core.take())
    core.take()
    last = core.take()
    assert [seconds for _, seconds, _ in shown(core)] == [30, 60]
    assert core.waits_in(last) == 60


def test_flood_that_goes_one_by_one() -> None:
    """Without digests each takes its place."""
    core = Core(Settings(burst=1, per_minute=1, digest=False))
    for _ in range(7):
        last = core.take()
    assert core.waits_in(last) == pytest.approx(6 * MINUTE)


def test_plan_of_what_is_merged() -> None:
    """It goes out in one mail with others."""
    core = Core(Settings(burst=1, per_minute=1))
    core.accept(core.take())
    flood = [core.take() for _ in range(4)]
    core.sleep()
    assert core.merging
    assert core.plan(flood[2]) == Plan(core.now.steady, Reason.DIGEST)
    assert core.releases(flood[2])


def test_wait_for_the_next_of_a_flood() -> None:
    """They gather for a minute: that is the digest's reason, and no back-off."""
    core = Core(Settings(burst=1, per_minute=60))
    one = core.take(due=core.now.steady + 30)
    assert core.plan(one) == Plan(core.now.steady + 30, Reason.DIGEST)
    core.fail(core.take(priority=Priority.HIGH), refused(Step.DATA, 451))
    assert core.reason(one) is Reason.DIGEST


def test_day_that_is_being_used() -> None:
    """Whether there is an hour is known when the one being tried has ended."""
    core = Core(Settings(per_minute=0, per_day=1, digest=False))
    core.accept(core.take(priority=Priority.HIGHEST))
    core.take()
    two = core.take()
    assert core.plan(two) == Plan(core.now.steady, Reason.TURN)
    assert not core.releases(two)
    assert core.wake_in == NEVER
    core.fail(core.trying[0], AWAY)
    assert core.plan(two) == Plan(core.now.steady + MINUTE, Reason.NO_SERVER)
    core.sleep()
    core.accept(core.trying[0])
    assert core.plan(two) == Plan(core.now.steady + HOUR, Reason.DAY)


def test_back_off_while_the_hour_is_another_s() -> None:
    """What was tried in vain goes no sooner than its own wait is over."""
    core = Core(Settings(per_minute=0, per_day=1, digest=False))
    core.accept(core.take(priority=Priority.HIGHEST))
    one = core.take()
    core.fail(one, GREYLISTED)
    core.take()
    assert core.plan(one) == Plan(core.now.steady + MINUTE, Reason.BACK_OFF)
    core.pass_time(MINUTE)
    assert core.plan(one) == Plan(core.now.steady, Reason.TURN)


def test_second_of_an_hour_is_told_a_day(core: Core) -> None:
    """Or an hour, whichever is sooner."""
    core = Core(Settings(per_minute=0, per_day=10, digest=False))
    for _ in range(9):
        core.accept(core.take())
    first, second = core.take(), core.take()
    assert core.waits_in(first) == HOUR
    assert core.plan(second).at == pytest.approx(core.now.steady + HOUR)
    core.pass_time(HOUR)
    assert core.attempted == [first.subject]
