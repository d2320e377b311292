"""Colours can be seen, and told apart."""

from itertools import combinations
import math

from PIL import ImageColor
import pytest

from custom_components.qq_mail.content.charts.drawing import BASE, INK
from custom_components.qq_mail.content.charts.kinds.kind import AT_REST, COLOURS

type Linear = tuple[float, float, float]

# What those see who have no red or no green cones (Machado, 2009), and all others.
EYES = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}
# Oklab (Ottosson, 2020): cones, and what the eye makes of them.
CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
OKLAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def linear(colour: str) -> list[float]:
    """Return red, green and blue as light."""
    parts = [part / 255 for part in ImageColor.getrgb(colour)]
    return [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    ]


def through(matrix: tuple[Linear, ...], parts: list[float]) -> list[float]:
    return [math.sumprod(row, parts) for row in matrix]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2 has it."""
    light = ((0.2126, 0.7152, 0.0722),)
    dark, bright = sorted(through(light, linear(colour))[0] for colour in (one, other))
    return (bright + 0.05) / (dark + 0.05)


def seen(colour: str, eye: str) -> list[float]:
    """Return where a colour lies for an eye: equal distances look alike."""
    light = [min(max(part, 0.0), 1.0) for part in through(EYES[eye], linear(colour))]
    return through(OKLAB, [math.cbrt(part) for part in through(CONES, light)])


# White, a page that a mail program turned dark, and our own card on it.
PAGES = ["#ffffff", "#1c1c1c", "#1b2127"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("colour", [*COLOURS, AT_REST, BASE])
def test_seen_on_every_page(colour: str, page: str) -> None:
    """As much as WCAG 2 asks of graphics (1.4.11)."""
    assert contrast(colour, page) >= 3


@pytest.mark.parametrize("page", PAGES)
def test_read_on_every_page(page: str) -> None:
    """One grey cannot have 4.5 on white and on our dark card at once; 4.0 is the most."""
    assert contrast(INK, page) >= 3.95


@pytest.mark.parametrize("eye", EYES)
def test_told_apart(eye: str) -> None:
    """Any two of eight; of the first two, which most charts have, much more so."""
    distances = {
        pair: math.dist(*(seen(colour, eye) for colour in pair))
        for pair in combinations(COLOURS, 2)
    }
    assert min(distances.values()) >= 0.095
    assert distances[COLOURS[0], COLOURS[1]] >= 0.2
    rest = seen(AT_REST, eye)
    assert min(math.dist(rest, seen(colour, eye)) for colour in COLOURS) >= 0.07
