"""A chart in a mail: a picture, and a table that says the same."""

from dataclasses import dataclass

from .signs import Signs


@dataclass(frozen=True, slots=True)
class Mark:
    """A state in the legend: its text, and its colour in the picture."""

    colour: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRow:
    """What the chart shows of one entity."""

    name: str
    colour: str = ""
    """Of its line or bars."""
    values: tuple[str, ...] = ()
    """One for each column."""
    marks: tuple[Mark, ...] = ()
    """Its states, and how long each one was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart as a mail shows it. All texts are in the language of the house."""

    title: str = ""
    caption: str
    """From when to when, and the unit."""
    content_id: str = ""
    """Of the picture; empty: there is none, only the table."""
    columns: tuple[str, ...] = ()
    rows: tuple[ChartRow, ...]
    lines: tuple[str, ...]
    """The rows as sentences."""

    def heading(self, signs: Signs) -> str:
        """Return the title and the caption, in one line."""
        if not self.title:
            return self.caption
        return f"{self.title}{signs.in_brackets(self.caption)}"

    def alt(self, signs: Signs) -> str:
        """Return the text for those who do not see the picture."""
        return signs.said(self.heading(signs), signs.semicolon.join(self.lines))

    def text(self, signs: Signs) -> str:
        """Return what stands for the chart in a plain text."""
        return "\n".join((self.heading(signs), *self.lines))
