"""What an account has used of what it may, in the form in which that is on disk."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .allowance import Allowance
from .clock import Now
from .pace import DAY, SLOWEST
from .record import Record, passed
from .standing import Standing

_MOST_SLOTS = 200
_FASTEST = 600.0


def used_as_dict(standing: Standing, now: Now) -> dict[str, Any]:
    """Return what can be written as JSON: durations, and when they were measured."""
    bucket, allowance = standing.bucket, standing.allowance
    released_at = allowance.released_at
    return {
        "written": now.wall.isoformat(),
        "logins": standing.logins.left(now.steady),
        "per_minute": bucket.learned,
        "per_minute_age": max(now.steady - bucket.learned_at, 0.0),
        "per_hour": allowance.per_hour,
        "per_hour_age": max(now.steady - allowance.learned_at, 0.0),
        "released": None if released_at is None else now.steady - released_at,
        "sent": [[now.steady - began, number] for began, number in allowance.slots],
    }


def read_used(data: Mapping[str, Any], standing: Standing, now: Now) -> Standing:
    """Take over what was written. Raises ValueError where anything is not right.

    The wall clock may have been set since: what was measured grows older, never younger.
    """
    record = Record(data)
    since = passed(record.time("written"), now)

    def ago(age: float) -> float:
        return round(now.steady - min(age + since, 100 * DAY), 3)

    bucket, allowance = standing.bucket, Allowance(standing.allowance.per_day)
    if data.get("per_minute") is not None:
        bucket = replace(
            bucket,
            learned=min(max(record.number("per_minute"), SLOWEST), _FASTEST),
            learned_at=ago(record.seconds("per_minute_age")),
        )
    if data.get("per_hour") is not None:
        allowance = replace(
            allowance,
            per_hour=max(record.count("per_hour"), 1),
            learned_at=ago(record.seconds("per_hour_age")),
        )
    if data.get("released") is not None:
        released_at = ago(record.seconds("released"))
        allowance = replace(allowance, released_at=released_at)
    slots = [_slot(slot) for slot in record.items("sent")[-_MOST_SLOTS:]]
    allowance = replace(allowance, slots=tuple((ago(age), n) for age, n in slots))
    logins = standing.logins
    left = min(max(record.number("logins"), -1.0), logins.tokens)
    logins = replace(logins, tokens=left, filled_at=ago(0.0))
    return replace(standing, bucket=bucket, allowance=allowance, logins=logins)


def _slot(value: object) -> tuple[float, int]:
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - a pair
        raise ValueError("no slot")
    record = Record({"age": value[0], "number": value[1]})
    return record.seconds("age"), record.count("number")
