"""What goes out of a message: its text as it is kept, and what only the moment knows."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from typing import BinaryIO

from homeassistant.util import dt as dt_util

from ..const import LATE_AFTER
from ..mime.address import Mailbox
from ..mime.header import head
from ..mime.message import insertions
from ..mime.models import Insertion
from ..smtp.models import Account, Submission
from .core.models import Message
from .core.turn import MESSAGE
from .view import OutboxView

type LateNote = Callable[[datetime, timedelta], str]
"""Words when an alert was raised, and how late it is."""


def message_id_at(message_id: str, account: Account) -> str:
    """Return a Message-ID as its header field has it."""
    return f"<{message_id}@{Mailbox(account.username).domain}>"


def submission_of(
    view: OutboxView,
    account: Account,
    message: Message,
    body: bytes | None,
    late_note: LateNote,
) -> Submission:
    """Return a message as it is to go out: a late one says so.

    `body` is the text of one that is not on disk.
    """
    raised = view.raised_at(message)
    late = timedelta(seconds=view.age_of(message))
    sender = Mailbox(account.username, message.sender_name)
    message_id = message_id_at(message.message_id, account)
    put_in = [Insertion(0, head(sender, message_id, dt_util.as_local(raised)))]
    if late > LATE_AFTER:
        put_in += insertions(message.gaps, late_note(raised, late))
    key = (MESSAGE, view.id, message.queue_id)
    return Submission(
        account.username,
        message.recipients,
        view.manager.store.text(key).open if body is None else partial(_open, body),
        message.size + sum(len(one.octets) for one in put_in),
        tuple(put_in),
    )


def _open(body: bytes) -> BinaryIO:
    return BytesIO(body)
