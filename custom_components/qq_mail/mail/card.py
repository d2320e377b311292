"""A good-looking mail without writing HTML."""

from dataclasses import dataclass

from .models import Priority


@dataclass(frozen=True, slots=True)
class Row:
    """An entity in the table of states: all of it text for people."""

    name: str
    state: str
    """With its unit."""
    since: str


@dataclass(frozen=True, slots=True)
class Link:
    """A button to a dashboard or page."""

    url: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is shown below the text."""

    content_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a mail shows; the text may be Markdown, everything else is plain."""

    title: str
    text: str
    markdown: bool = False
    columns: tuple[str, str, str] = ("", "", "")
    """Headings of the table: name, state, since."""
    rows: tuple[Row, ...] = ()
    link: Link | None = None
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    priority: Priority = Priority.NORMAL
    home: str = ""
    time: str = ""
    language: str = "en"


def render_html(card: Card) -> str:
    """Return the HTML document of a card."""
    raise NotImplementedError


def render_text(card: Card) -> str:
    """Return the text that stands for a card."""
    raise NotImplementedError


def extend_html(html: str, card: Card) -> str:
    """Return the caller's own HTML with the card's table, button, pictures, notes."""
    raise NotImplementedError


def text_of(html: str) -> str:
    """Return a text that can stand for HTML."""
    raise NotImplementedError


def content_ids(html: str) -> set[str]:
    """Return what HTML refers to by `cid:` (RFC 2392)."""
    raise NotImplementedError
