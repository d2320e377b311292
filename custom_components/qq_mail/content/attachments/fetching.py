"""From cameras, images, media, files and URLs to body parts.

What is downloaded goes into temporary files.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from itertools import chain
import mimetypes
from os import SEEK_END
from pathlib import Path
import re
from secrets import token_hex
import shutil
import traceback
from typing import Any

from aiohttp import ClientError, ClientResponse, hdrs
from yarl import URL

from homeassistant.core import HomeAssistant, split_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.loader import async_get_loaded_integration

from ...const import DOMAIN, FETCH_TIMEOUT, LOGGER, MAX_REDIRECTS
from ..errors import AttachmentError
from ..redaction import redacted
from .fields import Attachment, Source, is_picture_entity, own_source_of_url
from .parts import (
    Found,
    as_part,
    async_reads,
    file_part,
    from_path,
    media_type_of,
    megabytes,
    reason_of,
    shown,
    too_large,
    unavailable,
)

_CAMERA_OR_IMAGE = re.compile(r"media-source://(?:camera|image)/(.+)")
_TTS = "media-source://tts/"
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 256 * 1024
# Encoded in a path it is part of the name, and yet may begin what is secret.
_MARK = re.compile(r"[?#]")

_remove = partial(shutil.rmtree, ignore_errors=True)


@asynccontextmanager
async def async_fetched(
    hass: HomeAssistant, attachments: Sequence[Attachment], max_bytes: int
) -> AsyncGenerator[Found]:
    """Fetch all attachments at once; downloads are removed when the context ends."""
    if not attachments:
        # Messages without any are not to overtake each other in threads.
        yield []
        return
    downloads = _folder(hass) / token_hex(8)
    try:
        found = await asyncio.gather(
            *(_async_fetch(hass, one, max_bytes, downloads) for one in attachments)
        )
        yield list(chain.from_iterable(found))
    finally:
        await hass.async_add_executor_job(_remove, downloads)


async def _async_fetch(
    hass: HomeAssistant, attachment: Attachment, max_bytes: int, downloads: Path
) -> Found:
    """Fetch one; whatever goes wrong becomes an error."""
    if attachment.source is Source.URL and (
        own := own_source_of_url(hass, attachment.value)
    ):
        attachment = replace(attachment, source=own[0], value=own[1])
    label = _label(attachment)
    attachment = replace(attachment, label=label)
    too_slow = AttachmentError("too_slow", label, seconds=str(FETCH_TIMEOUT))
    try:
        async with asyncio.timeout(FETCH_TIMEOUT) as timer:
            match attachment.source:
                case Source.ENTITY_ID:
                    return await _async_from_entity(hass, attachment)
                case Source.MEDIA_SOURCE:
                    return await _async_from_media(hass, attachment)
                case Source.PATH:
                    return await async_reads(hass).run(from_path, hass, attachment)
                case _:
                    return await _async_from_url(hass, attachment, max_bytes, downloads)
    except AttachmentError as err:
        failure = err
    except TimeoutError:
        failure = too_slow
    except (HomeAssistantError, ClientError, OSError) as err:
        # What others say is not made for a mail, and may hold secrets.
        LOGGER.warning("%s cannot be had: %s", label, redacted(str(err)))
        ours = isinstance(err, HomeAssistantError)
        failure = unavailable(label, "" if ours else reason_of(err))
        if timer.expired():
            # Up to 2026.8 a camera answers with an error when it is told to stop.
            failure = too_slow
    except asyncio.CancelledError:
        # It can be that a camera's own task was cancelled, and not this one.
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        failure = unavailable(label)
    # Other integrations' code can raise anything.
    except Exception as err:  # noqa: BLE001
        trace = redacted(traceback.format_exc())
        LOGGER.error("Unexpected error while fetching %s:\n%s", label, trace)
        failure = unavailable(label, type(err).__name__)
    return [failure]


async def _async_from_entity(hass: HomeAssistant, attachment: Attachment) -> Found:
    """Take the picture that a camera or an image shows now."""
    entity_id, label = attachment.value, attachment.label
    if not is_picture_entity(entity_id):
        raise AttachmentError("not_supported", label)
    domain, object_id = split_entity_id(entity_id)
    state = hass.states.get(entity_id)
    if domain not in hass.config.components or state is None:
        raise AttachmentError("not_found", label)
    # Its own time limit is not to come before ours.
    picture = await _component(hass, domain).async_get_image(
        hass, entity_id, 2 * FETCH_TIMEOUT
    )
    content, declared = picture.content, picture.content_type
    extension = mimetypes.guess_extension(media_type_of(content, declared))
    name = object_id + (extension or "")
    return as_part(attachment, content, content, name, declared, title=state.name)


def _component(hass: HomeAssistant, domain: str) -> Any:
    """Return the module of a component that runs.

    None is imported by name, nor in the manifest: what it requires may be missing where
    it is not set up, and no mail is to depend on that.
    """
    return async_get_loaded_integration(hass, domain).get_component()


async def _async_from_media(hass: HomeAssistant, attachment: Attachment) -> Found:
    """Take a file of a media source, or a text that is spoken."""
    content_id, label = attachment.value, attachment.label
    if match := _CAMERA_OR_IMAGE.fullmatch(content_id):
        entity_id = match[1].partition("?")[0]
        shows = replace(attachment, value=entity_id, label=shown(entity_id))
        return await _async_from_entity(hass, shows)
    if content_id.startswith(_TTS):
        if "tts" not in hass.config.components:
            raise AttachmentError("not_found", label)
        tts = _component(hass, "tts")
        extension, audio = await tts.async_get_media_source_audio(hass, content_id)
        name = f"tts.{extension}"
        declared = mimetypes.guess_type(name)[0] or ""
        return as_part(attachment, audio, audio, name, declared)
    if "media_source" not in hass.config.components:
        raise AttachmentError("not_found", label)
    media_source = _component(hass, "media_source")
    try:
        media = await media_source.async_resolve_media(hass, content_id, None)
    except AssertionError as err:
        # So says Home Assistant's media folder if it does not know a file's type.
        raise AttachmentError("not_supported", label) from err
    if media.path is None:
        raise AttachmentError("not_supported", label)
    # No look at the allowed folders: Home Assistant shows this one to its users.
    return await async_reads(hass).run(
        file_part, attachment, media.path, media.path.name, media.mime_type
    )


async def _async_from_url(
    hass: HomeAssistant,
    attachment: Attachment,
    max_bytes: int,
    downloads: Path,
) -> Found:
    """Download from an allowed URL; redirects have to be allowed, too."""
    session, asked = async_get_clientsession(hass), attachment.label
    url = _read_url(attachment.value)
    for _ in range(MAX_REDIRECTS + 1):
        # It may be fetched whatever user and password it has.
        if not (url and hass.config.is_allowed_external_url(str(url.with_user(None)))):
            raise AttachmentError("url_not_allowed", attachment.label)
        if ".." in re.split(r"[/\\]", url.path):
            # A server may read as `..` what is encoded here, and leave an allowed path.
            raise AttachmentError("url_goes_up", attachment.label)
        async with session.get(
            url, allow_redirects=False, headers={hdrs.ACCEPT_ENCODING: "identity"}
        ) as response:
            if response.status == HTTPStatus.OK:
                path = await _async_download(
                    hass, response, attachment.label, max_bytes, downloads
                )
                return await hass.async_add_executor_job(
                    file_part,
                    attachment,
                    path,
                    _MARK.split(url.name)[0] or str(url.host),
                    response.content_type,
                )
            if response.status not in _REDIRECTS:
                raise unavailable(attachment.label, f"HTTP {response.status}")
            url = _read_url(response.headers.get(hdrs.LOCATION, ""), url)
            # No more than that: the rest may be as good as a password.
            there = url.origin() if url else "?"
            attachment = replace(attachment, label=f"{asked} → {there}")
    raise unavailable(asked, f"HTTP {response.status}")


async def _async_download(
    hass: HomeAssistant,
    response: ClientResponse,
    label: str,
    max_bytes: int,
    downloads: Path,
) -> Path:
    """Write a body to a temporary file, and no more of it than may be sent."""
    if response.content_length and response.content_length > max_bytes:
        raise too_large(label, megabytes(response.content_length), max_bytes)
    path = await hass.async_add_executor_job(_new_file, downloads)
    size = 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > max_bytes:
            raise too_large(label, f"> {megabytes(max_bytes)}", max_bytes)
        await hass.async_add_executor_job(_append, path, chunk)
    return path


def _folder(hass: HomeAssistant) -> Path:
    """Return the integration's folder in Home Assistant's cache, left out of backups."""
    return Path(hass.config.cache_path(DOMAIN))


def _new_file(folder: Path) -> Path:
    """Make a temporary file that others cannot read."""
    for each in (folder.parent, folder):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / token_hex(8)
    file.touch(mode=0o600)
    return file


def _append(file: Path, chunk: bytes) -> None:
    # Not by "ab": that would make the file anew if it was removed meanwhile.
    with file.open("r+b") as stream:
        stream.seek(0, SEEK_END)
        stream.write(chunk)


def _read_url(text: str, base: URL | None = None) -> URL | None:
    """Return a web address, which may be relative to a base; None if it is none."""
    try:
        url = base.join(URL(text)) if base else URL(text)
    except ValueError:
        return None
    return url if url.scheme in ("http", "https") and url.host else None


def _label(attachment: Attachment) -> str:
    """Return how notes call an attachment: as the caller wrote it, without secrets."""
    value = attachment.value
    if attachment.source is Source.URL:
        if not (url := _read_url(value)):
            return attachment.source.value
        value = str(url.with_user(None).with_query(None).with_fragment(None))
    elif attachment.source is Source.MEDIA_SOURCE:
        # What is behind it is the text to be spoken, for one.
        value = value.partition("?")[0]
    return shown(value)


def remove_all(hass: HomeAssistant) -> None:
    """Remove downloads of an earlier run that was killed; blocks."""
    _remove(_folder(hass))
