"""The table of the kinds of charts."""

from homeassistant.core import State

from .bars import BARS
from .kind import Kind
from .lines import LINES
from .timeline import TIMELINE

KINDS = (BARS, LINES, TIMELINE)
"""An entity is drawn as the first kind that fits; the last one fits all."""


def kind_of(state: State) -> Kind:
    """Return how an entity is drawn, which is as Home Assistant's own charts do it."""
    return next(kind for kind in KINDS if kind.fits(state))
