"""The page's place in Home Assistant's front end, and its own files.

They are read once, and served from memory, with their version in the path.
"""

from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from homeassistant.components import frontend
from homeassistant.components.http import HomeAssistantView
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_translations

from ..const import DOMAIN, PANEL

_FOLDER: Final = Path(__file__).parent / "web"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript"}
_FILES: Final = {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir())}
VERSION: Final = sha256(b"".join(_FILES.values())).hexdigest()[:12]
"""Of all of them: a page that is open knows by it that it is an old one."""
_PATH: Final = "/api/qq_mail/page"
MODULE_URL: Final = f"{_PATH}/{VERSION}/page.js"
_CONFIG: Final[dict[str, Any]] = {
    "_panel_custom": {
        "name": "qq-mail-page",
        "module_url": MODULE_URL,
        "embed_iframe": False,
        "trust_external": False,
    }
}


class FilesView(HomeAssistantView):
    """Serves the files to everybody, as Home Assistant does its own: no data is in it."""

    url = f"{_PATH}/{{version}}/{{name}}"
    name = "api:qq_mail:page"
    requires_auth = False

    async def get(self, _request: web.Request, version: str, name: str) -> web.Response:
        """Answer with a file of this version; others are gone."""
        if version != VERSION or name not in _FILES:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.Response(
            body=_FILES[name],
            content_type=_TYPES[Path(name).suffix],
            charset="utf-8",
            headers={"Cache-Control": "public, max-age=31536000, immutable"},
        )


async def async_show_panel(hass: HomeAssistant) -> None:
    """Have the page among the panels; the sidebar shows it to whoever wants that.

    `panel_custom` registers the same, but has no way to hide it there. The front end
    does not translate its name: it is in the house's language, whoever looks.
    """
    names = await async_get_translations(hass, hass.config.language, "title", [DOMAIN])
    if not frontend.async_panel_exists(hass, PANEL):
        frontend.async_register_built_in_panel(
            hass,
            component_name="custom",
            sidebar_title=names[f"component.{DOMAIN}.title"],
            sidebar_icon="mdi:email-fast-outline",
            sidebar_default_visible=False,
            frontend_url_path=PANEL,
            config=_CONFIG,
            require_admin=True,
        )


@callback
def async_remove_panel(hass: HomeAssistant) -> None:
    """Have the page no longer: the last account is gone."""
    frontend.async_remove_panel(hass, PANEL, warn_if_unknown=False)
