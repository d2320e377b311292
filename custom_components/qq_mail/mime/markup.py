"""Reads HTML of the caller's own, which may be anything, in one pass."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partialmethod
from html import escape, unescape
from html.parser import HTMLParser
import re
from typing import override
from urllib.parse import unquote

# Of thousands of digits Python makes no number; of hexadecimal ones it does.
_HUGE_NUMBER = re.compile(r"&#[0-9](?=[0-9]{1000})")
# An attribute of a tag, and its value with the quotes around it, as Python's parser
# reads them.
_ATTRIBUTE = re.compile(
    r"""(?<=['"\t\n\r\f /])([^\t\n\r\f />][^\t\n\r\f /=>]*+)"""
    r"""(?:[\t\n\r\f ]*+=[\t\n\r\f ]*+('[^']*'|"[^"]*"|[^>\t\n\r\f ]*+))?"""
)

# From `<!--[if` or `<![if` to `<![endif]`: Outlook alone, or all but Outlook, shows
# what is between them.
_CONDITION = re.compile(r"<!(?:--)?\[if\b", re.IGNORECASE)
_END_OF_CONDITION = re.compile(r"<!\[endif\](?:--)?>", re.IGNORECASE)
_DOCTYPE = re.compile(r"\s*+<!doctype[^>]*+>", re.IGNORECASE)

_CID = re.compile(r"\A(\s*+)cid:(.*\S)", re.IGNORECASE | re.DOTALL)
_CID_IN_STYLE = re.compile(r"""(url\(\s*+["']?)cid:([^"')\s]+)""", re.IGNORECASE)
_REFERRING = {"src": _CID, "href": _CID, "background": _CID, "style": _CID_IN_STYLE}
"""Attributes that can refer to parts of the message, and how."""

# What comes before the content, and is not seen (HTML, section 4.2).
_HEAD = ("html", "head", "title", "meta", "link", "base", "style", "script", "noscript")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# Blank lines around these, and a line of their own for those.
_PARAGRAPHS = ("p", "ul", "ol", "dl", "table", "blockquote", "pre", "hr", *_HEADINGS)
_LINES = ("div", "li", "tr", "dt", "dd", "section", "article", "header", "footer")
_CELLS = ("td", "th")
_MAX_INDENT = 5
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n){2,}")


@dataclass(frozen=True, slots=True)
class Tag:
    """The start or the end of an element."""

    name: str
    """At the end of an element with a slash before it."""
    start: int
    source: str = ""
    """As it is written, at the start of an element."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    closed: bool = False
    """Whether it ends where it starts, as in XML."""

    @property
    def end(self) -> int:
        """Where the start of an element ends."""
        return self.start + len(self.source)


@dataclass(frozen=True, slots=True)
class Text:
    """What stands between tags."""

    text: str
    within: str
    """The element whose content it is, where that is no markup."""
    start: int


class _Reader(HTMLParser):
    """Collects tags and texts. A tag or comment without an end is left out."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tokens: list[Tag | Text] = []
        self._lines = [0, *(match.end() for match in re.finditer("\n", html))]
        # Behind a blank it waits for nothing. It is not closed: then it would take as
        # ended what is not. An assertion is how it says that a declaration is malformed.
        with suppress(AssertionError):
            self.feed(_HUGE_NUMBER.sub("&#x", html) + " ")

    @property
    def at(self) -> int:
        """How many characters are read."""
        line, column = self.getpos()
        return self._lines[line - 1] + column

    @override
    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]], *, closed: bool = False
    ) -> None:
        # Of two attributes with one name the first counts.
        attributes = {name: value or "" for name, value in reversed(attrs)}
        source = self.get_starttag_text() or ""
        self.tokens.append(Tag(tag, self.at, source, attributes, closed))

    handle_startendtag = partialmethod(handle_starttag, closed=True)

    @override
    def handle_endtag(self, tag: str) -> None:
        self.tokens.append(Tag(f"/{tag}", self.at))

    @override
    def handle_data(self, data: str) -> None:
        self.tokens.append(Text(data, self.cdata_elem or "", self.at))


def tokens(html: str) -> list[Tag | Text]:
    """Return tags and texts."""
    return _Reader(html).tokens


def content_ids(html: str) -> set[str]:
    """Return what HTML refers to by `cid:` (RFC 2392)."""
    found: set[str] = set()
    replace_content_ids(html, found.add)
    return found


def replace_content_ids(html: str, url: Callable[[str], str | None]) -> str:
    """Return HTML with a `url` for each part that it refers to; None leaves it."""
    pieces: list[str] = []
    at = 0

    def replaced(match: re.Match[str]) -> str:
        new = url(unquote(match[2]))
        return match[0] if new is None else match[1] + new

    def put(start: int, end: int, text: str) -> None:
        nonlocal at
        pieces.extend((html[at:start], text))
        at = end

    for token in tokens(html):
        match token:
            case Text(text, "style", start):
                put(start, start + len(text), _CID_IN_STYLE.sub(replaced, text))
            case Tag(attributes=attributes):
                for name, span in _places(token).items():
                    if pattern := _REFERRING.get(name):
                        value = attributes.get(name, "")
                        new = pattern.sub(replaced, value)
                        if new != value:
                            put(*span, f'"{escape(new)}"')
    return "".join([*pieces, html[at:]])


def image_sources(html: str) -> Iterator[tuple[str, int, int]]:
    """Yield the address of each `<img>`, and where its value begins and ends.

    The value is what stands behind `src=`, with the quotes around it if there are any.
    """
    for token in tokens(html):
        match token:
            case Tag("img", attributes={"src": url}) if url:
                yield url, *_places(token)["src"]


def _places(tag: Tag) -> dict[str, tuple[int, int]]:
    """Return where the attributes' values begin and end in the HTML, with their quotes."""
    places: dict[str, tuple[int, int]] = {}
    for match in _ATTRIBUTE.finditer(tag.source, len(f"<{tag.name}")):
        if match[2] is not None:
            # Of two attributes with one name the first counts.
            start, end = match.span(2)
            places.setdefault(match[1].lower(), (tag.start + start, tag.start + end))
    return places


def start_of_content(html: str) -> int:
    """Return where something can be put in, so that all see it before the content.

    That is behind the first body outside conditional comments, before the first content
    if that is outside as well, or at the top.
    """
    conditions = _conditions(html)
    # Before a doctype it would change how all the rest is shown.
    doctype = _DOCTYPE.match(html)
    top = doctype.end() if doctype else 0
    body = content = None
    for token in tokens(html):
        outside = _end_of(conditions, token.start) is None
        match token:
            case Tag(attributes={"id": "qq-mail"}, end=end) if outside:
                # A card of ours, which says by itself where that is.
                return end
            case Tag("body", end=end) if outside and body is None:
                body = end
        if content is None and _is_content(token):
            content = token.start if outside else top
    return next((at for at in (body, content) if at is not None), top)


def end_of_body(html: str) -> int:
    """Return where something can be put in, so that all see it behind the content."""
    reader = _Reader(html)
    last = {one.name: one.start for one in reader.tokens if isinstance(one, Tag)}
    at = last.get("/body") or last.get("/html") or min(reader.at, len(html))
    behind = _end_of(_conditions(html), at)
    return at if behind is None else behind


def _is_content(token: Tag | Text) -> bool:
    """Tell whether this is seen, or begins an element that is."""
    if isinstance(token, Text):
        return bool(token.text.strip()) and token.within not in _HEAD
    return not token.name.startswith("/") and token.name not in (*_HEAD, "body")


def _conditions(html: str) -> list[tuple[int, int]]:
    """Return where conditional comments start and end; what has no end is none."""
    found: list[tuple[int, int]] = []
    at = 0
    while (start := _CONDITION.search(html, at)) and (
        end := _END_OF_CONDITION.search(html, start.end())
    ):
        at = end.end()
        found.append((start.start(), at))
    return found


def _end_of(conditions: list[tuple[int, int]], at: int) -> int | None:
    """Return the end of the conditional comment around a place; None: there is none."""
    place = bisect_right(conditions, (at, at)) - 1
    if place >= 0 and at < conditions[place][1]:
        return conditions[place][1]
    return None


def text_of(html: str) -> str:
    """Return HTML as plain text, with signs for its headings, lists and tables."""
    writer = _TextWriter()
    for token in tokens(html):
        if isinstance(token, Text):
            writer.text("" if token.within else token.text)
        elif token.name.startswith("/"):
            writer.end(token.name[1:])
        else:
            writer.start(token)
    return writer.result()


class _TextWriter:
    """Writes plain text from tags and texts as they come, without a tree."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._line_ends = 0
        """How many to write before the next text."""
        self._blank = False
        self._mark = ""
        """The sign of a heading, an item or a cell, to write before its text."""
        self._pre = False
        self._cells = 0
        self._lists: list[int | None] = []
        """The next number of each list that is open; None: without numbers."""
        self._links: list[tuple[str, int]] = []
        """Of each link that is open, its address and the place of its text."""

    def text(self, text: str) -> None:
        """Write a text."""
        if self._pre:
            self._write(text)
            return
        words = text.split()
        if not words:
            self._blank = self._blank or bool(text)
            return
        self._blank = self._blank or text[0].isspace()
        self._write(" ".join(words))
        self._blank = text[-1].isspace()

    def start(self, tag: Tag) -> None:
        """Begin an element."""
        name = tag.name
        self._break(name)
        if name == "br":
            self._line_ends += 1
        elif name == "pre":
            self._pre = True
        elif name in _HEADINGS:
            self._mark = "#" * int(name[1]) + " "
        elif name in ("ul", "ol"):
            self._lists.append(1 if name == "ol" else None)
        elif name == "li":
            self._mark = self._item()
        elif name == "tr":
            self._cells = 0
        elif name in _CELLS:
            self._mark = "| " if self._cells else ""
            self._blank = True
            self._cells += 1
        elif name == "a":
            self._links.append((tag.attributes.get("href", ""), len(self._pieces)))
        elif name == "img" and (alt := tag.attributes.get("alt")):
            self.text(alt)

    def end(self, name: str) -> None:
        """End an element."""
        self._break(name)
        if name in ("li", *_CELLS, *_HEADINGS):
            self._mark = ""
        elif name == "pre":
            self._pre = False
        elif name in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif name == "a" and self._links:
            url, start = self._links.pop()
            self._link(url, start)

    def result(self) -> str:
        """Return all that was written."""
        return _BLANK_LINES.sub("\n\n", "".join(self._pieces)).strip()

    def _break(self, name: str) -> None:
        """Begin a line, or a paragraph, where an element begins or ends."""
        if name in _PARAGRAPHS:
            self._line_ends = max(self._line_ends, 1 if self._lists else 2)
        elif name in _LINES:
            self._line_ends = max(self._line_ends, 1)

    def _item(self) -> str:
        indent = "  " * min(len(self._lists) - 1, _MAX_INDENT)
        number = self._lists[-1] if self._lists else None
        if number is None:
            return f"{indent}- "
        self._lists[-1] = number + 1
        return f"{indent}{number}. "

    def _link(self, url: str, start: int) -> None:
        """Say where a link leads, unless its text does."""
        if not url.startswith(("http:", "https:", "mailto:")):
            return
        if start == len(self._pieces):
            self._write(url)
        elif self._pieces[-1] != url:
            self._blank = False
            self._write(f" ({url})")

    def _write(self, text: str) -> None:
        if self._line_ends:
            self._pieces.append("\n" * min(self._line_ends, 2))
        elif self._blank:
            self._pieces.append(" ")
        self._pieces.append(self._mark + text)
        self._line_ends, self._blank, self._mark = 0, False, ""


def unescaped(text: str) -> str:
    """Return a text with its character references resolved."""
    return unescape(_HUGE_NUMBER.sub("&#x", text))
