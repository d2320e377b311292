"""Pictures, made smaller."""

from io import BytesIO
from pathlib import Path

from PIL import (
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from ...const import LOGGER, MAX_PIXELS, PICTURE_QUALITY
from ...mail.models import BodyPart
from .signatures import GIF, JPEG, PNG, WEBP

# Each of Pillow's readers by itself: Image.open would warn of a huge picture before
# anyone can turn it down, and take a telephone's JPEG with a preview for two.
_READERS: dict[str, type[ImageFile.ImageFile]] = {
    JPEG: JpegImagePlugin.JpegImageFile,
    PNG: PngImagePlugin.PngImageFile,
    GIF: GifImagePlugin.GifImageFile,
    WEBP: WebPImagePlugin.WebPImageFile,
}


def shrunk(part: BodyPart, side: int) -> bytes | None:
    """Return a picture as a JPEG of at most that side; None: it cannot be done."""
    if (reader := _READERS.get(part.media_type)) is None:
        return None
    try:
        with (
            part.content.open("rb")
            if isinstance(part.content, Path)
            else BytesIO(part.content)
        ) as file:
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
