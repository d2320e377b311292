"""The fields of an attachment."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
import re
from typing import Any

from homeassistant.core import valid_entity_id

from ..reading import (
    Notes,
    Reader,
    as_list,
    is_away,
    is_empty,
    is_url,
    read_fields,
    read_line,
    read_word,
    read_yes_no,
    unknown_field,
    unusable,
)

# Visible ASCII without brackets and quotes: what fits in a header and in HTML.
CONTENT_ID = re.compile(r"[!#-&(-;=?-~]{1,200}")
_MEDIA_SOURCE = "media-source://"
# Where the front end shows what is in Home Assistant's own media folder.
_MEDIA_PATH = re.compile(r"/media/(local/.+)", re.DOTALL)
_PICTURE_DOMAINS = ("camera.", "image.")


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


def _media_source(value: Any, name: str, _notes: Notes) -> str:
    found = value.get("media_content_id") if isinstance(value, Mapping) else value
    text = found.strip() if isinstance(found, str) else ""
    if match := _MEDIA_PATH.fullmatch(text):
        text = f"{_MEDIA_SOURCE}media_source/{match[1]}"
    if not text.startswith(_MEDIA_SOURCE):
        raise unusable(name, value, "invalid_media_source")
    return text


def _picture_entity(value: Any, name: str, notes: Notes) -> str:
    entity_id = read_word(value, name, notes).strip().lower()
    if not _is_picture_entity(entity_id):
        raise unusable(name, value, "attachment_entity")
    return entity_id


def _is_picture_entity(text: str) -> bool:
    return text.startswith(_PICTURE_DOMAINS) and valid_entity_id(text)


def read_attachments(value: Any, name: str, notes: Notes) -> tuple[Attachment, ...]:
    """Read one or several; what is wrong with one is not wrong with the others."""
    found = (_attachment(item, name, notes) for item in as_list(value))
    return tuple(attachment for attachment in found if attachment)


def _attachment(item: Any, name: str, notes: Notes) -> Attachment | None:
    """Read one; None: there is nothing that could be attached, as a note says."""
    if isinstance(item, str) and not is_away(item):
        item = {_source_by_look(item.strip()): item.strip()}
    if not isinstance(item, Mapping):
        notes.append(unusable(name, item, "attachment_source", options=_SOURCES))
        return None
    notes.extend(
        unknown_field(key, _ATTACHMENT_READERS, "unknown_field_of_attachment")
        for key in item
        if key not in _ATTACHMENT_READERS
    )
    values = read_fields(item, _ATTACHMENT_READERS, notes, f"{name}.")
    usable = {source: values.pop(source) for source in Source if source in values}
    # Of one that is given, and cannot be used, there is a note already.
    if sum(not is_empty(item.get(source)) for source in Source) != 1:
        notes.append(unusable(name, item, "attachment_source", options=_SOURCES))
    for source, value in usable.items():
        return Attachment(source=source, value=value, **values)
    return None


def _source_by_look(text: str) -> Source:
    """Return what a text is that stands for a whole attachment."""
    if text.startswith(_MEDIA_SOURCE) or _MEDIA_PATH.fullmatch(text):
        return Source.MEDIA_SOURCE
    if text.lower().startswith(("http://", "https://")):
        return Source.URL
    return Source.ENTITY_ID if _is_picture_entity(text.lower()) else Source.PATH


def _content_id(value: Any, name: str, notes: Notes) -> str:
    content_id = read_line(value, name, notes).strip("<>")
    if not CONTENT_ID.fullmatch(content_id):
        raise unusable(name, value, "invalid_content_id")
    return content_id


def _url(value: Any, name: str, notes: Notes) -> str:
    url = read_word(value, name, notes).strip()
    if not is_url(url, "http", "https"):
        raise unusable(name, value, "invalid_url")
    return url


_SOURCES = ", ".join(Source)
_ATTACHMENT_READERS: dict[str, Reader] = {
    Source.MEDIA_SOURCE: _media_source,
    Source.ENTITY_ID: _picture_entity,
    Source.PATH: read_word,
    Source.URL: _url,
    "filename": read_line,
    "content_id": _content_id,
    "inline": read_yes_no,
}
