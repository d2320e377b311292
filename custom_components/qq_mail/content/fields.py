"""The fields of a call: each read by itself; what cannot be used becomes a note."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
import re
from typing import Any

from homeassistant.core import valid_entity_id

from ..mime.address import InvalidMailboxError, Mailbox
from ..mime.card import Link
from ..mime.models import Priority
from .actions import read_actions
from .attachments.fields import read_attachments
from .charts.fields import read_charts
from .reading import (
    Notes,
    Reader,
    as_list,
    as_text,
    choice_of,
    is_away,
    is_empty,
    is_target,
    read_fields,
    read_line,
    read_period,
    read_text,
    read_word,
    read_yes_no,
    shown_value,
    unusable,
)

MAX_WAIT = 300
MIN_EXPIRES_AFTER = timedelta(minutes=1)
MAX_EXPIRES_AFTER = timedelta(days=30)
MIN_REPEAT_AFTER = timedelta(seconds=1)
MAX_REPEAT_AFTER = timedelta(days=7)
MIN_REPEAT_UNTIL = timedelta(minutes=1)
MAX_REPEAT_UNTIL = timedelta(days=1)
MAX_ACTIONS_EXPIRE_AFTER = timedelta(days=7)
MAX_TAG_LENGTH = 255

# Between the mailboxes of a list, but not inside the quotes of a display name.
_ADDRESS = re.compile(r'(?:"[^"]*"?|[^",;，；、\n])+')
_MAX_ADDRESS_LENGTH = 1000
"""With its display name; longer than a header's line it is none."""
TARGET_KEYS = ("entity_id", "device_id", "area_id", "floor_id", "label_id")
EXCLUDE = "exclude"
"""Home Assistant's name for what is not meant, from 2026.11."""

type Ids = dict[str, list[str]]
"""Lists of ids by the keys of a target."""


class MessageField(StrEnum):
    """The fields of a message."""

    TO = "to"
    CC = "cc"
    BCC = "bcc"
    REPLY_TO = "reply_to"
    TITLE = "title"
    MESSAGE = "message"
    FORMAT = "format"
    HTML = "html"
    PRIORITY = "priority"
    TAG = "tag"
    CLEAR = "clear"
    REPEAT_AFTER = "repeat_after"
    REPEAT_UNTIL_ACKNOWLEDGED = "repeat_until_acknowledged"
    EXPIRES_AFTER = "expires_after"
    WAIT = "wait"
    ATTACHMENTS = "attachments"
    CHARTS = "charts"
    ENTITIES = "entities"
    LINK = "link"
    ACTIONS = "actions"
    ACTIONS_EXPIRE_AFTER = "actions_expire_after"


class Format(StrEnum):
    """How the message is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Those that mail can be sent to, and those that are none."""

    mailboxes: tuple[Mailbox, ...] = ()
    refused: tuple[str, ...] = ()


def _mailbox(value: Any, name: str, notes: Notes) -> Mailbox:
    try:
        return _parsed(read_word(value, name, notes))
    except InvalidMailboxError as err:
        raise unusable(name, value) from err


def _mailboxes(value: Any, _name: str, _notes: Notes) -> Addresses:
    mailboxes: list[Mailbox] = []
    refused: list[str] = []
    for text in _addresses(value):
        try:
            mailboxes.append(_parsed(text))
        except InvalidMailboxError:
            refused.append(shown_value(text))
    return Addresses(tuple(mailboxes), tuple(refused))


def _addresses(value: Any) -> Iterator[str]:
    for item in as_list(value):
        # What is no text is no address: it is not cut into several.
        found = _ADDRESS.findall(item) if isinstance(item, str) else [as_text(item)]
        yield from (text.strip() for text in found if text.strip())


def _parsed(text: str) -> Mailbox:
    if len(text) > _MAX_ADDRESS_LENGTH:
        raise InvalidMailboxError(text)
    return Mailbox.parse(text)


def _tag(value: Any, name: str, notes: Notes) -> str:
    tag = read_line(value, name, notes)
    if len(tag) > MAX_TAG_LENGTH:
        raise unusable(name, value, "tag_too_long", number=str(MAX_TAG_LENGTH))
    return tag


def _expires_after(value: Any, name: str, _notes: Notes) -> timedelta:
    period = read_period(value)
    if period is None or not MIN_EXPIRES_AFTER <= period <= MAX_EXPIRES_AFTER:
        raise unusable(name, value, "invalid_expires_after")
    return period


def _repeat_after(value: Any, name: str, _notes: Notes) -> timedelta:
    period = read_period(value)
    if period is None or not MIN_REPEAT_AFTER <= period <= MAX_REPEAT_AFTER:
        raise unusable(name, value, "invalid_repeat_after")
    return period


def _repeat_until(value: Any, name: str, _notes: Notes) -> timedelta:
    period = read_period(value)
    if period is None or not MIN_REPEAT_UNTIL <= period <= MAX_REPEAT_UNTIL:
        raise unusable(name, value, "invalid_repeat_until")
    return period


def _actions_expire_after(value: Any, name: str, _notes: Notes) -> timedelta:
    period = read_period(value)
    if period is None or not MIN_EXPIRES_AFTER <= period <= MAX_ACTIONS_EXPIRE_AFTER:
        raise unusable(name, value, "invalid_actions_expire_after")
    return period


def _wait(value: Any, name: str, _notes: Notes) -> float:
    error = unusable(name, value, "invalid_wait")
    if isinstance(value, bool):
        # Python would take it for one second.
        raise error
    try:
        seconds = float(value)
    except (ValueError, TypeError, OverflowError) as err:
        raise error from err
    if not 0 <= seconds <= MAX_WAIT:
        raise error
    return seconds


def _entities(value: Any, name: str, notes: Notes) -> dict[str, Any]:
    target = value if isinstance(value, Mapping) else {"entity_id": value}
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


def read_ids(target: Mapping[Any, Any], notes: Notes, name: str) -> Ids:
    """Read a target; what is no id becomes a note under that name."""
    ids: Ids = {}
    for kind, value in target.items():
        for item in as_list(value):
            if kind not in TARGET_KEYS or not isinstance(item, str):
                notes.append(unusable(name, item, "invalid_entities"))
                continue
            for text in filter(None, map(str.strip, item.split(","))):
                if is_away(text) or (
                    kind == "entity_id" and not valid_entity_id(text.lower())
                ):
                    notes.append(unusable(name, text, "invalid_entities"))
                else:
                    ids.setdefault(kind, []).append(
                        text.lower() if kind == "entity_id" else text
                    )
    return ids


def _link(value: Any, name: str, notes: Notes) -> Link:
    parts = value if isinstance(value, Mapping) else {"url": value}
    found = parts.get("url")
    url = found.strip() if isinstance(found, str) else ""
    if not is_target(url):
        raise unusable(name, value, "invalid_link")
    titles = read_fields(parts, {"title": read_line}, notes, f"{name}.")
    return Link(url, **titles)


READERS: dict[str, Reader] = {
    MessageField.TO: _mailboxes,
    MessageField.CC: _mailboxes,
    MessageField.BCC: _mailboxes,
    MessageField.REPLY_TO: _mailbox,
    MessageField.TITLE: read_text,
    MessageField.MESSAGE: read_text,
    MessageField.FORMAT: choice_of(Format),
    MessageField.HTML: read_word,
    MessageField.PRIORITY: choice_of(Priority),
    MessageField.TAG: _tag,
    MessageField.CLEAR: read_yes_no,
    MessageField.REPEAT_AFTER: _repeat_after,
    MessageField.REPEAT_UNTIL_ACKNOWLEDGED: _repeat_until,
    MessageField.EXPIRES_AFTER: _expires_after,
    MessageField.WAIT: _wait,
    MessageField.ATTACHMENTS: read_attachments,
    MessageField.CHARTS: read_charts,
    MessageField.ENTITIES: _entities,
    MessageField.LINK: _link,
    MessageField.ACTIONS: read_actions,
    MessageField.ACTIONS_EXPIRE_AFTER: _actions_expire_after,
}
