"""Drawing a chart as a picture. It blocks.

A picture has no words: names and units stand beside it, in fonts that the reader has.
It has no ground either, and its colours hold on a white page and on a dark one: mail
programs turn a page dark, but not the pictures in it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from io import BytesIO
import math

from .axes import Scale, Span, Tick, time_ticks

WIDTH = 560
"""How wide a card is, in the reader's pixels; on a phone it shrinks to about half."""
PIXELS = 2
"""How many are drawn for each of the reader's, as many screens are that fine."""
COLUMNS = WIDTH * PIXELS
"""Pixels in a row of a picture; what happens within one of them is seen as one."""
PLOT_HEIGHT = 230
"""From the highest number down to the lowest, in the reader's pixels."""
BASE = "#808a94"
"""The colour of axes."""
INK = "#788089"
"""The colour of numbers and times: as far from a white page as from a dark one."""

_FINER = 2
"""How much larger all is drawn before it is scaled down, which smooths the edges."""
_SCALE = PIXELS * _FINER
_GRID = "#8c98a450"
_FONT_SIZE = 18
"""In the reader's pixels: about ten on a phone, which is as small as can be read."""
_BOLD = 0.25
"""How far letters are widened, in pixels: grey ones are too thin otherwise."""
_DOT, _TICK = 3, 4
_ABOVE, _BELOW = 12, 36
_GAP = 8
"""Between the chart and the labels at its left."""
_GAP_BELOW = 13
"""Between the chart and the times, which the lowest label reaches into."""
_COLOURS = 128


class Plot(ABC):
    """What one picture shows; by default numbers on a scale."""

    scale: Scale

    @property
    def height(self) -> int:
        """The height without the times below, in the reader's pixels."""
        return PLOT_HEIGHT

    @property
    def labels(self) -> Sequence[tuple[str, float]]:
        """Texts at the left, each with its place as a share of the height."""
        scale = self.scale
        return [(scale.label(tick), scale.share(tick)) for tick in scale.ticks]

    def ticks(self, span: Span) -> Iterable[Tick]:
        """Return the times that stand below."""
        return time_ticks(span)

    @abstractmethod
    def draw(self, canvas: Canvas) -> None:
        """Draw what was recorded."""


def draw(plot: Plot, span: Span) -> bytes:
    """Return a chart as a PNG with a transparent ground."""
    canvas = Canvas(plot, span)
    for text, share in plot.labels:
        y = canvas.y(share)
        canvas.line([(canvas.left, y), (canvas.right, y)], _GRID)
        canvas.write(canvas.left - _GAP, y, text, "rm")
    for tick in plot.ticks(span):
        x = canvas.x(tick.time)
        if tick.marked:
            canvas.line([(x, canvas.bottom), (x, canvas.bottom + _TICK)], BASE)
        canvas.write(x, canvas.bottom + _GAP_BELOW, tick.label, "mt")
    plot.draw(canvas)
    return canvas.png()


class Canvas:
    """A picture as wide as a card, drawn in the reader's pixels."""

    def __init__(self, plot: Plot, span: Span) -> None:
        """Leave room for the labels at the left and the times below.

        Pillow is loaded here: most houses send no charts.
        """
        from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - in a thread

        self._font = ImageFont.load_default(_FONT_SIZE * PIXELS)
        self._span = span
        self.top = _ABOVE
        self.bottom = _ABOVE + plot.height
        # Half of a time is written before the first tick, or behind the last.
        half = math.ceil(self._width_of("00:00") / 2) + 1
        labels = max(self._width_of(text) for text, _ in plot.labels)
        self.left = max(math.ceil(labels) + _GAP, half)
        self.right = WIDTH - half
        height = self.bottom + _BELOW
        self._image = Image
        self._shapes = Image.new("RGBA", (WIDTH * _SCALE, height * _SCALE))
        self._draw = ImageDraw.Draw(self._shapes)
        # Written onto the same colour, or the letters' edges would be darker.
        self._texts = Image.new("RGBA", (WIDTH * PIXELS, height * PIXELS), f"{INK}00")
        self._write = ImageDraw.Draw(self._texts)

    def _width_of(self, text: str) -> float:
        return self._font.getlength(text) / PIXELS + 2 * _BOLD

    def x(self, time: float) -> float:
        """Return where a time is; one that is before or after is at the edge."""
        share = (time - self._span.start) / self._span.length
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def y(self, share: float) -> float:
        """Return where a share of the height is, 0 at the bottom and 1 at the top."""
        return self.bottom - share * (self.bottom - self.top)

    def line(
        self, path: Sequence[tuple[float, float]], colour: str, width: float = 0.75
    ) -> None:
        """Draw a line through several points."""
        points = [(x * _SCALE, y * _SCALE) for x, y in path]
        self._draw.line(points, colour, round(width * _SCALE), "curve")

    def dot(self, x: float, y: float, colour: str) -> None:
        """Draw a point that stands alone."""
        self._draw.circle((x * _SCALE, y * _SCALE), _DOT * _SCALE, fill=colour)

    def bar(self, x1: float, y1: float, x2: float, y2: float, colour: str) -> None:
        """Fill a rectangle between its upper left and its lower right corner."""
        left, top, right, bottom = (round(at * _SCALE) for at in (x1, y1, x2, y2))
        # Pillow fills up to the second corner, and with it.
        corner = (max(left, right - 1), max(top, bottom - 1))
        self._draw.rectangle(((left, top), corner), fill=colour)

    def write(self, x: float, y: float, text: str, anchor: str) -> None:
        """Write a text whose anchor, as Pillow names it, is at a place."""
        self._write.text(
            (x * PIXELS, y * PIXELS),
            text,
            INK,
            self._font,
            anchor,
            stroke_width=_BOLD * PIXELS,
        )

    def png(self) -> bytes:
        """Return the picture as a PNG."""
        picture = self._shapes.reduce(_FINER)
        # Not scaled: a font rounds off its own edges better.
        picture.alpha_composite(self._texts)
        method, dither = self._image.Quantize.FASTOCTREE, self._image.Dither.NONE
        file = BytesIO()
        picture.quantize(_COLOURS, method, dither=dither).save(file, "PNG")
        return file.getvalue()
