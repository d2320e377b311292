"""Drawing with Pillow. It blocks, and is imported only when something is drawn.

A picture has no words: names and units stand beside it, in fonts that the reader has.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from io import BytesIO
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from ...mime.chart import GROUND
from .axes import Scale, scale, time_ticks
from .models import BarGroups, Line, Lines, Plot, Span, Timeline

WIDTH = 560
"""Of a card, in the reader's pixels. On a phone it is shown at two thirds of that."""
PIXELS = 2
"""Drawn for each of the reader's: screens have as many."""
_FINER = 2
"""Drawn twice as large again, and scaled down: this rounds off the edges."""

_GRID = "#dfe4e9"
_BASE = "#8c98a4"
_INK = "#4d5a66"

_FONT_SIZE = 18
"""Eleven on a phone, which is as small as can be read."""
_LINE_WIDTH = 2.5
_DOT = 3
_PLOT_HEIGHT = 230
_ROW, _BAR = 38, 26
_EDGE, _BELOW, _ABOVE = 14, 34, 16
_MOST_TICKS = {True: 8, False: 6}
"""So that dates and times do not touch on a phone."""
_BAR_SHARE = 0.72
_COLOURS = 128


class Frame:
    """Where things are in a picture, in its pixels."""

    def __init__(self, plot: Plot, span: Span) -> None:
        """Leave room for the labels."""
        self.span = span
        self._plot = plot
        self.font = ImageFont.load_default(_FONT_SIZE * PIXELS)
        self.top = _ABOVE * PIXELS
        height = len(plot.rows) * _ROW if isinstance(plot, Timeline) else _PLOT_HEIGHT
        self.bottom = self.top + height * PIXELS
        widest = max(self.font.getlength(label) for label, _ in self.labels())
        self.left = _EDGE * PIXELS + round(widest) + 8 * PIXELS
        self.right = (WIDTH - _EDGE) * PIXELS
        self.size = (WIDTH * PIXELS, self.bottom + _BELOW * PIXELS)

    @cached_property
    def values(self) -> Scale:
        """What numbers the height stands for."""
        plot = self._plot
        amounts = isinstance(plot, BarGroups)
        found = [value for value in _values(plot) if value is not None]
        return scale(
            min(found, default=0.0), max(found, default=0.0), from_zero=amounts
        )

    def x(self, time: float) -> float:
        """Return where a time is; before and after, the edge."""
        share = (time - self.span.start) / (self.span.end - self.span.start)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return how high a number is."""
        share = (value - self.values.lowest) / (
            self.values.highest - self.values.lowest
        )
        return self.bottom - share * (self.bottom - self.top)

    def labels(self) -> list[tuple[str, float]]:
        """Return what stands at the left, and how high."""
        if isinstance(self._plot, Timeline):
            rows = range(len(self._plot.rows))
            return [(str(row + 1), self.row(row)) for row in rows]
        return [(self.values.label(tick), self.y(tick)) for tick in self.values.ticks]

    def row(self, number: int) -> float:
        """Return where the middle of a row is."""
        return self.top + (number + 0.5) * _ROW * PIXELS


def _values(plot: Plot) -> Iterator[float | None]:
    if isinstance(plot, BarGroups):
        return (value for bars in plot.bars for value in bars.values)
    lines = plot.lines if isinstance(plot, Lines) else ()
    return (value for line in lines for _, value in line.points)


def draw(plot: Plot, span: Span) -> bytes:
    """Return a chart as a PNG."""
    frame = Frame(plot, span)
    width, height = frame.size
    picture = Image.new("RGB", (width * _FINER, height * _FINER), GROUND)
    pen = _Pen(ImageDraw.Draw(picture))
    if isinstance(plot, Timeline):
        _draw_timeline(pen, frame, plot)
    else:
        for tick in frame.values.ticks:
            pen.line([(frame.left, frame.y(tick)), (frame.right, frame.y(tick))], _GRID)
        if isinstance(plot, Lines):
            for line in plot.lines:
                _draw_line(pen, frame, line)
        else:
            _draw_bars(pen, frame, plot)
    picture = picture.reduce(_FINER)
    # After it was scaled: a font rounds off its own edges better.
    _label(ImageDraw.Draw(picture), frame, plot)
    file = BytesIO()
    picture.quantize(
        _COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    ).save(file, "PNG")
    return file.getvalue()


class _Pen:
    """Draws in the pixels of the picture, finer than those."""

    def __init__(self, canvas: ImageDraw.ImageDraw) -> None:
        self._canvas = canvas

    def line(
        self, path: Sequence[tuple[float, float]], colour: str, width: float = 0.75
    ) -> None:
        self._canvas.line(
            [(x * _FINER, y * _FINER) for x, y in path],
            colour,
            round(width * PIXELS * _FINER),
            "curve",
        )

    def dot(self, x: float, y: float, colour: str) -> None:
        self._canvas.circle(
            (x * _FINER, y * _FINER), _DOT * PIXELS * _FINER, fill=colour
        )

    def bar(self, x1: float, y1: float, x2: float, y2: float, colour: str) -> None:
        box = [value * _FINER for value in (x1, y1, x2, y2)]
        # The second corner belongs to what is filled.
        box[2] = max(box[0], box[2] - 1)
        box[3] = max(box[1], box[3] - 1)
        self._canvas.rectangle(tuple(map(round, box)), fill=colour)


def _draw_line(pen: _Pen, frame: Frame, line: Line) -> None:
    for path in _paths(frame, line):
        if len(path) == 1:
            pen.dot(*path[0], line.colour)
        else:
            pen.line(path, line.colour, _LINE_WIDTH)


def _paths(frame: Frame, line: Line) -> Iterator[list[tuple[float, float]]]:
    """Yield what is drawn in one go: up to a gap, and no more than can be seen."""
    path: list[tuple[float, float]] = []
    for column in _columns(frame, line):
        x, *ys = column
        if not ys:
            if line.held and path:
                path.append((x, path[-1][1]))
            if path:
                yield path
            path = []
            continue
        if line.held and path:
            path.append((x, path[-1][1]))
        path += [(x, y) for y in dict.fromkeys(ys) if path[-1:] != [(x, y)]]
    if path:
        if line.held:
            path.append((frame.right, path[-1][1]))
        yield path


def _columns(frame: Frame, line: Line) -> Iterator[tuple[float, ...]]:
    """Yield each pixel of the reader's that has values: first, lowest, highest, last.

    With its place alone: a gap begins there.
    """
    at = first = lowest = highest = last = -1.0
    known = False
    for time, value in sorted(line.points, key=lambda point: point[0]):
        if time > frame.span.end:
            break
        x = frame.x(time)
        x -= x % PIXELS
        if known and (x != at or value is None):
            yield at, first, lowest, highest, last
            known = False
        if value is None:
            yield (x,)
        elif known:
            last = frame.y(value)
            lowest, highest = max(lowest, last), min(highest, last)
        else:
            first = lowest = highest = last = frame.y(value)
            at, known = x, True
    if known:
        yield at, first, lowest, highest, last


def _draw_bars(pen: _Pen, frame: Frame, plot: BarGroups) -> None:
    zero = frame.y(0)
    for number, (start, end) in enumerate(pairwise(plot.edges)):
        left, right = frame.x(start), frame.x(end)
        gap = (right - left) * (1 - _BAR_SHARE) / 2
        width = (right - left - 2 * gap) / len(plot.bars)
        for place, bars in enumerate(plot.bars):
            value = bars.values[number]
            if not value:
                continue
            x = left + gap + place * width
            top, bottom = sorted((frame.y(value), zero))
            pen.bar(x, top, x + width, bottom, bars.colour)
    pen.line([(frame.left, zero), (frame.right, zero)], _BASE)


def _draw_timeline(pen: _Pen, frame: Frame, plot: Timeline) -> None:
    half = _BAR * PIXELS / 2
    for number, row in enumerate(plot.rows):
        middle = frame.row(number)
        pen.line([(frame.left, middle), (frame.right, middle)], _GRID)
        for stretch in row:
            left, right = round(frame.x(stretch.start)), round(frame.x(stretch.end))
            # A door that was opened for a moment is to be seen.
            right = max(right, left + PIXELS)
            pen.bar(left, middle - half, right, middle + half, stretch.colour)


def _label(canvas: ImageDraw.ImageDraw, frame: Frame, plot: Plot) -> None:
    """Write numbers beside the chart, and times below it."""
    gap = 8 * PIXELS

    def write(x: float, y: float, text: str, anchor: str) -> None:
        canvas.text((x, y), text, _INK, frame.font, anchor)

    for text, y in frame.labels():
        write(frame.left - gap, y, text, "rm")
    below = frame.bottom + gap
    # A day's name stands below its bar, without a tick.
    days = len(plot.edges) - 1 if isinstance(plot, BarGroups) and plot.daily else 0
    shift = (frame.right - frame.left) / days / 2 if days else 0.0
    for tick in time_ticks(frame.span, _MOST_TICKS[bool(days)]):
        x = frame.x(tick.time) + shift
        if not days:
            ends = [(x, frame.bottom), (x, frame.bottom + gap / 2)]
            canvas.line(ends, _BASE, PIXELS)
        half = frame.font.getlength(tick.label) / 2
        write(min(max(x, half), frame.size[0] - half), below, tick.label, "mt")
