"""The fields of a call, and how each is read; a value that cannot be used is a note."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import voluptuous as vol

from ..const import SENDER_NAME_MAX_BYTES
from ..mime.address import Mailbox
from ..mime.card import Link
from ..mime.models import Priority
from .actions import read_actions
from .attachments.fields import read_attachments
from .charts.fields import read_charts
from .reading import (
    EXCLUDE,
    Notes,
    Reader,
    as_list,
    checked,
    choice_of,
    from_json,
    is_empty,
    is_for_phones,
    is_target,
    period_of,
    read_fields,
    read_ids,
    read_line,
    read_text,
    read_word,
    read_yes_no,
    shown_pieces,
    shown_value,
    unusable,
    valid,
)

MAX_WAIT = 300
"""Seconds."""
MAX_TAG_LENGTH = 255


class Format(StrEnum):
    """How the message is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


def _mailboxes(value: Any, _name: str, _notes: Notes) -> list[Mailbox | str]:
    """Return mail addresses, and texts that are none as a note shows them."""
    found: list[Mailbox | str] = []
    for item in as_list(value):
        if isinstance(item, str):
            mailboxes, refused = Mailbox.parse_all(item)
            found += [*mailboxes, *shown_pieces(item, refused)]
        else:
            # What is no text is no address: it is not cut into several.
            found.append(shown_value(item))
    return found


def _seconds(value: Any) -> float:
    if isinstance(value, bool):
        # Python would take it for one second.
        raise TypeError
    return float(value)


def _entities(value: Any, name: str, notes: Notes) -> dict[str, Any]:
    read = from_json(value)
    target = read if isinstance(read, Mapping) else {"entity_id": read}
    before = len(notes)
    excluded = target.get(EXCLUDE)
    ids = {kind: some for kind, some in target.items() if kind != EXCLUDE}
    result: dict[str, Any] = {**read_ids(ids, notes, name)}
    if isinstance(excluded, Mapping):
        result[EXCLUDE] = read_ids(excluded, notes, name)
    elif not is_empty(excluded):
        notes.append(unusable(name, excluded, "invalid_entities"))
    if not result and len(notes) == before:
        raise unusable(name, value, "invalid_entities")
    return result


def _link(value: Any, name: str, notes: Notes) -> Link | None:
    parts = value if isinstance(value, Mapping) else {"url": value}
    found = parts.get("url")
    url = found.strip() if isinstance(found, str) else ""
    if is_for_phones(url):
        return None
    if not is_target(url):
        raise unusable(name, value, "invalid_link")
    titles = read_fields(parts, {"title": read_line}, notes, f"{name}.")
    return Link(url, **titles)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a call.

    What is read goes into the attribute of the same name of a MessageRequest, or, for
    the recipients and `format`, into what `request.py` makes of it.
    """

    read: Reader
    says: bool = False
    """Whether this field alone is enough for a mail."""
    once: bool = False
    """Whether a reminder, which sends the call again, leaves this field out."""


FIELDS: dict[str, Field] = {
    "to": Field(_mailboxes),
    "cc": Field(_mailboxes),
    "bcc": Field(_mailboxes),
    "reply_to": Field(checked(read_word, Mailbox.parse)),
    "sender_name": Field(
        checked(
            read_line,
            vol.truth(lambda name: len(name.encode()) <= SENDER_NAME_MAX_BYTES),
            "sender_name_too_long",
            number=str(SENDER_NAME_MAX_BYTES // 3),
        )
    ),
    "title": Field(read_text, says=True),
    "message": Field(read_text, says=True),
    "format": Field(choice_of(Format)),
    "html": Field(read_word, says=True),
    "priority": Field(choice_of(Priority)),
    "tag": Field(
        checked(
            read_line,
            vol.Length(max=MAX_TAG_LENGTH),
            "tag_too_long",
            number=str(MAX_TAG_LENGTH),
        )
    ),
    "clear": Field(read_yes_no),
    "repeat_after": Field(
        period_of(timedelta(seconds=1), timedelta(days=7), "invalid_repeat_after"),
        once=True,
    ),
    "repeat_until_acknowledged": Field(
        period_of(timedelta(minutes=1), timedelta(days=1), "invalid_repeat_until"),
        once=True,
    ),
    "expires_after": Field(
        period_of(timedelta(minutes=1), timedelta(days=30), "invalid_expires_after")
    ),
    "wait": Field(
        valid(vol.All(_seconds, vol.Range(min=0, max=MAX_WAIT)), "invalid_wait"),
        once=True,
    ),
    "attachments": Field(read_attachments, says=True),
    "charts": Field(read_charts, says=True),
    "entities": Field(_entities, says=True),
    "link": Field(_link, says=True),
    "actions": Field(read_actions, says=True),
    "actions_expire_after": Field(
        period_of(
            timedelta(minutes=1), timedelta(days=7), "invalid_actions_expire_after"
        )
    ),
}
