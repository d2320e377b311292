"""What somebody wrote, without what their mail program quotes or signs."""

import re
from typing import Final

from ..mime.markup import Text, tokens

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
    lines: list[str] = []
    line, quoted = "", 0
    # The element that is not shown, and how many of its name are open.
    unseen, depth = "", 0

    def end_line(*, empty: bool = False) -> None:
        """Keep what is in the line, or that it is empty."""
        nonlocal line
        words, line = " ".join(line.split()), ""
        if words or empty:
            lines.append(f"> {words}" if quoted else words)

    for token in tokens(html):
        if isinstance(token, Text):
            line += "" if depth else token.text
            continue
        name = token.name.removeprefix("/")
        # 1 where an element begins, -1 where it ends; 0: both at once, as in XML.
        opened = int(not token.closed) if name == token.name else -1
        if depth and token.name != "body":
            depth += opened if name == unseen else 0
            continue
        attributes = map(token.attributes.get, ("id", "class"))
        named = set(" ".join(filter(None, attributes)).lower().split())
        is_unseen = name in _UNSEEN or not _UNSEEN_NAMES.isdisjoint(named)
        unseen, depth = name, int(opened > 0 and is_unseen and name != "body")
        if depth:
            continue
        if _BLOCK.fullmatch(name):
            end_line(empty=token.name == "br")
        if name == "blockquote":
            quoted = max(quoted + opened, 0)
        if not _QUOTE_BEGINS.isdisjoint(named):
            # What follows is not the sender's.
            break
    end_line()
    return "\n".join(lines)


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
