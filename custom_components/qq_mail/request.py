"""What a call asks for: read, checked, and typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from .const import DEFAULT_WAIT
from .mail.card import Link
from .mail.models import Mailbox, Priority, Recipients


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
