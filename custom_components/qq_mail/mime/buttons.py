"""Buttons in a card: they lead to a page where one presses, or to any other."""

from dataclasses import dataclass
from enum import StrEnum


class Look(StrEnum):
    """What a button does, as one sees it."""

    ACT = "act"
    DESTRUCTIVE = "destructive"
    """Does what cannot be taken back."""
    LINK = "link"
    """Changes nothing."""


_COLOURS = {
    Look.ACT: ("#37474f", "#ffffff", "#37474f"),
    Look.DESTRUCTIVE: ("#c62828", "#ffffff", "#c62828"),
    Look.LINK: ("#ffffff", "#1c2733", "#78848f"),
}
"""Of its ground, its text and its edge, on a light ground."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button as wide as the card."""

    title: str
    url: str = ""
    """Empty: it is drawn, and leads nowhere."""
    look: Look = Look.ACT

    @property
    def text(self) -> str:
        """What stands for it where no HTML is shown."""
        # A line for each: what turns the direction of a title ends with its line.
        return "\n".join(filter(None, (f"[{self.title}]", self.url)))

    @property
    def ground(self) -> str:
        """The colour behind its text."""
        return _COLOURS[self.look][0]

    @property
    def ink(self) -> str:
        """The colour of its text."""
        return _COLOURS[self.look][1]

    @property
    def edge(self) -> str:
        """The colour of its border."""
        return _COLOURS[self.look][2]
