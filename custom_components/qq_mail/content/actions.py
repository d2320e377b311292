"""The rows of `actions`: buttons of a mail, as the companion app has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import voluptuous as vol

from homeassistant.exceptions import ServiceValidationError

from ..const import ACKNOWLEDGE, MAX_ACTIONS
from .errors import field_error
from .reading import (
    Notes,
    Reader,
    as_list,
    checked,
    is_away,
    is_empty,
    is_for_phones,
    is_target,
    note_unknown,
    read_fields,
    read_line,
    read_text,
    read_word,
    read_yes_no,
    shown_value,
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
    """A button: it either acts (`action`) or opens an address (`uri`)."""

    title: str
    action: str = ""
    uri: str = ""
    """A URL, or a path of Home Assistant's own; empty where the button acts."""
    destructive: bool = False
    in_words: bool = False
    """Whether it asks for a text, which an answer to the mail alone can give."""


def with_acknowledge(rows: tuple[ActionRow, ...], title: str) -> tuple[ActionRow, ...]:
    """Return buttons with one among them that acknowledges.

    Automations for phones often write the name of that action in capitals.
    """
    if any(row.action.lower() == ACKNOWLEDGE and not row.in_words for row in rows):
        return rows
    return (*rows, ActionRow(action=ACKNOWLEDGE, title=title))


def read_actions(value: Any, name: str, notes: Notes) -> tuple[ActionRow, ...]:
    """Read one or several rows; one that cannot be used is left out with a note."""
    found = tuple(row for item in as_list(value) if (row := _row(item, name, notes)))
    if len(found) > MAX_ACTIONS:
        notes.append(field_error("too_many_actions", number=str(MAX_ACTIONS)))
    return found[:MAX_ACTIONS]


def _row(item: Any, name: str, notes: Notes) -> ActionRow | None:
    """Read one row; return None if no button can be made of it, which a note says.

    A text alone is a button's title, and a title alone is the name of its action too.
    """
    if isinstance(item, str) and not is_away(item):
        item = {"title": item}
    if not isinstance(item, Mapping):
        notes.append(_not_shown(name, item, ""))
        return None
    names = [key for key in item if key not in _FOR_PHONES]
    note_unknown(names, _READERS, notes, "unknown_field_of_action")
    leads = _leads(item)
    acts = "title" if is_empty(item.get("action")) else "action"
    needed = "uri" if leads else acts
    value = item.get(needed)
    if leads and isinstance(value, str) and is_for_phones(value):
        return None
    title = item.get("title") or value or "…"
    if is_empty(value):
        notes.append(_not_shown(name, item, title))
        return None
    try:
        meant = _READERS["uri" if leads else "action"](value, "", notes)
    except ServiceValidationError:
        notes.append(_not_shown(f"{name}.{needed}", value, title))
        return None
    # What a phone opens besides, a mail does not: a press acts, or it leads somewhere.
    read = {key: value for key, value in item.items() if key not in ("action", "uri")}
    values = read_fields(read, _READERS, notes, f"{name}.")
    # What cannot be read must not make a press easier than it was meant to be.
    values |= {field: True for field in _CAREFUL if item.get(field)} | values
    values["uri" if leads else "action"] = meant
    title = str(values.get("title", meant))[:_MAX_TITLE_LENGTH]
    in_words = values.pop("behavior", "") == _TYPES or values.get("action") == _REPLY
    if values.pop("authenticationRequired", False):
        # Without the lock it would act for everyone who sees the mail.
        notes.append(
            unusable(name, title, "action_for_phones", title=shown_value(title))
        )
        return None
    return ActionRow(**values | {"title": title, "in_words": in_words and not leads})


def _leads(item: Mapping[Any, Any]) -> bool:
    """Whether a row is a link: its action is URI, or it has a `uri` and no action."""
    action = item.get("action")
    if is_empty(action):
        return not is_empty(item.get("uri"))
    return isinstance(action, str) and action.strip().upper() == _LINK_ACTION


def _not_shown(field: str, value: Any, title: Any) -> ServiceValidationError:
    """Return the note on a row that no button can be made of."""
    return unusable(field, value, "invalid_action", title=shown_value(title) or "…")


_CAREFUL = ("destructive", "authenticationRequired")

_READERS: dict[str, Reader] = {
    "action": checked(read_line, vol.Length(max=_MAX_ACTION_LENGTH)),
    "title": read_line,
    "uri": checked(read_word, vol.All(vol.Strip, vol.truth(is_target))),
    "destructive": read_yes_no,
    "behavior": read_text,
    "authenticationRequired": read_yes_no,
}
