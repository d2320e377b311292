"""A chart in a mail: a picture, and the same in words beside it."""

from dataclasses import dataclass

from .signs import Signs


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
