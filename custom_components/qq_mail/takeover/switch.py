"""Having ours answer to the names of core's entities, and giving these back.

What is to be changed is kept in our entry before it is changed, so that it can be taken
back half-way or a year later, and brought to its end after a kill: Home Assistant writes
its entries after one second, but the registries ten seconds later or more.
"""

import asyncio
from contextlib import suppress
from typing import TypedDict, cast

from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryDisabler,
    ConfigEntryState,
    OperationNotAllowed,
)
from homeassistant.core import HomeAssistant, Service, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import slugify

from ..accounts import QQMailConfigEntry, async_loaded
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
    """What our entry keeps of those that it was made from."""

    entry_ids: list[str]
    switched: bool
    """Whether ours is to answer to the names of core's, whose entries are disabled then."""
    entities: list[SwitchedEntity]
    """Those of the last switch, also after it was undone."""
    actions: dict[str, str]
    """Core's `notify.<title>`, without the domain, each with the entry that it is of."""


def taken_over(entry: ConfigEntry) -> TakenOver | None:
    """Return what our entry was made from, None: it was typed in."""
    return cast("TakenOver | None", entry.data.get(CONF_TAKEN_OVER))


def core_entries(hass: HomeAssistant, entry: ConfigEntry) -> list[ConfigEntry]:
    """Return those of core's entries that ours was made from and that still exist."""
    kept = taken_over(entry)
    known = map(hass.config_entries.async_get_entry, kept["entry_ids"] if kept else ())
    return [core for core in known if core]


def is_switched(entry: ConfigEntry) -> bool:
    """Tell whether ours answers to the names of core's."""
    kept = taken_over(entry)
    return bool(kept and kept["switched"])


async def async_switch(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Disable core's entries, and have what names their entities reach ours.

    Raises HomeAssistantError, and has changed nothing then.
    """
    cores = core_entries(hass, entry)
    if not cores:
        raise translated_error("take_over_gone")
    await async_loaded(entry)
    # To keep it has our entry loaded anew, which waits until core's are unloaded.
    async with entry.setup_lock:
        if is_switched(entry):
            return
        record = _plan(hass, entry, cores)
        _keep(hass, entry, record)
        try:
            await _async_apply(hass, entry, cores, record)
        except BaseException as err:
            await async_undo(hass, entry)
            if isinstance(err, OperationNotAllowed | ValueError):
                # Core's cannot be unloaded now, or a name cannot be given.
                raise translated_error("take_over_failed", reason=str(err)) from err
            raise


async def async_undo(
    hass: HomeAssistant, entry: QQMailConfigEntry, *, removed: bool = False
) -> None:
    """Give core's entities their names back, and enable core's entries.

    Whatever is not there, or has another name by now, is left alone. A removed entry
    keeps nothing, and its actions are gone already.
    """
    record = taken_over(entry)
    if not record or not record["switched"]:
        return
    if not removed:
        _keep(hass, entry, {**record, "switched": False})
        if not entry.disabled_by:
            await async_update_actions(hass, entry)
    for one in record["entities"]:
        _give_back(hass, one)
    # All at once, or a kill might leave some of them disabled.
    cores = core_entries(hass, entry)
    await asyncio.gather(*(_async_enable(hass, core) for core in cores))


@callback
def async_finish(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Give the names that are to be, where a kill came before they were written.

    Where core's entries are not as we left them, a person has gone on from there.
    """
    record = taken_over(entry)
    disabled = {bool(core.disabled_by) for core in core_entries(hass, entry)}
    if not record or disabled != {record["switched"]}:
        return
    for one in record["entities"]:
        if record["switched"]:
            _take(hass, one)
        elif _is_aside(hass, one):
            _give_back(hass, one)


def _plan(
    hass: HomeAssistant, entry: QQMailConfigEntry, cores: list[ConfigEntry]
) -> TakenOver:
    """Return all that is to be changed."""
    registry = er.async_get(hass)
    entities: list[SwitchedEntity] = []
    for subentry in entry.get_subentries_of_type(SUBENTRY_TYPE_RECIPIENT):
        own = registry.async_get_entity_id(NOTIFY_DOMAIN, DOMAIN, subentry.subentry_id)
        theirs = registry.async_get_entity_id(
            NOTIFY_DOMAIN, CORE_DOMAIN, subentry.unique_id or ""
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
    actions: dict[str, str] = {}
    known = hass.services.async_services_for_domain(NOTIFY_DOMAIN)
    for core in cores:
        name = slugify(core.title)
        if name not in known or _is_core_action(known[name]):
            # Of two with one name, core has only the first.
            actions.setdefault(name, core.entry_id)
    return TakenOver(
        entry_ids=[core.entry_id for core in cores],
        switched=True,
        entities=entities,
        actions=actions,
    )


async def _async_apply(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    cores: list[ConfigEntry],
    record: TakenOver,
) -> None:
    # All at once, and so written together with what was kept just now.
    await asyncio.gather(
        *(
            hass.config_entries.async_set_disabled_by(
                core.entry_id, ConfigEntryDisabler.USER
            )
            for core in cores
        )
    )
    for core in cores:
        if core.state is not ConfigEntryState.NOT_LOADED:
            raise OperationNotAllowed(
                f"{core.title} ({CORE_DOMAIN}): {core.state.value}"
            )
    async_finish(hass, entry)
    for name in record["actions"]:
        # Before 2026.11, core leaves it there until Home Assistant starts again.
        if hass.services.has_service(NOTIFY_DOMAIN, name):
            hass.services.async_remove(NOTIFY_DOMAIN, name)
    await async_update_actions(hass, entry)


async def _async_enable(hass: HomeAssistant, core: ConfigEntry) -> None:
    # What could not be unloaded is loaded with Home Assistant's next start.
    with suppress(OperationNotAllowed):
        await hass.config_entries.async_set_disabled_by(core.entry_id, None)


def _take(hass: HomeAssistant, one: SwitchedEntity) -> None:
    """Have ours answer to the name of core's, unless it was done before."""
    registry, devices = er.async_get(hass), dr.async_get(hass)
    entity_id = registry.async_get_entity_id(NOTIFY_DOMAIN, DOMAIN, one["unique_id"])
    core = registry.entities.get_entry(one["core_id"])
    if not core:
        # It was new as well, and not written before the kill.
        if entity_id == one["own"]:
            _rename(hass, entity_id, one["entity_id"])
    elif entity_id and core.entity_id == one["entity_id"]:
        _rename(hass, core.entity_id, one["aside"])
        ours = _rename(hass, entity_id, one["entity_id"])
        device = devices.async_get(core.device_id or "")
        registry.async_update_entity(
            ours.entity_id,
            name=core.name,
            labels=core.labels | (device.labels if device else set()),
        )
        # Each recipient has a device; its entity is that and has no area of its own.
        area_id = core.area_id or (device.area_id if device else None)
        if area_id and ours.device_id:
            devices.async_update_device(ours.device_id, area_id=area_id)


def _is_aside(hass: HomeAssistant, one: SwitchedEntity) -> bool:
    """Tell whether core's has the name that it has while ours answers to its own."""
    core = er.async_get(hass).entities.get_entry(one["core_id"])
    return bool(core and core.entity_id == one["aside"])


def _give_back(hass: HomeAssistant, one: SwitchedEntity) -> None:
    ours = er.async_get(hass).async_get_entity_id(
        NOTIFY_DOMAIN, DOMAIN, one["unique_id"]
    )
    if ours == one["entity_id"]:
        _rename(hass, ours, one["own"])
    if _is_aside(hass, one):
        _rename(hass, one["aside"], one["entity_id"])


def _is_core_action(service: Service) -> bool:
    """Tell whether an action is one of core's `smtp`."""
    owner = getattr(service.job.target, "__self__", None)
    return type(owner).__module__.startswith(f"homeassistant.components.{CORE_DOMAIN}.")


def _keep(hass: HomeAssistant, entry: QQMailConfigEntry, record: TakenOver) -> None:
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, CONF_TAKEN_OVER: record}
    )


def _rename(hass: HomeAssistant, entity_id: str, wanted: str) -> er.RegistryEntry:
    """Call an entity what is wanted, or nearly so where that is taken."""
    registry = er.async_get(hass)
    free = registry.async_get_available_entity_id(
        NOTIFY_DOMAIN, wanted.partition(".")[2], current_entity_id=entity_id
    )
    return registry.async_update_entity(entity_id, new_entity_id=free)
