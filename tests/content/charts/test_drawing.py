"""Pictures show what they are to show."""

from collections.abc import Sequence
from io import BytesIO
import math

from hypothesis import given, settings, strategies as st
from PIL import Image, ImageColor
import pytest

from custom_components.qq_mail.content.charts.axes import (
    DAY,
    HOUR,
    Span,
    day_edges,
    hour_edges,
    scale,
)
from custom_components.qq_mail.content.charts.drawing import PIXELS, Canvas, Plot, draw
from custom_components.qq_mail.content.charts.kinds.bars import BarGroups
from custom_components.qq_mail.content.charts.kinds.lines import Lines, Numbers
from custom_components.qq_mail.content.charts.kinds.timeline import Timeline

from .test_axes import span

BLUE, RED, GREEN = "#0072b2", "#d55e00", "#009e73"
DAY_LONG = span("2026-11-24T00:00", "2026-11-25T00:00")
START = DAY_LONG.start
NOON = START + DAY / 2


class Painted[P: Plot]:
    """A chart as it is seen on a page."""

    def __init__(self, plot: P, of: Span = DAY_LONG, page: str = "#ffffff") -> None:
        """Draw it."""
        with Image.open(BytesIO(draw(plot, of))) as picture:
            drawn = picture.convert("RGBA")
        self.plot = plot
        self.frame = Canvas(plot, of)
        self.alpha = drawn.getchannel("A")
        self._page = Image.new("RGBA", drawn.size, page)
        self._page.alpha_composite(drawn)
        self._names = {"blue": BLUE, "red": RED, "green": GREEN, "ground": page}

    def seen(self, x: float, y: float) -> set[str]:
        """Return the names of the colours at a place."""
        pixel = self._page.getpixel((round(x * PIXELS), round(y * PIXELS)))
        assert isinstance(pixel, tuple)
        return {
            name
            for name, colour in self._names.items()
            if math.dist(pixel[:3], ImageColor.getrgb(colour)) < 40
        }

    def column(self, x: float) -> set[str]:
        """Return the names of all colours at a time or close to it."""
        frame = self.frame
        places = range(frame.top, frame.bottom)
        return {
            name for y in places for dx in (-1, 0, 1) for name in self.seen(x + dx, y)
        }


def at[P: Lines | BarGroups](
    painted: Painted[P], time: float, value: float
) -> set[str]:
    """Return the colours where a value is, at a time."""
    frame = painted.frame
    return painted.seen(frame.x(time), frame.y(painted.plot.scale.share(value)))


def line(*points: tuple[float, float | None], held: bool = True) -> Lines:
    corners = Numbers().held(points, DAY_LONG.end) if held else points
    return lines((BLUE, list(corners)))


def lines(*some: tuple[str, Sequence[tuple[float, float | None]]]) -> Lines:
    known = [value for _, points in some for _, value in points if value is not None]
    return Lines(some, scale(min(known, default=0.0), max(known, default=0.0)))


def test_value_holds_until_the_next() -> None:
    """At noon the line is where the state was at noon."""
    chart = Painted(line((START, 10), (START + 6 * HOUR, 20), (NOON + HOUR, 0)))
    assert at(chart, NOON, 20) == {"blue"}
    assert at(chart, START + 3 * HOUR, 10) == {"blue"}
    assert at(chart, START + 3 * HOUR, 12) == {"ground"}
    # Up to now it is what it was last.
    assert at(chart, DAY_LONG.end - 200, 0) == {"blue"}


def test_means_are_joined() -> None:
    """Between two means the line goes straight."""
    chart = Painted(line((START, 0), (START + DAY, 20), held=False))
    assert at(chart, NOON, 10) == {"blue"}
    assert at(chart, NOON, 13) == {"ground"}


@pytest.mark.parametrize("held", [True, False])
def test_gap_is_a_gap(held: bool) -> None:
    """Nothing is drawn where nothing is known."""
    points = [(START + hour * HOUR, 10.0 + hour % 2) for hour in range(24)]
    gap = [
        (time, None if 10 <= n < 14 else value)
        for n, (time, value) in enumerate(points)
    ]
    chart = Painted(line(*gap, held=held))
    assert "blue" not in chart.column(chart.frame.x(NOON))
    for hour in (5.5, 17.5):
        assert "blue" in chart.column(chart.frame.x(START + hour * HOUR))


def test_peak_is_not_lost() -> None:
    """One value of thousands is seen, however short it was."""
    points = [(START + n * 10, 0.0) for n in range(8640)]
    points[4320] = (NOON, 100.0)
    chart = Painted(line(*points))
    assert any("blue" in at(chart, NOON + n * 60, 90) for n in range(-3, 4))
    assert at(chart, NOON + HOUR, 90) == {"ground"}


def test_single_mean_is_a_dot() -> None:
    """A single value is seen."""
    chart = Painted(line((NOON, 10), held=False))
    assert at(chart, NOON, 10) == {"blue"}
    assert at(chart, NOON + HOUR, 10) != {"blue"}


def test_every_line_has_its_colour() -> None:
    """Three lines, one above the other."""
    colours = enumerate((BLUE, RED, GREEN))
    chart = Painted(
        lines(*((colour, ((START, n), (DAY_LONG.end, n))) for n, colour in colours))
    )
    seen = [at(chart, NOON, n) for n in range(3)]
    assert seen == [{"blue"}, {"red"}, {"green"}]


def test_bars_stand_in_their_hours() -> None:
    """Side by side, in their order, as high as they should be, down from zero too."""
    nothing: list[float | None] = [None, 0.0] * 12
    plot = BarGroups(
        hour_edges(DAY_LONG),
        (
            (BLUE, (4.0,) * 24),
            (RED, (-2.0,) * 24),
            (GREEN, tuple(nothing)),
        ),
        daily=False,
        scale=scale(-2, 4, from_zero=True),
    )
    chart = Painted(plot)
    first, second, third = (NOON + HOUR * share for share in (0.26, 0.5, 0.74))
    assert at(chart, first, 3.5) == {"blue"}
    assert at(chart, first, 4.4) == {"ground"}
    assert at(chart, second, -1.5) == {"red"}
    assert at(chart, second, 1.5) == {"ground"}
    assert at(chart, third, 1.5) == {"ground"}


def test_a_bar_for_each_day() -> None:
    """The label stands below its bar, and not beyond the last one."""
    month = span("2026-10-01T00:00", "2026-11-01T00:00")
    edges = day_edges(month)
    values = (1.0,) * 29 + (3.0, 2.0)
    axis = scale(1, 3, from_zero=True)
    chart = Painted(BarGroups(edges, ((BLUE, values),), daily=True, scale=axis), month)
    middles = [edge + DAY / 2 for edge in edges[-3:-1]]
    assert [at(chart, x, 2.5) for x in middles] == [{"blue"}, {"ground"}]
    assert [at(chart, x, 1.5) for x in middles] == [{"blue"}, {"blue"}]

    def is_labelled(number: int) -> bool:
        middle = round(chart.frame.x(edges[number] + DAY / 2))
        below = range(chart.frame.bottom + 4, chart.frame.bottom + 30)
        around = range(middle - 6, middle + 6)
        return any(chart.seen(x, y) != {"ground"} for x in around for y in below)

    assert [is_labelled(number) for number in (2, 5, 9, 13, 16)] == [
        *(True, False, True, False, True)
    ]


def test_rows_of_states() -> None:
    """Each in its row and for its time; in between nothing."""
    plot = Timeline(
        (
            ((START, NOON, BLUE), (NOON, START + 18 * HOUR, RED)),
            ((NOON, NOON + 1, GREEN),),
        )
    )
    chart = Painted(plot)
    x = chart.frame.x
    first, second = (chart.frame.y(plot.share(row)) for row in (0, 1))
    assert chart.seen(x(START + 6 * HOUR), first) == {"blue"}
    assert chart.seen(x(START + 15 * HOUR), first) == {"red"}
    assert "red" not in chart.seen(x(START + 21 * HOUR), first)
    # A second, and still there.
    assert chart.seen(x(NOON) + 0.5, second) == {"green"}
    assert chart.seen(x(NOON) + 4, second + 4) == {"ground"}


@pytest.mark.parametrize("page", ["#ffffff", "#1c1c1c"])
def test_no_ground_of_its_own(page: str) -> None:
    """The page is seen between the lines, and the colours stay what they are."""
    chart = Painted(line((START, 10), (NOON, 20)), page=page)
    assert at(chart, NOON + HOUR, 20) == {"blue"}
    assert at(chart, NOON + HOUR, 13) == {"ground"}
    assert chart.seen(1, 1) == {"ground"}


@pytest.mark.parametrize(
    "plot",
    [
        pytest.param(line((START, 0), (NOON, 99999)), id="wide numbers"),
        pytest.param(line((START, 1)), id="narrow numbers"),
        pytest.param(Timeline([[(START, NOON, BLUE)]]), id="rows"),
    ],
)
@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param("2026-11-24T20:00", "2026-11-25T20:00", id="day"),
        pytest.param("2026-11-22T00:00", "2026-11-25T00:00", id="days"),
        pytest.param("2026-10-25T00:00", "2026-11-25T00:00", id="month"),
    ],
)
def test_times_at_the_edges_are_whole(plot: Plot, start: str, end: str) -> None:
    """A time below the first or the last moment is not cut off."""
    alpha = Painted(plot, span(start, end)).alpha
    width, height = alpha.size
    assert alpha.crop((0, 0, 1, height)).getextrema() == (0, 0)
    assert alpha.crop((width - 1, 0, width, height)).getextrema() == (0, 0)


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
    late, in_order = lines((BLUE, points[::-1])), lines((BLUE, points))
    assert draw(late, DAY_LONG) == draw(in_order, DAY_LONG)
