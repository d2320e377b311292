"""Keeps tokens out of the lines that others write about requests."""

import logging
import re
from typing import override
from urllib.parse import unquote

from ..const import DOMAIN

_TOKEN = re.compile("[0-9a-f]{16,}")
"""Also a part of one: what is missing then could be guessed."""
_LOGGERS = (
    # "Serving … to …", at debug.
    "homeassistant.helpers.http",
    # The same of somebody who is logged in.
    "homeassistant.components.http.auth",
    # What it takes for an attack: a link that something was added to.
    "homeassistant.components.http.security_filter",
    "homeassistant.components.http.ban",
    # Silent, unless somebody asks for it.
    "aiohttp.access",
    # What is no HTTP: it quotes the line.
    "aiohttp.server",
)


class _TokenFilter(logging.Filter):
    """Puts something else in a token's place; each logger's own records are few."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if record.exc_info and _is_of_a_button(error := str(record.exc_info[1])):
            # Whoever shows a traceback would quote the error in it.
            message, record.exc_info = f"{message}: {error}", None
        if _is_of_a_button(message):
            record.msg = _TOKEN.sub("**REDACTED**", message)
            record.args = None
        return True


_FILTER = _TokenFilter()


def keep_tokens_out() -> None:
    """Filter from now on; a filter that is there already is not added again."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)


def _is_of_a_button(text: str) -> bool:
    """Return whether it is about one of our addresses, however that is written."""
    return DOMAIN in unquote(text)
