"""A call's fields, read into a MessageRequest."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain
import json
from typing import Any

from homeassistant.exceptions import HomeAssistantError

from ..const import DEFAULT_ACTIONS_EXPIRE_AFTER, DEFAULT_WAIT, LOGGER, MAX_AGAIN
from ..mime.address import Mailbox, Recipients
from ..mime.card import Link
from ..mime.models import Priority
from .actions import ActionRow
from .attachments.fields import Attachment
from .errors import field_error, invalid_address
from .fields import FIELDS, ChartRequest, Format
from .reading import (
    Notes,
    as_list,
    as_text,
    from_json,
    is_empty,
    read_fields,
    shown_value,
    unknown_field,
    unusable,
)

_READERS = {name: one.read for name, one in FIELDS.items()}
_IMAGES = "images"
"""Of core's smtp: files, by their paths."""
_SHOWN_BY_PHONES = ("image", "video")
_ATTACHED_BY_PHONES = "attachment"
"""A mapping with `url`; our own field has the plural, and other fields in it."""
# Of data for phones, of core's smtp and of notify actions, by ours.
_MEANT = {
    "image": "attachments",
    _IMAGES: "attachments",
    "clickAction": "link",
    "url": "link",
    "target": "to",
}
_PHONE_CLEAR = "clear_notification"
"""The message by which phones are told to show those of a tag no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRequest:
    """What a call asks for: each value was checked."""

    recipients: Recipients = field(default_factory=Recipients)
    """Whom the call names by mail addresses."""
    refused: tuple[str, ...] = ()
    """Texts that the call gives as addresses, and are none."""
    reply_to: Mailbox | None = None
    sender_name: str = ""
    """What recipients see as the sender's name; empty: the account's."""
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
    """Within this time the same alert is counted and not sent; None: always sent."""
    repeat_until_acknowledged: timedelta | None = None
    """How often the mail is sent again until somebody acknowledges it."""
    again: dict[str, Any] | None = None
    """The call's fields, as JSON has them, where it is to be repeated."""
    expires_after: timedelta | None = None
    """How long to try; None: as the account's options say."""
    wait: float = DEFAULT_WAIT
    """Seconds to wait for the first attempt."""
    attachments: tuple[Attachment, ...] = ()
    charts: tuple[ChartRequest, ...] = ()
    entities: Mapping[str, Any] = field(default_factory=dict)
    """A target: lists of ids by `entity_id`, `device_id`, `area_id` and so on."""
    link: Link | None = None
    actions: tuple[ActionRow, ...] = ()
    actions_expire_after: timedelta = DEFAULT_ACTIONS_EXPIRE_AFTER
    """How long the buttons work, from the alert on."""
    notes: tuple[HomeAssistantError, ...] = ()
    """What could not be used, and why."""


def read_request(data: Mapping[Any, Any]) -> MessageRequest:
    """Read the fields of an action of ours, also of one that is called again.

    Raises ServiceValidationError for a field that does not exist, which is wrong once
    and for all, and where there is nothing to say.
    """
    for name in data:
        if meant := _MEANT.get(name):
            raise field_error("unknown_field", field=name, suggestion=meant)
        if name not in FIELDS:
            raise unknown_field(name, FIELDS, "unknown_field")
    return _read(data, [])


def read_notification(
    message: Any, title: Any = None, targets: Any = None, data: Any = None
) -> MessageRequest:
    """Read what a notify action is given; fields of other services mean nothing here.

    Raises ServiceValidationError where there is nothing to say.
    """
    notes: Notes = []
    data = from_json(data)
    if not isinstance(data, Mapping):
        if not is_empty(data):
            notes.append(unusable("data", data))
        data = {}
    fields = {name: value for name, value in data.items() if name in FIELDS}
    known = {*FIELDS, _IMAGES, *_SHOWN_BY_PHONES, _ATTACHED_BY_PHONES}
    if ignored := [shown_value(name) for name in data if name not in known]:
        LOGGER.debug("Not for mail, and ignored: %s", ", ".join(ignored))
    if message == _PHONE_CLEAR:
        fields["clear"] = True
    else:
        fields["message"] = message
    fields["to"] = [*as_list(fields.get("to")), *as_list(targets)]
    if not is_empty(title):
        fields["title"] = title
    attached = data.get(_ATTACHED_BY_PHONES)
    url = attached.get("url") if isinstance(attached, Mapping) else attached
    shown = [*map(data.get, _SHOWN_BY_PHONES), url]
    pictures = [{"url": one, "inline": True} for one in shown if not is_empty(one)]
    if others := [*as_list(data.get(_IMAGES)), *pictures]:
        fields["attachments"] = [*as_list(fields.get("attachments")), *others]
    return _read(fields, notes)


def _again(data: Mapping[Any, Any], notes: Notes) -> dict[str, Any] | None:
    """Return the fields for a reminder; None, with a note, if they are too large."""
    fields = {name: value for name, value in data.items() if not FIELDS[name].once}
    try:
        text = json.dumps(fields, default=as_text)
    except TypeError, ValueError, RecursionError:
        text = ""
    if not 0 < len(text) <= MAX_AGAIN:
        notes.append(field_error("not_repeated"))
        return None
    again: dict[str, Any] = json.loads(text)
    return again


def _read(data: Mapping[Any, Any], notes: Notes) -> MessageRequest:
    """Read fields, each of which has a name that exists."""
    values = read_fields(data, _READERS, notes)
    text_format = values.pop("format", Format.TEXT)
    if text_format is Format.HTML and "html" not in values:
        values["html"] = values.pop("message", "")
    named: dict[str, list[Mailbox | str]] = {
        name: values.pop(name, []) for name in ("to", "cc", "bcc")
    }
    refused = tuple(one for one in chain(*named.values()) if isinstance(one, str))
    notes.extend(invalid_address(text) for text in refused)
    request = MessageRequest(
        recipients=Recipients(
            **{
                name: tuple(one for one in each if isinstance(one, Mailbox))
                for name, each in named.items()
            }
        ),
        refused=refused,
        markdown=text_format is Format.MARKDOWN,
        **values,
    )
    if request.repeat_until_acknowledged:
        again = None if request.clear else _again(data, notes)
        period = request.repeat_until_acknowledged if again else None
        request = replace(request, again=again, repeat_until_acknowledged=period)
    said = any(not is_empty(data.get(name)) for name, one in FIELDS.items() if one.says)
    if request.clear and not request.tag:
        # Without a tag there is nothing to clear.
        if not said:
            raise field_error("clear_needs_tag")
        notes.append(field_error("clear_needs_tag"))
        request = replace(request, clear=False)
    if not said and not request.clear:
        raise field_error("nothing_to_say")
    return replace(request, notes=tuple(notes))
