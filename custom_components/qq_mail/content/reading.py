"""Readers of values: one that cannot be used becomes a note and stops nothing."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
import json
from typing import Any
from urllib.parse import urlsplit

import voluptuous as vol

from homeassistant.core import valid_entity_id
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv

from ..mime.address import one_line
from .errors import field_error
from .redaction import quoted

_PHONES = ("app", "deep-link", "entityid", "intent", "noaction", "settings")
"""Schemes that only the companion app opens, and its word for a link to nowhere."""
_SCHEMES = ("geo", "mailto", "sms", "tel")
"""Schemes that every phone opens, beside those of web pages."""
_AWAY = ("unknown", "unavailable", "none")
"""What a template writes for a state or an attribute that is not there."""

TARGET_KEYS = ("entity_id", "device_id", "area_id", "floor_id", "label_id")
EXCLUDE = "exclude"
"""Home Assistant's key, from 2026.11, for the part of a target that is left out."""

type Ids = dict[str, list[str]]
"""Lists of ids by the keys of a target."""
type Notes = list[HomeAssistantError]
"""Texts on what could not be used, and why; reading appends to them."""
type Reader = Callable[[Any, str, Notes], Any]


def read_fields(
    data: Mapping[Any, Any],
    readers: Mapping[str, Reader],
    notes: Notes,
    within: str = "",
) -> dict[str, Any]:
    """Return the values of all fields that can be used; add a note for each other."""
    values: dict[str, Any] = {}
    for name, reader in readers.items():
        if is_empty(value := data.get(name)):
            continue
        try:
            values[str(name)] = reader(value, f"{within}{name}", notes)
        except ServiceValidationError as err:
            notes.append(err)
    return values


def unknown_field(name: object, names: Iterable[str], key: str) -> HomeAssistantError:
    """Return an error that suggests a similar field, or else lists all of them."""
    shown, names = shown_value(name), [str(known) for known in names]
    if near := get_close_matches(shown, names, n=1):
        return field_error(key, field=shown, suggestion=near[0])
    return field_error(f"{key}_options", field=shown, options=", ".join(names))


def note_unknown(
    names: Iterable[object], known: Collection[str], notes: Notes, key: str
) -> None:
    """Add a note for each of these fields that does not exist."""
    notes.extend(unknown_field(name, known, key) for name in names if name not in known)


def unusable(
    field: str, value: object, key: str = "invalid_value", **placeholders: str
) -> ServiceValidationError:
    """Return the error that a field's value cannot be used, with what its key adds."""
    return field_error(key, field=field, value=shown_value(value), **placeholders)


def shown_value(value: object) -> str:
    """Return a value as a note shows it: short, and without secrets."""
    return quoted(one_line(as_text(value)))[:100]


def shown_pieces(value: str, pieces: Collection[str]) -> list[str]:
    """Return pieces that a text was cut into, as a note shows them.

    A secret may have been cut in two, so that no piece looks like one: in place of the
    pieces of a text that holds one, the whole is shown.
    """
    if pieces and quoted(value) != value:
        return [shown_value(value)]
    return [shown_value(piece) for piece in pieces]


def as_text(value: object) -> str:
    """Return a value as Python writes it."""
    try:
        return str(value)
    except ValueError:
        # Python writes no number of thousands of digits.
        return type(value).__name__


def is_empty(value: object) -> bool:
    """Whether a value counts as not given: None, blanks, nothing but such in a list."""
    if isinstance(value, list | tuple):
        return all(_is_nothing(item) for item in value)
    return _is_nothing(value) or value == {}


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def is_away(text: str) -> bool:
    """Whether a text is what a template writes for a sensor that is away."""
    return text.strip().lower() in _AWAY


def as_list(value: Any) -> list[Any]:
    """Return a list of one or several values, without those that are empty.

    JSON text stands for what it holds: other programs send lists that way.
    """
    value = from_json(value)
    items = value if isinstance(value, list | tuple) else [value]
    return [item for item in items if not is_empty(item)]


def from_json(value: Any) -> Any:
    """Return the list or mapping that a text holds as JSON, or the value itself."""
    if not (isinstance(value, str) and value.strip().startswith(("[", "{"))):
        return value
    try:
        return json.loads(value)
    except ValueError, RecursionError:
        return value


def read_text(value: Any, _name: str = "", _notes: Notes | None = None) -> str:
    """Return anything as text; a list is its lines."""
    if isinstance(value, list | tuple):
        return "\n".join(as_text(item) for item in value if item is not None)
    try:
        return cv.string(value)
    except vol.Invalid, ValueError:
        return as_text(value)


def checked(
    read: Reader,
    validate: Callable[[Any], Any],
    key: str = "invalid_value",
    **placeholders: str,
) -> Reader:
    """Return a reader of what passes a validator as well; `key` is that of the note."""

    def reader(value: Any, name: str, notes: Notes) -> Any:
        found = read(value, name, notes)
        try:
            return validate(found)
        except (vol.Invalid, ValueError, TypeError, OverflowError) as err:
            raise unusable(name, value, key, **placeholders) from err

    return reader


def valid(validate: Callable[[Any], Any], key: str, **placeholders: str) -> Reader:
    """Return a reader of what passes a validator."""
    return checked(lambda value, _name, _notes: value, validate, key, **placeholders)


read_word = valid(
    vol.All(cv.string, vol.truth(lambda text: not is_away(text))), "invalid_value"
)
"""Reads a text, unless a sensor that is away made it."""
read_line = checked(read_word, one_line)
"""Reads a text on one line."""
read_yes_no = valid(cv.boolean, "invalid_yes_no")
"""Reads a boolean, as Home Assistant does."""


def period_of(least: timedelta, most: timedelta, key: str) -> Reader:
    """Return a reader of periods within limits."""
    limits = vol.Range(min=least, max=most)
    return valid(vol.All(cv.positive_time_period, limits), key)


def choice_of(options: type[StrEnum]) -> Reader:
    """Return a reader of one of these options, in small or capital letters."""
    return valid(
        lambda value: options(read_text(value).strip().lower()),
        "invalid_choice",
        options=", ".join(options),
    )


def read_ids(
    target: Mapping[Any, Any], notes: Notes, name: str, key: str = "invalid_entities"
) -> Ids:
    """Read a target; what is no id becomes a note on the field `name`."""
    ids: Ids = {}
    for kind, value in target.items():
        for item in as_list(value):
            if kind not in TARGET_KEYS or not isinstance(item, str):
                notes.append(unusable(name, item, key))
                continue
            wrong: list[str] = []
            is_entity = kind == "entity_id"
            for text in filter(None, map(str.strip, item.split(","))):
                found = text.lower() if is_entity else text
                if is_away(text) or (is_entity and not valid_entity_id(found)):
                    wrong.append(text)
                else:
                    ids.setdefault(kind, []).append(found)
            notes += (unusable(name, text, key) for text in shown_pieces(item, wrong))
    return ids


def is_url(url: str, *schemes: str) -> bool:
    """Whether this is an absolute URL with one of these schemes."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.netloc) and unbroken(url)


def is_target(url: str) -> bool:
    """Whether a button can lead there.

    It can lead to a page, a path of Home Assistant's own, or to what a phone opens,
    such as a telephone number. Nothing else: javascript: would run, data: and file:
    would show what is not meant.
    """
    # Two slashes would lead to another host.
    local = url.startswith("/") and not url.startswith("//") and unbroken(url)
    scheme, _, rest = url.partition(":")
    opens = scheme.lower() in _SCHEMES and bool(rest) and unbroken(url)
    return local or opens or is_url(url, "http", "https", "homeassistant")


def is_for_phones(url: str) -> bool:
    """Whether this leads somewhere in the companion app and nowhere else."""
    return url.partition(":")[0].strip().lower() in _PHONES


def unbroken(url: str) -> bool:
    """Whether a URL has no blanks and control characters, nor a backslash."""
    return url.isprintable() and not any(c.isspace() or c == "\\" for c in url)
