"""What somebody wrote, without what their mail program quotes or signs."""

from contextlib import suppress
from html.parser import HTMLParser
import re
from typing import Final, override

_MAX_LINES: Final = 2000
_NEAR: Final = 4
"""Lines of a quoted header in which a second field has to follow From."""

# Above a quote, by QQ, NetEase, Outlook, Gmail and Apple.
_SEPARATOR = re.compile(
    r"-{2,}\s*[^-]{0,20}(?:original|forwarded|原始|原邮件|邮件原件|原郵件|转发|轉寄|轉發)"
    r"[^-]{0,20}-{2,}|_{10,}|begin forwarded message:|(?:下面|以下)是被转发的邮件[:：]",
    re.IGNORECASE,
)
_FROM = re.compile(r"\*?(?:from|发件人|發件人|寄件者|寄件人)\*?\s*[:：]", re.IGNORECASE)
_SECOND = re.compile(
    r"\*?(?:sent|date|to|cc|subject|发送时间|日期|时间|日期时间|收件人|抄送|主题"
    r"|寄件日期|傳送時間|收件者|主旨)\*?\s*[:：]",
    re.IGNORECASE,
)
# "On Tue, 15 Sep 2026 at 14:31, Home <…> wrote:" and the like, over up to three lines.
_WROTE = re.compile(
    r"(?=.*[0-9]).*(?:wrote|写道|寫道|schrieb|écrit)\s*[:：]", re.DOTALL
)
_WROTE_BEGINS = re.compile(
    r"(?:on|at|am|le) |[在于於]|.{0,200}<[^>]{0,200}@", re.IGNORECASE
)
_SIGNATURE = re.compile(
    r"(?:sent (?:from|with|via) |get outlook for |获取 ?outlook|取得 ?outlook"
    r"|[发發]自|[发傳]送自|[从從]我的.{1,40}(?:发送|傳送|寄出)"
    r"|[来來]自(?:我的|qq ?邮箱|网易|新浪)).{0,80}",
    re.IGNORECASE,
)

_BLOCK = re.compile(
    "address|blockquote|body|br|d[dlt]|div|footer|form|h[1-6]|header|hr|li|ol|p|pre"
    "|section|table|tr|ul"
)
_UNSEEN = frozenset({"head", "script", "style", "title", "sign"})
"""QQ puts a signature into the last of these."""
_UNSEEN_NAMES = frozenset({"gmail_signature", "signature"})
_QUOTE_BEGINS = frozenset(
    {
        "appendonsend",
        "divrplyfwdmsg",
        "mail-editor-reference-message-container",
        "original-content",
        "yahoo_quoted",
    }
)
"""Ids and classes of Outlook, QQ and Yahoo."""


def own_text(text: str) -> str:
    """Return the lines of a mail that its sender wrote."""
    kept: list[str] = []
    lines = [line.strip() for line in text.splitlines()[:_MAX_LINES]]
    skipped = 0
    for at, line in enumerate(lines):
        if skipped:
            skipped -= 1
        elif _begins_quote(lines, at):
            break
        elif length := _attribution(lines, at):
            following = next(filter(None, lines[at + length :]), "")
            if not following.startswith(">"):
                break
            skipped = length - 1
        elif not line.startswith(">") and not _SIGNATURE.fullmatch(line):
            kept.append(line)
    return "\n".join(kept).strip()


def unflowed(text: str, *, delsp: bool) -> str:
    """Join the lines of a format=flowed text (RFC 3676 section 4)."""
    joined: list[str] = []
    goes_on = False
    for stuffed in text.splitlines():
        line = stuffed.removeprefix(" ")
        quoted = stuffed.startswith(">")
        flows = line.endswith(" ") and line != "-- " and not quoted
        piece = line[:-1] if flows and delsp else line
        if goes_on and not quoted:
            joined[-1] += piece
        else:
            joined.append(piece)
        goes_on = flows
    return "\n".join(joined)


def html_text(html: str) -> str:
    """Return the text of HTML, in which what is in a blockquote begins with `>`."""
    reader = _Reader()
    # An assertion is how the parser says that a declaration is malformed.
    with suppress(AssertionError):
        reader.feed(html)
        reader.close()
    reader.end_line()
    return "\n".join(reader.lines)


def _begins_quote(lines: list[str], at: int) -> bool:
    """Tell whether all from here on is not the sender's, or is their signature."""
    line = lines[at]
    return bool(
        line == "--"
        or _SEPARATOR.fullmatch(line)
        or (
            _FROM.match(line)
            and any(_SECOND.match(other) for other in lines[at + 1 : at + 1 + _NEAR])
        )
    )


def _attribution(lines: list[str], at: int) -> int:
    """Return over how many lines it is said here who wrote what is quoted below."""
    for length in (1, 2, 3):
        said = lines[at : at + length]
        if "" in said or (length > 1 and not _WROTE_BEGINS.match(said[0])):
            return 0
        if _WROTE.fullmatch(" ".join(said)):
            return length
    return 0


class _Reader(HTMLParser):
    """Reads lines of text out of HTML that any mail program may have made."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._line = ""
        self._quoted = 0
        self._over = False
        self._unseen: tuple[str, int] | None = None
        """The element that is not shown, and how many of its name are open."""

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line, a quote, or what is not shown."""
        named = {
            name
            for key, value in attrs
            if key in ("id", "class") and value
            for name in value.lower().split()
        }
        if tag == "body":
            self._unseen = None
        elif self._unseen:
            if tag == self._unseen[0]:
                self._unseen = (tag, self._unseen[1] + 1)
            return
        elif tag in _UNSEEN or not _UNSEEN_NAMES.isdisjoint(named):
            self._unseen = (tag, 1)
            return
        if _BLOCK.fullmatch(tag):
            self.end_line(empty=tag == "br")
        self._quoted += tag == "blockquote"
        self._over = self._over or not _QUOTE_BEGINS.isdisjoint(named)

    @override
    def handle_endtag(self, tag: str) -> None:
        """End a line, a quote, or what is not shown."""
        if self._unseen:
            if tag == self._unseen[0]:
                count = self._unseen[1] - 1
                self._unseen = (tag, count) if count else None
            return
        if _BLOCK.fullmatch(tag):
            self.end_line()
        if tag == "blockquote" and self._quoted:
            self._quoted -= 1

    @override
    def handle_data(self, data: str) -> None:
        """Take a text."""
        if not self._unseen and not self._over:
            self._line += data

    def end_line(self, *, empty: bool = False) -> None:
        """Keep what is in the line, or that it is empty."""
        line, self._line = " ".join(self._line.split()), ""
        if line or empty:
            self.lines.append(f"> {line}" if self._quoted else line)
