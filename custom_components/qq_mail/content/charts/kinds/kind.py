"""What a kind of chart consists of, and what its charts have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homeassistant.core import State

from ....mime.chart import ChartRow
from ....texts import Texts
from ...states import StateTexts
from ..drawing import Plot
from ..models import Span
from ..recording import Recording

COLOURS = (
    *("#0277bd", "#fc6010", "#c81c98", "#58a460"),
    *("#d42008", "#4c94fc", "#607050", "#005cfc"),
)
"""Seen on a white and on a dark page, and told apart by colour-blind people."""
AT_REST = "#87919b"
"""The colour of states in which nothing happens: off, closed, nobody at home."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a plan needs beside what was recorded."""

    span: Span
    unit: str
    """Of all entities in the chart; empty where they have none."""
    state_texts: StateTexts

    @property
    def texts(self) -> Texts:
        """The integration's own texts."""
        return self.state_texts.texts


@dataclass(frozen=True, slots=True)
class Plan:
    """A chart that only has to be drawn."""

    plot: Plot
    span: Span
    caption: str
    columns: tuple[str, ...]
    rows: tuple[ChartRow, ...]


@dataclass(frozen=True, slots=True)
class Kind[T]:
    """A kind of chart: of which entities, from which records, and how it is drawn.

    T is what was recorded of one entity.
    """

    fits: Callable[[State], bool]
    """Tells whether an entity is drawn this way."""
    read: Callable[[Recording, Sequence[State]], Mapping[str, T]]
    """Reads the recorder, in a thread; entities without a record are left out."""
    plan: Callable[[Sequence[tuple[State, T]], Context], Plan]
    """Plans one chart of entities that have the same unit."""


type AnyKind = Kind[Any]


def joined(*parts: str) -> str:
    """Return the parts of a caption in one line."""
    return " · ".join(filter(None, parts))
