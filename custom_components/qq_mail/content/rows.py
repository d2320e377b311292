"""Entities as rows of a card: their names, states, and since when they are so."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN, async_rounded_state
from homeassistant.const import (
    ATTR_UNIT_OF_MEASUREMENT,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.target import (
    TargetSelection,
    async_extract_referenced_entity_ids,
)

from ..mime.card import Row
from ..texts import Texts, time_of
from .errors import field_error
from .reading import EXCLUDE
from .states import StateTexts, async_state_texts


async def async_rows(
    hass: HomeAssistant, target: Mapping[str, Any], now: datetime, texts: Texts
) -> tuple[tuple[Row, ...], list[HomeAssistantError]]:
    """Return a row for each entity, and an error for each one that does not exist."""
    if not target:
        return (), []
    excluded = _found(hass, target.get(EXCLUDE, {}))
    # In the order in which they were named; an area has none.
    named = [
        one for one in dict.fromkeys(target.get("entity_id", ())) if one not in excluded
    ]
    entity_ids = named + sorted(_found(hass, target) - excluded - set(named))
    state_texts = await async_state_texts(hass, entity_ids, now, texts)
    rows: list[Row] = []
    missing: list[HomeAssistantError] = []
    for entity_id in entity_ids:
        if state := hass.states.get(entity_id):
            rows.append(_row(hass, state, state_texts))
        elif entity_id in named:
            missing.append(field_error("entity_not_found", entity=entity_id))
    return tuple(rows), missing


def _found(hass: HomeAssistant, target: Mapping[str, Any]) -> set[str]:
    """Return every entity in a target, in groups, areas and so on."""
    ids = {kind: some for kind, some in target.items() if kind != EXCLUDE}
    selected = async_extract_referenced_entity_ids(hass, TargetSelection(ids))
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
    return Row(
        state.name,
        text,
        time_of(state.last_changed, state_texts.now),
    )
