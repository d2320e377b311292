"""What is written into mails, in Home Assistant's language."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
import re

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .const import DOMAIN, MAX_NOTES

# Of a path in a text, and not those of a URL.
_FOLDERS = re.compile(r"(?<![\w:/.])/(?:[^/\s'\",]+/)+")


class Texts:
    """Words errors, and what is written into mails, in Home Assistant's language."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Keep the texts by their keys."""
        self._texts = texts

    def __call__(self, key: str, **placeholders: str) -> str:
        """Return the text of a key."""
        text = self._texts[f"component.{DOMAIN}.exceptions.{key}.message"]
        return text.format(**placeholders)

    def of(self, err: HomeAssistantError) -> str:
        """Return the text of an error of ours."""
        return self(err.translation_key or "", **(err.translation_placeholders or {}))

    def span(self, oldest: datetime, newest: datetime, now: datetime) -> str:
        """Return from when to when, or the one time where they read the same."""
        first, last = time_of(oldest, now), time_of(newest, now)
        if first == last:
            return first
        return self("digest_span", first=first, last=last)

    def notes(self, errors: Sequence[HomeAssistantError]) -> tuple[str, ...]:
        """Return what was left out of a message, and why: the first of it."""
        shown = tuple(map(self.of, errors[:MAX_NOTES]))
        if more := len(errors) - len(shown):
            return (*shown, self("more_notes", number=str(more)))
        return shown

    def notes_for_readers(
        self, errors: Sequence[HomeAssistantError]
    ) -> tuple[str, ...]:
        """Return the same for all who get the mail."""
        return self.notes([_without_folders(err) for err in errors])


def time_of(time: datetime, now: datetime) -> str:
    """Return a time as people at home read it: what it shares with now is left out."""
    local, today = dt_util.as_local(time), dt_util.as_local(now)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if local.year == today.year:
        return f"{local:%m-%d %H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def _without_folders(err: HomeAssistantError) -> HomeAssistantError:
    """Leave out where a file lies: that is the house's own business."""
    placeholders = dict(err.translation_placeholders or {})
    label = placeholders.get("attachment", "")
    if "://" not in label or label.startswith("media-source://media_source/"):
        placeholders["attachment"] = PurePath(label).name or label
    placeholders["value"] = _FOLDERS.sub("", placeholders.get("value", ""))
    return HomeAssistantError(
        translation_domain=err.translation_domain,
        translation_key=err.translation_key,
        translation_placeholders=placeholders,
    )


async def async_texts(hass: HomeAssistant) -> Texts:
    """Return the texts; they are read from disk only once."""
    return Texts(
        await async_get_translations(hass, hass.config.language, "exceptions", [DOMAIN])
    )
