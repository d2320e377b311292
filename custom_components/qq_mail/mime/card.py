"""What a mail shows: a card with its text, rows, buttons, charts and pictures.

`render.py` writes it as HTML and as plain text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from .models import BodyPart, Priority


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs between the parts of a line, with their blanks."""

    colon: str
    comma: str
    semicolon: str
    brackets: tuple[str, str]

    def said(self, name: str, text: str) -> str:
        """Return a name, a colon and a text."""
        return f"{name}{self.colon}{text}"

    def in_brackets(self, text: str) -> str:
        """Return a text in brackets, with a blank before them if that is usual."""
        return f"{self.brackets[0]}{text}{self.brackets[1]}"


def signs_of(language: str) -> Signs:
    """Return the signs of a language, which is given as Home Assistant's code."""
    if language.startswith("zh"):
        return Signs("：", "，", "；", ("（", "）"))
    return Signs(": ", ", ", "; ", (" (", ")"))


@dataclass(frozen=True, slots=True)
class Row:
    """A row in the table of states: an entity, as people read it."""

    name: str
    state: str
    """With its unit."""
    since: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a dashboard or page."""

    url: str
    title: str = ""

    @property
    def text(self) -> str:
        """What stands for it where no HTML is shown."""
        return f"{self.title} {self.url}".strip()


class Look(StrEnum):
    """What a button does, as its colours show."""

    ACT = "act"
    DESTRUCTIVE = "destructive"
    """It does what cannot be undone."""
    WORDS = "words"
    """It asks for a text, and has no number."""
    LINK = "link"
    """It opens a page, and changes nothing."""


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


def numbered(titles: Iterable[str], first: int = 1) -> str:
    """Return a line that says by which numbers buttons are pressed in an answer."""
    return " · ".join(f"{at} {title}" for at, title in enumerate(titles, first))


@dataclass(frozen=True, slots=True)
class Mark:
    """A text beside the colour that it has in the picture."""

    colour: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRow:
    """What stands beside the picture for one entity."""

    name: str
    line: str = ""
    """The same as a sentence."""
    colour: str = ""
    """Of the entity's line or bars; empty where each state has its own."""
    values: tuple[str, ...] = ()
    """One for each column."""
    marks: tuple[Mark, ...] = ()
    """The entity's states, and how long each one was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a mail shows of a chart, in the reader's language."""

    title: str = ""
    caption: str
    """From when to when, and the unit."""
    content_id: str = ""
    """Of the picture; empty where the mail has no room for it."""
    columns: tuple[str, ...] = ()
    rows: tuple[ChartRow, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The rows as sentences."""
        return tuple(row.line for row in self.rows)

    def heading(self, signs: Signs) -> str:
        """Return what stands above the picture, in one line."""
        if not self.title:
            return self.caption
        return f"{self.title}{signs.in_brackets(self.caption)}"

    def alt(self, signs: Signs) -> str:
        """Return the text for those who do not see the picture."""
        return signs.said(self.heading(signs), signs.semicolon.join(self.lines))

    def text(self, signs: Signs) -> str:
        """Return the chart as text, for the plain part of a mail."""
        return "\n".join((self.heading(signs), *self.lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a mail shows. The text may be Markdown, all else is plain text."""

    title: str
    text: str
    markdown: bool = False
    label: str = ""
    """How important it is, in a word."""
    columns: tuple[str, str, str] = ("", "", "")
    """Headings of the table of states: name, state, since."""
    rows: tuple[Row, ...] = ()
    left_out: int = 0
    """How many rows are not shown."""
    more: str = "{number}"
    """The line that says so, with `{number}` for how many."""
    entries: tuple[Card, ...] = ()
    """The alerts of a digest, the newest first; the time of each is in words."""
    links: tuple[Link, ...] = ()
    above_buttons: tuple[str, ...] = ()
    """Lines to be read before a button is pressed, also one of an entry."""
    buttons: tuple[Button, ...] = ()
    small_print: tuple[str, ...] = ()
    """Below the buttons or entries: who can press, and until when."""
    pictures: tuple[BodyPart, ...] = ()
    """Below the text."""
    charts: tuple[Chart, ...] = ()
    widths: Mapping[str, int] = field(default_factory=dict)
    """The widths of pictures within the text, in pixels, by their content ids."""
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    priority: Priority = Priority.NORMAL
    sent_by: str = ""
    home: str = ""
    time: str = ""
    language: str = "en"

    @property
    def and_more(self) -> str:
        """The line for the rows that are not shown; empty: all are."""
        return self.more.format(number=self.left_out) if self.left_out else ""

    @property
    def shows_more(self) -> bool:
        """Whether there is anything below the text but notes."""
        return bool(
            self.rows
            or self.left_out
            or self.links
            or self.buttons
            or self.pictures
            or self.charts
        )

    @property
    def origin(self) -> str:
        """What sent the mail, and the name of the home."""
        return " · ".join(filter(None, (self.sent_by, self.home)))
