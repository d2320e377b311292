"""The fields of a call, and how each is read; a value that cannot be used is a note."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import voluptuous as vol

from ..const import MAX_CHARTED, MAX_CHARTS, SENDER_NAME_MAX_BYTES
from ..mime.address import Mailbox
from ..mime.card import Link
from ..mime.models import Priority
from .actions import read_actions
from .attachments.fields import read_attachments
from .errors import field_error
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
    note_unknown,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRequest:
    """What a call wants in one chart."""

    entities: tuple[str, ...]
    period: timedelta = timedelta(days=1)
    """How far back from now the chart begins."""
    title: str = ""


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
    target = dict(read) if isinstance(read, Mapping) else {"entity_id": read}
    before = len(notes)
    excluded = target.pop(EXCLUDE, None)
    result: dict[str, Any] = {**read_ids(target, notes, name)}
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


def _charts(value: Any, name: str, notes: Notes) -> tuple[ChartRequest, ...]:
    """Read one chart or a list of them; a fault in one does not concern the others."""
    found = tuple(
        chart for item in as_list(value) if (chart := _chart(item, name, notes))
    )
    if len(found) > MAX_CHARTS:
        notes.append(field_error("chart_too_many", number=str(MAX_CHARTS)))
    return found[:MAX_CHARTS]


def _chart(item: Any, name: str, notes: Notes) -> ChartRequest | None:
    """Read one chart; return None, with a note, where it names no entity."""
    if isinstance(item, str):
        item = {"entities": item}
    if not isinstance(item, Mapping):
        notes.append(unusable(name, item, "chart_entities"))
        return None
    note_unknown(item, _CHART_READERS, notes, "unknown_field_of_chart")
    if is_empty(item.get("entities")):
        notes.append(unusable(name, item, "chart_entities"))
        return None
    values = read_fields(item, _CHART_READERS, notes, f"{name}.")
    return ChartRequest(**values) if values["entities"] else None


def _charted(value: Any, name: str, notes: Notes) -> tuple[str, ...]:
    ids = read_ids({"entity_id": value}, notes, name, "chart_entities")
    found = list(dict.fromkeys(ids.get("entity_id", [])))
    if len(found) > MAX_CHARTED:
        notes.append(field_error("chart_too_long", number=str(MAX_CHARTED)))
    return tuple(found[:MAX_CHARTED])


_CHART_READERS: dict[str, Reader] = {
    "entities": _charted,
    "period": period_of(timedelta(hours=1), timedelta(days=31), "invalid_period"),
    "title": read_line,
}


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
    "charts": Field(_charts, says=True),
    "entities": Field(_entities, says=True),
    "link": Field(_link, says=True),
    "actions": Field(read_actions, says=True),
    "actions_expire_after": Field(
        period_of(
            timedelta(minutes=1), timedelta(days=7), "invalid_actions_expire_after"
        )
    ),
}
