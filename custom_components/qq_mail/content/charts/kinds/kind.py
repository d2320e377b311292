"""What a kind of chart consists of, and what its charts have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homeassistant.core import State

from ....mime.card import Chart
from ...states import StateTexts
from ..axes import Span
from ..drawing import Plot
from ..recording import Recording

COLOURS = (
    *("#0277bd", "#fc6010", "#c81c98", "#58a460"),
    *("#d42008", "#4c94fc", "#607050", "#005cfc"),
)
"""Seen on a white and on a dark page, and told apart by colour-blind people."""
AT_REST = "#87919b"
"""The colour of states in which nothing happens: off, closed, nobody at home."""

MOST_DECIMALS = 2
_LONG = 1e9


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of chart: of which entities, from which records, and how it is drawn."""

    fits: Callable[[State], bool]
    """Tells whether an entity is drawn this way."""
    read: Callable[[Recording, Sequence[State]], Mapping[str, Any]]
    """Reads the recorder, in a thread; entities without a record are left out."""
    chart: Callable[
        [Sequence[tuple[State, Any]], Span, str, StateTexts], tuple[Chart, Plot, Span]
    ]
    """Makes one chart of entities, each with what was read, that have the same unit.

    It has no title yet, and a picture that only has to be drawn, of this time.
    """


def rounded(number: float, decimals: int) -> str:
    """Return a number with so many decimals; a very large one has four digits."""
    return f"{number:z.{decimals}f}" if abs(number) < _LONG else f"{number:.4g}"
