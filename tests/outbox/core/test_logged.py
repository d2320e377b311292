"""What a person finds in the log: what was lost, what waits and until when."""

from datetime import timedelta
import logging

import pytest

from custom_components.qq_mail.outbox.core.models import Log
from custom_components.qq_mail.smtp.errors import MailError
from custom_components.qq_mail.smtp.models import Step

from .flood import DIGEST_ID, Flood
from .play import AWAY, LOGIN_REFUSED, NOON, RATE_LIMIT, UNANSWERED, Core, refused

LIMIT = refused(Step.MAIL, RATE_LIMIT.code, RATE_LIMIT.text)


def logged(core: Core, level: int) -> str:
    """Return what the last thing had said in the log, at this level."""
    return "\n".join(one.text for one in core.those(Log) if one.level == level)


@pytest.mark.parametrize(
    ("error", "minutes"),
    [
        pytest.param(LIMIT, 60, id="rate limit"),
        pytest.param(LOGIN_REFUSED, 15, id="login"),
    ],
)
def test_pause(core: Core, error: MailError, minutes: int) -> None:
    """Until when, and what the server said."""
    core.fail(core.take(), error)
    text = logged(core, logging.WARNING)
    until = (NOON + timedelta(minutes=minutes)).astimezone()
    assert f"until {until:%Y-%m-%d %H:%M}" in text
    assert str(error) in text


def test_lost_messages(core: Core) -> None:
    """Each is an error that names it, and says why it went out to nobody."""
    expired = core.take(attempts=1, lifetime=30)
    core.fail(expired, AWAY)
    core.pass_time(30)
    assert f"{expired.queue_id} expired after 2 attempts" in logged(core, logging.ERROR)

    rejected = core.take()
    core.fail(rejected, refused(Step.DATA, 554, "spam"))
    text = logged(core, logging.ERROR)
    assert rejected.queue_id in text
    assert "554 spam" in text

    unreadable = core.take()
    core.happen("broke", unreadable.queue_id, "bad sector", lost=True)
    text = logged(core, logging.ERROR)
    assert unreadable.queue_id in text
    assert "bad sector" in text

    in_memory = core.take(in_memory=True)
    core.fail(in_memory, refused(Step.DATA, 451, "later"))
    text = logged(core, logging.ERROR)
    assert in_memory.queue_id in text
    assert "451 later" in text


def test_sent_three_times_without_an_answer(core: Core) -> None:
    """That one may have come three times, or never."""
    one = core.take(unanswered=2)
    core.begin_text(one)
    core.fail(one, UNANSWERED)
    text = logged(core, logging.ERROR)
    assert f"{one.queue_id} was sent 3 times" in text


def test_discarded_while_it_was_tried(core: Core) -> None:
    """It ends when its attempt has."""
    one = core.take()
    core.happen("discard", (one.queue_id,))
    core.fail(one, AWAY)
    assert one.queue_id in logged(core, logging.INFO)


def test_digest_is_named() -> None:
    """So that whoever looks for one of its messages finds where it went."""
    core = Flood()
    core.be_merged()
    text = logged(core, logging.INFO)
    assert text == f"4 messages become one: {DIGEST_ID}"


def test_login_that_could_not_be_checked() -> None:
    """For a server that is away nobody needs a warning, for a code that is wrong one."""
    core = Core(check_login=True)
    core.happen("login_failed", AWAY)
    assert str(AWAY) in logged(core, logging.DEBUG)
    assert logged(core, logging.WARNING) == ""
    core.happen("login_failed", LOGIN_REFUSED)
    assert logged(core, logging.DEBUG) == ""
    assert str(LOGIN_REFUSED) in logged(core, logging.WARNING)


def test_clock_that_was_set(core: Core) -> None:
    """Some minutes after a start, on a machine without a battery."""
    core.take()
    core.restart()
    core.set_wall(core.now.wall + timedelta(days=3))
    assert "clock was set" in logged(core, logging.INFO)
    core.set_wall(core.now.wall)
    assert logged(core, logging.INFO) == ""
