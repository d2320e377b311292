"""The fields of a call: each read and checked by itself."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
import re
from typing import Any
from urllib.parse import urlsplit

import voluptuous as vol

from homeassistant.core import valid_entity_id
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv

from ..mail.address import InvalidMailboxError, Mailbox, one_line
from ..mail.card import Link
from ..mail.models import Priority
from .errors import field_error, invalid_address

MAX_WAIT = 300
MIN_EXPIRES_AFTER = timedelta(minutes=1)
MAX_EXPIRES_AFTER = timedelta(days=30)
MAX_TAG_LENGTH = 255

# Visible ASCII without brackets and quotes: what fits in a header and in HTML.
CONTENT_ID = re.compile(r"[!#-&(-;=?-~]{1,200}")
_MEDIA_SOURCE = "media-source://"
_PICTURE_DOMAINS = ("camera.", "image.")
TARGET_KEYS = ("entity_id", "device_id", "area_id", "floor_id", "label_id")


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
    EXPIRES_AFTER = "expires_after"
    WAIT = "wait"
    ATTACHMENTS = "attachments"
    ENTITIES = "entities"
    LINK = "link"


class Format(StrEnum):
    """How the message is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


class Source(StrEnum):
    """Where an attachment comes from; also the name of its field."""

    ENTITY_ID = "entity_id"
    """A camera or an image."""
    MEDIA_SOURCE = "media_source"
    PATH = "path"
    """A file, or a glob."""
    URL = "url"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A picture or file that is to go with a message; nothing is fetched yet."""

    source: Source
    value: str
    """Entity id, media content id, path or URL."""
    filename: str = ""
    """Empty: the source's own."""
    content_id: str = ""
    inline: bool = False


type _Reader = Callable[[Any, str], Any]


def read_fields(
    data: Mapping[str, Any], readers: Mapping[str, _Reader], unknown: str
) -> dict[str, Any]:
    """Read every field that is given."""
    for name in data:
        if name not in readers:
            raise _unknown(str(name), readers, unknown)
    return {
        str(name): readers[name](value, str(name))
        for name, value in data.items()
        if not is_empty(value)
    }


def _unknown(name: str, names: Iterable[str], key: str) -> ServiceValidationError:
    """Return an error that names the field that was meant, or all there are."""
    shown, names = _shown(name), [str(known) for known in names]
    if near := get_close_matches(name, names, n=1):
        return field_error(key, field=shown, suggestion=near[0])
    return field_error(f"{key}_options", field=shown, options=", ".join(names))


def _shown(value: object) -> str:
    """Return a value as an error shows it."""
    return one_line(str(value))[:100]


def is_empty(value: object) -> bool:
    """Whether a value is as good as not given: forms and templates send such."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | tuple | dict) and not value)


def as_list(value: Any) -> list[Any]:
    """Return one or several as several."""
    if is_empty(value):
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def read_text(value: Any, name: str) -> str:
    """Return what was given as text. Raises ServiceValidationError."""
    try:
        return cv.string(value)
    except (vol.Invalid, ValueError) as err:
        raise field_error("invalid_text", field=name) from err


def _line(value: Any, name: str) -> str:
    return one_line(read_text(value, name))


def _yes_no(value: Any, name: str) -> bool:
    try:
        return cv.boolean(value)
    except vol.Invalid as err:
        raise field_error("invalid_yes_no", field=name, value=_shown(value)) from err


def _choice[E: StrEnum](options: type[E], key: str) -> Callable[[Any, str], E]:
    """Return a reader of one of some words."""

    def read(value: Any, name: str) -> E:
        try:
            return options(read_text(value, name).strip().lower())
        except ValueError as err:
            raise field_error(
                key, value=_shown(value), options=", ".join(options)
            ) from err

    return read


def _mailbox(value: Any, name: str) -> Mailbox:
    try:
        return Mailbox.parse(read_text(value, name))
    except InvalidMailboxError as err:
        raise invalid_address(err) from err


def _mailboxes(value: Any, name: str) -> tuple[Mailbox, ...]:
    texts = [read_text(item, name) for item in as_list(value) if not is_empty(item)]
    try:
        return tuple(box for text in texts for box in Mailbox.parse_list(text))
    except InvalidMailboxError as err:
        raise invalid_address(err) from err


def _tag(value: Any, name: str) -> str:
    tag = _line(value, name)
    if len(tag) > MAX_TAG_LENGTH:
        raise field_error("tag_too_long", number=str(MAX_TAG_LENGTH))
    return tag


def _expires_after(value: Any, _name: str) -> timedelta:
    error = field_error("invalid_expires_after", value=_shown(value))
    try:
        period: timedelta = cv.positive_time_period(value)
    except (vol.Invalid, ValueError, TypeError, OverflowError) as err:
        raise error from err
    if not MIN_EXPIRES_AFTER <= period <= MAX_EXPIRES_AFTER:
        raise error
    return period


def _wait(value: Any, _name: str) -> float:
    error = field_error("invalid_wait", value=_shown(value))
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


def _content_id(value: Any, name: str) -> str:
    content_id = _line(value, name).strip("<>")
    if not CONTENT_ID.fullmatch(content_id):
        raise field_error("invalid_content_id", value=_shown(value))
    return content_id


def _url(value: Any, name: str) -> str:
    url = read_text(value, name).strip()
    if not _is_url(url, "http", "https"):
        raise field_error("invalid_url", value=_shown(value))
    return url


def _is_url(url: str, *schemes: str) -> bool:
    """Whether this is an absolute URL with one of these schemes."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.netloc) and _unbroken(url)


def _unbroken(url: str) -> bool:
    """Whether a URL has no blanks and control characters, nor a backslash."""
    return url.isprintable() and not any(c.isspace() or c == "\\" for c in url)


def _media_source(value: Any, _name: str) -> str:
    found = value.get("media_content_id") if isinstance(value, Mapping) else value
    if not isinstance(found, str) or not found.strip().startswith(_MEDIA_SOURCE):
        raise field_error("invalid_media_source", value=_shown(value))
    return found.strip()


def _picture_entity(value: Any, name: str) -> str:
    entity_id = read_text(value, name).strip().lower()
    if not valid_entity_id(entity_id) or not entity_id.startswith(_PICTURE_DOMAINS):
        raise field_error("attachment_entity", value=_shown(value))
    return entity_id


def _attachments(value: Any, _name: str) -> tuple[Attachment, ...]:
    return tuple(_attachment(item) for item in as_list(value) if not is_empty(item))


def _attachment(item: Any) -> Attachment:
    if not isinstance(item, Mapping):
        raise field_error("attachment_source", options=", ".join(Source))
    values = read_fields(item, _ATTACHMENT_READERS, "unknown_field_of_attachment")
    sources = [source for source in Source if source in values]
    if len(sources) != 1:
        raise field_error("attachment_source", options=", ".join(Source))
    return Attachment(source=sources[0], value=values.pop(sources[0]), **values)


def _entities(value: Any, _name: str) -> dict[str, list[str]]:
    target = value if isinstance(value, Mapping) else {"entity_id": value}
    error = field_error("invalid_entities", value=_shown(value))
    result: dict[str, list[str]] = {}
    for kind, ids in target.items():
        items = [item for item in as_list(ids) if not is_empty(item)]
        if kind not in TARGET_KEYS or not all(isinstance(item, str) for item in items):
            raise error
        texts = [text.strip() for item in items for text in item.split(",")]
        if kind == "entity_id":
            texts = [text.lower() for text in texts]
            if not all(valid_entity_id(text) for text in texts if text):
                raise error
        if found := [text for text in texts if text]:
            result[kind] = found
    return result


def _link(value: Any, name: str) -> Link:
    error = field_error("invalid_link", value=_shown(value))
    parts = value if isinstance(value, Mapping) else {"url": value}
    url = parts.get("url")
    if parts.keys() - {"url", "title"} or not isinstance(url, str):
        raise error
    url = url.strip()
    # Two slashes would lead to another host.
    local = url.startswith("/") and not url.startswith("//") and _unbroken(url)
    if not local and not _is_url(url, "http", "https", "homeassistant"):
        raise error
    title = parts.get("title")
    return Link(url, "" if title is None else _line(title, name))


READERS: dict[str, _Reader] = {
    MessageField.TO: _mailboxes,
    MessageField.CC: _mailboxes,
    MessageField.BCC: _mailboxes,
    MessageField.REPLY_TO: _mailbox,
    MessageField.TITLE: read_text,
    MessageField.MESSAGE: read_text,
    MessageField.FORMAT: _choice(Format, "invalid_format"),
    MessageField.HTML: read_text,
    MessageField.PRIORITY: _choice(Priority, "invalid_priority"),
    MessageField.TAG: _tag,
    MessageField.CLEAR: _yes_no,
    MessageField.EXPIRES_AFTER: _expires_after,
    MessageField.WAIT: _wait,
    MessageField.ATTACHMENTS: _attachments,
    MessageField.ENTITIES: _entities,
    MessageField.LINK: _link,
}
_ATTACHMENT_READERS: dict[str, _Reader] = {
    Source.MEDIA_SOURCE: _media_source,
    Source.ENTITY_ID: _picture_entity,
    Source.PATH: read_text,
    Source.URL: _url,
    "filename": _line,
    "content_id": _content_id,
    "inline": _yes_no,
}
