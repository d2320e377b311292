"""Makes body parts of pictures in HTML that a mail program could not show."""

from base64 import b64decode
from urllib.parse import unquote_to_bytes

from homeassistant.core import HomeAssistant

from ...const import MEGABYTE
from ...mime.markup import image_sources
from ...mime.models import BodyPart, new_content_id
from .fields import Attachment, own_source_of_url
from .parts import PICTURES, signed_type

_DATA = "data:"
_BASE64 = ";base64"
_MAX_DATA = MEGABYTE
"""Characters of a picture that is written into the HTML: a larger one stays there."""


async def async_embedded(
    hass: HomeAssistant, html: str
) -> tuple[str, list[Attachment], list[BodyPart]]:
    """Make body parts of pictures that only Home Assistant or a browser can show.

    These are addresses of Home Assistant's own, which need a login or work at home
    only, and `data:` URLs (RFC 2397), which QQ Mail's pages take out. Return HTML that
    refers to them by `cid:` (RFC 2392), those to be fetched, and those it contained.
    """
    if "<img" not in html.lower():
        return html, [], []
    sources = await hass.async_add_executor_job(list, image_sources(html))
    found: dict[str, Attachment | BodyPart] = {}
    pieces: list[str] = []
    at = 0
    for source, start, end in sources:
        url = source.strip()
        if url not in found and (one := _picture(hass, url)):
            found[url] = one
        if url in found:
            pieces += [html[at:start], f'"cid:{found[url].content_id}"']
            at = end
    return (
        "".join([*pieces, html[at:]]),
        [one for one in found.values() if isinstance(one, Attachment)],
        [one for one in found.values() if isinstance(one, BodyPart)],
    )


def _picture(hass: HomeAssistant, url: str) -> Attachment | BodyPart | None:
    """Return the picture at an address; None if that is to stay as it is."""
    content_id = new_content_id()
    if not url.lower().startswith(_DATA):
        if not (own := own_source_of_url(hass, url)):
            return None
        source, value = own
        return Attachment(
            source=source, value=value, content_id=content_id, inline=True
        )
    content = _content(url)
    media_type = signed_type(content)
    if media_type not in PICTURES:
        return None
    return BodyPart(
        content=content,
        media_type=media_type,
        filename=f"picture.{media_type.partition('/')[2]}",
        content_id=content_id,
        inline=True,
    )


def _content(url: str) -> bytes:
    """Return what a `data:` URL holds; nothing if it is large or broken."""
    start, _, data = url.partition(",")
    if len(data) > _MAX_DATA:
        return b""
    content = unquote_to_bytes(data)
    if not start.lower().endswith(_BASE64):
        return content
    try:
        return b64decode(content)
    except ValueError:
        return b""
