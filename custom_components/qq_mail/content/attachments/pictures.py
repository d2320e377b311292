"""Measures pictures, and makes attachments fit into the size that a mail may have."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ...const import FIT_TIMEOUT, LOGGER, MAX_PIXELS, PICTURE_QUALITY, PICTURE_SIDES
from ...mime.models import BodyPart
from ..errors import AttachmentError
from .parts import (
    GIF,
    JPEG,
    PICTURES,
    PNG,
    WEBP,
    Found,
    async_reads,
    megabytes,
    reason_of,
    safe_filename,
    too_large,
    unavailable,
)

_ORIENTATION = 0x0112
"""The tag of how a camera was held (Exif 2.32, section 4.6.4)."""
# From this orientation on, of a camera's eight, a picture is turned by a quarter.
_LYING = 5


async def async_fit(
    hass: HomeAssistant, parts: Sequence[BodyPart], budget: int
) -> Found:
    """Make the parts' content, in octets, fit: smaller pictures, then fewer parts."""
    if not parts:
        return []
    try:
        async with asyncio.timeout(FIT_TIMEOUT):
            return await async_reads(hass).run(_fit, parts, budget)
    except TimeoutError:
        # Whichever file it was that hangs: what is in memory goes without them.
        files = [part for part in parts if isinstance(part.content, Path)]
        others = [part for part in parts if part not in files]
        fitted = await hass.async_add_executor_job(_fit, others, budget)
        seconds = str(FIT_TIMEOUT)
        return [
            *fitted,
            *(
                AttachmentError("too_slow", one.filename, seconds=seconds)
                for one in files
            ),
        ]


def _fit(parts: Sequence[BodyPart], budget: int) -> Found:
    """Shrink pictures, then leave parts out, largest first, until they fit."""
    failures: dict[int, HomeAssistantError] = {}
    sizes: dict[int, int] = {}
    for index, part in enumerate(parts):
        try:
            sizes[index] = _size(part)
        except FileNotFoundError:
            failures[index] = AttachmentError("not_found", part.filename)
        except OSError as err:
            failures[index] = unavailable(part.filename, reason_of(err))
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
        size = megabytes(sizes.pop(index))
        failures[index] = too_large(parts[index].filename, size, budget)

    # Without those, the others may not have needed to be shrunk.
    if sum(original[index] for index in sizes) <= budget:
        fitted = dict(enumerate(parts))
    return [
        *(measured(fitted[index]) for index in sizes),
        *(failures[index] for index in sorted(failures)),
    ]


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


@cache
def _readers() -> dict[str, Callable[[BinaryIO], Any]]:
    """Return Pillow's readers by media type.

    Each by itself: Image.open would warn of a huge picture before anyone can turn it
    down, and take a telephone's JPEG with a preview for two.
    """
    from PIL import GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: PLC0415 - in a thread, if at all

    return {
        JPEG: JpegImagePlugin.JpegImageFile,
        PNG: PngImagePlugin.PngImageFile,
        GIF: GifImagePlugin.GifImageFile,
        WEBP: WebPImagePlugin.WebPImageFile,
    }


def _of_picture[T](part: BodyPart, look: Callable[[Any], T], otherwise: T) -> T:
    """Return what is found out of a picture, of which Pillow reads the header only.

    `otherwise`: of what is none, or cannot be read.
    """
    if part.media_type not in PICTURES:
        return otherwise
    try:
        with part.open() as file:
            return look(_readers()[part.media_type](file))
    # A broken picture can make Pillow raise anything.
    except Exception:  # noqa: BLE001
        LOGGER.debug("%s cannot be read as a picture", part.filename, exc_info=True)
        return otherwise


def measured(part: BodyPart) -> BodyPart:
    """Return a picture with the width at which it is shown; any other part as it is."""

    def width(picture: Any) -> int:
        # Only of a JPEG is that read without all the rest.
        exif = picture.getexif() if part.media_type == JPEG else {}
        lies = exif.get(_ORIENTATION, 1) >= _LYING
        return int(picture.height if lies else picture.width)

    return replace(part, width=_of_picture(part, width, 0))


def shrunk(part: BodyPart, side: int) -> bytes | None:
    """Return a picture as a JPEG, no side of which is longer; None if impossible."""

    def smaller(picture: Any) -> bytes | None:
        # A tiny file can claim to be huge.
        is_huge = picture.width * picture.height > MAX_PIXELS
        if is_huge or getattr(picture, "is_animated", False):
            return None
        return _jpeg(picture, side)

    return _of_picture(part, smaller, None)


def _jpeg(picture: Any, side: int) -> bytes:
    """Scale a picture of Pillow's down, upright, on white where it is transparent."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - it was loaded by its readers

    # A JPEG is decoded at a fraction of its size already.
    picture.draft("RGB", (side, side))
    picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    picture.thumbnail((side, side))
    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    file = BytesIO()
    # Without what else it knew, such as the place: it describes the larger one.
    picture.save(file, "JPEG", quality=PICTURE_QUALITY, exif=b"")
    return file.getvalue()
