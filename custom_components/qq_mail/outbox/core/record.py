"""Records on disk: JSON objects, every value of which is checked when it is read.

The steady clock begins anew with each start of the machine, so that instants are kept by
the clock on the wall, and when that was written.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
import re
from typing import Any, Final

from ...clock import Now
from ...smtp.replies import Cause
from ...typed import as_json, read_json
from .models import AT_ONCE, Message
from .retry import back_off

_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""Before it there was no such record: a clock that says so had not been set."""
_LONGEST: Final = 100 * 366 * 86_400.0
"""Seconds: an instant is no further away from when it was written, nor that from now."""
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def as_record(value: Any, now: Now) -> dict[str, Any]:
    """Return what can be written as JSON of a dataclass, with the time of now."""
    return {**as_json(value, now), "written": now.wall.isoformat()}


def read_record(
    kind: Any, record: Mapping[str, Any], now: Now, **given: object
) -> tuple[Any, float]:
    """Read that again; return it, and the instant at which it was written.

    The wall clock may have been set since: it grows older, never younger. `given` are
    fields that are not kept. Raises KeyError, TypeError, ValueError or OverflowError
    where anything is not right.
    """
    written: datetime = read_json(datetime, record["written"], now).astimezone(UTC)
    passed = 0.0
    if written >= _FIRST_DAY:
        passed = min(max((now.wall - written).total_seconds(), 0.0), _LONGEST)
    then = Now(round(now.steady - passed, 3), written)
    return read_json(kind, record, then, **given), then.steady


def message_as_dict(message: Message, now: Now) -> dict[str, Any]:
    """Return what can be written as JSON of a message."""
    return as_record(replace(message, due=max(message.due, now.steady)), now)


def read_message(queue_id: str, record: Mapping[str, Any], now: Now) -> Message:
    """Return what was written. Raises as `read_record`.

    A wait is no longer than it was, and an age grows, but never shrinks.
    """
    message: Message
    message, then = read_record(
        Message, record, now, queue_id=queue_id, arrived=now.steady
    )
    for one in (queue_id, *(part.queue_id for part in message.parts)):
        if not _ULID.fullmatch(one):
            raise ValueError(f"{one} is no ULID")
    age = then - message.raised
    if (
        not message.recipients
        or age > _LONGEST
        or not 0 <= message.lifetime <= _LONGEST
    ):
        raise ValueError("for nobody, or for too long")
    due = AT_ONCE
    if message.cause is Cause.OUTCOME_UNKNOWN and not message.in_data:
        # Second copies are not to be hurried; all else is tried at once. None waits
        # for longer than so many failures can have brought.
        wait = min(message.due - then, back_off(message.failures, 1.0))
        due = max(then + wait, now.steady)
    return replace(
        message,
        raised=min(message.raised, then),
        due=due,
        offered_at=float(message.failures > 0),
    )
