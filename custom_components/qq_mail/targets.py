"""Whom a call uses: accounts, and their notify entities."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_ENTITY_ID, ENTITY_MATCH_ALL
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.entity_platform import async_get_platforms
from homeassistant.helpers.group import get_entity_ids
from homeassistant.helpers.target import (
    TargetSelection,
    async_extract_referenced_entity_ids,
)

from .const import CONF_SERVICE_NAME, DOMAIN
from .coordinator import QQMailConfigEntry, not_loaded
from .message.errors import field_error
from .notify import QQMailNotifyEntity
from .rights import own_entity_id

# What may be in a target depends on the Home Assistant.
_TARGET_KEYS = tuple(map(str, cv.TARGET_SERVICE_FIELDS))


@dataclass(frozen=True, slots=True)
class Share:
    """What an account has of a call: one mail."""

    entry: QQMailConfigEntry
    entities: tuple[QQMailNotifyEntity, ...] = ()


def split_target(call: ServiceCall) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part a call's data into its target and the rest."""
    target = {key: call.data[key] for key in _TARGET_KEYS if key in call.data}
    return target, {k: v for k, v in call.data.items() if k not in target}


def shares_of(
    hass: HomeAssistant,
    target: dict[str, Any],
    entry_id: str | None,
    may_control: Callable[[str], bool],
    *,
    needed: bool,
) -> tuple[list[Share], list[ServiceValidationError]]:
    """Return each account's share, and what is said of entities that are not ours.

    The first is that of the account behind notify.qq_mail, if it has one. With
    `needed`, nobody gets the message but who is in the target, if there is one.

    Raises ServiceValidationError where nobody is to send, or to get it.
    """
    entities, strangers = _called_entities(hass, target)
    if target.get(ATTR_ENTITY_ID) == ENTITY_MATCH_ALL:
        # As Home Assistant does it: all that this user has.
        entities = [entity for entity in entities if may_control(entity.entity_id)]
    if target and not entities:
        strangers = strangers or [field_error("nobody_in_target")]
        if needed:
            raise strangers[0]
    if entry_id is not None or not entities:
        return [Share(called_entry(hass, entry_id), tuple(entities))], strangers
    by_account: dict[str, list[QQMailNotifyEntity]] = {}
    for entity in entities:
        by_account.setdefault(entity.entry.entry_id, []).append(entity)
    shares = [Share(some[0].entry, tuple(some)) for some in by_account.values()]
    return sorted(shares, key=lambda share: not _is_default(share.entry)), strangers


def called_entry(hass: HomeAssistant, entry_id: str | None) -> QQMailConfigEntry:
    """Return the account with this id, or the one that a call without means.

    Raises ServiceValidationError.
    """
    loaded = called_entries(hass, entry_id)
    if len(loaded) > 1:
        loaded = [entry for entry in loaded if _is_default(entry)]
    if not loaded:
        raise field_error("account_needed")
    return loaded[0]


def called_entries(
    hass: HomeAssistant, entry_id: str | None
) -> list[QQMailConfigEntry]:
    """Return the account with this id, or all that are loaded.

    Raises ServiceValidationError where that is none.
    """
    entries: list[QQMailConfigEntry] = [
        entry
        for entry in hass.config_entries.async_entries(DOMAIN)
        if entry_id in (None, entry.entry_id)
    ]
    loaded = [entry for entry in entries if entry.state is ConfigEntryState.LOADED]
    if not loaded:
        # Of one that is enabled there is more to say.
        entries.sort(key=lambda entry: bool(entry.disabled_by))
        raise not_loaded(entries[0]) if entries else field_error("account_not_found")
    return loaded


@callback
def used_entities(
    hass: HomeAssistant, shares: list[Share], *, addressed: bool
) -> list[str]:
    """Return the notify entities that a call sends by.

    What goes to addresses, or by another account, uses that account's own.
    """
    used = [entity.entity_id for share in shares for entity in share.entities]
    for number, share in enumerate(shares):
        by_itself = {entity.entry.entry_id for entity in share.entities}
        if by_itself != {share.entry.entry_id} or (addressed and number == 0):
            used.append(own_entity_id(hass, share.entry))
    return used


@callback
def _called_entities(
    hass: HomeAssistant, target: dict[str, Any]
) -> tuple[list[QQMailNotifyEntity], list[ServiceValidationError]]:
    """Return the notify entities of ours in a target, and what is said of others."""
    ours = {
        entity_id: entity
        for platform in async_get_platforms(hass, DOMAIN)
        for entity_id, entity in platform.entities.items()
        if isinstance(entity, QQMailNotifyEntity)
    }
    if target.get(ATTR_ENTITY_ID) == ENTITY_MATCH_ALL:
        target = {**target, ATTR_ENTITY_ID: list(ours)}
    selected = async_extract_referenced_entity_ids(hass, TargetSelection(target))
    named, members = _expanded(hass, selected.referenced)
    indirect, more = _expanded(hass, selected.indirectly_referenced)
    members |= more
    found = named | members | indirect
    chosen = [entity for entity_id, entity in ours.items() if entity_id in found]
    named |= _notify_entities(hass, selected.referenced_devices)
    strangers = [
        *(_stranger(hass, entity_id) for entity_id in sorted(named - ours.keys())),
        *(
            field_error("not_our_member", entity=entity_id)
            for entity_id in sorted(members - named - ours.keys())
        ),
    ]
    return chosen, strangers


def _expanded(
    hass: HomeAssistant, entity_ids: Iterable[str]
) -> tuple[set[str], set[str]]:
    """Part what a target names into entities, and members of groups of notify entities.

    Such a group does not tell Home Assistant's own that it is one, so that they would
    not expand it.
    """
    named: set[str] = set()
    members: set[str] = set()
    seen: set[str] = set()

    def expand(entity_id: str, into: set[str]) -> None:
        if entity_id in seen:
            return
        seen.add(entity_id)
        if inside := get_entity_ids(hass, entity_id, NOTIFY_DOMAIN):
            for member in inside:
                expand(member, members)
        else:
            into.add(entity_id)

    for entity_id in entity_ids:
        expand(entity_id, named)
    return named, members


def _notify_entities(hass: HomeAssistant, device_ids: Iterable[str]) -> set[str]:
    """Return those of ours that belong to devices, be they disabled."""
    registry = er.async_get(hass)
    return {
        entity.entity_id
        for device_id in device_ids
        for entity in er.async_entries_for_device(
            registry, device_id, include_disabled_entities=True
        )
        if entity.platform == DOMAIN and entity.domain == NOTIFY_DOMAIN
    }


def _stranger(hass: HomeAssistant, entity_id: str) -> ServiceValidationError:
    """Return why an entity cannot send."""
    registered = er.async_get(hass).async_get(entity_id)
    if not registered or registered.platform != DOMAIN:
        return field_error("not_our_entity", entity=entity_id)
    entry = hass.config_entries.async_get_entry(registered.config_entry_id or "")
    if entry and entry.state is not ConfigEntryState.LOADED:
        return not_loaded(entry)
    if registered.disabled:
        return field_error("entity_disabled", entity=entity_id)
    return field_error("not_our_entity", entity=entity_id)


def _is_default(entry: QQMailConfigEntry) -> bool:
    """Tell whether it is the account behind notify.qq_mail."""
    return bool(entry.options[CONF_SERVICE_NAME] == DOMAIN)
