"""Finds the accounts and notify entities that a call means."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from homeassistant.components.group import DOMAIN as GROUP_DOMAIN
from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import (
    ATTR_CONFIG_ENTRY_ID,
    ATTR_ENTITY_ID,
    CONF_ENTITIES,
    ENTITY_MATCH_ALL,
    ENTITY_MATCH_NONE,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import async_get_platforms
from homeassistant.helpers.target import (
    TargetSelection,
    async_extract_referenced_entity_ids,
)

from ..accounts import QQMailConfigEntry, called_entries, not_loaded
from ..const import CONF_SERVICE_NAME, DOMAIN
from ..content.errors import field_error
from ..content.reading import (
    EXCLUDE,
    TARGET_KEYS,
    Ids,
    Notes,
    is_empty,
    read_ids,
    unusable,
)
from ..content.states import async_not_found, empty
from ..mime.address import Recipients
from .rights import own_entity_id


class NotifyEntity(Protocol):
    """What a call needs of a notify entity of ours."""

    entity_id: str
    entry: QQMailConfigEntry
    """The account that it belongs to."""
    recipients: Recipients

    def record(self) -> None:
        """Note that something was sent to it."""


@dataclass(frozen=True, slots=True)
class Target:
    """The part of a call that names recipients by entities, areas and so on."""

    ids: Ids
    excluded: Ids
    word: str
    """`all` or `none`, where the call says that; else empty."""

    def __bool__(self) -> bool:
        """Tell whether there is a target at all, be it `none`."""
        return bool(self.ids or self.word)


@dataclass(frozen=True, slots=True)
class Share:
    """The mail that one account sends for a call, and its notify entities in it."""

    entry: QQMailConfigEntry
    entities: tuple[NotifyEntity, ...] = ()


def split_target(
    data: Mapping[str, Any], notes: Notes
) -> tuple[Target, dict[str, Any]]:
    """Return a call's target and its other data; what is no id becomes a note."""
    rest = {k: v for k, v in data.items() if k not in (*TARGET_KEYS, EXCLUDE)}
    named = {kind: data[kind] for kind in TARGET_KEYS if kind in data}
    found = named.get(ATTR_ENTITY_ID)
    word = found.strip().lower() if isinstance(found, str) else ""
    if word in (ENTITY_MATCH_ALL, ENTITY_MATCH_NONE):
        del named[ATTR_ENTITY_ID]
    else:
        word = ""
    excluded = data.get(EXCLUDE)
    if not isinstance(excluded, Mapping):
        if not is_empty(excluded):
            notes.append(unusable(EXCLUDE, excluded))
        excluded = {}
    target = Target(
        read_ids(named, notes, "target"), read_ids(excluded, notes, EXCLUDE), word
    )
    return target, rest


def shares_of(
    hass: HomeAssistant,
    target: Target,
    entry_id: Any,
    may_control: Callable[[str], bool],
    *,
    needed: bool,
) -> tuple[list[Share], Notes]:
    """Return each account's share, and notes on what cannot be used.

    The first is that of the account behind notify.qq_mail, if it has one. With
    `needed`, nobody gets the message but who is in the target, if there is one.

    Raises ServiceValidationError where nobody is to send, or to get it.
    """
    entities, strangers = _called_entities(hass, target)
    if target.word == ENTITY_MATCH_ALL:
        # As Home Assistant does it: all that this user has; without any, not allowed.
        allowed = [one for one in entities if may_control(one.entity_id)]
        entities = allowed or entities
    if target and not entities:
        strangers = strangers or [field_error("nobody_in_target")]
        if needed:
            raise strangers[0]
    named, failures = _named_entry(hass, entry_id)
    notes: Notes = [*strangers, *failures]
    if named:
        return [Share(named, tuple(entities))], notes
    if not entities:
        entry = _default_entry(hass, failures)
        entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        if failures or not (_is_default(entry) or len(entries) == 1):
            notes.append(field_error("other_account", account=entry.title))
        return [Share(entry)], notes
    by_account: dict[str, list[NotifyEntity]] = {}
    for entity in entities:
        by_account.setdefault(entity.entry.entry_id, []).append(entity)
    shares = [Share(some[0].entry, tuple(some)) for some in by_account.values()]
    return sorted(shares, key=lambda share: not _is_default(share.entry)), notes


def _named_entry(
    hass: HomeAssistant, entry_id: Any
) -> tuple[QQMailConfigEntry | None, list[ServiceValidationError]]:
    """Return the account that a call names, or why it cannot send."""
    if is_empty(entry_id):
        return None, []
    found = isinstance(entry_id, str) and hass.config_entries.async_get_entry(entry_id)
    if not found or found.domain != DOMAIN:
        return None, [unusable(ATTR_CONFIG_ENTRY_ID, entry_id)]
    if found.state is not ConfigEntryState.LOADED:
        return None, [not_loaded(found)]
    return found, []


def _default_entry(
    hass: HomeAssistant, failures: list[ServiceValidationError]
) -> QQMailConfigEntry:
    """Return the account for a call that names none: the default one, or the first.

    Raises ServiceValidationError where no account is loaded.
    """
    try:
        loaded = called_entries(hass, None)
    except ServiceValidationError as err:
        # Of the one that was named there is more to say.
        raise (failures or [err])[0] from None
    return next(filter(_is_default, loaded), loaded[0])


def used_entities(
    hass: HomeAssistant, shares: list[Share], *, addressed: bool, clears: bool
) -> list[str]:
    """Return the notify entities that a call sends by.

    What goes to addresses, or by another account, uses that account's own; so does
    what discards messages, which may be of others.
    """
    used = [entity.entity_id for share in shares for entity in share.entities]
    for number, share in enumerate(shares):
        by_itself = {entity.entry.entry_id for entity in share.entities}
        if clears or by_itself != {share.entry.entry_id} or (addressed and number == 0):
            used.append(own_entity_id(hass, share.entry))
    return used


def _called_entities(
    hass: HomeAssistant, target: Target
) -> tuple[list[NotifyEntity], list[ServiceValidationError]]:
    """Return our notify entities in a target, and notes on everything else in it."""
    ours = {
        entity_id: cast("NotifyEntity", entity)
        for platform in async_get_platforms(hass, DOMAIN)
        if platform.domain == NOTIFY_DOMAIN
        for entity_id, entity in platform.entities.items()
    }
    named, members, indirect = _found(hass, target.ids)
    if target.word == ENTITY_MATCH_ALL:
        indirect |= ours.keys()
    excluded = set[str]().union(*_found(hass, target.excluded))
    found = (named | members | indirect) - excluded
    chosen = [entity for entity_id, entity in ours.items() if entity_id in found]
    strangers = [
        *async_not_found(hass, target.ids, "target", lambda ids: _holds(hass, ids)),
        *(
            _stranger(hass, one, member=one not in named)
            for some in (named, members - named)
            for one in sorted(some - ours.keys())
        ),
    ]
    if not chosen:
        # What is in an area, and is ours, would have been meant.
        strangers += [
            _stranger(hass, one)
            for one in sorted(indirect - named - members)
            if _ours(hass, one)
        ]
    return chosen, strangers


def _found(hass: HomeAssistant, ids: Ids) -> tuple[set[str], set[str], set[str]]:
    """Return what a target names, what is in groups of notify entities, and the rest.

    Such a group does not tell Home Assistant's own that it is one, so that they would
    not expand it.
    """
    if not ids:
        return set(), set(), set()
    selected = async_extract_referenced_entity_ids(hass, TargetSelection({**ids}))
    named = selected.referenced | _of_devices(hass, selected.referenced_devices)
    indirect = selected.indirectly_referenced - named
    members: set[str] = set()
    left = [*named, *indirect]
    while left:
        entity_id = left.pop()
        if inside := _members(hass, entity_id):
            named.discard(entity_id)
            indirect.discard(entity_id)
            left += inside - members
            members |= inside
    return named, {one for one in members if not _members(hass, one)}, indirect


def _holds(hass: HomeAssistant, ids: Ids) -> bool:
    """Whether one of ours, or a member of a group, is in a part of a target."""
    named, members, indirect = _found(hass, ids)
    return bool(members) or any(_ours(hass, one) for one in named | indirect)


def _members(hass: HomeAssistant, entity_id: str) -> set[str]:
    """Return who is in a group, also in one that is unavailable as all of them are."""
    state = hass.states.get(entity_id)
    listed = state.attributes.get(ATTR_ENTITY_ID) if state else None
    if entity_id.startswith(f"{NOTIFY_DOMAIN}.") and isinstance(listed, list | tuple):
        return {one for one in listed if isinstance(one, str)}
    registry = er.async_get(hass)
    registered = registry.async_get(entity_id)
    if not registered or registered.platform != GROUP_DOMAIN:
        return set()
    group = hass.config_entries.async_get_entry(registered.config_entry_id or "")
    chosen = group.options.get(CONF_ENTITIES, []) if group else []
    return {
        member
        for one in chosen
        if (member := er.async_resolve_entity_id(registry, one))
    }


def _of_devices(hass: HomeAssistant, device_ids: Iterable[str]) -> set[str]:
    """Return our notify entities of these devices, disabled ones too."""
    registry = er.async_get(hass)
    return {
        entity.entity_id
        for device_id in device_ids
        for entity in er.async_entries_for_device(
            registry, device_id, include_disabled_entities=True
        )
        if _ours(hass, entity.entity_id)
    }


def _ours(hass: HomeAssistant, entity_id: str) -> er.RegistryEntry | None:
    """Return what is registered of a notify entity of ours; None: it is none."""
    known = er.async_get(hass).async_get(entity_id)
    ours = known and (known.platform, known.domain) == (DOMAIN, NOTIFY_DOMAIN)
    return known if ours else None


def _stranger(
    hass: HomeAssistant, entity_id: str, *, member: bool = False
) -> ServiceValidationError:
    """Return the error for an entity, or a member of a group, that cannot send."""
    ours = _ours(hass, entity_id)
    entry_id = (ours and ours.config_entry_id) or ""
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry and entry.state is not ConfigEntryState.LOADED:
        return not_loaded(entry)
    if ours and ours.disabled:
        return field_error("entity_disabled", entity=entity_id)
    known = er.async_get(hass).async_get(entity_id)
    if known and known.platform == GROUP_DOMAIN:
        return empty("target.entity_id", entity_id)
    if member:
        return field_error("not_our_member", entity=entity_id)
    return field_error("not_our_entity", entity=entity_id)


def _is_default(entry: QQMailConfigEntry) -> bool:
    """Tell whether it is the account behind notify.qq_mail."""
    return bool(entry.options[CONF_SERVICE_NAME] == DOMAIN)
