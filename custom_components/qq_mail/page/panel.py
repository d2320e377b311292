"""The page's place in Home Assistant's front end."""

from typing import Any, Final

from homeassistant.components import frontend
from homeassistant.core import HomeAssistant, callback

from ..calls.house import DATA_HOUSE
from ..const import PANEL
from .commands import async_setup_commands
from .files import MODULE_URL, FilesView

_CONFIG: Final[dict[str, Any]] = {
    "_panel_custom": {
        "name": "qq-mail-page",
        "module_url": MODULE_URL,
        "embed_iframe": False,
        "trust_external": False,
    }
}


@callback
def async_setup_page(hass: HomeAssistant) -> None:
    """Open the page's addresses and commands, once for all accounts."""
    hass.http.register_view(FilesView())
    hass.http.register_view(hass.data[DATA_HOUSE].frames)
    async_setup_commands(hass)


@callback
def async_show_panel(hass: HomeAssistant) -> None:
    """Have the page among the panels; the sidebar shows it to whoever wants that.

    `panel_custom` registers the same, but has no way to hide it there.
    """
    if not frontend.async_panel_exists(hass, PANEL):
        frontend.async_register_built_in_panel(
            hass,
            component_name="custom",
            sidebar_title="QQ Mail",
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
