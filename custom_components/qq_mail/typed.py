"""Dataclasses as the store keeps them: as JSON, every value of which is checked."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import MAXYEAR, MINYEAR, date, datetime
from enum import Enum
from functools import cache, partial
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from .clock import Now

type Steady = float
"""An instant of the steady clock: kept as what the clock on the wall says then."""

PASSING: Final = {"passing": True}
"""The metadata of a field that is not kept."""
_MOST: Final = 1e12
"""With larger numbers nobody could calculate."""


def as_json(value: Any, now: Now, hint: Any = None) -> Any:
    """Return what can be written as JSON of a value, which is of this type."""
    if hint is Steady:
        return now.wall_at(value).isoformat()
    kind: Any = type(value)
    if kept := _kept(kind):
        return {name: as_json(getattr(value, name), now, of) for name, of in kept}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [as_json(each, now) for each in value]
    return value


def read_json(hint: Any, value: Any, now: Now, **given: object) -> Any:
    """Read that again; `given` are those of a dataclass's fields that are not kept.

    Raises KeyError, TypeError or ValueError where it is damaged.
    """
    return _reader(hint)(value, now, **given)


@cache
def _reader(hint: Any) -> Callable[..., Any]:
    """Return what reads a value of a type: made once, as thousands may be read."""
    kind: Any = get_origin(hint) or hint
    if hint is Any:
        return lambda value, _: value
    if kind is Steady:
        return _read_steady
    if kind is UnionType:
        read = _reader(get_args(hint)[0])
        return lambda value, now: None if value is None else read(value, now)
    if kept := _kept(kind):
        readers = [(name, _reader(of)) for name, of in kept]
        return lambda value, now, **given: kind(
            **{name: read(value[name], now) for name, read in readers}, **given
        )
    if kind in (list, tuple) and hint is not list:
        known, read = _reader(list), _reader(get_args(hint)[0])
        return lambda value, now: kind(read(each, now) for each in known(value, now))
    if kind is dict and hint is not dict:
        known, read = _reader(dict), _reader(get_args(hint)[1])
        return lambda value, now: {
            key: read(each, now) for key, each in known(value, now).items()
        }
    if issubclass(kind, date):
        return partial(_read_date, kind)
    if issubclass(kind, Enum):
        return lambda value, _: kind(value)
    return partial(_read_plain, kind)


def _read_steady(value: Any, now: Now) -> float:
    time: datetime = _read_date(datetime, value, now)
    return round(now.steady + (time - now.wall).total_seconds(), 3)


def _read_date(kind: Any, value: Any, _: Now) -> Any:
    time = kind.fromisoformat(value)
    is_far = not MINYEAR < time.year < MAXYEAR
    if kind is datetime and (time.tzinfo is None or is_far):
        # It would not compare, or not be there by every clock.
        raise ValueError(value)
    return time


def _read_plain(kind: Any, value: Any, _: Now) -> Any:
    if type(value) is not kind and (kind, type(value)) != (float, int):
        raise ValueError(value)
    if kind not in (int, float):
        return value
    # Whatever is kept as a whole number is counted.
    if not (0 if kind is int else -_MOST) <= value <= _MOST:
        raise ValueError(value)
    return kind(value)


@cache
def _kept(kind: Any) -> list[tuple[str, Any]]:
    """Return a dataclass's fields that are kept, and their types; of all else none."""
    if not is_dataclass(kind):
        return []
    hints = get_type_hints(kind)
    kept = [one.name for one in fields(kind) if "passing" not in one.metadata]
    return [(name, hints[name]) for name in kept]
