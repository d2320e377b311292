"""Ticks are where a person would put them."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.qq_mail.content.charts.axes import (
    HOUR,
    Span,
    caption,
    day_edges,
    hour_edges,
    scale,
    time_ticks,
)

BERLIN = "Europe/Berlin"


def span(start: str, end: str, zone: str = "Asia/Shanghai") -> Span:
    """Return what lies between two times on the wall."""
    local = ZoneInfo(zone)
    first, last = (
        datetime.fromisoformat(text).replace(tzinfo=local).timestamp()
        for text in (start, end)
    )
    return Span(first, last, local)


def labels(start: str, end: str, zone: str = "Asia/Shanghai") -> list[str]:
    return [tick.label for tick in time_ticks(span(start, end, zone))]


@pytest.mark.parametrize(
    ("numbers", "ticks"),
    [
        pytest.param((18.2, 23.4), ["18", "20", "22", "24"], id="temperatures"),
        pytest.param(
            (0.11, 0.34), ["0.10", "0.15", "0.20", "0.25", "0.30", "0.35"], id="small"
        ),
        pytest.param((-3, 4), ["-4", "-2", "0", "2", "4"], id="around zero"),
        pytest.param(
            (-0.02, 0.02), ["-0.02", "-0.01", "0.00", "0.01", "0.02"], id="-0"
        ),
        pytest.param((5, 5), ["4.0", "4.5", "5.0", "5.5", "6.0"], id="all equal"),
        pytest.param((0, 3e6), ["0", "1e6", "2e6", "3e6"], id="millions"),
        pytest.param((0, 0), ["-1.0", "-0.5", "0.0", "0.5", "1.0"], id="zero"),
    ],
)
def test_numbers(numbers: tuple[float, float], ticks: list[str]) -> None:
    axis = scale(*numbers)
    assert [axis.label(tick) for tick in axis.ticks] == ticks


def test_amounts_begin_at_zero() -> None:
    assert scale(7, 9, from_zero=True).lowest == 0
    nothing = scale(0, 0, from_zero=True)
    assert (nothing.lowest, nothing.highest) == (0, 1)


@given(st.lists(st.floats(-1e100, 1e100), min_size=2, max_size=2), st.booleans())
def test_any_numbers(numbers: list[float], from_zero: bool) -> None:
    """Few ticks, all that is drawn between them, and labels that are told apart."""
    lowest, highest = sorted(numbers)
    axis = scale(lowest, highest, from_zero=from_zero)
    assert 2 <= len(axis.ticks) <= 7
    room = (axis.highest - axis.lowest) * 1e-5
    assert axis.lowest - room <= lowest <= highest <= axis.highest + room
    assert all(len(axis.label(tick)) < 200 for tick in axis.ticks)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(
            "2026-11-24T09:12",
            "2026-11-25T09:12",
            ["12:00", "16:00", "20:00", "11-25", "04:00", "08:00"],
            id="day",
        ),
        pytest.param(
            "2026-11-25T08:57",
            "2026-11-25T09:57",
            ["09:00", "09:10", "09:20", "09:30", "09:40", "09:50"],
            id="hour",
        ),
        pytest.param(
            "2026-11-22T09:12",
            "2026-11-25T09:12",
            ["12:00", "11-23", "12:00", "11-24", "12:00", "11-25"],
            id="three days",
        ),
        pytest.param(
            "2026-11-21T09:12",
            "2026-11-25T09:12",
            ["11-22", "11-23", "11-24", "11-25"],
            id="four days",
        ),
        pytest.param(
            "2026-11-18T09:12",
            "2026-11-25T09:12",
            ["11-19", "11-21", "11-23", "11-25"],
            id="week",
        ),
        pytest.param(
            "2026-10-25T00:00",
            "2026-11-25T00:00",
            ["10-27", "11-03", "11-10", "11-17", "11-24"],
            id="month",
        ),
    ],
)
def test_times(start: str, end: str, expected: list[str]) -> None:
    """Full hours, or days: no more than can be read."""
    assert labels(start, end) == expected


def test_spring() -> None:
    """The hour that is left out is not there, and the others are where they belong."""
    night = span("2026-03-29T00:00", "2026-03-29T06:00", BERLIN)
    ticks = time_ticks(night)
    assert [tick.label for tick in ticks] == [
        "03-29",
        *("01:00", "03:00", "04:00", "05:00", "06:00"),
    ]
    assert {ticks[n + 1].time - ticks[n].time for n in range(5)} == {HOUR}


def test_autumn() -> None:
    """The hour that comes twice is there twice, where hours are shown."""
    assert labels("2026-10-25T01:30", "2026-10-25T05:30", BERLIN) == [
        *("02:00", "02:00", "03:00", "04:00", "05:00"),
    ]
    assert labels("2026-10-24T20:30", "2026-10-25T06:30", BERLIN) == [
        *("22:00", "10-25", "02:00", "04:00", "06:00"),
    ]


def test_days_are_as_long_as_they_are() -> None:
    """A day of 23 hours, one of 24, and nothing of the next."""
    edges = day_edges(span("2026-03-29T12:00", "2026-03-31T00:00", BERLIN))
    assert [end - start for start, end in pairwise(edges)] == [
        23 * HOUR,
        24 * HOUR,
    ]


def test_hours_are_whole() -> None:
    """What is touched counts as a whole."""
    part = span("2026-11-25T08:57", "2026-11-25T10:03")
    edges = hour_edges(part)
    assert edges[0] == part.start - 57 * 60
    assert edges[-1] == part.end + 57 * 60
    assert len(edges) == 4


def test_caption() -> None:
    """Times as they are in the house; of whole days their names."""
    days = span("2026-03-28T00:00", "2026-03-30T00:00", BERLIN)
    assert caption(days) == "03-28 00:00 – 03-30 00:00"
    assert caption(days, daily=True) == "03-28 – 03-29"
