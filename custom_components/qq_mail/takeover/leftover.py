"""What a person has to change after the switch, for names alone do not reach it."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from homeassistant.config_entries import SOURCE_IMPORT, ConfigEntry
from homeassistant.const import (
    ATTR_DOMAIN,
    EVENT_SERVICE_REGISTERED,
    EVENT_SERVICE_REMOVED,
)
from homeassistant.core import DOMAIN as HOMEASSISTANT_DOMAIN, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.entity_component import DATA_INSTANCES
from homeassistant.helpers.start import async_at_started

from ..accounts import QQMailConfigEntry
from ..const import LOGGER
from ..issues import async_show_issue
from .source import CORE_DOMAIN
from .switch import core_entries, is_switched

ISSUE_USES_CORE = "uses_core_smtp"
ISSUE_YAML = "core_smtp_yaml"
_CORE_ACTION = f"{CORE_DOMAIN}.send_message"
_RELOADED = "automation_reloaded"


@callback
def async_watch_leftover(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Keep the issues of an account that answers to core's names, while it is loaded."""
    if not is_switched(entry):
        return

    look = Debouncer(
        hass,
        LOGGER,
        # A file with hundreds of scripts is told of one by one.
        cooldown=1,
        immediate=False,
        function=partial(_update_issues, hass, entry),
    )
    entry.async_on_unload(look.async_shutdown)

    @callback
    def look_soon(_: object) -> None:
        look.async_schedule_call()

    @callback
    def begin(_: HomeAssistant) -> None:
        _update_issues(hass, entry)
        entry.async_on_unload(hass.bus.async_listen(_RELOADED, look_soon))
        # Nothing tells of scripts that are loaded anew, but each of them is an action.
        for event in (EVENT_SERVICE_REGISTERED, EVENT_SERVICE_REMOVED):
            entry.async_on_unload(
                hass.bus.async_listen(event, look_soon, _is_of_script)
            )

    entry.async_on_unload(async_at_started(hass, begin))
    for issue in (ISSUE_USES_CORE, ISSUE_YAML):
        entry.async_on_unload(
            partial(async_show_issue, hass, issue, entry.entry_id, None)
        )


@callback
def _is_of_script(data: Mapping[str, Any]) -> bool:
    return bool(data[ATTR_DOMAIN] == "script")


@callback
def _update_issues(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    cores = core_entries(hass, entry)
    users = sorted(_users(hass, cores)) if cores else []
    # Core's own issue of the same: it is there while the YAML is.
    in_yaml = ir.async_get(hass).async_get_issue(
        HOMEASSISTANT_DOMAIN, f"deprecated_yaml_{CORE_DOMAIN}"
    )
    imported = [core.title for core in cores if core.source == SOURCE_IMPORT]
    for issue, what in (
        (ISSUE_USES_CORE, "\n".join(users)),
        (ISSUE_YAML, ", ".join(imported) if in_yaml else ""),
    ):
        texts = {"account": entry.title, "what": what} if what else None
        async_show_issue(hass, issue, entry.entry_id, texts)


def _users(hass: HomeAssistant, cores: list[ConfigEntry]) -> Iterator[str]:
    """Yield what targets core's devices or calls its action, as links in Markdown.

    Behind it stands the blueprint that calls it, if it is one.
    """
    devices = {
        device.id
        for core in cores
        for device in dr.async_entries_for_config_entry(
            dr.async_get(hass), core.entry_id
        )
    }
    components = hass.data.get(DATA_INSTANCES, {})
    for domain in ("automation", "script"):
        entities: Any = components[domain].entities if domain in components else ()
        for entity in entities:
            calls = _calls_core(entity.raw_config)
            if calls or devices.intersection(entity.referenced_devices):
                # It must not end the link's text.
                name = entity.name.replace("[", "(").replace("]", ")")
                link = f"/config/{domain}/" + (
                    f"edit/{entity.unique_id}"
                    if entity.unique_id
                    else f"show/{entity.entity_id}"
                )
                blueprint = entity.referenced_blueprint if calls else None
                yield f"- [{name}]({link})" + (f" ← `{blueprint}`" if blueprint else "")


def _calls_core(config: Any) -> bool:
    """Tell whether core's action is called anywhere in a configuration."""
    if isinstance(config, dict):
        return any(
            (key in ("action", "service") and val == _CORE_ACTION) or _calls_core(val)
            for key, val in config.items()
        )
    return isinstance(config, list) and any(map(_calls_core, config))
