"""A good-looking mail without writing HTML."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from .chart import Chart
from .markup import end_of_body
from .models import Priority

# These take a tenth of a second to import, and most mails need neither of them.
if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_ACCENTS = {
    Priority.HIGHEST: ("#c62828", "#ff8a80"),
    Priority.HIGH: ("#d84315", "#ffab91"),
    Priority.NORMAL: ("#0277bd", "#81d4fa"),
    Priority.LOW: ("#546e7a", "#b0bec5"),
    Priority.LOWEST: ("#546e7a", "#b0bec5"),
}
"""For light and for dark backgrounds; each can be read on its own."""

# Mail programs drop style sheets, QQ Mail's web page among them.
_BLOCK = "margin:0 0 12px 0;"
_CELL = "border:1px solid #d5dbe1;padding:6px 10px;text-align:left;"
_STYLES = {
    "p": _BLOCK,
    "h1": _BLOCK + "font-size:20px;line-height:28px;",
    "h2": _BLOCK + "font-size:18px;line-height:26px;",
    "h3": _BLOCK + "font-size:16px;line-height:24px;",
    "h4": _BLOCK + "font-size:16px;line-height:24px;",
    "h5": _BLOCK + "font-size:16px;line-height:24px;",
    "h6": _BLOCK + "font-size:16px;line-height:24px;",
    "ul": _BLOCK + "padding-left:24px;",
    "ol": _BLOCK + "padding-left:24px;",
    "li": "margin:0 0 4px 0;",
    "table": _BLOCK + "border-collapse:collapse;",
    "th": _CELL + "font-weight:bold;",
    "td": _CELL,
    "blockquote": "margin:0 0 12px 0;padding:0 0 0 12px;border-left:3px solid #d5dbe1;",
    "code": "font-family:Consolas,Menlo,monospace;font-size:14px;word-break:break-all;",
    "hr": "margin:16px 0;border:0;border-top:1px solid #d5dbe1;",
    "img": "max-width:100%;height:auto;",
}
# Code in blocks, whose element markdown-it writes by itself.
_PRE = (
    "margin:0 0 12px 0;white-space:pre-wrap;word-break:break-all;"
    "font-family:Consolas,Menlo,monospace;font-size:14px;line-height:20px;"
)


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
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    priority: Priority = Priority.NORMAL
    home: str = ""
    time: str = ""
    language: str = "en"


def accent_of(priority: Priority) -> str:
    """Return the colour of a card on a light ground."""
    return _ACCENTS[priority][0]


def render_html(card: Card) -> str:
    """Return the HTML document of a card."""
    accent, accent_on_dark = _ACCENTS[card.priority]
    return _template("card.html.jinja").render(
        card=card,
        text=_markdown(card.text) if card.markdown else _lines(card.text),
        accent=accent,
        accent_on_dark=accent_on_dark,
    )


def render_text(card: Card) -> str:
    """Return the text that stands for a card."""
    rows = [f"{row.name}: {row.state} ({row.since})" for row in card.rows]
    link = [f"{card.link.title} {card.link.url}".strip()] if card.link else []
    charts = [chart.text for chart in card.charts]
    blocks = [card.text, *charts, "\n".join(rows), *link, "\n".join(card.notes)]
    return "\n\n".join(block for block in blocks if block)


def extend_html(html: str, card: Card) -> str:
    """Return the caller's own HTML with the card's table, button, pictures, notes."""
    if not (card.rows or card.link or card.pictures or card.charts or card.notes):
        return html
    accent, _ = _ACCENTS[card.priority]
    sections = _template("sections.html.jinja").render(card=card, accent=accent)
    at = end_of_body(html)
    return html[:at] + sections + html[at:]


def _lines(text: str) -> Markup:
    """Return plain text as HTML."""
    return Markup("<br>\n").join(text.splitlines())


def _markdown(text: str) -> Markup:
    """Return Markdown as HTML; HTML in it stays what it is: text."""
    parser = _parser()
    tokens = parser.parse(text)
    for token in _all(tokens):
        if token.type in ("fence", "code_block"):
            token.attrSet("style", _PRE)
        elif token.nesting >= 0 and token.tag in _STYLES:
            # Last what it has already: the alignment of a table's cell.
            token.attrSet(
                "style", _STYLES[token.tag] + str(token.attrGet("style") or "")
            )
    # It escapes all that it does not write itself.
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704


def _all(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or [])


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415

    # A line end in an alert is meant as one.
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    return parser.enable(["table", "strikethrough"])


@cache
def _template(name: str) -> Template:
    """Return a template. It blocks when it is first called."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["content_id"] = lambda text: quote(text, safe="")
    return environment.get_template(name)
