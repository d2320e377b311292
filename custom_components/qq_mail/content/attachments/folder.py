"""Where downloads are while their message is made."""

from pathlib import Path
import shutil

from homeassistant.core import HomeAssistant

from ...const import DOMAIN


def downloads_folder(hass: HomeAssistant) -> Path:
    """Return a folder of our own, which no backup contains."""
    return Path(hass.config.cache_path(DOMAIN))


def remove_all(hass: HomeAssistant) -> None:
    """Remove what a run that was killed has left; blocks."""
    shutil.rmtree(downloads_folder(hass), ignore_errors=True)
