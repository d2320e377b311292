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
    """What is seen and read of a chart: all of it text for people."""

    title: str = ""
    caption: str
    """From when to when, and the unit."""
    content_id: str = ""
    """Empty: there is no picture, only words."""
    columns: tuple[str, ...] = ()
    rows: tuple[ChartRow, ...]
    lines: tuple[str, ...]
    """The rows as sentences."""

    def heading(self, signs: Signs) -> str:
        """Return what stands above the picture, in one line."""
        if not self.title:
            return self.caption
        return f"{self.title}{signs.in_brackets(self.caption)}"

    def alt(self, signs: Signs) -> str:
        """Return what the picture says, for those who do not see it."""
        return signs.said(self.heading(signs), signs.semicolon.join(self.lines))

    def text(self, signs: Signs) -> str:
        """Return what stands for it where there is text alone."""
        return "\n".join((self.heading(signs), *self.lines))
