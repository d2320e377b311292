"""What a person has to change after the switch, for names alone do not reach it."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from homeassistant.config_entries import SOURCE_IMPORT, ConfigEntry
from homeassistant.core import DOMAIN as HOMEASSISTANT_DOMAIN, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.entity_component import DATA_INSTANCES
from homeassistant.helpers.start import async_at_started

from ..accounts import QQMailConfigEntry
from ..issues import async_show_issue
from .source import CORE_DOMAIN
from .switch import core_entry, is_switched

ISSUE_USES_CORE = "uses_core_smtp"
ISSUE_YAML = "core_smtp_yaml"
_CORE_ACTION = f"{CORE_DOMAIN}.send_message"
_RELOADED = "automation_reloaded"


@callback
def async_watch_leftover(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Keep the issues of an account that answers to core's names, while it is loaded."""
    if not is_switched(entry):
        return

    @callback
    def look(_: object) -> None:
        _update_issues(hass, entry)

    entry.async_on_unload(async_at_started(hass, look))
    entry.async_on_unload(hass.bus.async_listen(_RELOADED, look))
    for issue in (ISSUE_USES_CORE, ISSUE_YAML):
        entry.async_on_unload(
            partial(async_show_issue, hass, issue, entry.entry_id, None)
        )


def _update_issues(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    core = core_entry(hass, entry)
    users = sorted(_users(hass, core)) if core else []
    # Core's own issue of the same: it is there while the YAML is.
    in_yaml = ir.async_get(hass).async_get_issue(
        HOMEASSISTANT_DOMAIN, f"deprecated_yaml_{CORE_DOMAIN}"
    )
    imported = core and core.source == SOURCE_IMPORT and in_yaml
    for issue, what in (
        (ISSUE_USES_CORE, "\n".join(f"- [{name}]({link})" for name, link in users)),
        (ISSUE_YAML, core.title if core and imported else ""),
    ):
        texts = {"account": entry.title, "what": what} if what else None
        async_show_issue(hass, issue, entry.entry_id, texts)


def _users(hass: HomeAssistant, core: ConfigEntry) -> Iterator[tuple[str, str]]:
    """Yield name and address of what targets core's devices or calls its action."""
    devices = {
        device.id
        for device in dr.async_entries_for_config_entry(
            dr.async_get(hass), core.entry_id
        )
    }
    components = hass.data.get(DATA_INSTANCES, {})
    for domain in ("automation", "script"):
        entities: Any = components[domain].entities if domain in components else ()
        for entity in entities:
            if devices.intersection(entity.referenced_devices) or _calls_core(
                entity.raw_config
            ):
                yield (
                    # It must not end the link's text in Markdown.
                    entity.name.replace("[", "(").replace("]", ")"),
                    f"/config/{domain}/edit/{entity.unique_id}"
                    if entity.unique_id
                    else f"/config/{domain}/show/{entity.entity_id}",
                )


def _calls_core(config: Any) -> bool:
    """Tell whether core's action is called anywhere in a configuration."""
    if isinstance(config, dict):
        return any(
            (key in ("action", "service") and val == _CORE_ACTION) or _calls_core(val)
            for key, val in config.items()
        )
    return isinstance(config, list) and any(map(_calls_core, config))
