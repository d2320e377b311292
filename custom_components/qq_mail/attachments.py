"""From cameras, images, media, files and URLs to body parts."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
import glob
from itertools import islice
import mimetypes
import os
from pathlib import Path, PurePath
import re
import stat
from tempfile import mkstemp
from typing import cast

from aiohttp import ClientError, ClientResponse, hdrs
from yarl import URL

from homeassistant.core import HomeAssistant, split_entity_id, valid_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .const import (
    DOMAIN,
    FETCH_TIMEOUT,
    LOGGER,
    MAX_MATCHES,
    MAX_REDIRECTS,
    PICTURE_SIDES,
)
from .mail.models import BodyPart, one_line
from .pictures import JPEG, SIGNATURE_LENGTH, shrunk, signed_type
from .request import Attachment, Source

OCTET_STREAM = "application/octet-stream"

# Not multipart nor message: of these a body part may not be encoded as a file is
# (RFC 2045 section 6.4).
_MEDIA_TYPE = re.compile(
    r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
    r"/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
)
_CAMERA_OR_IMAGE = re.compile(r"media-source://(?:camera|image)/(.+)")
_TTS = "media-source://tts/"

_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 256 * 1024
_MAX_FILENAME = 255
_MAX_EXTENSION = 16
_MAX_LABEL = 200


class AttachmentError(HomeAssistantError):
    """Says what is missing in a message, why, and what to do."""

    def __init__(self, key: str, attachment: str, **placeholders: str) -> None:
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=f"attachment_{key}",
            translation_placeholders={"attachment": attachment, **placeholders},
        )


@dataclass(frozen=True, slots=True)
class Fetched:
    """What can go with a message, and what cannot."""

    parts: tuple[BodyPart, ...] = ()
    failures: tuple[HomeAssistantError, ...] = ()
    """In the order of the attachments."""


@asynccontextmanager
async def async_fetched(
    hass: HomeAssistant, attachments: Sequence[Attachment], max_bytes: int
) -> AsyncGenerator[Fetched]:
    """Fetch all at once; what was downloaded is there until the context ends."""
    if not attachments:
        # Messages without any are not to overtake each other in threads.
        yield Fetched()
        return
    downloads: list[str] = []
    try:
        yield _joined(
            await asyncio.gather(
                *(
                    _async_fetch(hass, attachment, max_bytes, downloads)
                    for attachment in attachments
                )
            )
        )
    finally:
        await hass.async_add_executor_job(_remove, downloads)


async def async_fit(
    hass: HomeAssistant, parts: Sequence[BodyPart], budget: int
) -> Fetched:
    """Make the parts' content, in octets, fit: smaller pictures, then fewer parts."""
    if not parts:
        return Fetched()
    return await hass.async_add_executor_job(_fit, parts, budget)


def safe_filename(text: str) -> str:
    """Return a name that is no path, on one line, and that any disk can hold."""
    name = one_line(re.split(r"[/\\]", text)[-1])
    if name in {"", ".", ".."}:
        return "attachment"
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > _MAX_EXTENSION:
        stem, dot, extension = name, "", ""
    room = _MAX_FILENAME - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip() + dot + extension


async def _async_fetch(
    hass: HomeAssistant, attachment: Attachment, max_bytes: int, downloads: list[str]
) -> Fetched:
    """Fetch one; whatever goes wrong, the message goes out without it."""
    label = _label(attachment)
    try:
        async with asyncio.timeout(FETCH_TIMEOUT) as timer:
            match attachment.source:
                case Source.ENTITY_ID:
                    part = await _async_from_entity(hass, attachment, label)
                case Source.MEDIA_SOURCE:
                    part = await _async_from_media(hass, attachment, label)
                case Source.PATH:
                    return await hass.async_add_executor_job(
                        _from_path, hass, attachment, label
                    )
                case _:
                    part = await _async_from_url(
                        hass, attachment, label, max_bytes, downloads
                    )
            return Fetched((part,))
    except AttachmentError as err:
        failure = err
    except TimeoutError:
        failure = _too_slow(label)
    except HomeAssistantError as err:
        # Up to 2026.8 a camera answers with an error when it is told to stop.
        failure = _too_slow(label) if timer.expired() else _unavailable(label, str(err))
    except (ClientError, OSError) as err:
        failure = _unavailable(label, _reason(err))
    except asyncio.CancelledError:
        # It can be that a camera's own task was cancelled, and not this one.
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        failure = _unavailable(label, "CancelledError")
    # Other integrations' code can raise anything.
    except Exception as err:  # noqa: BLE001
        LOGGER.exception("Unexpected error while fetching %s", label)
        # Its text is not made for a mail, and may hold secrets.
        failure = _unavailable(label, type(err).__name__)
    return Fetched(failures=(failure,))


async def _async_from_entity(
    hass: HomeAssistant, attachment: Attachment, entity_id: str
) -> BodyPart:
    """Take the picture that a camera or an image shows now."""
    if not valid_entity_id(entity_id):
        raise AttachmentError("not_supported", entity_id)
    domain, object_id = split_entity_id(entity_id)
    if domain not in ("camera", "image"):
        raise AttachmentError("not_supported", entity_id)
    if domain not in hass.config.components or hass.states.get(entity_id) is None:
        raise AttachmentError("not_found", entity_id)
    # Each of these is imported once it runs, and named nowhere in the manifest: what it
    # requires may be missing where it is not set up, and no mail is to depend on that.
    # Its own time limit is not to come before ours.
    if domain == "camera":
        from homeassistant.components import camera  # noqa: PLC0415

        snapshot = await camera.async_get_image(hass, entity_id, 2 * FETCH_TIMEOUT)
        content, declared = snapshot.content, snapshot.content_type
    else:
        from homeassistant.components import image  # noqa: PLC0415

        picture = await image.async_get_image(hass, entity_id, 2 * FETCH_TIMEOUT)
        content, declared = picture.content, picture.content_type
    media_type = _media_type(content, declared)
    name = object_id + (mimetypes.guess_extension(media_type) or "")
    return _part(attachment, content, name, media_type)


async def _async_from_media(
    hass: HomeAssistant, attachment: Attachment, label: str
) -> BodyPart:
    """Take a file of a media source, or have a text spoken."""
    content_id = attachment.value
    if match := _CAMERA_OR_IMAGE.fullmatch(content_id):
        return await _async_from_entity(hass, attachment, _shown(match[1]))
    if content_id.startswith(_TTS):
        if "tts" not in hass.config.components:
            raise AttachmentError("not_found", label)
        from homeassistant.components import tts  # noqa: PLC0415

        extension, audio = await tts.async_get_media_source_audio(hass, content_id)
        name = f"tts.{extension}"
        media_type = _media_type(audio, mimetypes.guess_type(name)[0] or "")
        return _part(attachment, audio, name, media_type)
    if "media_source" not in hass.config.components:
        raise AttachmentError("not_found", label)
    from homeassistant.components import media_source  # noqa: PLC0415

    try:
        media = await media_source.async_resolve_media(hass, content_id, None)
    except AssertionError as err:
        # So says Home Assistant's media folder if it does not know a file's type.
        raise AttachmentError("not_supported", label) from err
    if media.path is None:
        raise AttachmentError("not_supported", label)
    # No look at the allowed folders: Home Assistant shows this one to its users.
    return await hass.async_add_executor_job(
        _file_part, attachment, media.path, label, media.path.name, media.mime_type
    )


def _from_path(hass: HomeAssistant, attachment: Attachment, label: str) -> Fetched:
    """Take a file, or all that match a glob, from the allowed folders."""
    value = attachment.value
    path = Path(hass.config.config_dir, value)
    real = path.resolve()
    allowed = hass.config.is_allowed_path(str(real))
    # A name may have brackets without being a glob.
    if not glob.has_magic(value) or (allowed and path.exists()):
        if not allowed:
            raise AttachmentError("not_allowed", label)
        name = PurePath(value).name
        return Fetched((_file_part(attachment, real, label, name),))

    parts = PurePath(value).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    folder = Path(hass.config.config_dir, *parts[:fixed]).resolve()
    if not hass.config.is_allowed_path(str(folder)):
        raise AttachmentError("not_allowed", label)
    paths = list(islice(_matches(hass, folder, parts[fixed:]), MAX_MATCHES + 1))
    if not paths:
        raise AttachmentError("not_found", label)
    if len(paths) > 1:
        attachment = replace(attachment, filename="", content_id="")
    results = [_from_match(hass, attachment, path) for path in paths[:MAX_MATCHES]]
    if len(paths) > MAX_MATCHES:
        failure = AttachmentError("too_many", label, number=str(MAX_MATCHES))
        results.append(Fetched(failures=(failure,)))
    return _joined(results)


def _matches(hass: HomeAssistant, folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    """Yield what a glob matches, sorted, without entering a folder not allowed."""
    # Part by part: Path.glob would follow links out of the folder.
    for name in sorted(glob.glob(parts[0], root_dir=folder)):  # noqa: PTH207
        path = folder / name
        if len(parts) > 1:
            if hass.config.is_allowed_path(str(path.resolve())):
                yield from _matches(hass, path, parts[1:])
        elif not path.is_dir():
            yield path


def _from_match(hass: HomeAssistant, attachment: Attachment, path: Path) -> Fetched:
    """Take one of a glob's files; another's failure is not its own."""
    label = _shown(path.name)
    real = path.resolve()
    try:
        if not hass.config.is_allowed_path(str(real)):
            raise AttachmentError("not_allowed", label)  # noqa: TRY301
        return Fetched((_file_part(attachment, real, label, path.name),))
    except AttachmentError as err:
        return Fetched(failures=(err,))
    except OSError as err:
        return Fetched(failures=(_unavailable(label, _reason(err)),))


def _file_part(
    attachment: Attachment, path: Path, label: str, name: str, declared: str = ""
) -> BodyPart:
    """Look at a file, which stays where it is."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as err:
        raise AttachmentError("not_found", label) from err
    # Anything else could be endless, or wait for a writer.
    if not stat.S_ISREG(mode):
        raise AttachmentError("not_supported", label)
    with path.open("rb") as file:
        head = file.read(SIGNATURE_LENGTH)
    guess, encoding = mimetypes.guess_type(name)
    media_type = _media_type(head, declared, (guess or "") if not encoding else "")
    return _part(attachment, path, name, media_type)


async def _async_from_url(
    hass: HomeAssistant,
    attachment: Attachment,
    label: str,
    max_bytes: int,
    downloads: list[str],
) -> BodyPart:
    """Download from an allowed URL, and only by allowed redirects."""
    session = async_get_clientsession(hass)
    url = _url(attachment.value)
    for _ in range(MAX_REDIRECTS + 1):
        if url is None or not _is_allowed_url(hass, url):
            raise AttachmentError("url_not_allowed", label)
        async with session.get(
            url, allow_redirects=False, headers={hdrs.ACCEPT_ENCODING: "identity"}
        ) as response:
            if response.status == 200:  # noqa: PLR2004
                path = await _async_download(
                    hass, response, label, max_bytes, downloads
                )
                return await hass.async_add_executor_job(
                    _file_part,
                    attachment,
                    path,
                    label,
                    url.name or str(url.host),
                    response.content_type,
                )
            if response.status not in _REDIRECTS:
                raise _unavailable(label, f"HTTP {response.status}")
            url = _url(response.headers.get(hdrs.LOCATION, ""), url)
            # No more than that: the rest may be as good as a password.
            label = f"{_label(attachment)} → {url.origin() if url else '?'}"
    raise _unavailable(_label(attachment), f"HTTP {response.status}")


async def _async_download(
    hass: HomeAssistant,
    response: ClientResponse,
    label: str,
    max_bytes: int,
    downloads: list[str],
) -> Path:
    """Write a body to a temporary file, and no more of it than may be sent."""
    if response.content_length and response.content_length > max_bytes:
        raise _too_large(label, _megabytes(response.content_length), max_bytes)
    path = await hass.async_add_executor_job(_new_file, downloads)
    size = 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(label, f"> {_megabytes(max_bytes)}", max_bytes)
        await hass.async_add_executor_job(_append, path, chunk)
    return path


def _new_file(downloads: list[str]) -> Path:
    """Make a temporary file that others cannot read."""
    number, name = mkstemp(prefix=f"{DOMAIN}-")
    downloads.append(name)
    os.close(number)
    return Path(name)


def _append(path: Path, chunk: bytes) -> None:
    # Not by "ab": that would make the file anew if it was removed meanwhile.
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(chunk)


def _remove(downloads: list[str]) -> None:
    for name in downloads:
        Path(name).unlink(missing_ok=True)


def _url(text: str, base: URL | None = None) -> URL | None:
    """Read a URL, seen from a base where that is given; None: nothing to fetch."""
    try:
        url = base.join(URL(text)) if base else URL(text)
    except ValueError:
        return None
    return url if url.scheme in ("http", "https") and url.host else None


def _is_allowed_url(hass: HomeAssistant, url: URL) -> bool:
    # A server may read as `..` what is encoded here, and leave an allowed path.
    parts = re.split(r"[/\\]", url.path)
    return ".." not in parts and hass.config.is_allowed_external_url(str(url))


def _fit(parts: Sequence[BodyPart], budget: int) -> Fetched:
    """Shrink pictures, then leave parts out, largest first, until they fit."""
    failures: dict[int, HomeAssistantError] = {}
    sizes: dict[int, int] = {}
    for index, part in enumerate(parts):
        try:
            sizes[index] = _size(part)
        except FileNotFoundError:
            failures[index] = AttachmentError("not_found", part.filename)
        except OSError as err:
            failures[index] = _unavailable(part.filename, _reason(err))
    fitted = {index: parts[index] for index in sizes}
    original = sizes.copy()

    for side in PICTURE_SIDES:
        for index in _largest_first(sizes):
            if sum(sizes.values()) <= budget:
                break
            content = shrunk(parts[index], side)
            if content and len(content) < sizes[index]:
                sizes[index] = len(content)
                fitted[index] = _as_jpeg(parts[index], content)

    for index in _largest_first(sizes):
        if sum(sizes.values()) <= budget:
            break
        size = _megabytes(sizes.pop(index))
        failures[index] = _too_large(parts[index].filename, size, budget)

    # Without those, the others may not have needed to be shrunk.
    if sum(original[index] for index in sizes) <= budget:
        fitted = dict(enumerate(parts))
    return Fetched(
        tuple(fitted[index] for index in sizes),
        tuple(failures[index] for index in sorted(failures)),
    )


def _largest_first(sizes: dict[int, int]) -> list[int]:
    return sorted(sizes, key=lambda index: sizes[index], reverse=True)


def _size(part: BodyPart) -> int:
    if isinstance(part.content, Path):
        return part.content.stat().st_size
    return len(part.content)


def _as_jpeg(part: BodyPart, content: bytes) -> BodyPart:
    if part.media_type == JPEG:
        return replace(part, content=content)
    name = safe_filename(f"{PurePath(part.filename).stem}.jpg")
    return replace(part, content=content, media_type=JPEG, filename=name)


def _part(
    attachment: Attachment, content: bytes | Path, name: str, media_type: str
) -> BodyPart:
    return BodyPart(
        content=content,
        media_type=media_type,
        filename=safe_filename(attachment.filename or name),
        content_id=attachment.content_id,
        inline=attachment.inline,
    )


def _media_type(content: bytes, *declared: str) -> str:
    """Return what the content is by itself, or else is said to be."""
    if signed := signed_type(content):
        return signed
    for text in declared:
        media_type = text.partition(";")[0].strip().lower()
        if _MEDIA_TYPE.fullmatch(media_type) and media_type != OCTET_STREAM:
            return media_type
    return OCTET_STREAM


def _label(attachment: Attachment) -> str:
    """Return what a person knows the attachment by, without secrets."""
    match attachment.source:
        case Source.URL:
            if url := _url(attachment.value):
                return _shown(
                    str(url.with_user(None).with_query(None).with_fragment(None))
                )
            return attachment.source.value
        case Source.MEDIA_SOURCE:
            # What is behind it is the text to be spoken, for one.
            return _shown(attachment.value.partition("?")[0])
        case _:
            return _shown(attachment.value)


def _shown(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _MAX_LABEL else f"{text[:_MAX_LABEL]}…"


def _reason(err: Exception) -> str:
    """Return the system's words for an error, where it has some."""
    return cast("str | None", getattr(err, "strerror", None)) or type(err).__name__


def _unavailable(label: str, reason: str) -> AttachmentError:
    return AttachmentError("unavailable", label, reason=_shown(reason))


def _too_slow(label: str) -> AttachmentError:
    return AttachmentError("too_slow", label, seconds=str(FETCH_TIMEOUT))


def _too_large(label: str, size: str, limit: int) -> AttachmentError:
    return AttachmentError("too_large", label, size=size, limit=_megabytes(limit))


def _megabytes(octets: int) -> str:
    return f"{octets / 1_000_000:.1f}"


def _joined(results: Sequence[Fetched]) -> Fetched:
    return Fetched(
        tuple(part for result in results for part in result.parts),
        tuple(failure for result in results for failure in result.failures),
    )
