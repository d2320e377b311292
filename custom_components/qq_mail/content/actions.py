"""The rows of `actions`: buttons of a mail, as the companion app has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..const import ACKNOWLEDGE, MAX_ACTIONS
from .errors import field_error
from .reading import (
    Notes,
    Reader,
    as_list,
    is_empty,
    is_target,
    read_fields,
    read_line,
    read_text,
    read_word,
    read_yes_no,
    unknown_field,
    unusable,
)

# The companion app's words: for a row that leads somewhere, and for those that ask for
# a text.
_LINK_ACTION = "URI"
_REPLY = "REPLY"
_TYPES = "textInput"
_MAX_ACTION_LENGTH = 255
_MAX_TITLE_LENGTH = 100
"""What a button can show; the rest of it is cut off."""

# Of the companion app, and of no use in a mail.
_FOR_PHONES = ("activationMode", "icon", "textInputButtonTitle", "textInputPlaceholder")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """A button; either it acts, or it leads somewhere."""

    title: str
    action: str = ""
    uri: str = ""
    """A URL, or a path of Home Assistant's own; empty: it acts."""
    destructive: bool = False


def with_acknowledge(rows: tuple[ActionRow, ...], title: str) -> tuple[ActionRow, ...]:
    """Return buttons, among them one that acknowledges; phones often write it large."""
    if any(row.action.lower() == ACKNOWLEDGE for row in rows):
        return rows
    return (*rows, ActionRow(action=ACKNOWLEDGE, title=title))


def read_actions(value: Any, name: str, notes: Notes) -> tuple[ActionRow, ...]:
    """Read one or several; what is wrong with one is not wrong with the others."""
    found = tuple(row for item in as_list(value) if (row := _row(item, name, notes)))
    if len(found) > MAX_ACTIONS:
        notes.append(field_error("too_many_actions", number=str(MAX_ACTIONS)))
    return found[:MAX_ACTIONS]


def _row(item: Any, name: str, notes: Notes) -> ActionRow | None:
    """Read one; None: no button can be made of it, as a note says."""
    if not isinstance(item, Mapping):
        notes.append(unusable(name, item, "invalid_action"))
        return None
    notes.extend(
        unknown_field(key, _READERS, "unknown_field_of_action")
        for key in item
        if key not in _READERS and key not in _FOR_PHONES
    )
    leads = _leads(item)
    needed = "uri" if leads else "action"
    if is_empty(item.get(needed)):
        notes.append(unusable(name, item, "invalid_action"))
        return None
    # What a phone opens besides, a mail does not: a press acts, or it leads somewhere.
    unused = "action" if leads else "uri"
    read = {field: value for field, value in item.items() if field != unused}
    values = read_fields(read, _READERS, notes, f"{name}.")
    if needed not in values:
        return None
    # What cannot be read must not make a press easier than it was meant to be.
    values |= {field: True for field in _CAREFUL if item.get(field)} | values
    values.setdefault("title", values[needed])
    if _asks_for_more(values):
        notes.append(unusable(name, values["title"], "action_for_phones"))
        return None
    values["title"] = values["title"][:_MAX_TITLE_LENGTH]
    return ActionRow(**values)


def _leads(item: Mapping[Any, Any]) -> bool:
    """Whether a row is a link: as phones have it, or because it does nothing else."""
    action = item.get("action")
    if is_empty(action):
        return not is_empty(item.get("uri"))
    return isinstance(action, str) and action.strip().upper() == _LINK_ACTION


def _asks_for_more(values: dict[str, Any]) -> bool:
    """Whether a press is to ask for what a mail cannot: a text, an unlocked phone.

    A button that forgets the latter would act for everyone who sees the mail.
    """
    locked = values.pop("authenticationRequired", False)
    types = values.pop("behavior", "") == _TYPES or values.get("action") == _REPLY
    return locked or types


def _action(value: Any, name: str, notes: Notes) -> str:
    action = read_line(value, name, notes)
    if len(action) > _MAX_ACTION_LENGTH:
        raise unusable(name, value, "tag_too_long", number=str(_MAX_ACTION_LENGTH))
    return action


def _uri(value: Any, name: str, notes: Notes) -> str:
    uri = read_word(value, name, notes).strip()
    if not is_target(uri):
        raise unusable(name, value, "invalid_link")
    return uri


_CAREFUL = ("destructive", "authenticationRequired")

_READERS: dict[str, Reader] = {
    "action": _action,
    "title": read_line,
    "uri": _uri,
    "destructive": read_yes_no,
    "behavior": read_text,
    "authenticationRequired": read_yes_no,
}
