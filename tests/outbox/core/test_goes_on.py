"""What follows when one trouble comes upon another, and when a person cannot wait."""

from typing import Any

import pytest

from custom_components.qq_mail.outbox.core.models import Outcome
from custom_components.qq_mail.outbox.core.retry import LOGIN_PAUSE
from custom_components.qq_mail.smtp.errors import (
    MailError,
    OutcomeUnknownError,
    SessionError,
)
from custom_components.qq_mail.smtp.models import Reply, Step, SubmissionResult
from custom_components.qq_mail.smtp.replies import Cause

from .flood import Flood
from .play import (
    AWAY,
    FRIENDS,
    HOUR,
    LOGIN_REFUSED,
    OK,
    UNANSWERED,
    Core,
    lost,
    refused,
)

LATER = Reply(450, "later")
NO_ANSWER = OutcomeUnknownError(Cause.OUTCOME_UNKNOWN, Step.END_OF_DATA, detail="why")


def test_retry_of_one_that_is_merged_or_tried() -> None:
    """It has an owner already: nobody gets it twice."""
    core = Flood()
    core.happen("retry", core.first)
    assert core.attempted == []
    core.fail(core.be_merged(), refused(Step.DATA, 451))
    one = core.take()
    core.happen("retry", one.queue_id)
    core.happen("retry", one.queue_id)
    core.pass_time(HOUR)
    assert core.in_progress == {one.subject}
    core.accept(one)
    assert not core.has(one)


def test_pause_that_comes_while_the_server_is_away() -> None:
    """It takes the place of that wait, which may have been longer."""
    core = Core(check_login=True)
    one = core.take()
    for _ in range(5):
        core.fail(one, AWAY)
        core.sleep()
    core.fail(one, AWAY)
    assert core.wake_in == HOUR
    core.happen("login_failed", LOGIN_REFUSED)
    assert core.wake_in == LOGIN_PAUSE
    core.sleep()
    assert core.attempted == [one.subject]


def test_new_alert_while_the_line_is_bad(core: Core) -> None:
    """No server said no, so that it is a reason to look again."""
    first, second = core.take(), core.take()
    core.fail(first, lost(Step.BODY))
    core.fail(second, lost(Step.BODY))
    assert core.account.down
    third = core.take()
    assert core.attempted == [third.subject]


def test_one_that_is_in_memory_alone(core: Core) -> None:
    """Its one try failed, and it is told why."""
    core.fail(core.take(in_memory=True), refused(Step.DATA, 451))
    (event,) = core.told
    assert (event.outcome, event.cause) == (Outcome.EXPIRED, Cause.TEMPORARY)
    assert str(event.reply) == "451 no"


@pytest.mark.parametrize(
    ("error", "values"),
    [
        pytest.param(
            SessionError(Cause.TLS_FAILED, Step.CONNECT, detail="why"), {}, id="server"
        ),
        pytest.param(
            SessionError(Cause.LOGIN_CLOSED, Step.AUTH, detail="why"),
            {},
            id="login",
        ),
        pytest.param(NO_ANSWER, {}, id="unknown"),
        pytest.param(NO_ANSWER, {"unanswered": 2}, id="unknown for good"),
        pytest.param(NO_ANSWER, {"in_memory": True}, id="unknown, not on disk"),
        pytest.param(lost(Step.BODY, detail="why"), {}, id="lost"),
        pytest.param(
            lost(Step.BODY, detail="why"), {"in_memory": True}, id="lost, not on disk"
        ),
    ],
)
def test_detail_is_told(core: Core, error: MailError, values: dict[str, Any]) -> None:
    """Where the server said nothing, it is all that is known."""
    one = core.take(**values)
    core.fail(one, error)
    (event,) = core.told
    assert (event.cause, event.reply, event.detail) == (error.cause, None, "why")


def test_discarded_while_it_is_accepted_for_some(core: Core) -> None:
    """Who was refused for now does not get it later."""
    one = core.take()
    core.happen("discard", (one.queue_id,))
    assert core.removed(one)
    result = SubmissionResult(OK, FRIENDS[:1], {FRIENDS[1]: LATER})
    core.happen("accepted", one.queue_id, result)
    assert not core.has(one)
    assert [(event.outcome, event.recipients) for event in core.told] == [
        (Outcome.ACCEPTED, FRIENDS[:1])
    ]


def test_trouble_before_the_final_dot(core: Core) -> None:
    """The server has nothing of it, whatever was announced: no start fears a copy."""
    one = core.take()
    core.begin_text(one)
    core.happen("broke", one.queue_id, "bug")
    assert core.outcomes == [Outcome.DEFERRED]
    core.restart()
    assert core.outcomes == [Outcome.DEFERRED]


def test_what_was_said_before_is_not_said_of_a_fault(core: Core) -> None:
    """A reply belongs to its own attempt."""
    one = core.take()
    core.fail(one, refused(Step.DATA, 451))
    core.sleep()
    core.begin_text(one)
    core.happen("broke", one.queue_id, "bug", sent=True)
    core.sleep()
    core.happen("broke", one.queue_id, "bug")
    core.sleep()
    core.happen("broke", one.queue_id, "bug", lost=True)
    assert [str(event.reply) for event in core.told] == ["451 no", *["None"] * 3]
    assert [event.outcome for event in core.told][1:] == [
        *(Outcome.UNKNOWN, Outcome.DEFERRED, Outcome.REJECTED)
    ]


def test_what_was_said_before_is_not_said_of_a_kill(core: Core) -> None:
    """Nobody answered the attempt that ended with the process."""
    one = core.take()
    core.fail(one, refused(Step.DATA, 451))
    core.sleep()
    core.begin_text(one)
    core.restart()
    event = core.told[-1]
    assert (event.outcome, event.reply) == (Outcome.UNKNOWN, None)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(refused(Step.DATA, 451), id="refused"),
        pytest.param(refused(Step.DATA, 554, refused={FRIENDS[0]: LATER}), id="some"),
        pytest.param(lost(Step.BODY), id="lost"),
        pytest.param(UNANSWERED, id="unanswered"),
    ],
)
def test_attempt_that_ended_was_not_cut_off(core: Core, error: MailError) -> None:
    """What came of it is known, so that a start has nothing to tell."""
    one = core.take()
    core.begin_text(one)
    core.fail(one, error)
    told = len(core.told)
    core.restart(check_login=False)
    assert len(core.told) == told
