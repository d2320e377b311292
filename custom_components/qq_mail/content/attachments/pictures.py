"""Recognizes, measures and shrinks pictures, with Pillow, which most never need."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from io import BytesIO
from pathlib import Path
import re
from typing import Any, BinaryIO

from ...const import LOGGER, MAX_PIXELS, PICTURE_QUALITY
from ...mime.models import BodyPart

JPEG = "image/jpeg"
PNG = "image/png"
GIF = "image/gif"
WEBP = "image/webp"

SIGNATURE_LENGTH = 12
_SIGNATURES = {
    JPEG: re.compile(rb"\xff\xd8\xff"),
    PNG: re.compile(rb"\x89PNG\r\n\x1a\n"),
    GIF: re.compile(rb"GIF8[79]a"),
    WEBP: re.compile(rb"RIFF....WEBP", re.DOTALL),
}
PICTURES = frozenset(_SIGNATURES)
"""Media types of pictures that are recognized, shown and made smaller."""

_ORIENTATION = 0x0112
"""The tag of how a camera was held (Exif 2.32, section 4.6.4)."""
# From this orientation on, of a camera's eight, a picture is turned by a quarter.
_LYING = 5


def signed_type(content: bytes) -> str | None:
    """Return the media type that the first octets of a picture tell."""
    for media_type, signature in _SIGNATURES.items():
        if signature.match(content):
            return media_type
    return None


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


def width_of(part: BodyPart) -> int:
    """Return the width in pixels at which a picture is shown; 0 if it is not known."""
    try:
        with _opened(part) as file:
            picture = _readers()[part.media_type](file)
            # Only of a JPEG is that read without all the rest.
            exif = picture.getexif() if part.media_type == JPEG else {}
            lies = exif.get(_ORIENTATION, 1) >= _LYING
            return int(picture.height if lies else picture.width)
    # A broken picture can make Pillow raise anything.
    except Exception:  # noqa: BLE001
        LOGGER.debug("The width of %s is not known", part.filename, exc_info=True)
        return 0


def shrunk(part: BodyPart, side: int) -> bytes | None:
    """Return a picture as a JPEG, no side of which is longer; None if impossible."""
    if (reader := _readers().get(part.media_type)) is None:
        return None
    try:
        with _opened(part) as file:
            picture = reader(file)
            # Only the header was read so far; a tiny file can claim to be huge.
            if picture.width * picture.height > MAX_PIXELS:
                return None
            if getattr(picture, "is_animated", False):
                return None
            return _jpeg(picture, side)
    # A broken picture can make Pillow raise anything.
    except Exception:  # noqa: BLE001
        LOGGER.debug("%s cannot be made smaller", part.filename, exc_info=True)
        return None


def _opened(part: BodyPart) -> AbstractContextManager[BinaryIO]:
    if isinstance(part.content, Path):
        return part.content.open("rb")
    return BytesIO(part.content)


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
