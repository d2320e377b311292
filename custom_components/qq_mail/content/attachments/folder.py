"""The folder for downloads while their mail is made."""

from pathlib import Path
import shutil

from homeassistant.core import HomeAssistant

from ...const import DOMAIN


def downloads_folder(hass: HomeAssistant) -> Path:
    """Return the integration's folder in Home Assistant's cache, left out of backups."""
    return Path(hass.config.cache_path(DOMAIN))


def remove_all(hass: HomeAssistant) -> None:
    """Remove downloads of an earlier run that was killed; blocks."""
    shutil.rmtree(downloads_folder(hass), ignore_errors=True)
