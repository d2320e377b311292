"""Showing values and others' texts without the secrets that addresses carry."""

import re
from urllib.parse import unquote

from ..mime.markup import unescaped

# Where a query or a fragment begins.
_MARK = re.compile(r"[?#]")
# `\u003f`, `\x3f` and `\/`: how JSON and Python may write any sign.
_ESCAPED = re.compile(r"""\\(?:u00|x)([0-9a-fA-F]{2})|\\(["'/])""")
_MAX_ENCODED = 5
"""How often a value may be encoded on top of itself before nothing of it is shown."""
# `password: abc`, also as JSON and Python write it. Each word is looked at once.
_NAMED = re.compile(
    r"(?<![\w-])"
    r"((?=[\w-]*?(?:passw|pwd|passphrase|token|secret|auth|user|api[_-]?key))"
    r"""[\w-]++["']?\s*+[:=]\s*+)"""
    r"""(?:'[^']*+'|"[^"]*+"|[\[{(].*+|\S++)""",
    re.IGNORECASE | re.DOTALL,
)
# What may stand before two slashes and is no part of a password.
_BEFORE_SLASHES = re.compile(r"""(?:^|[\s"'(\[{,=<])(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?$""")
_LEFT_OUT = "…"


def redacted(text: str) -> str:
    """Return prose, such as an error's text, without the secrets of its addresses."""
    return _without_named(re.sub(r"\S+", lambda word: quoted(word[0]), text))


def quoted(value: str) -> str:
    """Return a value without user, password, query and fragment.

    It is not parsed as an address: it need not be one, and a password may hold any
    sign. So too much is left out rather than too little; nothing behind the first
    question mark or hash is shown. What is encoded is shown as it reads decoded, where
    something had to be left out.
    """
    decoded = _decoded(value)
    if decoded is None:
        return _LEFT_OUT
    shown = _without_named(_without_query(decoded))
    return value if shown == decoded else shown


def _without_query(text: str) -> str:
    mark = _MARK.search(text)
    address, query = (text[: mark.start()], text[mark.end() :]) if mark else (text, "")
    start, slashes, rest = address.partition("//")
    if "@" in query and "@" not in rest:
        # A password with a question mark in it, or a query with an @: nobody knows.
        if slashes:
            return f"{_without_user(start)}//{_LEFT_OUT}"
        if ":" in start:
            return _LEFT_OUT
    if slashes and "@" in rest:
        start = start if _BEFORE_SLASHES.search(start) else _LEFT_OUT
        rest = rest.rpartition("@")[2]
    address = _without_user(start) + slashes + rest
    return f"{address}{mark[0]}{query and _LEFT_OUT}" if mark else address


def _without_user(text: str) -> str:
    """Leave out `user:password` before the @ of a word."""
    return re.sub(r"\S+", _word_without_user, text) if "@" in text else text


def _word_without_user(word: re.Match[str]) -> str:
    user, _, host = word[0].rpartition("@")
    if ":" not in re.sub("^mailto:", "", user, flags=re.IGNORECASE):
        return word[0]
    return f"{_LEFT_OUT}@{host}"


def _without_named(text: str) -> str:
    """Leave out what is called a password, a token or the like."""
    return _NAMED.sub(rf"\1{_LEFT_OUT}", text)


def _decoded(text: str) -> str | None:
    """Return a text in which nothing is encoded; None: it was encoded too often."""
    for _ in range(_MAX_ENCODED):
        decoded = _ESCAPED.sub(
            lambda code: code[2] or chr(int(code[1], 16)), unescaped(unquote(text))
        )
        if decoded == text:
            return text
        text = decoded
    return None
