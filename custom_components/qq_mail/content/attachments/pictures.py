"""Measures pictures and makes them smaller, with Pillow."""

from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import (
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from ...const import LOGGER, MAX_PIXELS, PICTURE_QUALITY
from ...mime.models import BodyPart
from .signatures import GIF, JPEG, PNG, WEBP

# From this orientation on, of a camera's eight, a picture is turned by a quarter.
_LYING = 5

# Each of Pillow's readers by itself: Image.open would warn of a huge picture before
# anyone can turn it down, and take a telephone's JPEG with a preview for two.
_READERS: dict[str, type[ImageFile.ImageFile]] = {
    JPEG: JpegImagePlugin.JpegImageFile,
    PNG: PngImagePlugin.PngImageFile,
    GIF: GifImagePlugin.GifImageFile,
    WEBP: WebPImagePlugin.WebPImageFile,
}


def width_of(part: BodyPart) -> int:
    """Return the width in pixels at which a picture is shown; 0 if it is not known."""
    try:
        with _opened(part) as file:
            picture = _READERS[part.media_type](file)
            # Only of a JPEG is that read without all the rest.
            exif = picture.getexif() if part.media_type == JPEG else {}
            lies = exif.get(ExifTags.Base.Orientation, 1) >= _LYING
            return picture.height if lies else picture.width
    # A broken picture can make Pillow raise anything.
    except Exception:  # noqa: BLE001
        LOGGER.debug("The width of %s is not known", part.filename, exc_info=True)
        return 0


def shrunk(part: BodyPart, side: int) -> bytes | None:
    """Return a picture as a JPEG, no side of which is longer; None if impossible."""
    if (reader := _READERS.get(part.media_type)) is None:
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


def _jpeg(picture: Image.Image, side: int) -> bytes:
    """Scale a picture down, upright, on white where it is transparent."""
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
