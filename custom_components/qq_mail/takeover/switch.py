"""Having ours answer to the names of core's entities, and giving these back.

What was changed is kept in our entry before it is changed, so that it can be taken
back half-way, after a restart, or a year later.
"""

from contextlib import suppress
from typing import TypedDict, cast

from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryDisabler,
    ConfigEntryState,
    OperationNotAllowed,
)
from homeassistant.core import HomeAssistant, Service
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import slugify

from ..accounts import QQMailConfigEntry
from ..const import CONF_TAKEN_OVER, DOMAIN, SUBENTRY_TYPE_RECIPIENT
from ..content.errors import translated_error
from ..notify import async_update_actions
from .source import CORE_DOMAIN


class SwitchedEntity(TypedDict):
    """One of our entities that answers to the name of one of core's."""

    unique_id: str
    """Ours."""
    own: str
    """What ours was called before."""
    core_id: str
    """Core's, in the entity registry, whatever it is called."""
    entity_id: str
    """What automations name."""
    aside: str
    """What core's is called meanwhile."""


class TakenOver(TypedDict):
    """What our entry keeps of the one that it was made from."""

    entry_id: str
    entities: list[SwitchedEntity]
    """Empty: core's entry still does its work."""
    action: str | None
    """Core's `notify.<title>`, without the domain, where ours answers to it."""


def taken_over(entry: ConfigEntry) -> TakenOver | None:
    """Return what our entry was made from, None: it was typed in."""
    return cast("TakenOver | None", entry.data.get(CONF_TAKEN_OVER))


def core_entry(hass: HomeAssistant, entry: ConfigEntry) -> ConfigEntry | None:
    """Return the entry of core's that ours was made from, while it exists."""
    kept = taken_over(entry)
    return hass.config_entries.async_get_entry(kept["entry_id"]) if kept else None


def is_switched(entry: ConfigEntry) -> bool:
    """Tell whether ours answers to the names of core's."""
    kept = taken_over(entry)
    return bool(kept and (kept["entities"] or kept["action"]))


async def async_switch(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Disable core's entry, and have what names its entities reach ours.

    Raises HomeAssistantError, and has changed nothing then.
    """
    core = core_entry(hass, entry)
    if not core:
        raise translated_error("take_over_gone")
    record = _plan(hass, entry, core)
    # The action comes last: until then it is core's.
    _keep(hass, entry, {**record, "action": None})
    try:
        await _async_apply(hass, entry, core, record)
    except BaseException as err:
        await async_undo(hass, entry)
        if isinstance(err, OperationNotAllowed | ValueError):
            # Core's cannot be unloaded now, or somebody just took one of the names.
            raise translated_error("take_over_failed", reason=str(err)) from err
        raise


async def async_undo(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Give core's entities their names back, and enable core's entry.

    Whatever is not there, or has another name by now, is left alone.
    """
    record = taken_over(entry)
    if not record:
        return
    _keep(hass, entry, {**record, "entities": [], "action": None})
    await async_update_actions(hass, entry)
    registry = er.async_get(hass)
    for one in record["entities"]:
        ours = registry.async_get_entity_id(NOTIFY_DOMAIN, DOMAIN, one["unique_id"])
        if ours == one["entity_id"]:
            _rename(hass, ours, one["own"])
        core = registry.entities.get_entry(one["core_id"])
        if core and core.entity_id == one["aside"]:
            _rename(hass, core.entity_id, one["entity_id"])
    if hass.config_entries.async_get_entry(record["entry_id"]):
        # What could not be unloaded is loaded with Home Assistant's next start.
        with suppress(OperationNotAllowed):
            await hass.config_entries.async_set_disabled_by(record["entry_id"], None)


def _plan(
    hass: HomeAssistant, entry: QQMailConfigEntry, core: ConfigEntry
) -> TakenOver:
    """Return all that is to be changed."""
    registry = er.async_get(hass)
    entities: list[SwitchedEntity] = []
    for subentry in entry.get_subentries_of_type(SUBENTRY_TYPE_RECIPIENT):
        own = registry.async_get_entity_id(NOTIFY_DOMAIN, DOMAIN, subentry.subentry_id)
        theirs = registry.async_get_entity_id(
            NOTIFY_DOMAIN, CORE_DOMAIN, f"{core.entry_id}_{subentry.unique_id}"
        )
        if own and theirs:
            entities.append(
                SwitchedEntity(
                    unique_id=subentry.subentry_id,
                    own=own,
                    core_id=registry.entities[theirs].id,
                    entity_id=theirs,
                    aside=registry.async_get_available_entity_id(
                        NOTIFY_DOMAIN, f"{theirs.partition('.')[2]}_{CORE_DOMAIN}"
                    ),
                )
            )
    name = slugify(core.title)
    known = hass.services.async_services_for_domain(NOTIFY_DOMAIN).get(name)
    free = not known or _is_core_action(known)
    return TakenOver(
        entry_id=core.entry_id, entities=entities, action=name if free else None
    )


async def _async_apply(
    hass: HomeAssistant, entry: QQMailConfigEntry, core: ConfigEntry, record: TakenOver
) -> None:
    registry = er.async_get(hass)
    await hass.config_entries.async_set_disabled_by(
        core.entry_id, ConfigEntryDisabler.USER
    )
    if core.state is not ConfigEntryState.NOT_LOADED:
        raise OperationNotAllowed(f"{core.title} ({CORE_DOMAIN}): {core.state.value}")
    devices = dr.async_get(hass)
    for one in record["entities"]:
        known = registry.entities[one["entity_id"]]
        device = devices.async_get(known.device_id or "")
        _rename(hass, one["entity_id"], one["aside"])
        ours = registry.async_update_entity(
            one["own"],
            new_entity_id=one["entity_id"],
            name=known.name,
            labels=known.labels | (device.labels if device else set()),
        )
        # Each recipient has a device; its entity is that and has no area of its own.
        area_id = known.area_id or (device.area_id if device else None)
        if area_id and ours.device_id:
            devices.async_update_device(ours.device_id, area_id=area_id)
    # Before 2026.11, core leaves it there until Home Assistant starts again.
    if (name := record["action"]) and hass.services.has_service(NOTIFY_DOMAIN, name):
        hass.services.async_remove(NOTIFY_DOMAIN, name)
    _keep(hass, entry, record)
    await async_update_actions(hass, entry)


def _is_core_action(service: Service) -> bool:
    """Tell whether an action is one of core's `smtp`."""
    owner = getattr(service.job.target, "__self__", None)
    return type(owner).__module__.startswith(f"homeassistant.components.{CORE_DOMAIN}.")


def _keep(hass: HomeAssistant, entry: QQMailConfigEntry, record: TakenOver) -> None:
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, CONF_TAKEN_OVER: record}
    )


def _rename(hass: HomeAssistant, entity_id: str, wanted: str) -> None:
    """Call an entity what is wanted, or nearly so where that is taken."""
    registry = er.async_get(hass)
    free = registry.async_get_available_entity_id(
        NOTIFY_DOMAIN, wanted.partition(".")[2], current_entity_id=entity_id
    )
    registry.async_update_entity(entity_id, new_entity_id=free)
