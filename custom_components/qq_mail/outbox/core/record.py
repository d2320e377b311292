"""Records on disk: JSON objects, every value of which is checked when it is read."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
import math
import re
from typing import Any, Final, Self

from ...clock import Now
from ...mime.models import Gap, Priority, TextEncoding
from ...smtp.models import Reply
from ...smtp.replies import Cause
from .models import AT_ONCE, Message, Part
from .retry import back_off

_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""Before it there was no such record: a clock that says so had not been set."""
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_MAX_COUNT = 1_000_000_000
_MAX_SECONDS = 100 * 366 * 86_400.0


class Record:
    """Reads values of the right type, or raises ValueError."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Keep what was read as JSON."""
        self._data = data

    @classmethod
    def of(cls, data: object) -> Self:
        """Return what reads an object. Raises ValueError where it is none."""
        if not isinstance(data, dict):
            raise ValueError("no object")  # noqa: TRY004 - one error for all
        return cls(data)

    def text(self, key: str) -> str:
        """Return a text."""
        return self._typed(key, str)

    def flag(self, key: str) -> bool:
        """Return yes or no."""
        return self._typed(key, bool)

    def number(self, key: str) -> float:
        """Return a number that can be calculated with."""
        value = self._data.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{key} is no number")  # noqa: TRY004
        if not math.isfinite(value) or abs(value) > _MAX_COUNT * 1000:
            raise ValueError(f"{key} is out of range")
        return value

    def count(self, key: str) -> int:
        """Return a whole number that is not negative."""
        value = self.number(key)
        if value != int(value) or not 0 <= value <= _MAX_COUNT * 1000:
            raise ValueError(f"{key} is no count")
        return int(value)

    def seconds(self, key: str) -> float:
        """Return a duration."""
        value = self.number(key)
        if not 0 <= value <= _MAX_SECONDS:
            raise ValueError(f"{key} is no duration")
        return float(value)

    def time(self, key: str) -> datetime:
        """Return an instant of the wall clock."""
        time = datetime.fromisoformat(self.text(key))
        if time.tzinfo is None:
            raise ValueError(f"{key} has no time zone")
        try:
            return time.astimezone(UTC)
        except OverflowError as err:
            raise ValueError(f"{key} is out of range") from err

    def items(self, key: str) -> list[Any]:
        """Return a list of anything."""
        return self._typed(key, list)

    def all_texts(self, key: str) -> tuple[str, ...]:
        """Return texts, at least one."""
        items = self.items(key)
        if not items or not all(isinstance(item, str) for item in items):
            raise ValueError(f"{key} are no texts")
        return tuple(items)

    def optional[T](self, key: str, kind: type[T]) -> T | None:
        """Return a value, or None if that is what stands there."""
        if self._data.get(key) is None:
            return None
        return self._typed(key, kind)

    def _typed[T](self, key: str, kind: type[T]) -> T:
        value = self._data.get(key)
        if not isinstance(value, kind):
            raise ValueError(f"{key} is no {kind.__name__}")  # noqa: TRY004 - as all
        return value


def ago(age: float, written: datetime, now: Now) -> float:
    """Return the instant of something that was so old when it was written.

    The wall clock may have been set since: it grows older, never younger.
    """
    since = 0.0
    if written >= _FIRST_DAY:
        since = max((now.wall - written).total_seconds(), 0.0)
    return round(now.steady - min(age + since, _MAX_SECONDS), 3)


_FIELDS: Final[Mapping[str, Callable[[Record, str], Any]]] = {
    "subject": Record.text,
    "recipients": Record.all_texts,
    "sender_name": Record.text,
    "tag": Record.text,
    "size": Record.count,
    "lifetime": Record.seconds,
    "attempts": Record.count,
    "failures": Record.count,
    "unanswered": Record.count,
    "in_data": Record.flag,
    "restored": Record.flag,
    "alone": Record.flag,
    "by": Record.text,
    "copy": Record.flag,
    "reply_to": Record.flag,
}
"""What is kept of a message as it is, and how it is read."""


def message_as_dict(message: Message, now: Now) -> dict[str, Any]:
    """Return what can be written as JSON of a message.

    The steady clock begins anew with each start of the machine, so that durations are
    kept, and when they were measured.
    """
    return {name: getattr(message, name) for name in _FIELDS} | {
        "priority": message.priority,
        "gaps": [asdict(gap) for gap in message.gaps],
        "parts": [asdict(part) for part in message.parts],
        "written": now.wall.isoformat(),
        "age": max(now.steady - message.raised, 0.0),
        "wait": max(message.due - now.steady, 0.0),
        "cause": message.cause,
        "reply": reply_as_dict(message.reply),
    }


def read_message(queue_id: str, data: Mapping[str, Any], now: Now) -> Message:
    """Return what was written. Raises ValueError where anything is not right.

    A wait is no longer than it was, and an age grows, but never shrinks.
    """
    record = Record(data)
    values = {name: read(record, name) for name, read in _FIELDS.items()}
    written, cause = record.time("written"), record.optional("cause", str)
    due = AT_ONCE
    if cause == Cause.OUTCOME_UNKNOWN and not values["in_data"]:
        # Second copies are not to be hurried; all else is tried at once. None waits
        # for longer than so many failures can have brought.
        wait = min(record.seconds("wait"), back_off(values["failures"], 1.0))
        due = max(ago(0.0, written, now) + wait, now.steady)
    return Message(
        **values,
        queue_id=_queue_id(queue_id),
        priority=Priority(record.text("priority")),
        gaps=tuple(map(_gap, record.items("gaps"))),
        parts=tuple(map(_part, record.items("parts"))),
        raised=ago(record.seconds("age"), written, now),
        arrived=now.steady,
        due=due,
        offered_at=float(values["failures"] > 0),
        cause=Cause(cause) if cause else None,
        reply=read_reply(record.optional("reply", dict)),
    )


def reply_as_dict(reply: Reply | None) -> dict[str, Any] | None:
    """Return what can be written as JSON of a server's reply."""
    return asdict(reply) if reply else None


def read_reply(data: Mapping[str, Any] | None) -> Reply | None:
    """Return what was written. Raises ValueError."""
    if data is None:
        return None
    record = Record(data)
    return Reply(record.count("code"), record.text("text"))


def _queue_id(text: str) -> str:
    if not _ULID.fullmatch(text):
        raise ValueError("queue_id is no ULID")
    return text


def _gap(value: object) -> Gap:
    record = Record.of(value)
    return Gap(
        record.count("at"), TextEncoding(record.text("encoding")), record.flag("html")
    )


def _part(value: object) -> Part:
    record = Record.of(value)
    return Part(
        _queue_id(record.text("queue_id")),
        record.text("subject"),
        record.text("tag"),
    )
