"""A good-looking mail without writing HTML."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
import re
from typing import TYPE_CHECKING
import unicodedata
from urllib.parse import quote, unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from ..mime.models import Priority
from .buttons import Button
from .chart import Chart
from .markup import end_of_body, text_of
from .signs import signs_of

# These take a tenth of a second to import, and most mails need neither of them.
if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_ACCENTS = {
    Priority.HIGHEST: ("#c62828", "#ff8a80"),
    Priority.HIGH: ("#c63c0e", "#ffab91"),
    Priority.NORMAL: ("#0277bd", "#81d4fa"),
    Priority.LOW: ("#546e7a", "#b0bec5"),
    Priority.LOWEST: ("#546e7a", "#b0bec5"),
}
"""For light and for dark backgrounds; each can be read on its own."""

# Mail programs drop style sheets, QQ Mail's web page among them.
_BLOCK = "margin:0 0 12px 0;"
# What others would colour by themselves has its own colours: some of them drop the
# style sheet, and then show white on white.
_CELL = "border:1px solid #d5dbe1;padding:6px 10px;text-align:start;color:#1c2733;"
_CODE = (
    "font-family:Consolas,Menlo,monospace;font-size:14px;word-break:break-all;"
    "background-color:#f2f4f6;color:#1c2733;border-radius:4px;"
)
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
    "code": _CODE + "padding:1px 4px;",
    "hr": "margin:16px 0;border:0;border-top:1px solid #d5dbe1;",
    "img": "max-width:100%;height:auto;",
}
# Code in blocks, whose element markdown-it writes by itself.
_PRE = (
    _CODE + "display:block;margin:0 0 12px 0;padding:8px 12px;white-space:pre-wrap;"
    "line-height:20px;"
)
# Below the card's own title, which is the only heading of the first level.
_LOWERED = {f"h{level}": f"h{min(level + 1, 6)}" for level in range(1, 7)}
_FONT = Markup(
    "font-family:-apple-system,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',"
    "'Segoe UI',Helvetica,Arial,sans-serif;"
)
# Also put into mails that are not ours, hence with a font, and not by a template: those
# are read from the disk, and the event loop has no time for that.
_NOTE = Markup(
    '<table role="presentation" class="note" width="100%" cellpadding="0"'
    ' cellspacing="0" border="0" style="width:100%;margin:0 0 16px 0;'
    'background-color:#f2f4f6;border-radius:8px;"><tr><td class="muted" dir="auto"'
    ' align="left" style="padding:10px 14px;font-size:13px;line-height:20px;'
    "color:#5f6b76;text-align:start;word-break:break-word;{font}"
    '">{notes}</td></tr></table>'
)

CONTENT_WIDTH = 560
"""Pixels between the edges of a card; Outlook shows a picture as wide as it is told."""
_MAX_OCTETS = 100_000
"""Of HTML: Gmail cuts what has more than 102 kB."""
_MAX_PREHEADER = 150
_MARKS = re.compile(r"^(#+|-|\|) ", re.MULTILINE)
# Takes the place in a list of mails that the card's title would take once more.
_NOTHING = Markup("&#8199;&#847; ")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d)")
_MAX_UNBROKEN = 12
"""Columns of a phone: two for a Hanzi, one for a letter."""


@dataclass(frozen=True, slots=True)
class Row:
    """An entity in the table of states: all of it text for people."""

    name: str
    state: str
    """With its unit."""
    since: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One of several alerts that a card tells."""

    title: str
    when: str
    text: str


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
    width: int = CONTENT_WIDTH
    """Pixels, no more than a card has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a mail shows; the text may be Markdown, everything else is plain."""

    title: str
    text: str
    markdown: bool = False
    label: str = ""
    """How important it is, in a word."""
    columns: tuple[str, str, str] = ("", "", "")
    """Headings of the table: name, state, since."""
    rows: tuple[Row, ...] = ()
    left_out: int = 0
    """Rows that are not shown."""
    more: str = "{number}"
    """Says how many those are."""
    entries: tuple[Entry, ...] = ()
    """Of a digest, the newest first."""
    more_entries: str = ""
    """Says how many of them are not shown."""
    link: Link | None = None
    buttons: tuple[Button, ...] = ()
    small_print: tuple[str, ...] = ()
    """Below the buttons: who can press them, and until when."""
    pictures: tuple[Picture, ...] = ()
    charts: tuple[Chart, ...] = ()
    widths: Mapping[str, int] = field(default_factory=dict)
    """Of pictures within the text, by their content ids."""
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    priority: Priority = Priority.NORMAL
    sent_by: str = ""
    home: str = ""
    time: str = ""
    language: str = "en"

    @property
    def and_more(self) -> str:
        """What stands for the rows that are not shown."""
        return self.more.format(number=self.left_out) if self.left_out else ""

    @property
    def origin(self) -> str:
        """What sent this, and from where."""
        return " · ".join(filter(None, (self.sent_by, self.home)))


def render_html(card: Card) -> str:
    """Return the HTML document of a card."""
    accent, accent_on_dark = _ACCENTS[card.priority]
    text = _markdown(card, accent) if card.markdown else _lines(card.text)
    return _template("card.html.jinja").render(
        card=card,
        signs=signs_of(card.language),
        text=text,
        preheader=_preheader(card, text),
        nothing=_NOTHING,
        font=_FONT,
        accent=accent,
        accent_on_dark=accent_on_dark,
    )


def render_text(card: Card) -> str:
    """Return the text that stands for a card, and says all that it shows."""
    signs = signs_of(card.language)
    heading = "\n".join(filter(None, (card.label, card.title)))
    entries = [
        f"{one.title}{signs.in_brackets(one.when)}\n{one.text}".rstrip()
        for one in card.entries
    ]
    blocks = [heading, *entries, card.more_entries, extend_text(card.text, card)]
    blocks.append(" · ".join(filter(None, (card.origin, card.time))))
    return "\n\n".join(filter(None, blocks))


def extend_html(html: str, card: Card) -> str:
    """Return the caller's own HTML with all that a card has below its text."""
    if not (
        card.rows
        or card.left_out
        or card.link
        or card.buttons
        or card.pictures
        or card.charts
        or card.notes
    ):
        return html
    accent, _ = _ACCENTS[card.priority]
    sections = _template("sections.html.jinja").render(
        card=card, signs=signs_of(card.language), accent=accent
    )
    at = end_of_body(html)
    # Ours can be read whatever font and colours the rest has.
    box = f"padding:12px 16px 1px 16px;background-color:#ffffff;{_FONT}"
    return f'{html[:at]}<div style="{box}">\n{sections}</div>{html[at:]}'


def extend_text(text: str, card: Card) -> str:
    """Return a text with the same."""
    pictures = [f"[{picture.name}]" for picture in card.pictures]
    signs = signs_of(card.language)
    rows = [
        f"{signs.said(row.name, row.state)}{signs.in_brackets(row.since)}"
        for row in card.rows
    ]
    rows += [card.and_more] if card.left_out else []
    link = [f"{card.link.title} {card.link.url}".strip()] if card.link else []
    charts = [chart.text(signs) for chart in card.charts]
    buttons = [button.text for button in card.buttons]
    small_print = card.small_print if card.buttons else ()
    blocks = [text, "\n".join(pictures), *buttons, "\n".join(small_print), *charts]
    blocks += map("\n".join, (rows, link, card.notes))
    return "\n\n".join(block for block in blocks if block)


def fitted(card: Card, render: Callable[[Card], str]) -> tuple[Card, str]:
    """Return a card with no more rows than are shown at once, and its HTML."""

    def cut(number: int) -> Card:
        rows = card.rows[:number]
        return replace(card, rows=rows, left_out=len(card.rows) - number)

    def is_too_long(number: int) -> bool:
        return len(render(cut(number)).encode(errors="replace")) > _MAX_OCTETS

    number = len(card.rows)
    if number and is_too_long(number):
        # One less than are too many; none, where the rest alone is too long.
        number = max(bisect_left(range(number), x=True, key=is_too_long) - 1, 0)
    card = cut(number)
    return card, render(card)


def note_html(*notes: str) -> Markup:
    """Return notes as HTML that can stand in a card, or in anyone's mail."""
    # It escapes what is put into it.
    return _NOTE.format(font=_FONT, notes=Markup("<br>\n").join(notes))


def _preheader(card: Card, text: str) -> str:
    """Return what a list of mails shows beside the subject."""
    signs = signs_of(card.language)
    said = (
        text_of(text)
        or signs.comma.join(dict.fromkeys(entry.title for entry in card.entries))
        or signs.comma.join(signs.said(row.name, row.state) for row in card.rows)
        or signs.comma.join(line for chart in card.charts for line in chart.lines)
        or signs.comma.join(picture.name for picture in card.pictures)
    )
    line = " ".join(_MARKS.sub("", said[: 2 * _MAX_PREHEADER]).split())
    return line if len(line) <= _MAX_PREHEADER else f"{line[:_MAX_PREHEADER]}…"


def _unbroken(text: str) -> Markup:
    """Return a text that breaks between words, if it has to, and not in a number."""
    words = [text] if _columns(text) <= _MAX_UNBROKEN else text.split(" ")
    return Markup(" ").join(
        Markup("<nobr>{}</nobr>").format(word)
        if 0 < _columns(word) <= _MAX_UNBROKEN
        else word
        for word in words
    )


def _whole_times(text: str) -> Markup:
    """Keep each date and its time on one line: browsers end lines after a hyphen."""
    pieces = _TIME.split(text)
    return Markup().join(
        Markup("<nobr>{}</nobr>").format(piece) if place % 2 else piece
        for place, piece in enumerate(pieces)
    )


def _columns(text: str) -> int:
    """Return how wide a text is: two for a Hanzi, one for a letter."""
    return len(text) + sum(unicodedata.east_asian_width(char) in "WF" for char in text)


def _lines(text: str) -> Markup:
    """Return plain text as HTML."""
    return Markup("<br>\n").join(text.splitlines())


def _markdown(card: Card, accent: str) -> Markup:
    """Return Markdown as HTML; HTML in it stays what it is: text."""
    parser = _parser()
    tokens = parser.parse(card.text)
    for token in _all(tokens):
        if token.type in ("fence", "code_block"):
            token.attrSet("style", _PRE)
        elif token.tag == "a" and token.nesting > 0:
            token.attrSet("style", f"color:{accent};")
        elif token.nesting >= 0 and token.tag in _STYLES:
            # Last what it has already: the alignment of a table's cell.
            token.attrSet(
                "style", _STYLES[token.tag] + str(token.attrGet("style") or "")
            )
        if token.tag == "th" and token.nesting > 0:
            token.attrSet("scope", "col")
        elif token.tag == "img":
            source = unquote(str(token.attrGet("src")))
            if width := card.widths.get(source.removeprefix("cid:")):
                token.attrSet("width", str(width))
        elif card.title and token.tag in _LOWERED:
            # Its style stays that of the level it was written with.
            token.tag = _LOWERED[token.tag]
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
    environment.globals["note_html"] = note_html
    environment.filters["unbroken"] = _unbroken
    environment.filters["columns"] = _columns
    environment.filters["times"] = _whole_times
    environment.filters["lines"] = _lines
    # As it stands in the part's header where RFC 2392 allows it: some programs compare
    # the two letter by letter.
    environment.filters["content_id"] = lambda text: quote(text, safe="@!$&()*+,;=:/")
    return environment.get_template(name)
