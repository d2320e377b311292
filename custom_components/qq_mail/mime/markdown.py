"""Markdown in a mail: HTML whose elements carry their own styles."""

from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

# A line end in an alert is meant as one.
_PARSER = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(
    ["table", "strikethrough"]
)

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
    **dict.fromkeys(
        ("h3", "h4", "h5", "h6"), _BLOCK + "font-size:16px;line-height:24px;"
    ),
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
# Below a title.
_LOWERED = {f"h{level}": f"h{min(level + 1, 6)}" for level in range(1, 7)}


def html_of(
    markdown: str, *, accent: str, widths: Mapping[str, int], lowered: bool
) -> Markup:
    """Return Markdown as HTML, with styles; HTML in it is shown as text.

    `accent`: the colour of links. `widths`: of pictures, in pixels, by their content
    ids. `lowered`: there is a title above, the only heading of the first level.
    """
    tokens = _PARSER.parse(markdown)
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
            if width := widths.get(source.removeprefix("cid:")):
                token.attrSet("width", str(width))
        elif lowered and token.tag in _LOWERED:
            # Its style stays that of the level it was written with.
            token.tag = _LOWERED[token.tag]
    # It escapes all that it does not write itself.
    return Markup(_PARSER.renderer.render(tokens, _PARSER.options, {}))  # noqa: S704


def _all(tokens: list[Token]) -> Iterator[Token]:
    """Go through tokens, and those within them."""
    for token in tokens:
        yield token
        yield from _all(token.children or [])
