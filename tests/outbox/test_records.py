"""What is read from disk: every value is checked, and bounded by what it could be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.mime.models import Gap, TextEncoding
from custom_components.qq_mail.outbox.account import Kept
from custom_components.qq_mail.outbox.core.models import Message
from custom_components.qq_mail.outbox.pace import HIGH, SLOWEST, Bucket, Pace
from custom_components.qq_mail.outbox.queue import Queue
from custom_components.qq_mail.outbox.record import as_json, from_json
from custom_components.qq_mail.outbox.spool import Spool
from custom_components.qq_mail.outbox.titles import Titles
from custom_components.qq_mail.smtp.models import Reply
from custom_components.qq_mail.smtp.replies import Cause

HOUR = 3600.0
WALL = datetime(2026, 11, 25, 8, tzinfo=UTC)
NOW = Now(1000.0, WALL)
MINUTE, HOUR = 60.0, 3600.0
MESSAGE = Message(
    queue_id="01ARZ3NDEKTSV4RRFFQ69G5FAV",
    subject="Fire",
    reverse_path="a@qq.com",
    recipients=("b@example.com",),
    message_id="<1@qq.com>",
    importance=1,
    tag="fire",
    size=3,
    gaps=(Gap(1, TextEncoding.BASE64, html=True),),
    date_at=2,
    dated=WALL,
    raised=900.0,
    arrived=900.0,
    lifetime=24 * HOUR,
    due=1060.0,
    attempts=2,
    failures=1,
    unanswered=1,
    offered_at=990.0,
    cause=Cause.OUTCOME_UNKNOWN,
    reply=Reply(451, "later"),
)


def read_after(passed: timedelta, message: Message = MESSAGE) -> Message:
    """Return a message as another process reads it, so much later by the wall clock."""
    return from_json(as_json(message, NOW), Now(50.0, WALL + passed))


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
            raised=MESSAGE.raised,
            arrived=MESSAGE.arrived,
            due=MESSAGE.due,
            offered_at=MESSAGE.offered_at,
        )
        == MESSAGE
    )


@pytest.mark.parametrize(
    ("passed", "age", "wait"),
    [
        pytest.param(timedelta(days=-1), 100.0, 60.0, id="set back"),
        pytest.param(timedelta(days=-20000), 100.0, 60.0, id="1970"),
        pytest.param(timedelta(days=3), 100.0 + 3 * 24 * HOUR, 0.0, id="set ahead"),
    ],
)
def test_clock_that_was_set(passed: timedelta, age: float, wait: float) -> None:
    """An age never shrinks, and a wait never grows."""
    known = read_after(passed)
    assert 50.0 - known.raised == age
    assert known.due - 50.0 == wait


def test_written_before_the_clock_was_set() -> None:
    """A machine without a clock begins in 1970: that nothing passed is more likely."""
    text = as_json(MESSAGE, Now(1000.0, datetime(1970, 1, 1, tzinfo=UTC)))
    assert 50.0 - from_json(text, Now(50.0, WALL)).raised == 100.0


def test_wait_is_bounded() -> None:
    """No next attempt is further away than its back-off."""
    known = read_after(timedelta(), replace(MESSAGE, due=1000.0 + 24 * HOUR))
    assert 60.0 <= known.due - 50.0 <= 66.0


@pytest.mark.parametrize(
    "other",
    [
        *(
            {key: None}
            for key in json.loads(as_json(MESSAGE, NOW))
            if key not in ("cause", "reply")
        ),
        {"importance": True},
        {"importance": 1e30},
        {"size": -1},
        {"size": 1.5},
        {"age": -1},
        {"lifetime": float("nan")},
        {"recipients": []},
        {"recipients": [1]},
        {"gaps": [1]},
        {"gaps": [{"at": 1, "encoding": "x", "html": True}]},
        {"merged": [1]},
        {"dated": "2026-11-25"},
        {"written": "0001-01-01T00:00:00+14:00"},
        {"cause": 1},
        {"cause": "x"},
        {"reply": {"code": "x", "text": ""}},
        {"version": 1},
    ],
    ids=lambda other: str(other)[:40],
)
def test_value_of_another_kind(other: dict[str, Any]) -> None:
    """One such value must not stop the others: the record is refused."""
    text = json.dumps({**json.loads(as_json(MESSAGE, NOW)), **other})
    with pytest.raises(ValueError, match=r".+"):
        from_json(text, NOW)


def test_record_that_is_no_object() -> None:
    """Nor is a list a record."""
    with pytest.raises(ValueError, match="object"):
        from_json("[]", NOW)


@pytest.mark.parametrize(
    ("passed", "rest"),
    [
        pytest.param(timedelta(minutes=5), 600.0, id="goes on"),
        pytest.param(timedelta(days=-1), 900.0, id="no longer than it was"),
        pytest.param(timedelta(minutes=15), None, id="over"),
    ],
)
def test_rest_that_was_kept(passed: timedelta, rest: float | None) -> None:
    """A rest goes on after a restart, and is never longer than its own length."""
    until = (WALL + timedelta(minutes=15)).isoformat()
    kept = Kept.new(Pace(5, 10), NOW)
    kept.read(
        {
            "hold": {"cause": "login_ambiguous", "until": until, "length": 900},
            "login_refusals": 1,
            "asked": 0,
            "pauses": 0,
            "max_size": 100,
            "threads": {
                "fire": {
                    "references": "<r>",
                    "subject": "Fire",
                    "started": WALL.isoformat(),
                    "went_out": True,
                }
            },
        },
        Now(50.0, WALL + passed),
    )
    hold = kept.standing.hold
    assert (hold and hold.until - 50.0) == rest
    assert kept.standing.login_refusals == 1
    assert kept.threads.get("fire")


def test_threads_of_another_kind(caplog: pytest.LogCaptureFixture) -> None:
    """What can be read is taken over."""
    kept = Kept.new(Pace(5, 10), NOW)
    kept.read({"login_refusals": 2, "asked": 1, "pauses": 0, "threads": {"a": 1}}, NOW)
    assert kept.standing.login_refusals == 2
    assert not kept.threads.by_tag
    assert "Ignoring" in caplog.text


def test_folder_that_cannot_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The account loads all the same, and that is told."""
    folder = tmp_path / "spool"
    folder.write_text("no folder")
    loaded = Spool(folder).load(NOW)
    assert loaded.damaged == [folder]
    assert len(loaded.queue) == 0
    assert "Cannot read" in caplog.text


def test_stale_entries_are_tidied() -> None:
    """A message that is replaced often leaves no more behind than a few entries."""
    queue = Queue()
    for number in range(1000):
        queue.put(replace(MESSAGE, due=float(number), reached=True, attempts=number))
    assert len(queue._later) < 200  # noqa: SLF001 - nothing else shows it
    assert len(queue._expiry) < 200  # noqa: SLF001
    assert queue.first(999.0)


def used() -> Kept:
    """Return an account that was refused, and has logged in and sent something."""
    kept = Kept.new(Pace(5, 10, 400), NOW)
    standing = kept.standing
    allowance, logins = standing.allowance, standing.logins
    for _ in range(400):
        allowance = allowance.went_out(NOW.steady - HOUR, 0)
    allowance = allowance.went_out(NOW.steady - 3 * MINUTE, 0).slower(NOW.steady)
    for _ in range(4):
        logins = logins.take(NOW.steady)
    bucket = standing.bucket.slower(NOW.steady)
    kept.standing = replace(standing, bucket=bucket, allowance=allowance, logins=logins)
    return kept


@pytest.mark.parametrize(
    ("hours", "rate", "left", "room", "next_login"),
    [
        pytest.param(0, 5, 0, 320, 12 * MINUTE, id="at once"),
        pytest.param(-9, 5, 0, 320, 12 * MINUTE, id="clock set back"),
        pytest.param(2, 5, 0, 320, 0, id="later"),
        pytest.param(26, 10, 400, 640, 0, id="the next day"),
        pytest.param(9e5, 10, 400, 320 * 2**60, 0, id="clock years ahead"),
    ],
)
def test_what_was_used_is_kept(
    hours: float, rate: float, left: int, room: int, next_login: float
) -> None:
    """It grows older by the wall clock, and never younger."""
    wall = NOW.wall + timedelta(hours=hours)
    then = Now(50.0, wall)
    kept = Kept.new(Pace(5, 10, 400), then)
    kept.read(json.loads(json.dumps(used().as_dict(NOW))), then)
    standing = kept.standing
    assert standing.bucket.rate(50.0) == rate
    assert standing.allowance.left(50.0) == left
    assert standing.allowance.hour_room(50.0) == room
    assert (standing.allowance.next_at(50.0, 0) > 50.0) == (hours <= 0)
    assert standing.logins.next_at(50.0, 0) - 50.0 == pytest.approx(next_login)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"sent": [1]}, id="no slot"),
        pytest.param({"sent": [[-1, 2]]}, id="from the future"),
        pytest.param({"per_minute": "fast"}, id="no number"),
        pytest.param({"logins": None}, id="no logins"),
        pytest.param({"written": "2026"}, id="no time zone"),
    ],
)
def test_used_that_is_damaged(damage: dict[str, object]) -> None:
    """It is left as it is, and the rest is read."""
    data = used().as_dict(NOW)
    data["used"] |= damage
    kept = Kept.new(Pace(5, 10, 400), NOW)
    before = kept.standing
    kept.read(data | {"asked": 1}, NOW)
    assert kept.standing == replace(before, asked=1)


def test_used_within_bounds() -> None:
    """Nothing that stands there makes it faster or slower than it can be."""
    data = used().as_dict(NOW)
    data["used"] |= {"per_minute": 1e-9, "logins": 99, "sent": [[0, 1]] * 999}
    kept = Kept.new(Pace(5, 10, 400), NOW)
    kept.read(data, NOW)
    assert kept.standing.bucket.rate(NOW.steady) == SLOWEST
    assert kept.standing.logins.left(NOW.steady) == 5
    assert len(kept.standing.allowance.slots) == 200


def test_titles(freezer: FrozenDateTimeFactory) -> None:
    """Those sent most today and yesterday, however many others there are."""
    titles = Titles()
    for day in range(3):
        for number in range(200):
            titles.count(f"Only once {number}")
            titles.count("Door" if number % 2 else "Rain")
        titles.count(f"Day {day}")
        assert titles.most()[0][0] in ("Door", "Rain")
        freezer.tick(timedelta(days=1))
    kept = Kept.new(Pace(5, 10), NOW)
    kept.read({"titles": json.loads(json.dumps(titles.as_dict()))}, NOW)
    assert kept.titles.most() == titles.most()
    assert [number for _, number in titles.most()[:2]] == [200, 200]
    assert len(titles.as_dict()) == 2


@pytest.mark.parametrize(
    "damage",
    [{"2026-11-28": 5}, {"yesterday": {"a": 1}}, {"2026-11-28": {"a": "b"}}],
    ids=str,
)
def test_titles_that_are_damaged(damage: dict[str, object]) -> None:
    """They begin anew."""
    kept = Kept.new(Pace(5, 10), NOW)
    kept.read({"titles": damage}, NOW)
    assert kept.titles.most() == []


def test_learned_pace_is_never_faster_than_the_own() -> None:
    """What a person has set is not exceeded by what was learned."""
    bucket = Bucket.full(Pace(100, 12), 0.0)
    for second in range(20):
        bucket = bucket.take(float(second))
    slower = bucket.slower(20.0)
    assert slower.next_at(20.0, HIGH) == pytest.approx(30.0)
    assert slower.slower(20.0).rate(20.0) == 3
    for _ in range(9):
        slower = slower.slower(20.0)
    assert slower.rate(20.0) == SLOWEST == 1 / 5
    assert Bucket.full(Pace(1, 6), 0.0).take(0.0).next_at(0.0, 0) == pytest.approx(10.0)


def test_own_pace_holds_where_more_was_learned() -> None:
    """Both limits hold: the lower of the two."""
    bucket = Bucket.full(Pace(100, 0), 0.0)
    for second in range(30):
        bucket = bucket.take(float(second))
    learned = bucket.slower(30.0)
    assert learned.next_at(30.0, HIGH) == pytest.approx(34.0)
    assert learned.with_pace(Pace(5, 12)).next_at(30.0, HIGH) == pytest.approx(35.0)
    assert learned.with_pace(Pace(5, 60)).next_at(30.0, HIGH) == pytest.approx(34.0)
