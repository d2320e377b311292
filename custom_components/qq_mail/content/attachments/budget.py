"""Makes attachments fit into the size that a mail may have."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ...const import FIT_TIMEOUT, PICTURE_SIDES
from ...mime.models import BodyPart
from ..errors import AttachmentError
from .parts import (
    Found,
    megabytes,
    reason_of,
    safe_filename,
    too_large,
    too_slow,
    unavailable,
)
from .pictures import JPEG, PICTURES, shrunk, width_of
from .reads import async_reads


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
        return [*fitted, *(too_slow(part.filename, FIT_TIMEOUT) for part in files)]


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


def measured(part: BodyPart) -> BodyPart:
    """Return a picture with its width; any other part as it is."""
    if part.media_type not in PICTURES:
        return part
    return replace(part, width=width_of(part))


def _as_jpeg(part: BodyPart, content: bytes) -> BodyPart:
    if part.media_type == JPEG:
        return replace(part, content=content)
    name = safe_filename(f"{PurePath(part.filename).stem}.jpg")
    return replace(part, content=content, media_type=JPEG, filename=name)
