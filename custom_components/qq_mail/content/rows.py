"""Entities that a call names: as rows of a card, and notes on those that are gone."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN, async_rounded_state
from homeassistant.const import (
    ATTR_ENTITY_ID,
    ATTR_UNIT_OF_MEASUREMENT,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.target import (
    SelectedEntities,
    TargetSelection,
    async_extract_referenced_entity_ids,
)

from ..mime.card import Row
from ..texts import Texts, time_of
from .errors import field_error
from .reading import EXCLUDE, TARGET_KEYS, Ids
from .states import StateTexts, async_state_texts

_FIELD = "entities"


async def async_rows(
    hass: HomeAssistant, target: Mapping[str, Any], now: datetime, texts: Texts
) -> tuple[tuple[Row, ...], list[HomeAssistantError]]:
    """Return a row for each entity, and notes on what is gone or empty."""
    if not target:
        return (), []
    ids = {kind: some for kind, some in target.items() if kind != EXCLUDE}
    excluded = _found(hass, target.get(EXCLUDE, {}))
    # In the order in which they were named; an area has none.
    named = [
        one for one in dict.fromkeys(ids.get(ATTR_ENTITY_ID, ())) if one not in excluded
    ]
    entity_ids = named + sorted(_found(hass, ids) - excluded - set(named))
    state_texts = await async_state_texts(hass, entity_ids, now, texts)
    rows: list[Row] = []
    notes: list[HomeAssistantError] = []
    for entity_id in entity_ids:
        if state := hass.states.get(entity_id):
            rows.append(_row(hass, state, state_texts))
        elif entity_id in named:
            notes.append(field_error("entity_not_found", entity=entity_id))
    notes += async_not_found(
        hass,
        ids,
        _FIELD,
        lambda some: bool(_selected(hass, some).indirectly_referenced),
    )
    for entity_id in ids.get(ATTR_ENTITY_ID, ()):
        state = hass.states.get(entity_id)
        # A group without members.
        if state and state.attributes.get(ATTR_ENTITY_ID) in ([], ()):
            notes.append(empty(f"{_FIELD}.{ATTR_ENTITY_ID}", entity_id))
    return tuple(rows), notes


@callback
def async_not_found(
    hass: HomeAssistant, target: Ids, field: str, holds: Callable[[Ids], bool]
) -> list[ServiceValidationError]:
    """Return notes on areas, floors, labels and devices that are gone or empty.

    `holds` tells whether a part of the target holds anything.
    """
    found: list[ServiceValidationError] = []
    for kind in (key for key in TARGET_KEYS if key != ATTR_ENTITY_ID):
        for one in target.get(kind, []):
            selected = _selected(hass, {kind: [one]})
            if (
                selected.missing_areas
                or selected.missing_devices
                or selected.missing_floors
                or selected.missing_labels
            ):
                found.append(
                    field_error("target_not_found", field=f"{field}.{kind}", value=one)
                )
            elif not holds({kind: [one]}):
                found.append(empty(f"{field}.{kind}", one))
    return found


def empty(field: str, value: str) -> ServiceValidationError:
    """Return the note on an area, a group or the like that holds nothing."""
    return field_error("target_empty", field=field, value=value)


def _selected(hass: HomeAssistant, ids: Ids) -> SelectedEntities:
    return async_extract_referenced_entity_ids(hass, TargetSelection({**ids}))


def _found(hass: HomeAssistant, ids: Ids) -> set[str]:
    """Return every entity in a target, in groups, areas and so on."""
    selected = _selected(hass, ids)
    return selected.referenced | selected.indirectly_referenced


@callback
def _row(hass: HomeAssistant, state: State, state_texts: StateTexts) -> Row:
    value = state.state
    if state.domain == SENSOR_DOMAIN:
        value = async_rounded_state(hass, state.entity_id, state)
    text = state_texts(state, value)
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    if unit and value not in (STATE_UNAVAILABLE, STATE_UNKNOWN):
        text = f"{text} {unit}"
    return Row(state.name, text, time_of(state.last_changed, state_texts.now))
