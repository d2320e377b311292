"""Keeps tokens out of the lines that Home Assistant itself writes about requests."""

import logging
import re
from typing import override

from .models import ACTION_PATH

_TOKEN = re.compile(re.escape(ACTION_PATH) + r"/[^\s/?'\"]+")
_LOGGERS = (
    # "Serving … to …", at debug.
    "homeassistant.helpers.http",
    # What it takes for an attack: a link that something was added to.
    "homeassistant.components.http.security_filter",
    "homeassistant.components.http.ban",
    # Silent, unless somebody asks for it.
    "aiohttp.access",
)


class _TokenFilter(logging.Filter):
    """Puts something else in a token's place; each logger's own records are few."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if ACTION_PATH in message:
            record.msg = _TOKEN.sub(f"{ACTION_PATH}/**REDACTED**", message)
            record.args = None
        return True


_FILTER = _TokenFilter()


def keep_tokens_out() -> None:
    """Filter from now on; a filter that is there already is not added again."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
