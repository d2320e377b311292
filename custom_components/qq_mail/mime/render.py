"""Writes a card as HTML and as plain text."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
import re
import unicodedata
from urllib.parse import quote

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from .address import shortened
from .card import Card, signs_of
from .markdown import html_of
from .markup import end_of_body, text_of
from .models import Priority

_ACCENTS = {
    Priority.HIGHEST: ("#c62828", "#ff8a80"),
    Priority.HIGH: ("#c63c0e", "#ffab91"),
    Priority.NORMAL: ("#0277bd", "#81d4fa"),
    Priority.LOW: ("#546e7a", "#b0bec5"),
    Priority.LOWEST: ("#546e7a", "#b0bec5"),
}
"""The colours of a card by its priority: in a light mail, and in a dark one."""

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

MAX_OCTETS = 100_000
"""The most that the HTML of a mail may have: Gmail cuts what is over 102 kB."""
_MAX_PREHEADER = 150
_NOBR = Markup("<nobr>{}</nobr>")
_MARKS = re.compile(r"^(#+|-|\|) ", re.MULTILINE)
# Fills the line of a list of mails, where the card's title would follow otherwise.
_NOTHING = Markup("&#8199;&#847; ")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d)")
_MAX_UNBROKEN = 12
"""Columns that fit into a cell on a phone: two for a Hanzi, one for a letter."""


def accent_of(priority: Priority) -> str:
    """Return the colour of a card on a light ground, as `#rrggbb`."""
    return _ACCENTS[priority][0]


def render_html(card: Card) -> str:
    """Return the HTML document of a card."""
    accent, accent_on_dark = _ACCENTS[card.priority]
    text = _lines(card.text)
    if card.markdown:
        text = html_of(
            card.text, accent=accent, widths=card.widths, lowered=bool(card.title)
        )
    return _TEMPLATES.get_template("card.html.jinja").render(
        card=card,
        signs=signs_of(card.language),
        text=text,
        preheader=_preheader(card, text),
        accent=accent,
        accent_on_dark=accent_on_dark,
    )


def render_text(card: Card) -> str:
    """Return the plain text that says all that a card shows."""
    signs = signs_of(card.language)
    heading = "\n".join(filter(None, (card.label, card.title)))
    text = [card.text]
    if card.entries:
        text.append("\n".join(card.above_buttons))
        for entry in card.entries:
            title = f"{entry.title}{signs.in_brackets(entry.time)}"
            said = "\n".join(filter(None, (entry.label, title, entry.text)))
            text.append(extend_text(said, entry))
        text.append("\n".join(card.small_print))
    blocks = [heading, extend_text("\n\n".join(filter(None, text)), card)]
    blocks.append(" · ".join(filter(None, (card.origin, card.time))))
    return "\n\n".join(filter(None, blocks))


def extend_html(html: str, card: Card) -> str:
    """Return the caller's own HTML, with all that a card shows below its text."""
    if not (card.shows_more or card.notes):
        return html
    accent, _ = _ACCENTS[card.priority]
    sections = _TEMPLATES.get_template("sections.html.jinja").render(
        card=card, signs=signs_of(card.language), accent=accent
    )
    at = end_of_body(html)
    # Ours can be read whatever font and colours the rest has.
    box = f"padding:12px 16px 1px;background-color:#ffffff;color:#1c2733;{_FONT}"
    return f'{html[:at]}<div style="{box}">\n{sections}</div>{html[at:]}'


def extend_text(text: str, card: Card) -> str:
    """Return a text, with all that a card shows below its own."""
    pictures = [f"[{picture.name}]" for picture in card.pictures]
    signs = signs_of(card.language)
    rows = [
        f"{signs.said(row.name, row.state)}{signs.in_brackets(row.since)}"
        for row in card.rows
    ]
    rows += [card.and_more] if card.left_out else []
    charts = [chart.text(signs) for chart in card.charts]
    blocks = [text, "\n".join(pictures)]
    if card.buttons:
        blocks.append("\n".join(card.above_buttons))
        blocks += [button.text for button in card.buttons]
        blocks.append("\n".join(card.small_print))
    links = [link.text for link in card.links]
    blocks += [*charts, "\n".join(rows), *links, "\n".join(card.notes)]
    return "\n\n".join(block for block in blocks if block)


def fitted(card: Card, render: Callable[[Card], str]) -> tuple[Card, str]:
    """Return a card without the rows that Gmail would cut, and its HTML."""

    def cut(number: int) -> Card:
        rows = card.rows[:number]
        return replace(card, rows=rows, left_out=len(card.rows) - number)

    def is_too_long(number: int) -> bool:
        return len(render(cut(number)).encode(errors="replace")) > MAX_OCTETS

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
    """Return the beginning that a list of mails shows beside the subject."""
    signs = signs_of(card.language)
    said = (
        text_of(text)
        or signs.comma.join(dict.fromkeys(entry.title for entry in card.entries))
        or signs.comma.join(signs.said(row.name, row.state) for row in card.rows)
        or signs.comma.join(line for chart in card.charts for line in chart.lines)
        or signs.comma.join(picture.name for picture in card.pictures)
    )
    line = " ".join(_MARKS.sub("", said[: 2 * _MAX_PREHEADER]).split())
    return shortened(line, _MAX_PREHEADER)


def _unbroken(text: str) -> Markup:
    """Return a text whose lines end between words, but not within a number."""
    words = [text] if _columns(text) <= _MAX_UNBROKEN else text.split(" ")
    return Markup(" ").join(
        _NOBR.format(word) if 0 < _columns(word) <= _MAX_UNBROKEN else word
        for word in words
    )


def _whole_times(text: str) -> Markup:
    """Return a text whose times are never cut: browsers end lines after a hyphen."""
    return Markup().join(
        _NOBR.format(piece) if place % 2 else piece
        for place, piece in enumerate(_TIME.split(text))
    )


def _columns(text: str) -> int:
    """Return the width of a text: two for a Hanzi, one for a letter."""
    return len(text) + sum(unicodedata.east_asian_width(char) in "WF" for char in text)


def _lines(text: str) -> Markup:
    return Markup("<br>\n").join(text.splitlines())


# All of them are read now: an update may replace the files.
_FILES = Path(__file__).parent.glob("*.jinja")
_TEMPLATES = Environment(
    loader=DictLoader({file.name: file.read_text("utf-8") for file in _FILES}),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals |= {
    "accent_of": accent_of,
    "font": _FONT,
    "note_html": note_html,
    "nothing": _NOTHING,
}
_TEMPLATES.filters |= {
    "columns": _columns,
    # As it stands in the part's header where RFC 2392 allows it: some programs compare
    # the two letter by letter.
    "content_id": partial(quote, safe="@!$&()*+,;=:/"),
    "lines": _lines,
    "times": _whole_times,
    "unbroken": _unbroken,
}
