"""Buttons in mails: who may press what until when, and the page that opens then.

The front door. A mail's buttons are links with a secret token; of that only a hash is
kept. Whoever opens one sees a page with one real button, and nothing happens before
that is pressed.
"""

from .links import link_base
from .models import ACTION_PATH, Action, Click, Mail
from .store import Answers, async_answers, get_answers
from .view import async_setup_view

__all__ = [
    "ACTION_PATH",
    "Action",
    "Answers",
    "Click",
    "Mail",
    "async_answers",
    "async_setup_view",
    "get_answers",
    "link_base",
]
