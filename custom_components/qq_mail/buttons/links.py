"""Where a mail's buttons lead to, and whether others can listen on the way."""

from contextlib import suppress
from ipaddress import ip_address

from yarl import URL

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.util.network import is_ip_address, is_local

from ..issues import async_show_issue

PLAIN_HTTP = "plain_http"
"""The issue that says what others could see; a key in the translations."""


def link_base(hass: HomeAssistant) -> tuple[str, bool] | None:
    """Return what links begin with, and whether they work at home only.

    None: nobody has said under which address this Home Assistant can be reached.
    """
    with suppress(NoURLAvailableError):
        return get_url(hass, allow_internal=False), False
    with suppress(NoURLAvailableError):
        return get_url(hass, allow_external=False, allow_cloud=False), True
    return None


@callback
def async_tell_plain_http(hass: HomeAssistant) -> None:
    """Report links that go through the internet without encryption, as long as they do.

    Not fixable, so that who has read it can ignore it for good.
    """
    base = link_base(hass)
    exposed = base and not base[1] and _is_exposed(URL(base[0]))
    async_show_issue(
        hass, PLAIN_HTTP, "", {"url": base[0]} if base and exposed else None
    )


def _is_exposed(url: URL) -> bool:
    host = url.host or ""
    if url.scheme == "https" or host.endswith(".local"):
        return False
    return not (is_ip_address(host) and is_local(ip_address(host)))
