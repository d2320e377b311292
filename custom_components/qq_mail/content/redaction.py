"""What others say, without the secrets that URLs carry."""

import re

_QUERY = re.compile(r"[?#]")


def redacted(text: str) -> str:
    """Return a text without the user, password and query of its URLs."""
    return re.sub(r"\S+", _redacted, text)


def _redacted(word: re.Match[str]) -> str:
    """Return a word without secrets: rather too little of it than too much.

    A password may hold what ends one, so nothing here is parsed as a URL.
    """
    start, slashes, rest = word[0].partition("//")
    if not slashes:
        return start
    address, mark, query = _cut(rest)
    if "@" in query and "@" not in address:
        # A password with a question mark in it, or a query: nobody knows.
        return f"{start}//…"
    return f"{start}//{address.rpartition('@')[2]}{mark and f'{mark}…'}"


def _cut(text: str) -> tuple[str, str, str]:
    """Return what is before the query, the mark between them, and the query."""
    mark = _QUERY.search(text)
    if not mark:
        return text, "", ""
    return text[: mark.start()], mark[0], text[mark.end() :]
