"""What goes out of a message: its text as it is kept, and what only the moment knows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO

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


@dataclass(frozen=True, slots=True)
class Notes:
    """Words that only the moment of the submission knows."""

    late: Callable[[datetime, timedelta], str]
    """When an alert was raised, and how late it is."""
    by_other: Callable[[str, bool], str]
    """Which account has taken it over, and whether it may be the second copy."""


def message_id_at(queue_id: str, username: str) -> str:
    """Return a Message-ID as its header field has it: the same over all attempts."""
    return f"<{queue_id.lower()}@{Mailbox(username).domain}>"


def submission_of(
    view: OutboxView,
    account: Account,
    message: Message,
    body: bytes | None,
    notes: Notes,
) -> Submission:
    """Return a message as an account sends it: one that is late, or another's, says so.

    `body` is the text of one that is not on disk.
    """
    raised = view.raised_at(message)
    late = timedelta(seconds=view.age_of(message))
    sender = Mailbox(account.username, message.sender_name)
    message_id = message_id_at(message.queue_id, account.username)
    reply_to = ""
    if message.home and not message.reply_to:
        # Only its own account knows the buttons of a copy.
        reply_to = view.answered_at("" if message.copy else message.by)
    fields = head(sender, message_id, dt_util.as_local(raised), reply_to)
    said = [notes.late(raised, late)] if late > LATE_AFTER else []
    if message.home:
        said.append(notes.by_other(account.username, message.copy))
    put_in = [Insertion(0, fields)]
    if said:
        put_in += insertions(message.gaps, " ".join(said))
    key = (MESSAGE, message.home or view.id, message.queue_id)
    return Submission(
        account.username,
        message.recipients,
        view.manager.store.text(key) if body is None else partial(BytesIO, body),
        message.size + sum(len(one.octets) for one in put_in),
        tuple(put_in),
    )
