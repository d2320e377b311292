"""A message's record on disk: a JSON object, every value of which is checked."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
import json
import math
import re
from typing import Any

from ..mime.models import Gap, TextEncoding
from ..smtp.models import Reply
from ..smtp.replies import Cause
from .clock import Now
from .message import AT_ONCE, Original, QueuedMessage
from .retry import BACK_OFF, JITTER

VERSION = 4
_READ = (2, 3, VERSION)
"""Versions that can be read: before 3 there was no journal, and before 4 no digest."""
_MERGED_SINCE = 4

_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""Before it there was no such record: a clock that says so had not been set."""
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_MAX_COUNT = 1_000_000_000
_MAX_SECONDS = 100 * 366 * 86_400.0


def as_json(message: QueuedMessage, now: Now) -> str:
    """Return the content of a record.

    The steady clock begins anew with each start of the machine, so that durations are
    kept, and when they were measured.
    """
    return json.dumps(
        {
            "version": VERSION,
            "queue_id": message.queue_id,
            "subject": message.subject,
            "reverse_path": message.reverse_path,
            "recipients": message.recipients,
            "message_id": message.message_id,
            "importance": message.importance,
            "tag": message.tag,
            "size": message.size,
            "gaps": [asdict(gap) for gap in message.gaps],
            "date_at": message.date_at,
            "dated": message.dated.isoformat(),
            "written": now.wall.isoformat(),
            "age": max(now.steady - message.raised, 0.0),
            "lifetime": message.lifetime,
            "wait": max(message.due - now.steady, 0.0),
            "attempts": message.attempts,
            "failures": message.failures,
            "unanswered": message.unanswered,
            "in_data": message.in_data,
            "restored": message.restored,
            "acts": message.acts,
            "merged": [asdict(one) for one in message.merged],
            "cause": message.cause,
            "reply": message.reply and asdict(message.reply),
        },
        ensure_ascii=False,
    )


def from_json(text: str, now: Now) -> QueuedMessage:
    """Read the content of a record. Raises ValueError where anything is not right.

    The wall clock may have been set since: a wait is no longer than it was, and an age
    grows, but never shrinks.
    """
    data: object = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("no object")  # noqa: TRY004 - one error for all
    record = Record(data)
    version = record.number("version")
    if version not in _READ:
        raise ValueError("written by another version")
    merged = record.items("merged") if version >= _MERGED_SINCE else []
    since = passed(record.time("written"), now)
    failures = record.count("failures")
    cause = record.optional("cause", str)
    # Second copies are not to be hurried; all else is tried at once.
    waits = cause == Cause.OUTCOME_UNKNOWN and not record.flag("in_data")
    wait = min(record.seconds("wait"), longest_wait(failures)) - since
    return QueuedMessage(
        queue_id=_queue_id(record.text("queue_id")),
        subject=record.text("subject"),
        reverse_path=record.text("reverse_path"),
        recipients=record.all_texts("recipients"),
        message_id=record.text("message_id"),
        importance=int(record.number("importance")),
        tag=record.text("tag"),
        size=record.count("size"),
        gaps=tuple(_gap(gap) for gap in record.items("gaps")),
        date_at=record.count("date_at"),
        dated=record.time("dated"),
        raised=now.steady - min(record.seconds("age") + since, _MAX_SECONDS),
        arrived=now.steady,
        lifetime=record.seconds("lifetime"),
        due=now.steady + max(wait, 0.0) if waits else AT_ONCE,
        attempts=record.count("attempts"),
        failures=failures,
        unanswered=record.count("unanswered"),
        offered_at=float(failures > 0),
        in_data=record.flag("in_data"),
        restored=record.flag("restored"),
        acts=version >= _MERGED_SINCE and record.flag("acts"),
        merged=tuple(map(_original, merged)),
        cause=Cause(cause) if cause else None,
        reply=_reply(record.optional("reply", dict)),
    )


class Record:
    """Reads values of the right type, or raises ValueError."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Keep what was read as JSON."""
        self._data = data

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


def passed(written: datetime, now: Now) -> float:
    """Return the seconds since something was written, as far as that can be known."""
    if written < _FIRST_DAY:
        return 0.0
    return max((now.wall - written).total_seconds(), 0.0)


def longest_wait(failures: int) -> float:
    """Return the longest wait that so many failures can have brought."""
    return BACK_OFF[min(max(failures, 1), len(BACK_OFF)) - 1] * (1 + JITTER)


def _queue_id(text: str) -> str:
    if not _ULID.fullmatch(text):
        raise ValueError("queue_id is no ULID")
    return text


def _gap(value: object) -> Gap:
    if not isinstance(value, dict):
        raise ValueError("no gap")  # noqa: TRY004 - as all others
    record = Record(value)
    return Gap(
        record.count("at"), TextEncoding(record.text("encoding")), record.flag("html")
    )


def _original(value: object) -> Original:
    if not isinstance(value, dict):
        raise ValueError("no message of a digest")  # noqa: TRY004 - as all others
    record = Record(value)
    queue_id = _queue_id(record.text("queue_id"))
    return Original(
        queue_id,
        record.text("subject"),
        record.text("message_id"),
        # Earlier ones have none: all messages of a digest had its own.
        record.optional("tag", str) or "",
    )


def _reply(value: Mapping[str, Any] | None) -> Reply | None:
    if value is None:
        return None
    record = Record(value)
    return Reply(record.count("code"), record.text("text"))
