"""Buttons in a mail: each leads to the page where it is pressed, or to another."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Look(StrEnum):
    """What a button does, as its colours show."""

    ACT = "act"
    DESTRUCTIVE = "destructive"
    """It does what cannot be undone."""
    LINK = "link"
    """It opens a page, and changes nothing."""


_COLOURS = {
    Look.ACT: ("#37474f", "#ffffff", "#37474f"),
    Look.DESTRUCTIVE: ("#c62828", "#ffffff", "#c62828"),
    Look.LINK: ("#ffffff", "#1c2733", "#78848f"),
}
"""The colours of the background, the text and the border, in a light mail."""

_AT_HOME = "-home"
_HOUSE = "\N{HOUSE} "


@dataclass(frozen=True, slots=True)
class Button:
    """A button as wide as the card."""

    title: str
    url: str = ""
    """Empty: the button is shown and leads nowhere, as in a preview."""
    look: Look = Look.ACT
    at_home: bool = False
    """Whether it works in the home's own network alone; then it looks different."""

    @classmethod
    def marked(cls, mark: str, caption: str, url: str) -> Self | None:
        """Return the button with this mark and caption; None: the mark is another's."""
        look = mark.removesuffix(_AT_HOME)
        if look not in Look:
            return None
        at_home = look != mark
        title = caption.removeprefix(_HOUSE) if at_home else caption
        return cls(title, url, Look(look), at_home)

    @property
    def mark(self) -> str:
        """The CSS class of its cell, which `marked` reads."""
        return f"{self.look}{_AT_HOME}" if self.at_home else self.look

    @property
    def caption(self) -> str:
        """The text on it."""
        return f"{_HOUSE}{self.title}" if self.at_home else self.title

    @property
    def text(self) -> str:
        """What stands for it where no HTML is shown."""
        # A line for each: what turns the direction of a title ends with its line.
        return "\n".join(filter(None, (f"[{self.caption}]", self.url)))

    @property
    def ground(self) -> str:
        """The colour of its background."""
        return "#ffffff" if self.at_home else _COLOURS[self.look][0]

    @property
    def ink(self) -> str:
        """The colour of its text."""
        return _COLOURS[self.look][0 if self.at_home else 1]

    @property
    def border(self) -> str:
        """Its border, as CSS has it."""
        line = "2px dashed" if self.at_home else "1px solid"
        return f"{line} {_COLOURS[self.look][2]}"
