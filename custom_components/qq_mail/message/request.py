"""What a call asks for: read, checked, and typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import PurePath
from typing import Any

from ..const import DEFAULT_WAIT
from ..mail.address import Mailbox, Recipients
from ..mail.card import Link
from ..mail.models import Priority
from .errors import field_error
from .fields import (
    CONTENT_ID,
    READERS,
    Attachment,
    Format,
    MessageField,
    Source,
    as_list,
    is_empty,
    read_fields,
    read_text,
)


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
    values = read_fields(data, READERS, "unknown_field")
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
    images = as_list(fields.pop("images", None))
    fields[MessageField.MESSAGE] = message
    fields[MessageField.TO] = [*as_list(fields.get(MessageField.TO)), *(targets or ())]
    if title is not None:
        fields[MessageField.TITLE] = title
    paths = [read_text(image, "images") for image in images if not is_empty(image)]
    # Joined first: a call that has nothing but images has something to say.
    items = [{Source.PATH: path} for path in paths]
    fields[MessageField.ATTACHMENTS] = [
        *as_list(fields.get(MessageField.ATTACHMENTS)),
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
    return name if CONTENT_ID.fullmatch(name) else ""


def _check(request: MessageRequest) -> None:
    """Refuse a call with nothing to say, or nothing to clear."""
    if request.clear:
        if not request.tag:
            raise field_error("clear_needs_tag")
        return
    if not (
        request.message
        or request.html
        or request.attachments
        or request.entities
        or request.link
    ):
        raise field_error("nothing_to_say")
