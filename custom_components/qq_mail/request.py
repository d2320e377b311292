"""What a call asks for: read, checked, and typed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import PurePath
import re
from typing import Any, NoReturn

import voluptuous as vol

from homeassistant.const import (
    ATTR_AREA_ID,
    ATTR_DEVICE_ID,
    ATTR_ENTITY_ID,
    ATTR_FLOOR_ID,
    ATTR_LABEL_ID,
)
from homeassistant.core import split_entity_id, valid_entity_id
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from yarl import URL

from .const import DEFAULT_WAIT, DOMAIN, MAX_EXPIRES_AFTER, MAX_WAIT, MIN_EXPIRES_AFTER
from .errors import invalid_address
from .mail.card import Link
from .mail.exceptions import InvalidMailboxError
from .mail.models import Mailbox, Priority, Recipients, one_line

TARGET_KEYS = (
    ATTR_ENTITY_ID,
    ATTR_DEVICE_ID,
    ATTR_AREA_ID,
    ATTR_FLOOR_ID,
    ATTR_LABEL_ID,
)
"""What a target can name."""

_CONTENT_ID = re.compile(r"""[!#-&(-;=?-~]{1,200}""")
"""Visible ASCII without quotes and angle brackets: it stands in headers and HTML."""
_TAG_LENGTH = 255
_SCHEMES = ("http", "https", "homeassistant")
# What core's smtp called what was attached, by the path of the file.
_IMAGES = "images"


class Format(StrEnum):
    """What a message is written in."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


class Source(StrEnum):
    """Where an attachment comes from; also the name of its field."""

    ENTITY_ID = ATTR_ENTITY_ID
    """A camera or an image."""
    MEDIA_SOURCE = "media_source"
    PATH = "path"
    """A file, or a glob."""
    URL = "url"


class AttachmentField(StrEnum):
    """The other fields of an attachment."""

    FILENAME = "filename"
    CONTENT_ID = "content_id"
    INLINE = "inline"


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
    ATTACHMENTS = "attachments"
    ENTITIES = "entities"
    LINK = "link"
    TAG = "tag"
    CLEAR = "clear"
    EXPIRES_AFTER = "expires_after"
    WAIT = "wait"


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
    """Read the fields of a call. What is None or empty counts as not given.

    Raises ServiceValidationError, which names the field.
    """
    given = _given(data)
    _check_fields(given, [*MessageField], "unknown_field")
    values = {key: _READERS[MessageField(key)](key, given[key]) for key in given}
    recipients = Recipients(
        **{
            key: values.pop(key)
            for key in (MessageField.TO, MessageField.CC, MessageField.BCC)
            if key in values
        }
    )
    message_format = values.pop(MessageField.FORMAT, Format.TEXT)
    if message_format is Format.HTML and MessageField.HTML not in values:
        values[MessageField.HTML] = values.pop(MessageField.MESSAGE, "")
    request = MessageRequest(
        recipients=recipients,
        markdown=message_format is Format.MARKDOWN,
        **{key.value: value for key, value in values.items()},
    )
    if request.clear and not request.tag:
        raise _error("clear_needs_tag")
    if not (
        request.clear
        or request.message.strip()
        or request.html.strip()
        or request.attachments
        or request.entities
        or request.link
    ):
        raise _error("nothing_to_say")
    return request


def read_notification(
    message: str,
    title: str | None,
    targets: Iterable[str] | None,
    data: Mapping[str, Any],
) -> MessageRequest:
    """Read a call of notify.<name>: the same fields in its data, and core's `images`.

    Raises ServiceValidationError.
    """
    given = _given(data)
    images = _texts(_IMAGES, given.pop(_IMAGES, []))
    attachments = _list(given.get(MessageField.ATTACHMENTS, []))
    for path in images:
        attachment: dict[str, Any] = {Source.PATH.value: path}
        name = PurePath(path).name
        # In core's smtp, HTML refers to a picture by the name of its file.
        if MessageField.HTML in given and _CONTENT_ID.fullmatch(name):
            attachment[AttachmentField.CONTENT_ID.value] = name
        attachments.append(attachment)
    to = [*(targets or ()), *_texts(MessageField.TO, given.get(MessageField.TO, []))]
    return read_request(
        {
            MessageField.MESSAGE: message,
            MessageField.TITLE: title,
            **given,
            MessageField.ATTACHMENTS: attachments,
            MessageField.TO: to,
        }
    )


def _given(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what forms and templates send for nothing."""
    return {
        str(key): value
        for key, value in data.items()
        if value is not None and value not in ("", [], {}, ())
    }


def _check_fields(
    given: Iterable[str], known: list[str], key: str, **placeholders: str
) -> None:
    """Raise at a field that does not exist, and name the one that is meant."""
    for name in given:
        if name in known:
            continue
        placeholders |= {"field": one_line(name)}
        if near := get_close_matches(name, known, 1):
            raise _error(key, suggestion=near[0], **placeholders)
        raise _error(f"{key}_of", fields=", ".join(known), **placeholders)


def _error(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders or None,
    )


def _invalid(field_name: str, key: str, value: Any = None, **more: str) -> NoReturn:
    shown = {} if value is None else {"value": one_line(str(value))[:100]}
    raise _error(f"invalid_{key}", field=str(field_name), **shown, **more)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple, set)) else [value]


def _text(name: str, value: Any) -> str:
    """Read a text; a number, as a template may give, is one as well."""
    try:
        return cv.string(value)
    except vol.Invalid:
        _invalid(name, "text")


def _line(name: str, value: Any) -> str:
    return one_line(_text(name, value))


def _texts(name: str, value: Any) -> list[str]:
    return [_text(name, item) for item in _list(value)]


def _mailboxes(name: str, value: Any) -> tuple[Mailbox, ...]:
    try:
        return tuple(
            mailbox
            for text in _texts(name, value)
            for mailbox in Mailbox.parse_list(text)
        )
    except InvalidMailboxError as err:
        raise invalid_address(err) from err


def _mailbox(name: str, value: Any) -> Mailbox:
    try:
        return Mailbox.parse(_text(name, value))
    except InvalidMailboxError as err:
        raise invalid_address(err) from err


def _choice[T: StrEnum](choices: type[T]) -> Callable[[str, Any], T]:
    """Return what reads one of several words."""

    def read(name: str, value: Any) -> T:
        try:
            return choices(_text(name, value).strip().lower())
        except ValueError:
            _invalid(name, "choice", value, options=", ".join(choices))

    return read


def _yes_no(name: str, value: Any) -> bool:
    try:
        return cv.boolean(value)
    except vol.Invalid:
        _invalid(name, "yes_no", value)


def _expires_after(name: str, value: Any) -> timedelta:
    try:
        duration = cv.positive_time_period(value)
    except vol.Invalid, OverflowError, TypeError, ValueError:
        _invalid(name, "duration", value)
    if not MIN_EXPIRES_AFTER <= duration <= MAX_EXPIRES_AFTER:
        _invalid(name, "duration", value)
    return duration


def _wait(name: str, value: Any) -> float:
    try:
        seconds = float(value)
    except TypeError, ValueError:
        _invalid(name, "wait", value, limit=str(MAX_WAIT))
    # Not for NaN either, which is not between anything.
    if not 0 <= seconds <= MAX_WAIT:
        _invalid(name, "wait", value, limit=str(MAX_WAIT))
    return seconds


def _tag(name: str, value: Any) -> str:
    return _line(name, value)[:_TAG_LENGTH]


def _link(name: str, value: Any) -> Link:
    """Read a URL or a path, alone or with a title for the button."""
    title = ""
    if isinstance(value, Mapping):
        given = _given(value)
        _check_fields(given, ["url", "title"], "unknown_field")
        title = _line(name, given.get("title", ""))
        value = given.get("url", "")
    text = _text(name, value).strip()
    try:
        url = URL(text)
    except ValueError:
        _invalid(name, "link", text)
    is_path = text.startswith("/") and not text.startswith("//")
    if text != one_line(text) or not (is_path or (url.scheme in _SCHEMES and url.host)):
        _invalid(name, "link", text)
    return Link(text, title)


def _entities(name: str, value: Any) -> dict[str, list[str]]:
    """Read a target, or entity ids as they are written in YAML."""
    if not isinstance(value, Mapping):
        value = {ATTR_ENTITY_ID: value}
    given = _given(value)
    _check_fields(given, [*TARGET_KEYS], "unknown_field")
    target = {
        key: [
            part.strip()
            for text in _texts(name, ids)
            for part in text.split(",")
            if part.strip()
        ]
        for key, ids in given.items()
    }
    for entity_id in target.get(ATTR_ENTITY_ID, ()):
        if not valid_entity_id(entity_id):
            _invalid(name, "entities", entity_id)
    return {key: ids for key, ids in target.items() if ids}


def _attachments(name: str, value: Any) -> tuple[Attachment, ...]:
    return tuple(_attachment(name, item) for item in _list(value))


def _attachment(name: str, value: Any) -> Attachment:
    if not isinstance(value, Mapping):
        raise _error("attachment_source", fields=", ".join(Source))
    given = _given(value)
    known = [*Source, *AttachmentField]
    _check_fields(given, known, "unknown_field")
    sources = [source for source in Source if source in given]
    if len(sources) != 1:
        raise _error("attachment_source", fields=", ".join(Source))
    (source,) = sources
    content = given[source]
    if source is Source.MEDIA_SOURCE and isinstance(content, Mapping):
        # As the media selector gives it.
        content = content.get("media_content_id")
    text = _text(name, content).strip()
    if source is Source.ENTITY_ID and (
        not valid_entity_id(text) or split_entity_id(text)[0] not in ("camera", "image")
    ):
        _invalid(name, "attachment_entity", text)
    content_id = _line(name, given.get(AttachmentField.CONTENT_ID, ""))
    content_id = content_id.removeprefix("<").removesuffix(">")
    if content_id and not _CONTENT_ID.fullmatch(content_id):
        _invalid(AttachmentField.CONTENT_ID, "content_id", content_id)
    return Attachment(
        source=source,
        value=text,
        filename=_line(name, given.get(AttachmentField.FILENAME, "")),
        content_id=content_id,
        inline=_yes_no(
            AttachmentField.INLINE, given.get(AttachmentField.INLINE, False)
        ),
    )


_READERS: Mapping[MessageField, Callable[[str, Any], Any]] = {
    MessageField.TO: _mailboxes,
    MessageField.CC: _mailboxes,
    MessageField.BCC: _mailboxes,
    MessageField.REPLY_TO: _mailbox,
    MessageField.TITLE: _text,
    MessageField.MESSAGE: _text,
    MessageField.FORMAT: _choice(Format),
    MessageField.HTML: _text,
    MessageField.PRIORITY: _choice(Priority),
    MessageField.ATTACHMENTS: _attachments,
    MessageField.ENTITIES: _entities,
    MessageField.LINK: _link,
    MessageField.TAG: _tag,
    MessageField.CLEAR: _yes_no,
    MessageField.EXPIRES_AFTER: _expires_after,
    MessageField.WAIT: _wait,
}
