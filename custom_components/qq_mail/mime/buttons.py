"""Buttons in a card: they lead to a page where one presses, or to any other."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Look(StrEnum):
    """What a button does, which its colours show."""

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
"""Of the ground, the text and the border, in a light mail."""

_AT_HOME = "-home"
_HOUSE = "\N{HOUSE} "


@dataclass(frozen=True, slots=True)
class Button:
    """A button as wide as the card."""

    title: str
    url: str = ""
    """Empty: it is drawn, and leads nowhere."""
    look: Look = Look.ACT
    at_home: bool = False
    """It works in the home's own network alone, and looks like that."""

    @classmethod
    def marked(cls, mark: str, caption: str, url: str) -> Self | None:
        """Return the button that has this mark and caption; None: it is no button."""
        look = mark.removesuffix(_AT_HOME)
        if look not in Look:
            return None
        at_home = look != mark
        title = caption.removeprefix(_HOUSE) if at_home else caption
        return cls(title, url, Look(look), at_home)

    @property
    def mark(self) -> str:
        """The class of its cell, and what `marked` reads."""
        return f"{self.look}{_AT_HOME}" if self.at_home else self.look

    @property
    def caption(self) -> str:
        """What stands on it."""
        return f"{_HOUSE}{self.title}" if self.at_home else self.title

    @property
    def text(self) -> str:
        """What stands for it where no HTML is shown."""
        # A line for each: what turns the direction of a title ends with its line.
        return "\n".join(filter(None, (f"[{self.caption}]", self.url)))

    @property
    def ground(self) -> str:
        """The colour behind its text."""
        return "#ffffff" if self.at_home else _COLOURS[self.look][0]

    @property
    def ink(self) -> str:
        """The colour of its text."""
        return _COLOURS[self.look][0 if self.at_home else 1]

    @property
    def border(self) -> str:
        """The value of its border in a style."""
        line = "2px dashed" if self.at_home else "1px solid"
        return f"{line} {_COLOURS[self.look][2]}"
