"""What is read from disk: every value is checked, and bounded by what it could be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any

import pytest

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.mime.models import Gap, Priority, TextEncoding
from custom_components.qq_mail.outbox.core.account import Account, Records
from custom_components.qq_mail.outbox.core.limits import SLOWEST, Learned, Settings
from custom_components.qq_mail.outbox.core.loading import load
from custom_components.qq_mail.outbox.core.models import (
    AT_ONCE,
    DAY,
    Message,
    Part,
    Pause,
)
from custom_components.qq_mail.outbox.core.record import (
    as_record as account_record,
    read_message,
)
from custom_components.qq_mail.outbox.core.turn import (
    ACCOUNT,
    CONVERSATION,
    LOGIN,
    MESSAGE,
    SENT,
)
from custom_components.qq_mail.smtp.models import Reply
from custom_components.qq_mail.smtp.replies import Cause

from .play import HOUR, Core, as_record

WALL = datetime(2026, 11, 25, 8, tzinfo=UTC)
NOW = Now(1000.0, WALL)
QUEUE_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
ONE = Message(
    queue_id=QUEUE_ID,
    subject="Fire",
    recipients=("b@example.com",),
    sender_name="House",
    priority=Priority.HIGH,
    tag="fire",
    size=3,
    gaps=(Gap(1, TextEncoding.BASE64, html=True),),
    raised=900.0,
    arrived=900.0,
    lifetime=24 * HOUR,
    due=1060.0,
    attempts=2,
    failures=1,
    unanswered=1,
    offered_at=990.0,
    parts=(Part(QUEUE_ID[:-1] + "W", "Door", "door"),),
    alone=True,
    cause=Cause.OUTCOME_UNKNOWN,
    reply=Reply(451, "later"),
)


def read_after(passed: timedelta, one: Message = ONE) -> Message:
    """Return a message as another process reads it, so much later by the wall clock."""
    return read_message(QUEUE_ID, as_record(one, NOW), Now(50.0, WALL + passed))


def test_what_is_kept() -> None:
    """All but instants of this machine's clock, which begins anew at each start."""
    known = read_after(timedelta(seconds=10))
    assert known.raised == 50.0 - 110.0
    assert known.arrived == 50.0
    assert known.due == 50.0 + 50.0
    assert known.offered_at
    assert (
        replace(
            known,
            raised=ONE.raised,
            arrived=ONE.arrived,
            due=ONE.due,
            offered_at=ONE.offered_at,
        )
        == ONE
    )


def test_what_only_this_process_knows() -> None:
    """The next one finds it out anew: an old age would be believed too early."""
    passing = replace(
        ONE, stalled_at=950.0, reached=True, in_memory=True, unwanted=True, home="work"
    )
    assert read_after(timedelta(), passing) == read_after(timedelta())


def test_only_what_may_be_a_copy_waits_on() -> None:
    """All else is tried at once after a start."""
    known = read_after(timedelta(), replace(ONE, cause=Cause.TEMPORARY))
    assert known.due == AT_ONCE
    known = read_after(timedelta(), replace(ONE, in_data=True))
    assert (known.due, known.in_data) == (AT_ONCE, True)
    known = read_after(timedelta(), replace(ONE, cause=None, reply=None, failures=0))
    assert (known.due, known.cause, known.reply) == (AT_ONCE, None, None)
    assert not known.offered_at


@pytest.mark.parametrize(
    ("passed", "age", "wait"),
    [
        pytest.param(timedelta(days=-1), 100.0, 60.0, id="set back"),
        pytest.param(timedelta(days=-20000), 100.0, 60.0, id="1970"),
        pytest.param(timedelta(days=3), 100.0 + 3 * DAY, 0.0, id="set ahead"),
    ],
)
def test_clock_that_was_set(passed: timedelta, age: float, wait: float) -> None:
    """An age never shrinks, and a wait never grows."""
    known = read_after(passed)
    assert 50.0 - known.raised == age
    assert known.due - 50.0 == wait


def test_written_before_the_clock_was_set() -> None:
    """A machine without a clock begins in 1970: that nothing passed is more likely."""
    record = as_record(ONE, Now(1000.0, datetime(1970, 1, 1, tzinfo=UTC)))
    assert 50.0 - read_message(QUEUE_ID, record, Now(50.0, WALL)).raised == 100.0


def test_wait_is_bounded() -> None:
    """No next attempt is further away than its back-off."""
    known = read_after(timedelta(), replace(ONE, due=1000.0 + DAY))
    assert 60.0 <= known.due - 50.0 <= 66.0


def test_what_is_over_is_written_as_now() -> None:
    """No wait is negative, and no age."""
    known = read_after(timedelta(), replace(ONE, due=AT_ONCE, raised=2000.0))
    assert (known.due, known.raised) == (50.0, 50.0)


OTHERS: list[dict[str, Any]] = [
    *({key: None} for key in as_record(ONE, NOW) if key not in ("cause", "reply")),
    {"attempts": True},
    {"attempts": 1e30},
    {"attempts": float("inf")},
    {"priority": "urgent"},
    {"size": -1},
    {"size": 1.5},
    {"size": 1e12 + 1},
    {"raised": "1726-11-25T08:00:00+00:00"},
    {"due": "1"},
    {"lifetime": -1.0},
    {"lifetime": 1e10},
    {"lifetime": float("nan")},
    {"subject": 1},
    {"restored": 1},
    {"recipients": []},
    {"recipients": [1]},
    {"recipients": "a"},
    {"gaps": [1]},
    {"gaps": [{"at": 1, "encoding": "x", "html": True}]},
    {"parts": [1]},
    {"parts": [{"queue_id": "1", "subject": "", "tag": ""}]},
    {"written": "2026-11-25"},
    {"written": "2026-11-25T08:00:00"},
    {"written": "0001-01-01T00:00:00+14:00"},
    {"cause": 1},
    {"cause": "x"},
    {"reply": 1},
    {"reply": {"code": "x", "text": ""}},
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: str(other)[:40])
def test_value_of_another_kind(other: dict[str, Any]) -> None:
    """One such value must not stop the others: the record is refused."""
    with pytest.raises((KeyError, TypeError, ValueError, OverflowError)):
        read_message(QUEUE_ID, as_record(ONE, NOW) | other, NOW)


@pytest.mark.parametrize(
    "queue_id",
    ["", "8" + QUEUE_ID[1:], QUEUE_ID[:-1], QUEUE_ID + "0", QUEUE_ID[:-1] + "U"],
)
def test_queue_id_that_is_none(queue_id: str) -> None:
    """It names files, and sorts what was raised first."""
    with pytest.raises(ValueError, match="ULID"):
        read_message(queue_id, as_record(ONE, NOW), NOW)


# An account's records


def load_at(now: Now, records: Records) -> tuple[Account, list[tuple[str, str]]]:
    """Return what is read of an account at this moment, and what cannot be."""
    return load("house", Settings(), {}, records, now)


def new_account() -> Account:
    """Return one of which nothing is known."""
    return load_at(NOW, {})[0]


def account(**values: Any) -> Account:
    """Return an account with the given values."""
    one = new_account()
    for key, value in values.items():
        setattr(one, key, value)
    return one


def read_account(one: Account, passed: timedelta, *, steady: float = 50.0) -> Account:
    """Return it as another process reads it, so much later by the wall clock."""
    record = Core().disk | {(ACCOUNT, ""): account_record(one, NOW)}
    again, unreadable = load_at(Now(steady, WALL + passed), record)
    assert unreadable == []
    return again


@pytest.mark.parametrize(
    ("passed", "left"),
    [
        pytest.param(timedelta(minutes=5), 600.0, id="goes on"),
        pytest.param(timedelta(days=-1), 900.0, id="no longer than it was"),
        pytest.param(timedelta(minutes=15), None, id="over"),
    ],
)
def test_pause_that_was_kept(passed: timedelta, left: float | None) -> None:
    """It goes on after a restart, and is never longer than its own length."""
    pause = Pause(Cause.LOGIN_AMBIGUOUS, 1900.0, 900.0, Reply(535, "no"))
    one = read_account(
        account(pause=pause, login_refusals=1, asked=2, pauses=3, max_size=9), passed
    )
    assert (one.pause and one.pause.until - 50.0) == left
    assert (one.login_refusals, one.asked, one.pauses, one.max_size) == (1, 2, 3, 9)
    assert one.check_login_at == 50.0 + (left or 0.0)
    kept = one.pause or pause
    assert (kept.cause, kept.length, kept.reply) == (pause.cause, 900.0, pause.reply)


def test_pause_for_rate_is_no_reason_for_a_login() -> None:
    """Whether the code works is another matter."""
    one = read_account(
        account(pause=Pause(Cause.RATE_LIMIT, 1900.0, 900.0)), timedelta()
    )
    assert one.pause
    assert one.pause.reply is None
    assert one.check_login_at == 50.0


@pytest.mark.parametrize(("left", "length"), [(1e6, 900.0), (900.0, 900.0), (1e6, 1e6)])
def test_pause_is_bounded(left: float, length: float) -> None:
    """Neither longer than itself, nor than any pause can be."""
    pause = Pause(Cause.RATE_LIMIT, 1000.0 + left, length)
    one = read_account(account(pause=pause), timedelta())
    assert one.pause
    assert one.pause.until == 50.0 + min(left, length, DAY)


@pytest.mark.parametrize(
    ("hours", "minute", "hour"),
    [
        pytest.param(0, 5, 320, id="at once"),
        pytest.param(-9, 5, 320, id="clock set back"),
        pytest.param(23, 10, 640, id="the next day"),
        pytest.param(9e5, 5 * 2.0**60, 320 * 2.0**60, id="clock years ahead"),
    ],
)
def test_what_was_learned_is_kept(hours: float, minute: float, hour: float) -> None:
    """It grows older by the wall clock, and never younger."""
    one = account()
    one.limits.minute = Learned(5, NOW.steady - 2 * HOUR)
    one.limits.hour = Learned(320, NOW.steady - 2 * HOUR)
    again = read_account(one, timedelta(hours=hours)).limits
    assert again.minute
    assert again.minute.now(50.0) == minute
    assert again.hour
    assert again.hour.now(50.0) == hour


def test_slowest_pace_is_kept() -> None:
    """Less than a message a minute is right, where QQ refused again and again."""
    one = account()
    one.limits.minute = Learned(SLOWEST, NOW.steady)
    assert read_account(one, timedelta()).limits.rate(50.0) == SLOWEST


DAMAGED: list[dict[str, Any]] = [
    {"written": "2026"},
    {"asked": -1},
    {"expired": 1},
    {"max_size": -1},
    {"max_size": "1"},
    {"pause": 1},
    {"pause": {"cause": "x"}},
    {"pause": {"until": 1}},
    {"pause": {"length": "1"}},
    {"limits": {"minute": {"value": 0}}},
    {"limits": {"minute": {"value": -1}}},
    {"limits": {"hour": {"value": "fast"}}},
    {"limits": {"hour": {"at": None}}},
    {"tally": [1]},
    {"tally": {"days": [{"on": "x", "accepted": 1, "titles": {}}]}},
    {"tally": {"days": [{"on": "2026-11-25", "accepted": "1", "titles": {}}]}},
    {"tally": {"last_accepted": "x"}},
    {"tally": {"days": [{"on": "2026-11-28", "accepted": 1, "titles": 5}]}},
    {"tally": {"days": [{"on": "2026-11-28", "accepted": 1, "titles": {"a": "b"}}]}},
]


def changed(record: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a record with changes in what it is made of."""
    return record | {
        key: changed(record[key], value)
        if isinstance(value, dict) and isinstance(record[key], dict)
        else value
        for key, value in changes.items()
    }


@pytest.mark.parametrize("damage", DAMAGED, ids=lambda one: str(one)[:60])
def test_account_that_is_damaged(damage: dict[str, Any]) -> None:
    """Nothing of it is taken over, and the rest is read."""
    old = account(asked=1, expired=True, pause=Pause(Cause.RATE_LIMIT, 1900.0, 900.0))
    old.limits.minute = old.limits.hour = Learned(5, 1000.0)
    whole = account_record(old, NOW)
    one = (MESSAGE, QUEUE_ID), as_record(ONE, NOW)
    assert load_at(NOW, dict([((ACCOUNT, ""), whole), one]))[1] == []
    again, unreadable = load_at(
        NOW, dict([((ACCOUNT, ""), changed(whole, damage)), one])
    )
    assert unreadable == [(ACCOUNT, "")]
    assert (again.asked, again.expired, again.pause) == (0, False, None)
    assert again.limits.minute is again.limits.hour is None
    assert again.tally.most() == []
    assert len(again.queue) == 1


def test_account_that_has_sent_nothing() -> None:
    """It begins anew."""
    new = new_account()
    data = json.loads(json.dumps(account_record(new, NOW)))
    again, unreadable = load_at(NOW, {(ACCOUNT, ""): data})
    assert unreadable == []
    assert again.tally == new.tally
    assert again.max_size is None


ENTRY = {
    **dict.fromkeys(("at", "written"), WALL.isoformat()),
    "people": "",
    "level": 0,
    "imap": False,
}


@pytest.mark.parametrize(
    ("key", "data"),
    [
        pytest.param((SENT, "1.0"), ENTRY | {"level": 3}, id="level"),
        pytest.param((SENT, "1.0"), ENTRY | {"people": None}, id="no people"),
        pytest.param((LOGIN, "1.0"), ENTRY | {"imap": 1}, id="IMAP or not"),
        pytest.param((LOGIN, "1.0"), ENTRY | {"at": "x"}, id="time"),
        pytest.param((CONVERSATION, "leak"), {"references": "<r>"}, id="conversation"),
        pytest.param((MESSAGE, "1"), as_record(ONE, NOW), id="message"),
        pytest.param((MESSAGE, QUEUE_ID), {}, id="empty"),
    ],
)
def test_record_that_cannot_be_read(key: tuple[str, str], data: dict[str, Any]) -> None:
    """It is reported, and never stops the others."""
    good = {
        (SENT, "2.0"): ENTRY | {"people": "x", "level": 1},
        (LOGIN, "2.0"): ENTRY,
        ("button", "of another room"): {},
    }
    one, unreadable = load_at(NOW, {key: data, **good})
    assert unreadable == [key]
    assert len(one.limits.sent) == len(one.limits.logins) == 1
    assert not one.conversations
    assert len(one.queue) == 0
