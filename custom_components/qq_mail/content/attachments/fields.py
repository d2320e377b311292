"""Attachments that a call asks for: their fields, and where each one comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
import glob
import re
from typing import Any
from urllib.parse import unquote

import voluptuous as vol

from homeassistant.core import HomeAssistant, callback, valid_entity_id
from homeassistant.helpers.network import is_hass_url

from ..reading import (
    Notes,
    Reader,
    as_list,
    checked,
    is_away,
    is_empty,
    is_url,
    note_unknown,
    read_fields,
    read_line,
    read_word,
    read_yes_no,
    unusable,
    valid,
)

# Visible ASCII without brackets and quotes: what fits in a header and in HTML.
_CONTENT_ID = re.compile(r"[!#-&(-;=?-~]{1,200}")
_MEDIA_SOURCE = "media-source://"
_PICTURE_DOMAINS = ("camera.", "image.")
_PROXY = re.compile(
    r"/api/(?:camera|image)_proxy(?:_stream)?/((?:camera|image)\.\w+)/*",
    re.ASCII | re.IGNORECASE,
)
_WWW = "/local/"
_MEDIA = re.compile(r"/media/(local/.+)", re.DOTALL)
_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


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
    """Whether it is shown in the mail, if it is a picture."""
    label: str = ""
    """How notes call it, once it is fetched: as it was asked for, without secrets."""


def is_picture_entity(text: str) -> bool:
    """Whether this is the entity id of a camera or an image."""
    return text.startswith(_PICTURE_DOMAINS) and valid_entity_id(text)


def read_attachments(value: Any, name: str, notes: Notes) -> tuple[Attachment, ...]:
    """Read one or several; one that cannot be used is left out with a note."""
    found = (_attachment(item, name, notes) for item in as_list(value))
    # What is meant for phones of two makes names the same picture twice.
    return tuple(dict.fromkeys(attachment for attachment in found if attachment))


def _attachment(item: Any, name: str, notes: Notes) -> Attachment | None:
    """Read one; return None if nothing can be attached, which a note says."""
    if isinstance(item, str) and not is_away(item):
        item = {_source_by_look(item.strip()): item.strip()}
    if not isinstance(item, Mapping):
        notes.append(unusable(name, item, "attachment_source", options=_SOURCES))
        return None
    note_unknown(item, _ATTACHMENT_READERS, notes, "unknown_field_of_attachment")
    values = read_fields(_with_own(item), _ATTACHMENT_READERS, notes, f"{name}.")
    usable = {source: values.pop(source) for source in Source if source in values}
    # Of one that is given, and cannot be used, there is a note already.
    if sum(not is_empty(item.get(source)) for source in Source) != 1:
        notes.append(unusable(name, item, "attachment_source", options=_SOURCES))
    for source, value in usable.items():
        # A camera's picture is there to be looked at.
        shown = {"inline": source is Source.ENTITY_ID}
        return Attachment(source=source, value=value, **shown | values)
    return None


def _with_own(item: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a row in which own addresses are replaced by what they show."""
    row = dict(item)
    for field in Source:
        own = own_source(_text_of(item.get(field)))
        # A folder can be called /media/local as well.
        if own and (field, own[0]) != (Source.PATH, Source.MEDIA_SOURCE):
            del row[field]
            row[own[0]] = own[1]
    return row


def _text_of(value: Any) -> str:
    """Return the text of a field, also where the media selector wraps it up."""
    found = value.get("media_content_id") if isinstance(value, Mapping) else value
    return found if isinstance(found, str) else ""


def _source_by_look(text: str) -> Source:
    """Return which field a text belongs to that stands for a whole attachment."""
    if text.startswith(_MEDIA_SOURCE):
        return Source.MEDIA_SOURCE
    if text.lower().startswith(("http://", "https://", "/api/")) or own_source(text):
        return Source.URL
    return Source.ENTITY_ID if is_picture_entity(text.lower()) else Source.PATH


def own_source(text: str) -> tuple[Source, str] | None:
    """Return what a path of Home Assistant's own shows, whatever its query says.

    That is a camera or an image, a file in the folder `www`, or one of its media.
    """
    path = unquote(re.split(r"[?#]", text.strip(), maxsplit=1)[0])
    if match := _PROXY.fullmatch(path):
        return Source.ENTITY_ID, match[1].lower()
    if match := _MEDIA.fullmatch(path):
        return Source.MEDIA_SOURCE, f"media-source://media_source/{match[1]}"
    if path.startswith(_WWW) and path != _WWW:
        # An address is no pattern, also where it has brackets.
        return Source.PATH, f"www/{glob.escape(path.removeprefix(_WWW))}"
    return None


@callback
def own_source_of_url(hass: HomeAssistant, url: str) -> tuple[Source, str] | None:
    """Return the same for a path or for a URL whose host is this Home Assistant."""
    if not (origin := _ORIGIN.match(url.strip())):
        return own_source(url)
    try:
        is_own = is_hass_url(hass, origin[0])
    except ValueError:
        return None
    return own_source(url.strip()[origin.end() :]) if is_own else None


_SOURCES = ", ".join(Source)
_ATTACHMENT_READERS: dict[str, Reader] = {
    Source.MEDIA_SOURCE: valid(
        vol.All(_text_of, vol.Strip, vol.Match(_MEDIA_SOURCE)),
        "invalid_media_source",
    ),
    Source.ENTITY_ID: checked(
        read_word,
        vol.All(vol.Strip, vol.Lower, vol.truth(is_picture_entity)),
        "attachment_entity",
    ),
    Source.PATH: read_word,
    Source.URL: checked(
        read_word,
        vol.All(vol.Strip, vol.truth(lambda url: is_url(url, "http", "https"))),
        "invalid_url",
    ),
    "filename": read_line,
    "content_id": checked(
        read_line,
        vol.All(lambda text: text.strip("<>"), vol.truth(_CONTENT_ID.fullmatch)),
        "invalid_content_id",
    ),
    "inline": read_yes_no,
}
