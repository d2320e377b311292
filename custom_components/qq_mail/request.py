"""What a call asks for: read, checked, and typed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import PurePath
import re
from typing import Any
from urllib.parse import urlsplit

import voluptuous as vol

from homeassistant.core import valid_entity_id
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv

from .const import DEFAULT_WAIT, DOMAIN
from .errors import invalid_address
from .mail.card import Link
from .mail.exceptions import InvalidMailboxError
from .mail.models import Mailbox, Priority, Recipients, one_line

MAX_WAIT = 300
MIN_EXPIRES_AFTER = timedelta(minutes=1)
MAX_EXPIRES_AFTER = timedelta(days=30)
MAX_TAG_LENGTH = 255

# Visible ASCII without brackets and quotes: what fits in a header and in HTML.
_CONTENT_ID = re.compile(r"[!#-&(-;=?-~]{1,200}")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRequest:
    """What a call asks for."""

    recipients: Recipients = field(default_factory=Recipients)
    """Those that the call names by their addresses."""
    reply_to: Mailbox | None = None
    title: str = ""
    message: str = ""
    markdown: bool = False
    """Whether the message is Markdown; else it is plain text."""
    html: str = ""
    """An HTML body of the caller's own."""
    priority: Priority = Priority.NORMAL
    tag: str = ""
    clear: bool = False
    expires_after: timedelta | None = None
    """None: as the account's options say."""
    wait: float = DEFAULT_WAIT
    """Seconds to wait for the first attempt."""
    attachments: tuple[Attachment, ...] = ()
    entities: Mapping[str, list[str]] = field(default_factory=dict)
    """A target: lists of ids by `entity_id`, `device_id`, `area_id` and so on."""
    link: Link | None = None


def read_request(data: Mapping[str, Any]) -> MessageRequest:
    """Read a call's fields. Raises ServiceValidationError."""
    values = _read(data, _READERS, "unknown_field")
    text_format = values.pop(MessageField.FORMAT, Format.TEXT)
    if text_format is Format.HTML and MessageField.HTML not in values:
        values[MessageField.HTML] = values.pop(MessageField.MESSAGE, "")
    recipients = Recipients(
        **{
            name: values.pop(name)
            for name in (MessageField.TO, MessageField.CC, MessageField.BCC)
            if name in values
        }
    )
    request = MessageRequest(
        recipients=recipients, markdown=text_format is Format.MARKDOWN, **values
    )
    _check(request)
    return request


def read_notification(
    message: str,
    title: str | None,
    targets: list[str] | None,
    data: Mapping[str, Any],
) -> MessageRequest:
    """Read what notify.<name> is given. Raises ServiceValidationError."""
    fields = dict(data)
    images = _list(fields.pop("images", None))
    fields[MessageField.MESSAGE] = message
    fields[MessageField.TO] = [*_list(fields.get(MessageField.TO)), *(targets or ())]
    if title is not None:
        fields[MessageField.TITLE] = title
    paths = [_text(image, "images") for image in images if not _empty(image)]
    # Joined first: a call that has nothing but images has something to say.
    items = [{Source.PATH: path} for path in paths]
    fields[MessageField.ATTACHMENTS] = [
        *_list(fields.get(MessageField.ATTACHMENTS)),
        *items,
    ]
    request = read_request(fields)
    if not request.html or not paths:
        return request
    kept = request.attachments[: -len(paths)]
    shown = tuple(
        replace(attachment, content_id=_content_id_of(attachment.value))
        for attachment in request.attachments[-len(paths) :]
    )
    return replace(request, attachments=kept + shown)


def _content_id_of(path: str) -> str:
    """Return a file's name, by which HTML refers to it, if it can."""
    name = PurePath(path).name
    return name if _CONTENT_ID.fullmatch(name) else ""


def _check(request: MessageRequest) -> None:
    """Refuse a call with nothing to say, or nothing to clear."""
    if request.clear:
        if not request.tag:
            raise _error("clear_needs_tag")
        return
    if not (
        request.message
        or request.html
        or request.attachments
        or request.entities
        or request.link
    ):
        raise _error("nothing_to_say")


type _Reader = Callable[[Any, str], Any]


def _read(
    data: Mapping[str, Any], readers: Mapping[str, _Reader], unknown: str
) -> dict[str, Any]:
    """Read every field that is given."""
    for name in data:
        if name not in readers:
            raise _unknown(str(name), readers, unknown)
    return {
        str(name): readers[name](value, str(name))
        for name, value in data.items()
        if not _empty(value)
    }


def _unknown(name: str, names: Iterable[str], key: str) -> ServiceValidationError:
    """Return an error that names the field that was meant, or all there are."""
    shown, names = _shown(name), [str(known) for known in names]
    if near := get_close_matches(name, names, n=1):
        return _error(key, field=shown, suggestion=near[0])
    return _error(f"{key}_options", field=shown, options=", ".join(names))


def _error(key: str, **placeholders: str) -> ServiceValidationError:
    """Return an error with its text."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def _shown(value: object) -> str:
    """Return a value as an error shows it."""
    return one_line(str(value))[:100]


def _empty(value: object) -> bool:
    """Whether a value is as good as not given: forms and templates send such."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | tuple | dict) and not value)


def _list(value: Any) -> list[Any]:
    """Return one or several as several."""
    if _empty(value):
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Any, name: str) -> str:
    try:
        return cv.string(value)
    except (vol.Invalid, ValueError) as err:
        raise _error("invalid_text", field=name) from err


def _line(value: Any, name: str) -> str:
    return one_line(_text(value, name))


def _yes_no(value: Any, name: str) -> bool:
    try:
        return cv.boolean(value)
    except vol.Invalid as err:
        raise _error("invalid_yes_no", field=name, value=_shown(value)) from err


def _choice[E: StrEnum](options: type[E], key: str) -> Callable[[Any, str], E]:
    """Return a reader of one of some words."""

    def read(value: Any, name: str) -> E:
        try:
            return options(_text(value, name).strip().lower())
        except ValueError as err:
            raise _error(key, value=_shown(value), options=", ".join(options)) from err

    return read


def _mailbox(value: Any, name: str) -> Mailbox:
    try:
        return Mailbox.parse(_text(value, name))
    except InvalidMailboxError as err:
        raise invalid_address(err) from err


def _mailboxes(value: Any, name: str) -> tuple[Mailbox, ...]:
    texts = [_text(item, name) for item in _list(value) if not _empty(item)]
    try:
        return tuple(box for text in texts for box in Mailbox.parse_list(text))
    except InvalidMailboxError as err:
        raise invalid_address(err) from err


def _tag(value: Any, name: str) -> str:
    tag = _line(value, name)
    if len(tag) > MAX_TAG_LENGTH:
        raise _error("tag_too_long", number=str(MAX_TAG_LENGTH))
    return tag


def _expires_after(value: Any, _name: str) -> timedelta:
    error = _error("invalid_expires_after", value=_shown(value))
    try:
        period: timedelta = cv.positive_time_period(value)
    except (vol.Invalid, ValueError, TypeError, OverflowError) as err:
        raise error from err
    if not MIN_EXPIRES_AFTER <= period <= MAX_EXPIRES_AFTER:
        raise error
    return period


def _wait(value: Any, _name: str) -> float:
    error = _error("invalid_wait", value=_shown(value))
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
    if not _CONTENT_ID.fullmatch(content_id):
        raise _error("invalid_content_id", value=_shown(value))
    return content_id


def _url(value: Any, name: str) -> str:
    url = _text(value, name).strip()
    if not _is_url(url, "http", "https"):
        raise _error("invalid_url", value=_shown(value))
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
        raise _error("invalid_media_source", value=_shown(value))
    return found.strip()


def _picture_entity(value: Any, name: str) -> str:
    entity_id = _text(value, name).strip().lower()
    if not valid_entity_id(entity_id) or not entity_id.startswith(_PICTURE_DOMAINS):
        raise _error("attachment_entity", value=_shown(value))
    return entity_id


def _attachments(value: Any, _name: str) -> tuple[Attachment, ...]:
    return tuple(_attachment(item) for item in _list(value) if not _empty(item))


def _attachment(item: Any) -> Attachment:
    if not isinstance(item, Mapping):
        raise _error("attachment_source", options=", ".join(Source))
    values = _read(item, _ATTACHMENT_READERS, "unknown_field_of_attachment")
    sources = [source for source in Source if source in values]
    if len(sources) != 1:
        raise _error("attachment_source", options=", ".join(Source))
    return Attachment(source=sources[0], value=values.pop(sources[0]), **values)


def _entities(value: Any, _name: str) -> dict[str, list[str]]:
    target = value if isinstance(value, Mapping) else {"entity_id": value}
    error = _error("invalid_entities", value=_shown(value))
    result: dict[str, list[str]] = {}
    for kind, ids in target.items():
        items = [item for item in _list(ids) if not _empty(item)]
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
    error = _error("invalid_link", value=_shown(value))
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


_READERS: dict[str, _Reader] = {
    MessageField.TO: _mailboxes,
    MessageField.CC: _mailboxes,
    MessageField.BCC: _mailboxes,
    MessageField.REPLY_TO: _mailbox,
    MessageField.TITLE: _text,
    MessageField.MESSAGE: _text,
    MessageField.FORMAT: _choice(Format, "invalid_format"),
    MessageField.HTML: _text,
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
    Source.PATH: _text,
    Source.URL: _url,
    "filename": _line,
    "content_id": _content_id,
    "inline": _yes_no,
}
