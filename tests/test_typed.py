"""Dataclasses as the store keeps them: what is whole comes back, all else is told."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
import json
from typing import Any

import pytest

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.typed import PASSING, Steady, as_json, read_json

NOW = Now(1000.0, datetime(2026, 11, 30, tzinfo=UTC))


class Colour(StrEnum):
    """Something of which there are few."""

    RED = "red"


@dataclass(frozen=True, slots=True)
class Part:
    """Something within."""

    name: str


@dataclass(slots=True, kw_only=True)
class Whole:
    """One field of each type."""

    name: str = field(metadata=PASSING)
    parts: tuple[Part, ...]
    names: list[str]
    colour: Colour | None
    at: datetime
    day: date
    due: Steady
    length: float
    number: int
    flag: bool
    numbers: dict[str, int]
    anything: dict[str, Any]


WHOLE = Whole(
    name="key",
    parts=(Part("a"), Part("水")),
    names=["b"],
    colour=Colour.RED,
    at=NOW.wall,
    day=NOW.wall.date(),
    due=1060.0,
    length=0.5,
    number=7,
    flag=True,
    numbers={"a": 1},
    anything={"x": [1]},
)


def stored(whole: Whole) -> dict[str, Any]:
    """Return what is on disk."""
    record: dict[str, Any] = json.loads(json.dumps(as_json(whole, NOW)))
    return record


def test_comes_back() -> None:
    """By another steady clock an hour later; what is not kept is given."""
    record = stored(WHOLE)
    assert "name" not in record
    assert record["due"] == "2026-11-30T00:01:00+00:00"
    later = Now(50.0, NOW.wall + timedelta(hours=1))
    read: Whole = read_json(Whole, record, later, name="key")
    assert read.due == 50.0 + 60 - 3600
    read.due = WHOLE.due
    assert read == WHOLE


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [({"colour": None}, "colour", None), ({"length": 3}, "length", 3.0)],
)
def test_what_else_may_stand_there(
    changes: dict[str, Any], name: str, value: object
) -> None:
    """Nothing, where that is allowed; a whole number for any."""
    read = read_json(Whole, stored(WHOLE) | changes, NOW, name="key")
    assert getattr(read, name) == value
    assert type(getattr(read, name)) is type(value)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"parts": None}, id="no list"),
        pytest.param({"parts": [7]}, id="no part"),
        pytest.param({"parts": [{}]}, id="a part without its name"),
        pytest.param({"names": ["b", 7]}, id="no text"),
        pytest.param({"colour": "blue"}, id="no colour"),
        pytest.param({"at": "2026-11-30"}, id="no time zone"),
        pytest.param({"at": 7}, id="no time"),
        pytest.param({"at": "0001-01-01T00:00:00+14:00"}, id="before all time"),
        pytest.param({"at": "9999-12-31T23:59:59-12:00"}, id="after all time"),
        pytest.param({"day": "x"}, id="no day"),
        pytest.param({"due": "soon"}, id="no instant"),
        pytest.param({"length": float("inf")}, id="no end"),
        pytest.param({"length": float("nan")}, id="no length"),
        pytest.param({"length": 10**400}, id="longer than anything"),
        pytest.param({"number": 10**400}, id="more than can be calculated with"),
        pytest.param({"number": True}, id="no number"),
        pytest.param({"number": 7.5}, id="no whole number"),
        pytest.param({"number": -1}, id="less than nothing"),
        pytest.param({"numbers": []}, id="no numbers"),
        pytest.param({"numbers": {"a": "b"}}, id="no number among them"),
        pytest.param({"flag": 1}, id="neither yes nor no"),
        pytest.param({"anything": []}, id="no object"),
    ],
)
def test_damaged(damage: dict[str, Any]) -> None:
    """Whoever reads skips it."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_json(Whole, stored(WHOLE) | damage, NOW, name="key")
