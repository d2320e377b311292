"""What is written into mails, in Home Assistant's language."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePath

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .const import DOMAIN, MAX_NOTES

# What is said to those who get a mail, in place of what says how a call is written.
_FOR_READERS = {
    "action_for_phones": "mail_button_for_phones",
    "answer_in_words": "mail_button_for_phones",
    "attachment_empty": "mail_attachment",
    "attachment_entity": "mail_attachments",
    "attachment_failed": "mail_attachment",
    "attachment_no_picture": "mail_no_picture",
    "attachment_not_allowed": "mail_attachment",
    "attachment_not_found": "mail_attachment",
    "attachment_not_supported": "mail_attachment",
    "attachment_source": "mail_attachments",
    "attachment_too_large": "mail_attachment_too_large",
    "attachment_too_many": "mail_attachments",
    "attachment_too_slow": "mail_attachment",
    "attachment_unavailable": "mail_attachment",
    "attachment_url_goes_up": "mail_attachment",
    "attachment_url_not_allowed": "mail_attachment",
    "chart_entities": "mail_charts",
    "clear_needs_tag": "mail_setting",
    "entity_disabled": "mail_recipients",
    "entity_not_found": "mail_entities",
    "invalid_action": "mail_button",
    "invalid_address": "mail_address",
    "invalid_entities": "mail_entities",
    "invalid_link": "mail_link",
    "invalid_media_source": "mail_attachments",
    "invalid_url": "mail_attachments",
    "no_url": "mail_link",
    "nobody_in_target": "mail_recipients",
    "not_our_entity": "mail_recipients",
    "not_our_member": "mail_recipients",
}
_CAUSES = f"component.{DOMAIN}.entity.event.message.state_attributes.cause.state"
_SETTING = "mail_setting"
"""What is said of every other note that names a field."""


def literal(text: str) -> str:
    """Return what a page that reads Markdown shows as this text, links included."""
    return f"`{text.replace('`', "'")}`"


class Texts:
    """Words errors, and what is written into mails, in Home Assistant's language."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __call__(self, key: str, **placeholders: str) -> str:
        """Return the text of a key."""
        text = self._texts[f"component.{DOMAIN}.exceptions.{key}.message"]
        return text.format(**placeholders)

    def of(self, err: Exception) -> str:
        """Return the text of an error, be it ours or not."""
        if not isinstance(err, HomeAssistantError) or err.translation_domain != DOMAIN:
            return str(err) or type(err).__name__
        return self(err.translation_key or "", **(err.translation_placeholders or {}))

    def cause(self, cause: str) -> str:
        """Return the words for why a message was not accepted, as entities show it."""
        return self._texts[f"{_CAUSES}.{cause}"]

    def span(self, oldest: datetime, newest: datetime, now: datetime) -> str:
        """Return from when to when, or the one time where they read the same."""
        first, last = time_of(oldest, now), time_of(newest, now)
        if first == last:
            return first
        return self("digest_span", first=first, last=last)

    def notes(self, errors: Sequence[HomeAssistantError]) -> tuple[str, ...]:
        """Return what was left out of a message, and why: the first of it."""
        return self._cut([self.of(err) for err in errors])

    def notes_for_readers(
        self, errors: Sequence[HomeAssistantError], names: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Return the same in plain words for all who get the mail, each line once.

        They read neither how a call is written nor where a file lies, and of entities
        their names, which are given by their ids.
        """
        lines = tuple(dict.fromkeys(self._for_readers(err, names) for err in errors))
        return self._cut(lines)

    def _cut(self, lines: Sequence[str]) -> tuple[str, ...]:
        """Return the first lines, and how many more there are."""
        if (more := len(lines) - MAX_NOTES) > 0:
            return (*lines[:MAX_NOTES], self("more_notes", number=str(more)))
        return tuple(lines)

    def _for_readers(self, err: HomeAssistantError, names: Mapping[str, str]) -> str:
        key = err.translation_key or ""
        placeholders = {
            name: names.get(value, value)
            for name, value in (err.translation_placeholders or {}).items()
        }
        if "attachment" in placeholders:
            placeholders["attachment"] = _without_folders(placeholders["attachment"])
        other = _SETTING if "field" in placeholders else key
        return self(_FOR_READERS.get(key, other), **placeholders)


def time_of(time: datetime, now: datetime) -> str:
    """Return a time as people at home read it: what it shares with now is left out."""
    local, today = dt_util.as_local(time), dt_util.as_local(now)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if local.year == today.year:
        return f"{local:%m-%d %H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def iso_of(time: datetime | None) -> str | None:
    """Return a time as programs read it; None: there is none."""
    return time.isoformat() if time else None


def _without_folders(value: str) -> str:
    """Leave out where a file lies: that is the house's own business."""
    if "://" in value and not value.startswith("media-source://media_source/"):
        return value
    return PurePath(value).name or value


async def async_texts(hass: HomeAssistant, language: str = "") -> Texts:
    """Return the texts, in the house's language or another; they are read once."""
    language = language or hass.config.language
    return Texts(
        await async_get_translations(hass, language, "exceptions", [DOMAIN])
        | await async_get_translations(hass, language, "entity", [DOMAIN])
    )
