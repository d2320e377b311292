"""What a call asks for: read, checked, and typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
import json
from pathlib import PurePath
from typing import Any

from homeassistant.exceptions import HomeAssistantError

from ..const import DEFAULT_ACTIONS_EXPIRE_AFTER, DEFAULT_WAIT, LOGGER, MAX_AGAIN
from ..mime.address import Mailbox, Recipients
from ..mime.card import Link
from ..mime.models import Priority
from .actions import ActionRow
from .attachments.fields import CONTENT_ID, Attachment, Source
from .charts.fields import ChartRequest
from .errors import field_error, invalid_address
from .fields import READERS, Addresses, Format, MessageField
from .reading import (
    Notes,
    as_list,
    as_text,
    is_empty,
    read_fields,
    read_word,
    shown_value,
    unknown_field,
    unusable,
)

_SAYS_SOMETHING = (
    MessageField.TITLE,
    MessageField.MESSAGE,
    MessageField.HTML,
    MessageField.ATTACHMENTS,
    MessageField.CHARTS,
    MessageField.ENTITIES,
    MessageField.LINK,
    MessageField.ACTIONS,
)
_ONCE = (
    MessageField.REPEAT_AFTER,
    MessageField.REPEAT_UNTIL_ACKNOWLEDGED,
    MessageField.WAIT,
)
"""What is of no use for an alarm that is sent again."""
_IMAGES = "images"
# Of data for phones, of core's smtp and of notify actions; nothing here reads like it.
_MEANT = {
    "image": MessageField.ATTACHMENTS,
    _IMAGES: MessageField.ATTACHMENTS,
    "clickAction": MessageField.LINK,
    "url": MessageField.LINK,
    "target": MessageField.TO,
}
# Of a push service; ours has the plural, and other fields in it.
_PHONE_ATTACHMENT = "attachment"
_PHONE_CLEAR = "clear_notification"
"""The message by which phones are told to show those of a tag no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRequest:
    """What a call asks for."""

    recipients: Recipients = field(default_factory=Recipients)
    """Those that the call names by their addresses."""
    refused: tuple[str, ...] = ()
    """What the call names as addresses, and is none."""
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
    repeat_after: timedelta | None = None
    """So long the same is counted rather than sent; None: it is sent."""
    repeat_until_acknowledged: timedelta | None = None
    """Sent again so often, until somebody has acknowledged it."""
    again: dict[str, Any] | None = None
    """What the call said, as JSON, where it is to be repeated."""
    expires_after: timedelta | None = None
    """None: as the account's options say."""
    wait: float = DEFAULT_WAIT
    """Seconds to wait for the first attempt."""
    attachments: tuple[Attachment, ...] = ()
    charts: tuple[ChartRequest, ...] = ()
    entities: Mapping[str, Any] = field(default_factory=dict)
    """A target: lists of ids by `entity_id`, `device_id`, `area_id` and so on."""
    link: Link | None = None
    actions: tuple[ActionRow, ...] = ()
    actions_expire_after: timedelta = DEFAULT_ACTIONS_EXPIRE_AFTER
    """From the alert on."""
    notes: tuple[HomeAssistantError, ...] = ()
    """What the call asks for and cannot have, and why."""


def read_request(data: Mapping[Any, Any]) -> MessageRequest:
    """Read the fields of an action of ours.

    Raises ServiceValidationError for a field that does not exist, which is wrong once
    and for all, and where there is nothing to say.
    """
    for name in data:
        if meant := _MEANT.get(name):
            raise field_error("unknown_field", field=name, suggestion=meant)
        if name not in READERS:
            raise unknown_field(name, READERS, "unknown_field")
    return _read(data, [])


def read_notification(
    message: Any, title: Any = None, targets: Any = None, data: Any = None
) -> MessageRequest:
    """Read what a notify action is given; fields of other services mean nothing here.

    Raises ServiceValidationError where there is nothing to say.
    """
    notes: Notes = []
    if not isinstance(data, Mapping):
        if not is_empty(data):
            notes.append(unusable("data", data))
        data = {}
    fields = {name: value for name, value in data.items() if name in READERS}
    images = data.get(_IMAGES)
    if not is_empty(attachment := data.get(_PHONE_ATTACHMENT)):
        notes.append(unusable(_PHONE_ATTACHMENT, attachment))
    known = {*READERS, _IMAGES, _PHONE_ATTACHMENT}
    if others := [shown_value(name) for name in data if name not in known]:
        LOGGER.debug("Not for mail, and ignored: %s", ", ".join(others))
    if message == _PHONE_CLEAR:
        fields[MessageField.CLEAR] = True
    else:
        fields[MessageField.MESSAGE] = message
    fields[MessageField.TO] = [*as_list(fields.get(MessageField.TO)), *as_list(targets)]
    if not is_empty(title):
        fields[MessageField.TITLE] = title
    return _read(fields, notes, as_list(images))


def read_again(again: Mapping[str, Any]) -> MessageRequest:
    """Read once more what a call said. Raises ServiceValidationError."""
    return _read(again.get("fields", {}), [], as_list(again.get(_IMAGES)))


def _again(
    data: Mapping[Any, Any], images: list[Any] | None, notes: Notes
) -> dict[str, Any] | None:
    """Return as JSON what is to be said again; None: that is too much, as a note says."""
    fields = {name: value for name, value in data.items() if name not in _ONCE}
    try:
        text = json.dumps({"fields": fields, _IMAGES: images or []}, default=as_text)
    except TypeError, ValueError, RecursionError:
        text = ""
    if not 0 < len(text) <= MAX_AGAIN:
        notes.append(field_error("not_repeated"))
        return None
    again: dict[str, Any] = json.loads(text)
    return again


def _read(
    data: Mapping[Any, Any], notes: Notes, images: list[Any] | None = None
) -> MessageRequest:
    """Read the fields, all of which exist, and join images to the attachments."""
    values = read_fields(data, READERS, notes)
    text_format = values.pop(MessageField.FORMAT, Format.TEXT)
    if text_format is Format.HTML and MessageField.HTML not in values:
        values[MessageField.HTML] = values.pop(MessageField.MESSAGE, "")
    addresses: dict[str, Addresses] = {
        name: values.pop(name, Addresses())
        for name in (MessageField.TO, MessageField.CC, MessageField.BCC)
    }
    refused = tuple(text for each in addresses.values() for text in each.refused)
    notes.extend(invalid_address(text) for text in refused)
    request = MessageRequest(
        recipients=Recipients(
            **{name: each.mailboxes for name, each in addresses.items()}
        ),
        refused=refused,
        markdown=text_format is Format.MARKDOWN,
        **values,
    )
    if request.repeat_until_acknowledged:
        again = None if request.clear else _again(data, images, notes)
        period = request.repeat_until_acknowledged if again else None
        request = replace(request, again=again, repeat_until_acknowledged=period)
    shown = _images(images or [], request.html, notes)
    said = images or any(not is_empty(data.get(name)) for name in _SAYS_SOMETHING)
    if request.clear and not request.tag:
        # Without a tag there is nothing to clear.
        if not said:
            raise field_error("clear_needs_tag")
        notes.append(field_error("clear_needs_tag"))
        request = replace(request, clear=False)
    if not said and not request.clear:
        raise field_error("nothing_to_say")
    return replace(request, attachments=request.attachments + shown, notes=tuple(notes))


def _images(images: list[Any], html: str, notes: Notes) -> tuple[Attachment, ...]:
    """Read the paths that core's smtp takes; HTML refers to them by their names."""
    read = (
        read_fields({_IMAGES: image}, {_IMAGES: read_word}, notes) for image in images
    )
    return tuple(
        Attachment(
            source=Source.PATH,
            value=path,
            content_id=_content_id_of(path) if html else "",
        )
        for values in read
        for path in values.values()
    )


def _content_id_of(path: str) -> str:
    """Return a file's name, by which HTML refers to it, if it can."""
    name = PurePath(path).name
    return name if CONTENT_ID.fullmatch(name) else ""
