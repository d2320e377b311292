"""Understands addresses of Home Assistant itself, such as /local/snapshot.jpg."""

import glob
import re
from urllib.parse import unquote

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.network import is_hass_url

from .models import Source

_PROXY = re.compile(
    r"/api/(?:camera|image)_proxy(?:_stream)?/((?:camera|image)\.\w+)/*",
    re.ASCII | re.IGNORECASE,
)
_WWW = "/local/"
_MEDIA = re.compile(r"/media/(local/.+)", re.DOTALL)
_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


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
