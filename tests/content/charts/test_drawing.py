"""Pictures show what they are to show."""

from collections.abc import Callable
from io import BytesIO
import math

from hypothesis import given, settings, strategies as st
from PIL import Image, ImageColor
import pytest

from custom_components.qq_mail.content.charts.axes import (
    DAY,
    HOUR,
    day_edges,
    hour_edges,
)
from custom_components.qq_mail.content.charts.drawing import Frame, draw
from custom_components.qq_mail.content.charts.models import (
    BarGroups,
    Bars,
    Line,
    Lines,
    Plot,
    Span,
    Stretch,
    Timeline,
)
from custom_components.qq_mail.mime.chart import GROUND

from .test_axes import span

BLUE, RED, GREEN = "#0072b2", "#d55e00", "#009e73"
DAY_LONG = span("2026-11-24T00:00", "2026-11-25T00:00")
START = DAY_LONG.start
NOON = START + DAY / 2


def painted(
    plot: Plot, of: Span = DAY_LONG
) -> tuple[Frame, Callable[[float, float], set[str]]]:
    """Draw a chart, and return what tells the colours around a place."""
    picture = Image.open(BytesIO(draw(plot, of)))
    frame = Frame(plot, of)
    assert picture.size == frame.size
    colours = {"blue": BLUE, "red": RED, "green": GREEN, "ground": GROUND}
    pixels = picture.convert("RGB").load()
    assert pixels

    def seen(x: float, y: float) -> set[str]:
        pixel = pixels[round(x), round(y)]
        assert isinstance(pixel, tuple)
        return {
            name
            for name, colour in colours.items()
            if math.dist(pixel, ImageColor.getrgb(colour)) < 40
        }

    return frame, seen


def line(*points: tuple[float, float | None], held: bool = True) -> Lines:
    return Lines((Line(BLUE, points, held),))


def test_value_holds_until_the_next() -> None:
    """At noon the line is where the state was at noon."""
    frame, seen = painted(line((START, 10), (START + 6 * HOUR, 20), (NOON + HOUR, 0)))
    assert seen(frame.x(NOON), frame.y(20)) == {"blue"}
    assert seen(frame.x(START + 3 * HOUR), frame.y(10)) == {"blue"}
    assert seen(frame.x(START + 3 * HOUR), frame.y(12)) == {"ground"}
    # Up to now it is what it was last.
    assert seen(frame.x(DAY_LONG.end) - 3, frame.y(0)) == {"blue"}


def test_means_are_joined() -> None:
    """Between two means the line goes straight."""
    frame, seen = painted(line((START, 0), (START + DAY, 20), held=False))
    assert seen(frame.x(NOON), frame.y(10)) == {"blue"}
    assert seen(frame.x(NOON), frame.y(13)) == {"ground"}


@pytest.mark.parametrize("held", [True, False])
def test_gap_is_a_gap(held: bool) -> None:
    """Nothing is drawn where nothing is known."""
    points = [(START + hour * HOUR, 10.0 + hour % 2) for hour in range(24)]
    gap = [
        (time, None if 10 <= n < 14 else value)
        for n, (time, value) in enumerate(points)
    ]
    frame, seen = painted(line(*gap, held=held))
    column = [
        colour
        for y in range(frame.top, frame.bottom, 1)
        for colour in seen(frame.x(NOON), y)
    ]
    assert "blue" not in column
    for hour in (5.5, 17.5):
        x = frame.x(START + hour * HOUR)
        assert any("blue" in seen(x, y) for y in range(frame.top, frame.bottom))


def test_peak_is_not_lost() -> None:
    """One value of thousands is seen, however short it was."""
    points = [(START + n * 10, 0.0) for n in range(8640)]
    points[4320] = (NOON, 100.0)
    frame, seen = painted(line(*points))
    assert any("blue" in seen(frame.x(NOON) + dx, frame.y(90)) for dx in range(-3, 4))
    assert seen(frame.x(NOON + HOUR), frame.y(90)) == {"ground"}


def test_single_mean_is_a_dot() -> None:
    """A single value is seen."""
    frame, seen = painted(line((NOON, 10), held=False))
    assert seen(frame.x(NOON), frame.y(10)) == {"blue"}
    assert seen(frame.x(NOON) + 30, frame.y(10)) != {"blue"}


def test_every_line_has_its_colour() -> None:
    plot = Lines(
        tuple(
            Line(colour, ((START, float(n)),))
            for n, colour in enumerate((BLUE, RED, GREEN))
        )
    )
    frame, seen = painted(plot)
    x = frame.x(NOON + HOUR)
    assert [seen(x, frame.y(n)) for n in range(3)] == [{"blue"}, {"red"}, {"green"}]


def test_bars_stand_in_their_hours() -> None:
    """Side by side, in their order, as high as they should be, down from zero too."""
    edges = hour_edges(DAY_LONG)
    amounts = [4.0] * 24
    others = [-2.0] * 24
    nothing: list[float | None] = [None, 0.0] * 12
    plot = BarGroups(
        edges,
        (
            Bars(BLUE, tuple(amounts)),
            Bars(RED, tuple(others)),
            Bars(GREEN, tuple(nothing)),
        ),
        daily=False,
    )
    frame, seen = painted(plot)
    left, right = frame.x(NOON), frame.x(NOON + HOUR)
    first, second, third = (
        left + (right - left) * share for share in (0.26, 0.5, 0.74)
    )
    assert seen(first, frame.y(3.5)) == {"blue"}
    assert seen(first, frame.y(4.4)) == {"ground"}
    assert seen(second, frame.y(-1.5)) == {"red"}
    assert seen(second, frame.y(1.5)) == {"ground"}
    assert seen(third, frame.y(1.5)) == {"ground"}


def test_a_bar_for_each_day() -> None:
    """The label stands below its bar, and not beyond the last one."""
    month = span("2026-10-01T00:00", "2026-11-01T00:00")
    edges = day_edges(month)
    values = (1.0,) * 29 + (3.0, 2.0)
    frame, seen = painted(BarGroups(edges, (Bars(BLUE, values),), daily=True), month)
    middles = [frame.x(edge + DAY / 2) for edge in edges[-3:-1]]
    assert [seen(x, frame.y(2.5)) for x in middles] == [{"blue"}, {"ground"}]
    assert [seen(x, frame.y(1.5)) for x in middles] == [{"blue"}, {"blue"}]
    below = range(frame.bottom + 4, frame.size[1])

    def is_labelled(number: int) -> bool:
        x = round(frame.x(edges[number] + DAY / 2))
        return any(
            seen(at, y) != {"ground"} for at in range(x - 20, x + 20) for y in below
        )

    assert [is_labelled(number) for number in (2, 5, 9, 13, 16)] == [
        *(True, False, True, False, True)
    ]


def test_rows_of_states() -> None:
    """Each in its row and for its time; in between nothing."""
    plot = Timeline(
        (
            (Stretch(START, NOON, BLUE), Stretch(NOON, START + 18 * HOUR, RED)),
            (Stretch(NOON, NOON + 1, GREEN),),
        )
    )
    frame, seen = painted(plot)
    first, second = frame.row(0), frame.row(1)
    assert seen(frame.x(START + 6 * HOUR), first) == {"blue"}
    assert seen(frame.x(START + 15 * HOUR), first) == {"red"}
    assert "red" not in seen(frame.x(START + 21 * HOUR), first)
    # A second, and still there.
    assert seen(frame.x(NOON), second) == {"green"}
    assert seen(frame.x(NOON) + 8, second + 8) == {"ground"}


VALUES = st.none() | st.floats(-1e100, 1e100) | st.sampled_from([1e30, 0.0, 5.0])
TIMES = st.floats(START - DAY, DAY_LONG.end + DAY)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TIMES, VALUES), max_size=30), st.booleans())
def test_whatever_was_recorded(
    points: list[tuple[float, float | None]], held: bool
) -> None:
    """Nothing, one, all equal, far apart, out of order: there is a picture."""
    octets = draw(line(*points, held=held), DAY_LONG)
    assert len(octets) < 50_000


def test_order_does_not_matter() -> None:
    """What was written late stands where it belongs."""
    points = [(START + n * HOUR, float(n)) for n in range(24)]
    assert draw(line(*points[::-1]), DAY_LONG) == draw(line(*points), DAY_LONG)
